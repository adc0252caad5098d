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
