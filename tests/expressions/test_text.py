"""Printing as text and as LaTeX: no parenthesis too many, none too few, and golden forms a person can read."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.expressions import (
    Call,
    Compare,
    Name,
    Number,
    Partial,
    Pow,
    evaluate,
    name_latex,
    parse,
    to_latex,
    to_text,
)
from tests.expressions.strategies import expressions

x, y = Name("x"), Name("y")


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ((x + y) * x, "(x + y)*x"),
        (x + y * x, "x + y*x"),
        (x - (y - x), "x - (y - x)"),
        ((x - y) - x, "x - y - x"),
        (x / (y * x), "x/(y*x)"),
        (x * y / x, "x*y/x"),
        (x * (y / x), "x*(y/x)"),
        ((x * y) ** 2, "(x*y)^2"),
        ((-x) ** 2, "(-x)^2"),
        (-(x**2), "-x^2"),
        (-(x * y), "-x*y"),
        (-(x + y), "-(x + y)"),
        ((-x) * y, "(-x)*y"),
        (x * -y, "x*(-y)"),
        (-x + y, "-x + y"),
        (Pow(x, Pow(y, x)), "x^y^x"),
        (Pow(Pow(x, y), x), "(x^y)^x"),
        (Pow(x, -y), "x^(-y)"),
        (Number(-2) * x, "(-2)*x"),
        (x * Number(Fraction(1, 3)), "x*(1/3)"),
        (Number(Fraction(1, 3)) * x, "1/3*x"),
        (Number(Fraction(1, 3)) ** x, "(1/3)^x"),
        (1 - x, "1 - x"),
        (2 / x, "2/x"),
        (2**x, "2^x"),
        (Call("where", (Compare("<=", x, y), x, Number(0.5))), "where(x <= y, x, 0.5)"),
    ],
)
def test_text(tree, text):
    assert to_text(tree) == text
    assert to_text(parse(text)) == text


@given(expressions(), st.floats(-3, 3), st.floats(0.1, 3))
def test_the_text_has_the_value_of_the_tree(tree, a, b):
    values = {"x": a, "y": b}
    assert evaluate(parse(to_text(tree)), values) == pytest.approx(
        evaluate(tree, values), nan_ok=True, rel=1e-12, abs=1e-300
    )


@given(st.floats(min_value=0, allow_nan=False, allow_infinity=False))
def test_a_number_is_printed_in_full(value):
    assert evaluate(parse(to_text(Number(value))), {}) == value


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("1/(1 + exp(-z))", r"\frac{1}{1 + e^{-z}}"),
        ("1/2*(a - y)^2", r"\frac{1}{2} \, \left(a - y\right)^{2}"),
        ("2*3", r"2 \cdot 3"),
        ("x*2^y", r"x \cdot 2^{y}"),
        ("exp(x)^2", r"\left(e^{x}\right)^{2}"),
        ("-x*y", r"-x \, y"),
        ("expm1(x)*y", r"\left(e^{x} - 1\right) \, y"),
        ("log1p(x)", r"\log\left(1 + x\right)"),
        ("log1p(x - y)", r"\log\left(1 + \left(x - y\right)\right)"),
        ("sqrt(2/pi)", r"\sqrt{\frac{2}{\pi}}"),
        ("abs(x)", r"\left|x\right|"),
        ("arctan(x) + erf(y)", r"\arctan\left(x\right) + \operatorname{erf}\left(y\right)"),
        ("max(x, 0)", r"\max\left(x, 0\right)"),
        ("where(x >= 0, x, y)", r"\begin{cases} x & \text{if } x \ge 0 \\ y & \text{otherwise} \end{cases}"),
        ("w1*x_2 + b", r"w_{1} \, x_{2} + b"),
        ("1e-16*x", r"10^{-16} \, x"),
        ("2.5e20*x", r"2.5 \cdot 10^{20} \, x"),
        ("1e-16^x", r"\left(10^{-16}\right)^{x}"),
    ],
)
def test_latex(text, latex):
    assert to_latex(parse(text)) == latex


def test_latex_of_numbers_with_a_sign():
    assert to_latex(x * Number(-2)) == r"x \, \left(-2\right)"
    assert to_latex(x - Number(Fraction(-1, 2))) == r"x - \left(-\frac{1}{2}\right)"


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("alpha", r"\alpha"),
        ("w12", "w_{12}"),
        ("delta_1", r"\delta_{1}"),
        ("n_out", r"n_{\mathrm{out}}"),
        ("w1[2->0]", "w^{(1)}_{0,2}"),
        ("b1[0]", "b^{(1)}_{0}"),
        ("x[2]", "x_{2}"),
        ("delta1[0]", r"\delta^{(1)}_{0}"),
        ("δ_h1", r"\delta_{h_{1}}"),
        ("mean(L_n)", r"\mathrm{mean}\left(L_{n}\right)"),
        ("w₁₂", "w_{12}"),
        ("ŷ", r"\hat{y}"),
        ("yhat", r"\hat{y}"),
        ("x'", r"x^{\prime}"),
        ("…", r"\cdots"),
        ("__", r"\mathrm{\_\_}"),
        ("a%b&c", r"\mathrm{a\%b\&c}"),
        ("ж", r"\mathrm{U0436}"),
    ],
)
def test_latex_of_names(name, latex):
    assert name_latex(name) == latex


def test_what_has_something_above_it_is_no_base_of_a_power():
    assert to_latex(Name("w1[2->0]") ** 2) == r"\left(w^{(1)}_{0,2}\right)^{2}"


def test_latex_of_derivatives_and_of_other_names():
    product = Partial("z1[0]", "w1[2->0]") * Partial("L", "z1[0]")
    assert to_latex(product) == (
        r"\frac{\partial z^{(1)}_{0}}{\partial w^{(1)}_{0,2}} \cdot \frac{\partial L}{\partial z^{(1)}_{0}}"
    )
    assert to_latex(x * y, name=str.upper) == r"X \, Y"
    assert to_text(Partial("x", "y"), name=str.upper) == "∂X/∂Y"


@given(expressions())
def test_latex_braces_balance(tree):
    latex = to_latex(tree)
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left") == latex.count(r"\right")


@pytest.mark.parametrize("printer", [to_text, to_latex])
def test_only_expressions_are_printed(printer):
    with pytest.raises(TypeError, match="cannot be printed"):
        printer(math.pi)
