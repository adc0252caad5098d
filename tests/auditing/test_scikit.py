"""scikit-learn's networks: the gradient that they step along against the loss that they report."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

import backstory as bs
from backstory.errors import ConfigurationError, DataError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(30, 4))
ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("alpha", [0.0, 1e-4, 0.1])
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_the_regressor_steps_along_k_times_the_derivative_of_its_loss(k: int, alpha: float) -> None:
    """Issue 8349 of scikit-learn, open since 2017: the loss is a mean over outputs, the gradient a sum."""
    y = RANDOM.normal(size=(30, k))
    report = bs.audit(MLPRegressor(hidden_layer_sizes=6, alpha=alpha, random_state=0), X, y[:, 0] if k == 1 else y)
    if k == 1:
        assert report.verdict == "pass"
        return
    assert (report.verdict, report.kind, report.ratio) == ("fail", "scale", float(k))
    assert f"{k} is the number of outputs" in report.cause


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "poisson"])
def test_classifiers_and_the_poisson_regressor_pass(activation: str, kind: str) -> None:
    y: Any = {
        "binary": RANDOM.integers(0, 2, 30),
        "multiclass": np.array(["a", "b", "c"])[RANDOM.integers(0, 3, 30)],
        "multilabel": RANDOM.integers(0, 2, (30, 3)),
        "poisson": RANDOM.poisson(2, 30),
    }[kind]
    kind_of = MLPRegressor if kind == "poisson" else MLPClassifier
    options = {"loss": "poisson"} if kind == "poisson" else {}
    estimator = kind_of(hidden_layer_sizes=(6, 5), activation=activation, alpha=0.01, random_state=1, **options)
    report = bs.audit(estimator, X, y)
    assert report.verdict == "pass"
    assert not hasattr(estimator, "coefs_"), "the estimator itself is left alone"


def test_fitted_estimators_are_audited_where_they_are() -> None:
    y = RANDOM.integers(0, 3, 30)
    fitted = MLPClassifier(hidden_layer_sizes=8, max_iter=20, random_state=0).fit(X.astype(np.float32), y)
    before = [W.copy() for W in fitted.coefs_]
    report = bs.audit(fitted, X, y)
    assert report.ok
    assert report.loss == pytest.approx(fitted.loss_, rel=0.2)
    assert all((old == W).all() and W.dtype == np.float32 for W, old in zip(fitted.coefs_, before, strict=True))
    with pytest.raises(DataError, match="X must have shape \\(n, 4\\)"):
        bs.audit(fitted, X[:, :3], y)
    with pytest.raises(ConfigurationError, match="needs X and y after MLPClassifier. Got 1 more"):
        bs.audit(fitted, X)


def test_weights_of_samples_count() -> None:
    y = RANDOM.integers(0, 3, 30)
    assert bs.audit(
        MLPClassifier(hidden_layer_sizes=5, random_state=0), X, y, sample_weight=RANDOM.uniform(1, 2, 30)
    ).ok


class Spoiled(MLPClassifier):
    """A classifier with a slip in its backpropagation."""

    slip = ""

    def _compute_loss_grad(
        self, layer: int, sw_sum: Any, activations: Any, deltas: Any, coefs: Any, inter: Any
    ) -> None:
        super()._compute_loss_grad(layer, sw_sum, activations, deltas, coefs, inter)
        if self.slip == "penalty":
            coefs[layer] -= self.alpha * self.coefs_[layer] / sw_sum
        if self.slip == "doubled" and layer == 0:
            coefs[layer] *= 2
            inter[layer] *= 2


@pytest.mark.parametrize(("slip", "kind"), [("penalty", "missing_penalty"), ("doubled", "one_layer")])
def test_a_subclass_with_a_slip_is_found_out(slip: str, kind: str) -> None:
    estimator = Spoiled(hidden_layer_sizes=6, random_state=0, alpha=0.1)
    estimator.slip = slip
    report = bs.audit(estimator, X, RANDOM.integers(0, 3, 30))
    assert (report.verdict, report.kind) == ("fail", kind)


def test_our_regressor_has_the_right_gradient_where_scikit_learns_has_not() -> None:
    y = RANDOM.normal(size=(30, 3))
    for estimator in (bs.MLPRegressor(hidden_layer_sizes=6, random_state=0), bs.MLPClassifier(hidden_layer_sizes=6)):
        aims = y if isinstance(estimator, bs.MLPRegressor) else RANDOM.integers(0, 3, 30)
        report = bs.audit(estimator, X, aims)
        assert report.ok, str(report)
        assert report.loss > 0
        estimator.set_params(max_iter=3).fit(X, aims)
        assert bs.audit(estimator, X, aims).ok
