"""Printing as Python that never raises: it computes what the tree does, where plain arithmetic would stop too."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.expressions import ARITIES, Call, Name, evaluate, parse, to_guarded_python
from backstory.expressions.elementary import MATH
from tests.expressions.strategies import expressions

EDGES = (0.0, -0.0, 1.0, -1.0, 2.0, 3.0, -3.0, 0.5, 1e-310, 1e300, -1e300, 710.0, -750.0, math.inf, -math.inf, math.nan)


def computed(tree: Any, **values: float) -> Any:
    source, helpers = to_guarded_python(tree)
    scope = {"math": math, **values}
    exec("\n".join(helpers.values()), scope)
    return eval(source, scope)


@given(expressions(), st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_the_source_has_the_value_of_the_tree(tree, a, b):
    values = {"x": a, "y": b}
    assert computed(tree, **values) == pytest.approx(evaluate(tree, values), nan_ok=True, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("function", sorted(set(ARITIES) - {"where"}))
def test_every_function_at_the_edges(function):
    for x in EDGES:
        for y in EDGES if ARITIES[function] == 2 else (0.0,):
            args = (x, y)[: ARITIES[function]]
            tree = Call(function, (Name("x"), Name("y"))[: ARITIES[function]])
            assert computed(tree, x=x, y=y) == pytest.approx(MATH[function](*args), nan_ok=True, rel=1e-15, abs=0)


@pytest.mark.parametrize("formula", ["x/y", "x^y"])
def test_quotients_and_powers_at_the_edges(formula):
    for x in EDGES:
        for y in EDGES:
            wanted = evaluate(parse(formula), {"x": x, "y": y})
            assert computed(parse(formula), x=x, y=y) == pytest.approx(wanted, nan_ok=True, abs=0)
