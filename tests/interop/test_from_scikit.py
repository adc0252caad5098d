"""scikit-learn's estimators as networks: outputs, loss, classes, gradient, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import backstory as bs
from backstory.errors import ConfigurationError
from tests.interop.everything import can_do_everything, close, survives_saving

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 4))
ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TARGETS: dict[str, Any] = {
    "binary": np.array(["no", "yes"])[RANDOM.integers(0, 2, 40)],
    "multiclass": RANDOM.integers(0, 3, 40) * 10,
    "multilabel": RANDOM.integers(0, 2, (40, 3)),
    "number": RANDOM.normal(size=40),
    "numbers": RANDOM.normal(size=(40, 2)),
    "counts": RANDOM.poisson(2, 40),
}


def fitted(kind: str, activation: str = "tanh", dtype: str = "float64", **more: Any) -> Any:
    regressor = kind in ("number", "numbers", "counts")
    options = {"loss": "poisson"} if kind == "counts" else {}
    make = MLPRegressor if regressor else MLPClassifier
    estimator = make(hidden_layer_sizes=(6, 5), activation=activation, max_iter=3, random_state=1, **options, **more)
    return estimator.fit(X.astype(dtype), TARGETS[kind])


def theirs(estimator: Any, rows: Any) -> Any:
    if not hasattr(estimator, "predict_proba"):
        return estimator.predict(rows).reshape(len(rows), -1)
    probabilities = estimator.predict_proba(rows)
    return probabilities[:, 1:] if estimator.n_outputs_ == 1 else probabilities


def aims(kind: str, estimator: Any) -> Any:
    if kind in ("binary", "multiclass"):
        return np.searchsorted(estimator.classes_, TARGETS[kind])
    return TARGETS[kind]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", TARGETS)
def test_outputs_are_the_same_to_float_precision(kind: str, activation: str, dtype: str) -> None:
    estimator = fitted(kind, activation, dtype)
    net = bs.from_sklearn(estimator)
    assert net.spec.dtype == dtype
    close(net.predict(X), theirs(estimator, X.astype(dtype)))


@pytest.mark.parametrize("kind", TARGETS)
def test_everything_works_on_it(kind: str, tmp_path: Path) -> None:
    estimator = fitted(kind)
    net = bs.from_sklearn(estimator, seed=0)
    survives_saving(net, X, tmp_path)
    assert bs.audit(net, X, aims(kind, estimator)).ok
    can_do_everything(net, X, aims(kind, estimator))


@pytest.mark.parametrize("kind", TARGETS)
def test_its_loss_is_the_one_that_the_estimator_reports(kind: str) -> None:
    """A step of no length over all rows leaves the loss of the present weights in loss_."""
    estimator = fitted(kind, alpha=0.0, solver="sgd", learning_rate_init=1e-12, batch_size=40, momentum=0)
    net = bs.from_sklearn(estimator)
    estimator.partial_fit(X, TARGETS[kind])
    constant = 0.0
    if kind == "counts":  # scikit-learn's is half the deviance, which has terms of y alone
        y = TARGETS[kind]
        constant = float(np.mean(y * np.log(np.maximum(y, 1)) - y))
    assert abs(net.loss(X, aims(kind, estimator)) + constant - estimator.loss_) < 1e-9


@pytest.mark.parametrize("kind", TARGETS)
def test_a_step_along_its_gradient_is_the_estimators_own(kind: str) -> None:
    """With several outputs scikit-learn steps along half the sum, n_outputs times its loss's derivative."""
    estimator = fitted(kind, solver="sgd", learning_rate_init=0.1, batch_size=40, momentum=0, alpha=0.3)
    loss = "half_squared_error" if kind == "numbers" else None
    net = bs.from_sklearn(estimator, loss=loss, penalty=bs.L2(0.3 / 40))
    estimator.partial_fit(X, TARGETS[kind])
    net.step(X, aims(kind, estimator), optimizer=bs.SGD(0.1))
    close(net.predict(X), theirs(estimator, X))


def test_classes_and_losses_are_mapped() -> None:
    found = {kind: bs.from_sklearn(fitted(kind)) for kind in TARGETS}
    assert {kind: net.classes for kind, net in found.items()} == {
        "binary": ["no", "yes"],
        "multiclass": [0, 10, 20],
        "multilabel": [0, 1, 2],
        "number": None,
        "numbers": None,
        "counts": None,
    }
    assert {kind: net.spec.loss.name for kind, net in found.items()} == {
        "binary": "binary_cross_entropy",
        "multiclass": "cross_entropy",
        "multilabel": "binary_cross_entropy",
        "number": "half_squared_error",
        "numbers": "half_mean_squared_error",
        "counts": "poisson",
    }


def test_the_estimator_is_left_alone() -> None:
    estimator = fitted("binary")
    before = [W.copy() for W in estimator.coefs_]
    net = bs.from_sklearn(estimator)
    net.fit(X, aims("binary", estimator), epochs=2, progress=False)
    for W, then in zip(estimator.coefs_, before, strict=True):
        np.testing.assert_array_equal(W, then)


def test_what_is_refused_is_named() -> None:
    takes = r"from_sklearn takes scikit-learn's MLPClassifier or MLPRegressor \(of a pipeline its last step"
    for other in (LogisticRegression(), make_pipeline(StandardScaler(), MLPClassifier()), bs.MLPClassifier(), None):
        with pytest.raises(ConfigurationError, match=f"{takes}.* Got {type(other).__name__}"):
            bs.from_sklearn(other)
    with pytest.raises(ConfigurationError, match=r"takes a fitted estimator. Call fit of this MLPRegressor"):
        bs.from_sklearn(MLPRegressor())
    with pytest.raises(ConfigurationError, match=r"The loss 'poisson' is defined for outputs in"):
        bs.from_sklearn(fitted("number"), loss="poisson")
