"""Calibration and permutation importance, beside what scikit-learn makes of the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.calibration import calibration_curve
from sklearn.inspection import permutation_importance as theirs

import backstory as bs
from backstory.reporting.calibration import of_classes, of_numbers
from backstory.reporting.importance import permutation_importance, score

RNG = np.random.default_rng(0)


def test_reliability_is_what_scikit_learn_draws() -> None:
    """Two classes, all answers for the second: then the confidence is the second's probability."""
    sure = RNG.uniform(0.5, 1.0, 2000)
    y = (RNG.random(2000) < sure**2).astype(np.int64)
    found = of_classes(np.column_stack([1 - sure, sure]), y)
    true, said = calibration_curve(y, sure, n_bins=10)
    np.testing.assert_allclose([each.found for each in found.bins], true)
    np.testing.assert_allclose([each.said for each in found.bins], said)
    assert sum(each.rows for each in found.bins) == 2000


def test_expected_calibration_error_by_hand() -> None:
    """Three rows said at 0.9 of which two are right, and one said at 0.6 that is wrong: (3·|0.9 - 2/3| + 0.6)/4."""
    outputs = np.array([[0.9, 0.1]] * 3 + [[0.4, 0.6]])
    found = of_classes(outputs, np.array([0, 0, 1, 0]))
    assert found.error == pytest.approx((3 * (0.9 - 2 / 3) + 0.6) / 4)
    assert of_classes(np.eye(3)[[0, 1, 2]], np.array([0, 1, 2])).error == 0


def test_numbers_are_compared_in_tenths() -> None:
    predicted = RNG.permutation(np.arange(100.0))
    found = of_numbers(predicted, predicted + 3)
    assert [each.rows for each in found.bins] == [10] * 10
    assert [each.said for each in found.bins] == [4.5 + 10 * place for place in range(10)]
    assert found.error == pytest.approx(3)
    assert len(of_numbers(np.arange(3.0), np.arange(3.0)).bins) == 3


def table(n: int = 600) -> pandas.DataFrame:
    x, u = RNG.normal(size=(2, n))
    color = RNG.choice(["red", "blue", "gray"], n)
    worth = 2 * x + 1.5 * (color == "red") + 0.3 * u
    noise = RNG.normal(size=n)
    return pandas.DataFrame({"x": x, "color": color, "u": u, "noise": noise, "worth": worth, "high": worth > 0.5})


class Estimator:
    """A network as scikit-learn sees an estimator: raw columns in, its own score out."""

    def __init__(self, net: bs.Network) -> None:
        self.net = net

    def fit(self, X: Any, y: Any) -> Estimator:
        return self

    def score(self, X: Any, y: Any) -> float:
        assert self.net.table is not None
        frame = X.assign(**{self.net.table.target: y})
        outputs = self.net.predict(self.net.table.inputs(frame))
        return score(outputs, self.net.table.targets(frame))


@pytest.mark.parametrize(("target", "other"), [("worth", "high"), ("high", "worth")])
def test_importance_means_what_it_means_in_scikit_learn(target: str, other: str) -> None:
    frame = table()
    net = bs.train(frame, target, drop=[other], epochs=30, threads=1)
    assert net.table is not None
    found = permutation_importance(net, net.table.inputs(frame, "float32"), net.table.targets(frame), repeats=30)
    raw = frame[list(net.table.features)]
    expected = theirs(Estimator(net), raw, frame[target], n_repeats=30, random_state=0)
    by_name = {each.column: each for each in found}
    for place, name in enumerate(raw):
        ours, mean, std = by_name[name], expected.importances_mean[place], expected.importances_std[place]
        assert abs(ours.mean - mean) < 5 * (ours.std + std) / np.sqrt(30) + 1e-3
        assert ours.std == pytest.approx(std, rel=0.6, abs=2e-3)
    assert found[0].column == "x"
    assert abs(by_name["noise"].mean) < 0.03
    means = [each.mean for each in found]
    assert means == sorted(means, reverse=True)


def test_scores() -> None:
    assert score(np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([1, 1])) == 0.5
    assert score(np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 2.0, 3.0])) == 1.0
    assert score(np.array([[2.0], [2.0], [2.0]]), np.array([1.0, 2.0, 3.0])) == 0.0
    assert score(np.array([[1.0], [2.0]]), np.array([1.0, 1.0])) == 0.0
