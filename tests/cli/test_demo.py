"""`backstory demo`: quick, honest, and the gradient it shows is right."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

import backstory as bs
from backstory.cli.demo import central_difference
from backstory.errors import BackstoryError
from tests.cli.conftest import Run


def test_demo(run: Run) -> None:
    start = time.perf_counter()
    result = run("demo")
    assert result.code == 0, result.err
    assert time.perf_counter() - start < 20
    assert all(len(line) <= 80 for line in result.lines)
    accuracy = re.search(r"^test accuracy (\d\.\d{4})  \((\d+) of 450 images", result.out, re.MULTILINE)
    assert accuracy is not None
    assert float(accuracy[1]) >= 0.96
    assert re.search(r"^2,580 steps in \d+\.\d+ s: [\d,]+ steps a second\.$", result.out, re.MULTILINE)
    counts = np.array(
        [[int(n) for n in line.replace("·", "0").split()] for line in result.lines if re.match(r"\d +[\d·]", line)]
    )
    assert counts.shape == (10, 11)
    assert counts[:, 1:].sum() == 450
    assert np.trace(counts[:, 1:]) == int(accuracy[2])
    losses = [float(line.split()[1]) for line in result.lines if "━" in line]
    assert len(losses) == 9
    assert losses[-1] < 0.05 < losses[0]


def test_the_difference_quotients_approach_the_gradient(run: Run) -> None:
    text = run("demo").out
    rows = re.findall(r"^1e-(\d\d) +(-?\d\.\d+) +(\S+)$", text, re.MULTILINE)
    errors = [float(row[2]) for row in rows]
    assert len(errors) == 10
    assert errors[1] / errors[0] == pytest.approx(0.01, rel=0.2)
    assert errors[2] / errors[1] == pytest.approx(0.01, rel=0.2)
    assert min(errors) < 1e-8
    assert errors[-1] > 10 * min(errors)


def test_it_ends_with_the_story_of_a_misread_image(run: Run) -> None:
    text = run("demo").out
    weight = re.search(r"steepest weight of layer 1 is (w1\[\d+->\d+\])", text)
    assert weight is not None
    story = text[text.index("Where does it come from?") :]
    assert f"∂L/∂{weight[1]} = " in story
    assert len(re.findall(rf"^  {re.escape(weight[1])} → z1", story, re.MULTILINE)) == 10
    assert "The error falls fourfold when h halves" in story


def test_a_wrong_gradient_is_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    right = bs.Network.gradients

    def wrong(self: bs.Network, *arguments: object, **options: object) -> bs.Gradients:
        found = right(self, *arguments, **options)  # type: ignore[arg-type]
        return bs.Gradients(tuple(2 * w for w in found.weights), found.biases, found.loss)

    monkeypatch.setattr(bs.Network, "gradients", wrong)
    result = run("demo")
    assert result.code == 2
    assert "Backpropagation and difference quotients must agree to 1e-7. They differ by 5.0e-01" in result.err
    assert BackstoryError.__name__ not in result.err


def test_the_weight_is_put_back() -> None:
    net = bs.Network([2, 3, 1], hidden="tanh", seed=0)
    before = net.parameters.copy()
    X, y = np.ones((2, 2)), np.ones(2)
    quotient = central_difference(net, X, y, (1, 2), 1e-5)
    np.testing.assert_array_equal(net.parameters, before)
    assert quotient == pytest.approx(net.gradients(X, y).weights[0][1, 2], rel=1e-8)
