"""Equations about formulas with a table of samples: sums and means over them, one sample's part, 1/N."""

from __future__ import annotations

from pathlib import Path

import pytest

import backstory as bs
from backstory.checking.batches import batch_program
from backstory.checking.points import Sampler
from backstory.story.program import read_program

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MEAN = """samples: x y
 0.5  1.0
-0.3  0.2
 1.2  0.4
 0.8 -0.5

w = 0.3
b = 0.1
yhat = w*x + b
L = mean((yhat - y)^2)
"""
NETWORKS = {
    "O": bs.Formulas.read(EXAMPLES / "one-neuron.txt"),
    "Q": bs.Formulas.read(MEAN),
    "S": bs.Formulas.read(MEAN.replace("mean(", "sum(")),
}

RIGHT = [
    ("Q", "dL/dw = 2/N*sum_n (yhat_n - y_n) x_n"),
    ("Q", "dL/dw = 1/N*sum_n 2*(yhat_n - y_n)*x_n"),
    ("Q", r"\frac{\partial L}{\partial w} = \frac{2}{N} \sum_{n=1}^{N} (\hat y_n - y_n) x_n"),
    ("Q", r"\frac{\partial L}{\partial w} = \frac1N \sum_n 2 (\hat y^{(n)} - y^{(n)}) x^{(n)}"),
    ("Q", "dL/dw = mean(2*(yhat - y)*x)"),
    ("Q", "dL/dw = sum(2*(yhat - y)*x)/N"),
    ("Q", "dL/db = 2/N sum_i (yhat_i - y_i)"),
    ("Q", "dL/dw = sum_n dL/dyhat_n * dyhat_n/dw"),
    ("Q", "dL/dyhat = 2*(yhat-y)"),
    ("Q", "dL/dyhat_n = 2/N*(yhat_n-y_n)"),
    ("Q", "dL/dw = dL/dyhat*dyhat/dw"),
    ("Q", "w = w - eta*2*(yhat-y)*x"),
    ("Q", "w = w - eta/N*sum_n 2*(yhat_n-y_n)*x_n"),
    ("Q", "L = 1/N sum_n (yhat_n - y_n)^2"),
    ("Q", "yhat = w*x+b"),
    ("Q", "yhat_n = w*x_n+b"),
    ("S", "dL/dw = 2*sum_n (yhat_n - y_n) x_n"),
    ("S", "L = sum_n (yhat_n - y_n)^2"),
    ("O", "dC/dw1 = 1/N sum_n (yhat_n - y_n)*yhat_n*(1-yhat_n)*x1_n"),
    ("O", "dC/dw1 = 1/N sum_n (yhat_n - y_n)*yhat_n*(1-yhat_n)*x_{1,n}"),
    ("O", "dC/dw1 = 1/N sum_n delta_{yhat,n} x1_n"),
    ("O", "dC/dw1 = 1/N sum_n (yhat - y)*sigma'(z)*x1"),
    ("O", "C = 1/(2N) sum_n (yhat_n - y_n)^2"),
    ("O", "dyhat/dw1 = yhat*(1-yhat)*x1"),
    ("O", "dC/dyhat = yhat - y"),
]

WRONG = [
    ("Q", "dL/dw = 2*sum_n (yhat_n - y_n) x_n", "wrong_scale"),
    ("Q", "dL/dw = 2*(yhat - y)*x", "missing_sum"),
    ("Q", "dL/dw = 1/N*sum_n (yhat_n - y_n) x_n", "wrong_scale"),
    ("Q", "dL/dw = 2/N*sum_n (y_n - yhat_n) x_n", "wrong_sign"),
    ("Q", "dL/dw = 2/N*sum_n (yhat_n - y_n)", "missing_factor"),
    ("Q", "dL/dw = 2*(1/N*sum_n (yhat_n - y_n))*(1/N*sum_n x_n)", "wrong_factor"),
    ("S", "dL/dw = 2/N*sum_n (yhat_n - y_n) x_n", "wrong_scale"),
    ("O", "dC/dw1 = (yhat - y)*yhat*(1 - yhat)*x1", "missing_sum"),
    ("O", "dC/dw1 = 1/N sum_n (yhat_n - y_n)*x1_n", "missing_factor"),
    ("Q", "L = (yhat - y)^2", "missing_sum"),
    ("Q", "L = sum_n (yhat_n - y_n)^2", "wrong_scale"),
    ("Q", "dL/dw = sum_q foo_q", "unknown_name"),
    ("Q", "w = w + eta/N*sum_n 2*(yhat_n-y_n)*x_n", "wrong_sign"),
]


@pytest.mark.parametrize(("network", "equation"), RIGHT)
def test_right_equations_are_accepted(network: str, equation: str) -> None:
    verdict = NETWORKS[network].check(equation)
    assert verdict.ok, str(verdict)
    assert verdict.findings == ()


@pytest.mark.parametrize(("network", "equation", "kind"), WRONG)
def test_wrong_equations_get_their_kind_and_a_fix_that_is_right(network: str, equation: str, kind: str) -> None:
    verdict = NETWORKS[network].check(equation)
    assert not verdict.ok
    assert verdict.findings[0].kind == kind, str(verdict)
    if fix := verdict.findings[0].fix:
        assert NETWORKS[network].check(fix).ok, fix


@pytest.mark.parametrize(
    ("network", "equation", "message", "fix"),
    [
        (
            "Q",
            "dL/dw = 2*sum_n (yhat_n - y_n) x_n",
            "It is N times what it should be: L is the mean over the N samples.",
            "dL/dw = 1/N*(2*sum_n (yhat_n - y_n) x_n)",
        ),
        (
            "S",
            "dL/dw = 2/N*sum_n (yhat_n - y_n) x_n",
            "It is 1/N times what it should be: L is the sum over the N samples.",
            "dL/dw = N*(2/N*sum_n (yhat_n - y_n) x_n)",
        ),
        (
            "Q",
            r"\frac{\partial L}{\partial w} = 2(\hat y - y) x",
            "That is one sample's part: L is the mean over the N samples, so the sum over them is missing.",
            r"\frac{\partial L}{\partial w} = \frac{1}{N} \sum_n (2(\hat y - y) x)",
        ),
        (
            "Q",
            "dL/dw = 2*(1/N*sum_n (yhat_n - y_n))*(1/N*sum_n x_n)",
            "It is right on one sample only: the mean of a product is not the product of the means.",
            "",
        ),
        ("Q", "dL/dw = 1/N*sum_n (yhat_n - y_n) x_n", "a 2 comes down from the square of this loss, L = mean(", None),
    ],
)
def test_messages(network: str, equation: str, message: str, fix: str | None) -> None:
    finding = NETWORKS[network].check(equation).findings[0]
    assert message in finding.message
    assert fix is None or finding.fix == fix


def test_a_batch_written_out_has_the_gradient_of_the_batch() -> None:
    f = bs.Formulas.read(MEAN)
    program = batch_program(read_program(MEAN), 4)
    point = Sampler(program).at(program.leaves)
    assert point is not None
    assert point.total("L", "w") == pytest.approx(f.gradient("w"))
    assert point.values["L"] == pytest.approx(f.values["L"])
