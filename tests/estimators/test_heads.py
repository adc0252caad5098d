"""Losses, outputs, activations, solvers and schedules beyond scikit-learn's: names and objects, for every kind of y."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import HuberRegressor, QuantileRegressor

import backstory as bs
from backstory import MLPClassifier, MLPRegressor
from backstory.functions import LOSSES
from backstory.training.optimizers import OPTIMIZERS

QUIET = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
random = np.random.default_rng(0)
X = random.normal(size=(150, 3))
Y = {
    "two": np.where(X[:, 0] > 0, "yes", "no"),
    "three": np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.5, 0.5])],
    "labels": (X[:, :2] > 0).astype(int),
}
FEW: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "random_state": 0,
    "max_iter": 60,
    "learning_rate_init": 0.02,
    "batch_size": 50,
}
OWN = bs.Loss("own_brier", "(a - y)^2 + 1/10*(a - y)^4")


# ---- Losses of classes


@QUIET
@pytest.mark.parametrize("kind", Y)
@pytest.mark.parametrize(
    ("loss", "ends"),
    [
        ("log_loss", {"two": "logistic", "three": "softmax", "labels": "logistic"}),
        ("binary_cross_entropy", {"two": "logistic", "three": "logistic", "labels": "logistic"}),
        (bs.BinaryCrossEntropy(0.1), {"two": "logistic", "three": "logistic", "labels": "logistic"}),
        (bs.CrossEntropy(0.1), {"two": "softmax", "three": "softmax"}),
        ("hinge", {"two": "identity", "three": "identity", "labels": "identity"}),
        ("squared_error", {"two": "logistic", "three": "softmax", "labels": "logistic"}),
        ("huber", {"two": "logistic", "three": "softmax", "labels": "logistic"}),
        (OWN, {"two": "logistic", "three": "softmax", "labels": "logistic"}),
    ],
    ids=lambda value: getattr(value, "name", value) if not isinstance(value, dict) else "",
)
def test_any_loss_separates_what_can_be_separated(loss: Any, ends: dict[str, str], kind: str) -> None:
    classifier = MLPClassifier(**FEW, loss=loss)
    if kind not in ends:
        with pytest.raises(bs.ConfigurationError, match="is for classes that exclude one another"):
            classifier.fit(X, Y[kind])
        return
    classifier.fit(X, Y[kind])
    assert classifier.out_activation_ == ends[kind]
    assert classifier.score(X, Y[kind]) > 0.9
    assert classifier.predict(X).shape == Y[kind].shape
    columns = {"two": 2, "three": 3, "labels": 2}[kind]
    if loss == "hinge":
        assert not hasattr(classifier, "predict_proba")
        decisions = classifier.decision_function(X)
        assert decisions.shape == ((150,) if kind == "two" else (150, columns))
    else:
        assert not hasattr(classifier, "decision_function")
        probabilities = classifier.predict_proba(X)
        assert probabilities.shape == (150, columns)
        if kind != "labels":
            np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
            assert (classifier.classes_[probabilities.argmax(axis=1)] == classifier.predict(X)).all()


@QUIET
def test_early_stopping_scores_any_loss() -> None:
    for loss in ("hinge", OWN, bs.CrossEntropy(0.1)):
        for kind in ("two", "three"):
            classifier = MLPClassifier(**FEW, loss=loss, early_stopping=True, n_iter_no_change=60).fit(X, Y[kind])
            assert classifier.best_validation_score_ > 0.8


@QUIET
def test_smoothed_labels_give_less_certain_probabilities() -> None:
    plain, smooth = (MLPClassifier(**FEW, loss=loss).fit(X, Y["three"]) for loss in ("log_loss", bs.CrossEntropy(0.3)))
    assert smooth.predict_proba(X).max() < plain.predict_proba(X).max()


@QUIET
def test_decisions_are_calibrated() -> None:
    calibrated = CalibratedClassifierCV(MLPClassifier(**FEW, loss="hinge"), cv=3).fit(X, Y["two"])
    assert calibrated.score(X, Y["two"]) > 0.9


@QUIET
def test_the_cross_entropy_of_two_outputs_is_that_of_one() -> None:
    """Softmax over two outputs, by hand: the same probabilities once both are at the minimum of the same loss."""
    few = {"hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 0, "tol": 1e-9, "max_iter": 2000}
    y = (X[:, 0] + random.normal(size=150) > 0).astype(int)
    one, two = (MLPClassifier(**few, loss=loss).fit(X, y) for loss in ("log_loss", "cross_entropy"))
    assert (one.n_outputs_, two.n_outputs_) == (1, 2)
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), atol=1e-3)


# ---- Losses of numbers


@QUIET
@pytest.mark.parametrize("loss", [*(name for name in LOSSES if name not in ("cross_entropy", "hinge")), OWN])
@pytest.mark.parametrize("columns", [1, 2])
def test_any_loss_fits_numbers(loss: Any, columns: int) -> None:
    y = 1 / (1 + np.exp(-2 * X[:, :columns]))
    regressor = MLPRegressor(loss=loss, **FEW | {"max_iter": 100}).fit(X, y if columns == 2 else y[:, 0])
    assert regressor.score(X, y) > 0.9
    assert regressor.predict(X).shape == ((150,) if columns == 1 else (150, 2))


def test_a_linear_model_with_hubers_loss_is_hubers() -> None:
    y = X @ [1.0, 2.0, 3.0] + np.where(np.arange(150) % 10 == 0, 30.0, 0.0)
    few = {"hidden_layer_sizes": (), "alpha": 0, "solver": "lbfgs", "tol": 1e-9, "max_iter": 2000, "random_state": 0}
    regressor = MLPRegressor(loss=bs.Huber(1.0), **few).fit(X, y)
    np.testing.assert_allclose(regressor.coefs_[0][:, 0], [1, 2, 3], atol=0.15)
    theirs = HuberRegressor(alpha=0).fit(X, y)
    np.testing.assert_allclose(regressor.coefs_[0][:, 0], theirs.coef_, atol=0.2)


@QUIET
def test_a_quantile_is_the_one_asked_for() -> None:
    y = X[:, 0] + np.random.default_rng(5).exponential(size=150)
    few: dict[str, Any] = {
        "hidden_layer_sizes": (),
        "alpha": 0,
        "batch_size": 150,
        "max_iter": 3000,
        "n_iter_no_change": 3000,
    }
    regressor = MLPRegressor(loss=bs.Quantile(0.9), **few, learning_rate_init=0.01, random_state=0).fit(X, y)
    assert np.mean(y <= regressor.predict(X)) == pytest.approx(0.9, abs=0.02)
    theirs = QuantileRegressor(quantile=0.9, alpha=0).fit(X, y)
    np.testing.assert_allclose(regressor.predict(X), theirs.predict(X), atol=0.15)


@QUIET
def test_an_output_activation_bounds_the_predictions() -> None:
    regressor = MLPRegressor(**FEW, output_activation="softplus").fit(X, X[:, 0])
    assert regressor.predict(X).min() >= 0
    assert regressor.out_activation_ == "softplus"
    assert MLPRegressor(**FEW, output_activation="logistic").fit(X, X[:, 0]).out_activation_ == "logistic"
    shifted = bs.Activation("shifted", "tanh(z) + 5", range="(4, 6)")
    assert MLPRegressor(**FEW, output_activation=shifted).fit(X, X[:, 0]).predict(X).min() > 4
    with pytest.raises(bs.ConfigurationError, match="Outputs that fit: sigmoid, softmax"):
        MLPClassifier(**FEW, output_activation="tanh").fit(X, Y["two"])


# ---- Activations


@QUIET
def test_each_layer_may_have_its_own_activation() -> None:
    sizes = {"hidden_layer_sizes": (5, 4, 3)}
    sine = bs.Activation("sine", "sin(2*z)")
    classifier = MLPClassifier(**FEW | sizes, activation=["logistic", "gelu", sine]).fit(X, Y["two"])
    assert [row.name for row in classifier.network_.spec.activations] == ["sigmoid", "gelu", "sine", "sigmoid"]
    assert classifier.score(X, Y["two"]) > 0.9
    one = MLPClassifier(**FEW | sizes, activation=("tanh",) * 3).fit(X, Y["two"])
    same = MLPClassifier(**FEW | sizes, activation="tanh").fit(X, Y["two"])
    assert (one.network_.parameters == same.network_.parameters).all()
    assert MLPClassifier(**FEW | {"hidden_layer_sizes": ()}, activation=[]).fit(X, Y["two"]).n_layers_ == 2


# ---- Solvers and schedules


@QUIET
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_a_solver(name: str) -> None:
    y = X[:, 0]
    by_name = MLPRegressor(**FEW, solver=name).fit(X, y)
    if name not in ("sgd", "adam", "lbfgs"):
        own = OPTIMIZERS[name](0.02)
        by_object = MLPRegressor(**FEW, solver=own).fit(X, y)
        np.testing.assert_array_equal(by_name.network_.parameters, by_object.network_.parameters)
        assert hasattr(by_object, "partial_fit")
    if name != "quotient":  # which overshoots where there are many weights
        assert by_name.score(X, y) > 0.7
    assert clone(by_name).solver == name


@QUIET
def test_an_object_brings_its_own_numbers() -> None:
    y = X[:, 0]
    adam = MLPRegressor(**FEW).fit(X, y)
    object_of_it = MLPRegressor(**FEW | {"learning_rate_init": 9.0}, solver=bs.Adam(0.02, epsilon_hat=True)).fit(X, y)
    np.testing.assert_array_equal(adam.network_.parameters, object_of_it.network_.parameters)
    search = MLPRegressor(**FEW | {"max_iter": 2}, solver=bs.LBFGS(memory=3))
    assert search.fit(X, y).n_iter_ == 2
    assert not hasattr(search, "partial_fit")


@QUIET
@pytest.mark.parametrize("solver", ["adam", "sgd", "adamw"])
def test_a_schedule_takes_the_place_of_a_rate(solver: str) -> None:
    schedule = bs.Cosine(0.05, warmup=5)
    regressor = MLPRegressor(**FEW, solver=solver, learning_rate=schedule, n_iter_no_change=np.inf).fit(X, X[:, 0])
    rates = regressor.network_.history.learning_rate
    assert rates.max() <= 0.05
    assert rates[-1] < 0.01 * rates.max()
    assert clone(regressor).learning_rate == schedule


@QUIET
def test_partial_fit_keeps_the_state_of_any_optimizer() -> None:
    for solver in (bs.RMSProp(0.01), "adamw"):
        few = FEW | {"batch_size": 150, "shuffle": False, "solver": solver, "max_iter": 5, "tol": 0}
        once, often = MLPRegressor(**few).fit(X, X[:, 0]), MLPRegressor(**few)
        for _ in range(5):
            often.partial_fit(X, X[:, 0])
        np.testing.assert_allclose(often.network_.parameters, once.network_.parameters, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "parameters", "message"),
    [
        (MLPClassifier, {"loss": "log_los"}, r"Unknown loss of MLPClassifier 'log_los'\. Did you mean 'log_loss'\?"),
        (MLPRegressor, {"loss": "log_loss"}, "Unknown loss of MLPRegressor 'log_loss'"),
        (MLPRegressor, {"loss": 5}, "Unknown loss of MLPRegressor '5'"),
        (MLPClassifier, {"solver": bs.L2(0.1)}, "Unknown solver of MLPClassifier"),
        (MLPClassifier, {"solver": "adan"}, "Did you mean 'adam'"),
        (MLPClassifier, {"learning_rate": 0.1}, "Unknown learning_rate of MLPClassifier '0.1'"),
        (MLPClassifier, {"activation": ["relu"] * 2}, r"one for each of the 1 hidden layers\. Got 2"),
        (MLPClassifier, {"activation": ["rlu"]}, r"Unknown activation of MLPClassifier 'rlu'\. Did you mean 'relu'\?"),
        (MLPClassifier, {"output_activation": "sigmod"}, "Did you mean 'sigmoid'"),
    ],
)
def test_what_is_no_such_thing_is_refused(make: Any, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(bs.ConfigurationError, match=message):
        make(**FEW | parameters).fit(X, Y["two"] if make is MLPClassifier else X[:, 0])
