"""Equations judged: what is right is accepted in every form, what is wrong is called by its name."""

from __future__ import annotations

from typing import Any

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


LOGISTIC = """
x = 0.8
t = 1
v = 0.5
w = -1.2
lambda = 0.1
z0 = v*x
a0 = z0
z1 = w*a0
L = log(1 + exp(-t*z1)) + lambda/2*(v^2 + w^2)
"""


def test_f_prime_of_a_unit_that_hands_its_sum_on_is_one() -> None:
    formulas = bs.Formulas.read(LOGISTIC)
    assert formulas.check("delta_0 = w*delta_1*f'(z0)").ok
    assert formulas.check("delta_0 = w*delta_1").ok
    assert not formulas.check("delta_0 = w*delta_1*f'(z0)*a0").ok


@pytest.mark.parametrize(
    ("formulas", "equation", "square"),
    [
        (FORMULAS["A"], "dL/dw5 = 2*(o1-y1)*o1*(1-o1)*h1", "the 1/2 of this loss"),
        (FORMULAS["B"], "dL/dw = (yhat-y)*x", "a 2 comes down from the square"),
        (FORMULAS["A"], "do1/dz_o1 = 2*o1*(1-o1)", ""),
        (bs.Formulas.read(LOGISTIC), "delta_0 = 2*w*delta_1", ""),  # the only squares are the penalty's
        (bs.Network([3, 5, 4], output="identity", loss="mean_squared_error"), "dL/dz_1^(2) = yhat_1-y_1", ""),
    ],
)
def test_a_constant_is_put_down_to_a_square_only_where_there_is_one(formulas: Any, equation: str, square: str) -> None:
    finding = formulas.check(equation).findings[0]
    assert finding.kind == "wrong_scale"
    assert square in finding.message
    assert ("square" in finding.message) == bool(square)


def test_a_missing_derivative_of_the_loss_is_not_explained_by_itself() -> None:
    (finding,) = bs.Formulas.read(LOGISTIC).check("delta_0 = w*f'(z0)").findings
    assert finding.message == "The factor dL/dz_1 is missing, the derivative of the loss."


def test_the_sides_of_a_wrong_step_are_not_held_against_each_other() -> None:
    verdict = FORMULAS["A"].check("w1 = w1 + eta*dL/dw1")
    assert verdict.findings[0].kind == "wrong_sign"
    assert verdict.numbers is None


def test_what_is_asked_for_mends_nothing() -> None:
    rows = "\n".join(f"n{k} = w*{k}\nt{k} = 0.{k}" for k in (1, 2, 3))
    squares = " + ".join(f"(gamma*n{k} + beta - t{k})^2" for k in (1, 2, 3))
    network = f"w = 0.7\ngamma = 1.2\nbeta = 0.1\n{rows}\nL = 1/2*({squares})\nparameters: w gamma beta"
    verdict = bs.Formulas.read(network).check("dL/dgamma = dL/dn1*n1")
    assert verdict.status == "wrong"
    fix = verdict.findings[0].fix
    assert fix is not None
    assert "dL" not in fix.split("=", 1)[1]
    assert bs.Formulas.read(network).check(fix).ok
