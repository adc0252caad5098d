"""Equations judged: what is right is accepted in every form, what is wrong is called by its name."""

from __future__ import annotations

import pytest

import backstory as bs
from backstory.checking.catalogue import catalogue

FORMULAS = {
    name: bs.Formulas.read(network["formulas"])
    for name, network in catalogue().networks.items()
    if "formulas" in network
}
RIGHT = [
    ("X", "delta_yhat = (yhat-y)"),
    ("A", "w1 = w1 - eta*dL/dw1"),
    ("A", "w1 := w1 - 0.5*dL/dw1"),
    ("A", "dL/dw1 = dh1/dw1*do2/dh1*dL/do2 + dh1/dw1*do1/dh1*dL/do1"),
    ("A", "dL/dw1 = dh1/dw1*dL/dh1"),
    (
        "A",
        (
            r"\frac{\partial L}{\partial w_1} = x_1 h_1 (1-h_1) "
            r"\left( w_5 (o_1-y_1) o_1 (1-o_1) + w_7 (o_2 - y_2) o_2(1-o_2)\right)"
        ),
    ),
    ("A", "dw7/dh1 = 0"),
    ("A", "dL/dw1 = dL/do1 do1/dh1 dh1/dw1 + dL/do2 do2/dh1 dh1/dw1"),
    ("A", "dL/db = dL/dh1*dh1/db + dL/dh2*dh2/db"),
    ("A", r"\mathrm{tanh}'(z) = 1 - \mathrm{tanh}(z)^2"),
    ("A", r"\sigma'\left(z\right) = \sigma(z)(1 - \sigma(z))"),
    ("A", "softplus'(z) = sigma(z)"),
    ("A", "relu(u) = (u + abs(u))/2"),
]


@pytest.mark.parametrize(("network", "equation"), RIGHT)
def test_right_equations_are_accepted(network: str, equation: str) -> None:
    verdict = FORMULAS[network].check(equation)
    assert verdict.ok, str(verdict)
    assert verdict.findings == ()


@pytest.mark.parametrize(
    ("equation", "kind", "at", "message"),
    [
        ("dL/dw1 = tanh*x1", "unreadable", 9, "'tanh' is a function. Write its argument in parentheses: tanh(…)."),
        ("dL/dw1 = do2/dh", "unreadable", 14, "'h' is a function; nothing is differentiated by it."),
        ("dL/dw1 = log x1", "unreadable", 9, "'log' is a function. Write its argument in parentheses: log(…)."),
        ("dL/dw1 = 1e200*x1", "unreadable", 9, "A number must be at most 1e+100."),
        ("dL/dw1 = " + "9" * 400, "unreadable", 9, "A number must be at most 1e+100."),
        ("dL/dw1 = " + "*".join(["h1"] * 600), "unreadable", 0, "It is nested too deep, or too long."),
    ],
)
def test_what_cannot_be_read_is_said_at_its_place(equation: str, kind: str, at: int, message: str) -> None:
    verdict = FORMULAS["A"].check(equation)
    assert verdict.status == "unreadable"
    assert (verdict.findings[0].kind, verdict.findings[0].span[0]) == (kind, at)
    assert verdict.findings[0].message == message


def test_a_long_equation_is_judged_but_not_searched() -> None:
    verdict = FORMULAS["A"].check("dL/dw1 = " + " + ".join(["x1*h1"] * 150))
    assert verdict.findings[0].message == (
        "The two sides differ. It is too long to tell where; check its terms one by one."
    )


def test_functions_and_names_with_several_underscores() -> None:
    formulas = bs.Formulas.read("x = 1\nt = 1\nw = 0.5\na1_2 = leaky_relu(w*x)\nL = 1/2*(a1_2 - t)^2")
    assert formulas.check("dL/dw = delta_a1_2*x").ok
    assert formulas.check("delta_a1_2 = (a1_2 - t)*leaky_relu'(z_a1_2)").ok


def test_a_dead_unit_hides_no_mistake() -> None:
    text = "x = 1\nt = 1\nw1 = 1\nw2 = 1\nw3 = 1\nh = relu(w1*x)\nk = relu(w2*h)\ny = relu(w3*k)\nL = 1/2*(y - t)^2"
    formulas = bs.Formulas.read(text)
    right = "dL/dw1 = (y - t)*relu'(z_y)*w3*relu'(z_k)*w2*relu'(z_h)*x"
    assert formulas.check(right).ok
    for wrong in (right.replace("w3", "w3*w3"), right.replace("*relu'(z_h)", "*x"), right.replace("*x", "")):
        assert not formulas.check(wrong).ok


def test_a_bias_s_one_may_be_left_out_but_an_identity_s_only_here() -> None:
    formulas = bs.Formulas.read("x = 1\nt = 1\nw = 2\nb = 1\nz = w*x + b\ny = identity(z)\nL = 1/2*(y - t)^2")
    assert formulas.check("dL/db = dL/dz").ok
    assert formulas.check("dL/dz = dL/dy").status == "right_here_only"


def test_a_reading_that_mixes_total_and_direct_effects() -> None:
    skip = bs.Formulas.read("x = 1\nw = 2\nv = 3\nt = 0\nh = tanh(w*x)\ny = v*h + x*w\nL = 1/2*(y - t)^2")
    assert skip.check("dL/dw = dL/dy*(dy/dw + dy/dh*dh/dw)").reading == "partial"
    verdict = skip.check("dL/dw = dL/dh*dh/dw + dL/dy*dy/dw")
    assert verdict.status == "right_in_convention"
    (finding,) = verdict.findings
    assert finding.kind == "double_path"
    assert verdict.text[slice(*finding.span)] == "dy/dw"
    assert finding.fix == "dL/dw = dL/dh*dh/dw + dL/dy*dy/dw|_{h}"
    assert skip.check(finding.fix).ok
    assert skip.check("dL/dw = dL/dy*dy/dw").ok


def test_the_derivative_of_another_function() -> None:
    finding = FORMULAS["A"].check("dL/dw5 = (o1-y1)*tanh'(z_o1)*h1").findings[0]
    assert finding.kind == "wrong_factor"
    assert "another function's derivative" in finding.message
    assert FORMULAS["A"].check(finding.fix).ok
