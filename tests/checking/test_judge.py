"""Equations judged: what is right is accepted in every form, what is wrong is called by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

import backstory as bs

TWO = (Path(__file__).resolve().parents[2] / "examples" / "two-two-two.txt").read_text(encoding="utf-8")
NETWORKS = {
    "A": TWO,
    "B": "x = 0.5\ny = 1\nw = 0.3\nb = 0.1\nyhat = w*x + b\nL = (yhat - y)^2",
    "C": "x = 0.5\ny = 1\nw1 = 0.3\nw2 = 0.4\nb1 = 0.1\nb2 = 0.2\nz1 = w1*x + b1\na1 = sigmoid(z1)\nz2 = w2*a1 + b2\n"
    "a2 = sigmoid(z2)\nL = 1/2*(a2 - y)^2",
    "R": TWO.replace("h1 = sigmoid", "h1 = relu").replace("h2 = sigmoid", "h2 = relu"),
    "X": "x1 = 0.5\nx2 = 0.3\ny = 0.4\nw1 = 0.3\nw2 = 0.4\nb = 0.1\nz = w1*x1 + w2*x2 + b\nyhat = sigmoid(z)\n"
    "L = -(y*log(yhat) + (1 - y)*log(1 - yhat))",
}
FORMULAS = {name: bs.Formulas.read(text) for name, text in NETWORKS.items()}
ROWS = [
    ("A", "dL/dw1 = dh1/dw1*dw7/dh1*do2/dw7*dL/do2 + dh1/dw1*dw5/dh1*do1/dw5*dL/do1", "independent"),
    ("A", "dL/dw1 = dh1/dw1*do2/dh1*dL/do2", "missing_path"),
    ("A", "dL/dw1 = dL/do1*do1/dh1*dh1/dw1 + dL/do2*dh1/dw1", "missing_factor"),
    ("A", "dL/dw1 = dL/do1*dh1/do1*dh1/dw1 + dL/do2*do2/dh1*dh1/dw1", "upside_down"),
    ("A", "dL/dw1 = dL/dh1*dh1/dw1 + dL/do1*do1/dh1*dh1/dw1", "double_path"),
    ("A", "dL/dw1 = dL/do1*do1/dh2*dh2/dw1 + dL/do2*do2/dh1*dh1/dw1", "unrelated"),
    ("A", "dL/dw5 = (y1-o1)*o1*(1-o1)*h1", "wrong_sign"),
    ("A", "dL/dw5 = 2*(o1-y1)*o1*(1-o1)*h1", "wrong_scale"),
    ("B", "dL/dw = (yhat-y)*x", "wrong_scale"),
    ("B", "dL/dw = 2*(yhat-y)", "missing_factor"),
    ("B", "dL/dw = 2*x", "missing_factor"),
    ("B", "L = yhat - y", "wrong_definition"),
    ("A", "dL/do1 = (o1-y1)^2", "not_differentiated"),
    ("A", "dL/dw5 = (o1-y1)*h1", "missing_factor"),
    ("A", "dL/dw1 = x1*(w5*(o1-y1)*o1*(1-o1)+w7*(o2-y2)*o2*(1-o2))", "missing_factor"),
    ("A", "dL/dw5 = (o1-y1)*sigma'(o1)*h1", "wrong_argument"),
    ("A", "dL/dw1 = x1*h1*(1-h1)*(w5*(o1-y1)*o1*(1-o1)+w6*(o2-y2)*o2*(1-o2))", "wrong_index"),
    ("C", "delta_1 = w2*delta_2*sigma'(z2)", "wrong_layer"),
    ("C", "dL/dw1 = (a2-y)*sigma'(z2)*w2*sigma'(z2)*x", "wrong_layer"),
    ("C", "dL/dw1 = (a2-y)*sigma'(z2)*sigma'(z1)*x", "missing_factor"),
    ("A", "sigma(z) = 1/(1+e^{z})", "wrong_sign"),
    ("A", "sigma'(z) = sigma(z)*(1+sigma(z))", "wrong_definition"),
    ("A", "dL/dw5 = (o1-y1)*o1*(1+o1)*h1", "wrong_factor"),
    ("A", "sigma'(z) = z*(1-z)", "wrong_argument"),
    ("A", "sigma'(z) = -e^{-z}/(1+e^{-z})^2", "wrong_sign"),
    ("A", "sigma'(z) = e^{z}/(1+e^{z})^2", "right"),
    ("X", "dL/dz = (yhat-y)*sigma'(z)", "extra_factor"),
    ("X", "delta_yhat = (yhat-y)", "right"),
    ("A", "dL/dw5 = dL/do1 + do1/dw5", "broken_chain"),
    ("A", "dL/dw5 = dL/do1*do1/dw5*do1/dw5", "repeated_factor"),
    ("A", "dL/dw5 = (o1-y1)*o1*(1-o1)*x1", "wrong_factor"),
    ("A", "dL/dw1 = x1*h1*(1-h1)*(w5*delta_o1 - w7*delta_o2)", "wrong_sign"),
    ("R", "dL/dw1 = x1*(w5*(o1-y1)*o1*(1-o1)+w7*(o2-y2)*o2*(1-o2))", "missing_factor"),
    ("A", "h1 = w1*x1+w2*x2+b", "wrong_definition"),
    ("A", "z_h1 = w1*x1+w2*x2", "wrong_definition"),
    ("A", "L = 1/2*(o1-y1+o2-y2)^2", "wrong_definition"),
    ("A", "w1 = w1 + eta*dL/dw1", "wrong_sign"),
    ("A", "w1 = w1 - eta*dL/dw1", "right"),
    ("A", "w1 := w1 - 0.5*dL/dw1", "right"),
    ("A", "dL/dw1 = dh1/dw1*do2/dh1*dL/do2 + dh1/dw1*do1/dh1*dL/do1", "right"),
    ("A", "dL/dw1 = dh1/dw1*dL/dh1", "right"),
    (
        "A",
        (
            r"\frac{\partial L}{\partial w_1} = x_1 h_1 (1-h_1) "
            r"\left( w_5 (o_1-y_1) o_1 (1-o_1) + w_7 (o_2 - y_2) o_2(1-o_2)\right)"
        ),
        "right",
    ),
    ("A", "dw7/dh1 = 0", "right"),
    ("A", "dL/dw1 = dL/do1 do1/dh1 dh1/dw1 + dL/do2 do2/dh1 dh1/dw1", "right"),
    ("A", "dL/db = dL/dh1*dh1/db + dL/dh2*dh2/db", "right"),
]


@pytest.mark.parametrize(("network", "equation", "expected"), ROWS)
def test_verdicts(network: str, equation: str, expected: str) -> None:
    verdict = FORMULAS[network].check(equation)
    if expected == "right":
        assert verdict.ok, str(verdict)
        assert verdict.findings == ()
    else:
        assert not verdict.ok
        assert verdict.findings[0].kind == expected, str(verdict)
        start, end = verdict.findings[0].span
        assert 0 <= start < end <= len(equation)
        assert str(verdict)
        assert verdict.to_dict()["findings"][0]["kind"] == expected


@pytest.mark.parametrize(("network", "equation", "expected"), [row for row in ROWS if row[2] != "right"])
def test_what_is_offered_as_mended_is_right(network: str, equation: str, expected: str) -> None:
    fixes = [finding.fix for finding in FORMULAS[network].check(equation).findings if finding.fix]
    assert fixes or expected == "wrong_definition"
    for fix in fixes:
        assert FORMULAS[network].check(fix).ok, fix


@pytest.mark.parametrize(
    ("equation", "kind", "at", "message"),
    [
        (
            "dL/dw1 = sigmoid*x1",
            "unreadable",
            9,
            "'sigmoid' is a function. Write its argument in parentheses: sigmoid(…).",
        ),
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
