"""Values: Python's arithmetic over floats and arrays, without an exception for what IEEE 754 defines."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.expressions import ARITIES, ELEMENTARY, MATH, evaluate, parse
from tests.expressions.strategies import MPMATH, expressions

INF, NAN = math.inf, math.nan
ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3*4 - 6/4", 12.5),
        ("2^3^2", 512.0),
        ("-3^2", -9.0),
        ("pi + e", math.pi + math.e),
        ("where(1 > 2, 3, 4)", 4.0),
        ("max(2, 3) - min(2, 3)", 1.0),
        ("sign(-3) + sign(0)", -1.0),
        ("1/0", INF),
        ("-1/0", -INF),
        ("1/(-0.0)", -INF),
        ("0/0", NAN),
        ("log(0)", -INF),
        ("log(-1)", NAN),
        ("log1p(-1)", -INF),
        ("log1p(-2)", NAN),
        ("sqrt(-1)", NAN),
        ("exp(1000)", INF),
        ("expm1(1000)", INF),
        ("sinh(-1000)", -INF),
        ("cosh(-1000)", INF),
        ("10^400", INF),
        ("(-10)^401", -INF),
        ("(-10)^400", INF),
        ("0^(-1)", INF),
        ("0^(-2)", INF),
        ("(-8)^(1/3)", NAN),
        ("9^9^9", INF),
        ("(-10)^400.5", NAN),
    ],
)
def test_value(text, value):
    assert evaluate(parse(text), {}) == pytest.approx(value, nan_ok=True, abs=0, rel=1e-15)


@pytest.mark.parametrize("name", [name for name in ELEMENTARY if name != "where"])
@given(st.data())
def test_a_function_of_floats_gives_a_float_whatever_the_floats(name, data):
    args = [data.draw(ANY_FLOAT) for _ in range(ARITIES[name])]
    value = MATH[name](*args)
    assert isinstance(value, float)
    if any(map(math.isnan, args)):
        assert math.isnan(value)


@given(expressions(), ANY_FLOAT, ANY_FLOAT)
def test_an_expression_of_floats_gives_a_float_whatever_the_floats(tree, x, y):
    assert isinstance(evaluate(tree, {"x": x, "y": y}), float)


@pytest.mark.parametrize("name", [name for name in ELEMENTARY if name != "where"])
@pytest.mark.parametrize("x", [-2.5, -0.75, -1e-9, 0.0, 1e-9, 0.3, 0.75, 3.0])
def test_functions_are_what_their_names_say(name, x):
    args = [x, 0.25][: ARITIES[name]]
    with mpmath.workdps(40):
        expected = MPMATH[name](*map(mpmath.mpf, args)) if name != "log1p" or x > -1 else NAN
    if isinstance(expected, mpmath.mpc):
        expected = NAN
    assert MATH[name](*args) == pytest.approx(float(expected), rel=1e-15, abs=0, nan_ok=True)


def test_works_on_arrays_with_a_table_of_functions_for_them():
    z = np.array([-1.0, 0.0, 2.0], dtype=np.float32)
    functions = {"where": np.where, "exp": np.exp}
    a = evaluate(parse("where(z > 0, z, exp(z) - 1)"), {"z": z}, functions)
    assert a.dtype == np.float32
    np.testing.assert_allclose(a, [math.expm1(-1.0), 0.0, 2.0], rtol=1e-6)


def test_a_given_value_wins_over_a_constant():
    assert evaluate(parse("e + pi"), {"e": 1.0}) == 1.0 + math.pi


def test_a_name_without_a_value_is_an_error():
    with pytest.raises(KeyError, match="q"):
        evaluate(parse("1 + q"), {})
