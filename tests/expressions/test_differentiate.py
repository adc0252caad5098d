"""Derivatives: against SymPy for every function and for random expressions against forty-digit central differences."""

from __future__ import annotations

import math

import mpmath
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backstory.expressions import ARITIES, ELEMENTARY, Name, derivative, evaluate, names, parse, to_text
from tests.expressions.strategies import MPMATH, expressions

POINTS = (-2.3, -0.6, -0.1, 0.2, 0.7, 3.1)
SYMPY = {"arctan": "atan", "abs": "Abs", "log1p": "lambda x: log(1 + x)", "expm1": "lambda x: exp(x) - 1"}


def by_sympy(text: str, variable: str = "x") -> sympy.Expr:
    """Differentiate with SymPy, all names real."""
    x, y, t = sympy.symbols("x y t", real=True)
    words = {
        name: sympy.sympify(SYMPY.get(name, name))
        for name in ELEMENTARY
        if name not in SYMPY and name not in ("max", "min", "where")
    }
    words |= {"arctan": sympy.atan, "abs": sympy.Abs, "max": sympy.Max, "min": sympy.Min, "pi": sympy.pi, "e": sympy.E}
    words |= {"log1p": lambda u: sympy.log(1 + u), "expm1": lambda u: sympy.exp(u) - 1, "x": x, "y": y, "t": t}
    return sympy.diff(sympy.sympify(text.replace("^", "**"), locals=words), {"x": x, "y": y}[variable])


def agrees_with_sympy(text: str) -> None:
    """Compare values at points; outside the domain there is nothing to compare."""
    ours, theirs = derivative(parse(text), "x"), by_sympy(text)
    compared = 0
    for x in POINTS:
        expected = complex(
            theirs.subs({"x": x}).subs({sympy.Symbol("x", real=True): x, sympy.Symbol("y", real=True): 0.4}).evalf()
        )
        value = evaluate(ours, {"x": x, "y": 0.4})
        if expected.imag == 0 and math.isfinite(expected.real) and math.isfinite(value):
            assert value == pytest.approx(expected.real, rel=1e-12, abs=1e-14)
            compared += 1
    assert compared >= 2


@pytest.mark.parametrize("name", [name for name, arity in ELEMENTARY.items() if ARITIES[name] == 1])
def test_every_function_of_one_argument(name):
    agrees_with_sympy(f"{name}(x)")
    agrees_with_sympy(f"{name}(1 + x^2/3)")


@pytest.mark.parametrize(
    "text",
    [
        "x*y + x/y - y/x",
        "(1 + x^2)^y",
        "y^x",
        "x^x",
        "e^(-x)",
        "max(x, y)*x",
        "min(x^2, y)",
        "1/(1 + exp(-x))",
        "(x - 1)/(x^2 + 1)",
    ],
)
def test_every_operator(text):
    agrees_with_sympy(text)


@given(expressions(smooth=True, max_leaves=8), st.sampled_from([0.37, 1.21]), st.sampled_from([0.83, 1.7]))
@settings(max_examples=150)
def test_random_expressions_against_differences_in_forty_digits(tree, x, y):
    try:
        with mpmath.workdps(60):
            h = mpmath.mpf(10) ** -18

            def at(shift):
                return evaluate(tree, {"x": mpmath.mpf(x) + shift, "y": mpmath.mpf(y)}, MPMATH)

            expected = (at(h) - at(-h)) / (2 * h)
            curvature = (at(h) - 2 * at(0) + at(-h)) / h**2
            value = evaluate(derivative(tree, "x"), {"x": mpmath.mpf(x), "y": mpmath.mpf(y)}, MPMATH)
    except (OverflowError, ValueError, ZeroDivisionError, TypeError):
        assume(False)
    parts = [mpmath.mpmathify(each) for each in (expected, curvature, value)]
    assume(all(mpmath.isfinite(each) and mpmath.im(each) == 0 and abs(each) < 1e6 for each in parts))
    assert mpmath.almosteq(parts[0], parts[2], rel_eps=1e-12, abs_eps=1e-12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", "0"),
        ("y", "0"),
        ("x", "1"),
        ("-x", "-1"),
        ("x^2", "2*x"),
        ("x^3/3", "x^2"),
        ("sin(2*x)", "2*cos(2*x)"),
        ("log(1 + (x - y)^2)", "2*(x - y)/(1 + (x - y)^2)"),
        ("1/(1 + exp(-x))", "exp(-x)/(1 + exp(-x))^2"),
        ("exp(y)*x", "exp(y)"),
        ("e^x", "e^x"),
        ("tanh(x)", "(1 - tanh(x))*(1 + tanh(x))"),
    ],
)
def test_reads_as_in_a_textbook(text, expected):
    assert to_text(derivative(parse(text), "x")) == expected


@pytest.mark.parametrize(
    ("text", "x", "slope"),
    [
        ("abs(x)", 0.0, 0.0),
        ("max(x, 0)", 0.0, 0.0),
        ("max(0, x)", 0.0, 0.0),
        ("min(x, 0)", 0.0, 0.0),
        ("min(0, x)", 0.0, 0.0),
        ("max(x, sin(x))", 0.0, 1.0),
        ("max(2*x, 3*x)", 0.0, 3.0),
        ("where(x > 0, x, 5*x)", 0.0, 5.0),
        ("sign(x)", 0.0, 0.0),
    ],
)
def test_at_a_kink_it_is_the_stated_side(text, x, slope):
    assert evaluate(derivative(parse(text), "x"), {"x": x}) == slope


def test_other_names_are_held_fixed():
    tree = derivative(parse("w*x + b"), "w")
    assert tree == Name("x")
    assert names(derivative(parse("w*x + b"), "q")) == frozenset()


def test_further_functions_bring_their_rules():
    tree = parse("square(3*x)", {"square": 1})
    rules = {"square": lambda args, inner: 2 * args[0] * inner[0]}
    assert evaluate(derivative(tree, "x", rules), {"x": 2.0}) == 36.0


def test_a_comparison_alone_has_no_derivative():
    condition = parse("where(x > 0, 1, 2)").args[0]
    with pytest.raises(TypeError, match="A Compare has no derivative"):
        derivative(condition, "x")
