"""Printing as Python: what is printed computes what the tree does."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from backstory.expressions import ARITIES, Call, Name, Number, Partial, evaluate, parse, to_python
from tests.expressions.strategies import expressions

RAISED = (OverflowError, ZeroDivisionError, ValueError, TypeError)  # where the tree's own arithmetic goes on


@given(expressions(), st.floats(-3, 3), st.floats(0.1, 3))
def test_the_source_has_the_value_of_the_tree(tree, a, b):
    expected = evaluate(tree, {"x": a, "y": b})
    try:
        found = float(eval(to_python(tree), {"math": math, "x": a, "y": b}))  # whole numbers know no infinity
    except RAISED:
        reject()
    assert found == pytest.approx(expected, nan_ok=True, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("function", sorted(set(ARITIES) - {"where"}))
def test_every_elementary_function_is_python(function):
    tree = Call(function, (Number(0.7),) if ARITIES[function] == 1 else (Number(0.7), Number(0.2)))
    assert eval(to_python(tree), {"math": math}) == pytest.approx(evaluate(tree, {}), rel=1e-15)


def test_choices_and_powers():
    assert to_python(parse("where(x <= 1, x^2^3, -x)")) == "(x**(2**3) if x <= 1 else -x)"
    assert to_python(parse("(-x)^2*y")) == "(-x)**2 * y"


def test_names_as_they_are_called():
    assert to_python(Name("w1[2->0]"), name=lambda name: "w1_2_0") == "w1_2_0"


def test_a_derivative_by_name_has_no_value():
    with pytest.raises(TypeError, match="∂L/∂w has no value of its own"):
        to_python(Partial("L", "w"))
