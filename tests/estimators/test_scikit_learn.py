"""The same numbers as scikit-learn: its own MLPs are the oracle, weight for weight, where rows keep their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.neural_network as theirs

import backstory as ours

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::RuntimeWarning:sklearn"
)

random = np.random.RandomState(0)
X = random.randn(60, 5)
WEIGHTS = random.rand(60)
CLASSES = {"two": (X[:, 0] > 0).astype(int), "three": random.randint(0, 3, 60), "labels": (X[:, :3] > 0).astype(int)}
NUMBERS = {"squared_error": X[:, 0] * 2 - X[:, 1] ** 2, "poisson": random.poisson(2, 60).astype(float)}
SOLVERS: dict[str, dict[str, Any]] = {
    "sgd": {"solver": "sgd"},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "no momentum": {"solver": "sgd", "momentum": 0.0},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.05},
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.05,
        "n_iter_no_change": 1,
        "tol": 0.01,
    },
    "adam": {"solver": "adam"},
    "large epsilon": {"solver": "adam", "epsilon": 1e-2},
}
SAME = {"hidden_layer_sizes": (7, 4), "activation": "tanh", "shuffle": False, "random_state": 1, "alpha": 0.1}


def largest_difference(a: Any, b: Any) -> float:
    pairs = zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True)
    return max(float(np.abs(p - q).max()) for p, q in pairs)


def both(name: str, data: tuple[Any, ...], **parameters: Any) -> tuple[Any, Any]:
    return getattr(theirs, name)(**parameters).fit(*data), getattr(ours, name)(**parameters).fit(*data)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("y", CLASSES.values(), ids=CLASSES.keys())
def test_one_step_from_the_same_weights(activation: str, y: Any) -> None:
    parameters = SAME | {"activation": activation, "solver": "sgd", "learning_rate_init": 0.1, "max_iter": 1}
    a, b = both("MLPClassifier", (X, y), **parameters)
    assert largest_difference(a, b) < 1e-10
    np.testing.assert_allclose(b.predict_proba(X), a.predict_proba(X), rtol=1e-10)
    np.testing.assert_array_equal(b.predict(X), a.predict(X))
    assert b.loss_ == pytest.approx(a.loss_, abs=1e-3)  # the penalty is taken at the end of the epoch here


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS.keys())
@pytest.mark.parametrize("y", CLASSES.values(), ids=CLASSES.keys())
def test_thirty_epochs_of_classes(solver: dict[str, Any], y: Any) -> None:
    a, b = both("MLPClassifier", (X, y), **SAME, **solver, batch_size=20, max_iter=30)
    assert largest_difference(a, b) < 1e-10
    assert (b.n_iter_, b.t_, b.out_activation_) == (a.n_iter_, a.t_, a.out_activation_)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS.keys())
@pytest.mark.parametrize("loss", NUMBERS)
def test_thirty_epochs_of_numbers(solver: dict[str, Any], loss: str) -> None:
    a, b = both("MLPRegressor", (X, NUMBERS[loss]), loss=loss, **SAME, **solver, batch_size=20, max_iter=30)
    assert largest_difference(a, b) < 1e-10
    np.testing.assert_allclose(b.predict(X), a.predict(X), rtol=1e-9)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("solver", [{"solver": "sgd", "learning_rate_init": 0.1}, SOLVERS["adam"]], ids=["sgd", "adam"])
@pytest.mark.parametrize("batch_size", [60, 59, 25, 7])
def test_alpha_is_divided_by_what_each_batch_weighs(batch_size: int, solver: dict[str, Any], weights: Any) -> None:
    parameters = SAME | {"alpha": 3.0, "batch_size": batch_size, "max_iter": 10, **solver}
    for name, y in (("MLPClassifier", CLASSES["three"]), ("MLPRegressor", NUMBERS["squared_error"])):
        a, b = both(name, (X, y, weights), **parameters)
        assert largest_difference(a, b) < 1e-10
        c = getattr(ours, name)(**parameters | {"alpha": 0}).fit(X, y, weights)
        assert largest_difference(a, c) > 0.01


def test_alpha_is_divided_by_the_rows_that_are_not_held_out() -> None:
    parameters = SAME | {"alpha": 3.0, "early_stopping": True, "solver": "sgd", "max_iter": 10, "tol": 0}
    a, b = both("MLPClassifier", (X, CLASSES["three"], WEIGHTS), **parameters, batch_size=25)
    assert largest_difference(a, b) < 1e-10


@pytest.mark.parametrize("loss", NUMBERS)
def test_the_curve_of_losses(loss: str) -> None:
    parameters = SAME | {"alpha": 0.0, "solver": "sgd", "batch_size": 25, "max_iter": 10}
    a, b = both("MLPRegressor", (X, NUMBERS[loss]), loss=loss, **parameters)  # the last batch has 10 rows
    np.testing.assert_allclose(b.loss_curve_, a.loss_curve_, rtol=1e-10)
    assert b.best_loss_ == pytest.approx(a.best_loss_, rel=1e-10)
    still = parameters | {"alpha": 3.0, "learning_rate_init": 1e-12}  # the penalty is that of the end of the epoch here
    c, d = both("MLPRegressor", (X, NUMBERS[loss]), loss=loss, **still)
    np.testing.assert_allclose(d.loss_curve_, c.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("y", CLASSES.values(), ids=CLASSES.keys())
def test_early_stopping_holds_the_same_rows_out_and_stops_at_the_same_epoch(y: Any) -> None:
    parameters = {"solver": "sgd", "early_stopping": True, "learning_rate_init": 0.1, "batch_size": 18, "max_iter": 60}
    a, b = both("MLPClassifier", (X, y), **SAME, **parameters)
    assert b.validation_scores_ == pytest.approx(a.validation_scores_)
    assert (b.n_iter_, b.best_validation_score_) == (a.n_iter_, a.best_validation_score_)
    assert largest_difference(a, b) < 1e-10


def test_early_stopping_of_numbers_watches_the_coefficient_of_determination() -> None:
    parameters = {"solver": "sgd", "early_stopping": True, "learning_rate_init": 0.1, "batch_size": 18, "max_iter": 60}
    a, b = both("MLPRegressor", (X, NUMBERS["squared_error"]), **SAME, **parameters)
    assert b.validation_scores_ == pytest.approx(a.validation_scores_)
    assert largest_difference(a, b) < 1e-10


@pytest.mark.parametrize("y", CLASSES.values(), ids=CLASSES.keys())
def test_lbfgs(y: Any) -> None:
    a, b = both("MLPClassifier", (X, y), **SAME, solver="lbfgs", max_iter=30)
    assert b.n_iter_ == a.n_iter_
    assert b.loss_ == pytest.approx(a.loss_, rel=1e-9)
    assert largest_difference(a, b) < 1e-7


@pytest.mark.parametrize("solver", [{"solver": "sgd"}, {"solver": "adam"}, {"solver": "lbfgs"}])
def test_sample_weights_of_a_full_batch(solver: dict[str, Any]) -> None:
    a, b = both("MLPClassifier", (X, CLASSES["three"], WEIGHTS), **SAME, **solver, max_iter=20)
    assert largest_difference(a, b) < 1e-8


def test_loss_of_poisson_is_half_the_deviance() -> None:
    y = np.column_stack([NUMBERS["poisson"], NUMBERS["poisson"][::-1]])
    a, b = both("MLPRegressor", (X, y, WEIGHTS), loss="poisson", **SAME, solver="lbfgs", max_iter=5)
    assert b.loss_ == pytest.approx(a.loss_, rel=1e-10)


def test_several_outputs_take_the_gradient_of_their_own_loss() -> None:
    y = X[:, :3] ** 2
    scaled = SAME | {"alpha": SAME["alpha"] / 3, "learning_rate_init": 0.003}
    a = theirs.MLPRegressor(**SAME, solver="sgd", learning_rate_init=0.001, batch_size=20, max_iter=30).fit(X, y)
    b = ours.MLPRegressor(**scaled, solver="sgd", batch_size=20, max_iter=30).fit(X, y)
    assert largest_difference(a, b) < 1e-10
    half_mean = 0.5 * np.mean((b.predict(X) - y) ** 2)
    assert b.network_.loss(X, y) == pytest.approx(half_mean + b.network_.spec.penalty.l2 / 2 * squares(b))
    w, step = b.coefs_[0], 1e-6
    gradient = b.network_.gradients(X, y).weights[0][1, 2]
    w[1, 2] += step
    above = b.network_.loss(X, y)
    w[1, 2] -= 2 * step
    assert gradient == pytest.approx((above - b.network_.loss(X, y)) / (2 * step), rel=1e-6)


def squares(estimator: Any) -> float:
    return sum(float((W**2).sum()) for W in estimator.coefs_)


def test_partial_fit_goes_on_as_theirs_does() -> None:
    for solver in ({"solver": "adam"}, {"solver": "sgd", "learning_rate": "invscaling"}):
        a, b = (kind(**SAME, **solver) for kind in (theirs.MLPClassifier, ours.MLPClassifier))
        for epoch in range(6):
            rows = slice(0, 40) if epoch % 2 else slice(20, 60)
            for each in (a, b):
                each.partial_fit(X[rows], CLASSES["three"][rows], classes=[0, 1, 2])
        assert largest_difference(a, b) < 1e-10
        assert (b.t_, b.n_iter_, len(b.loss_curve_)) == (a.t_, a.n_iter_, len(a.loss_curve_)) == (240, 1, 6)


def test_partial_fit_on_other_numbers_of_rows_scales_alpha_as_theirs_does() -> None:
    a, b = (kind(**SAME) for kind in (theirs.MLPRegressor, ours.MLPRegressor))
    for n in (60, 10, 35, 1):
        for each in (a, b):
            each.partial_fit(X[:n], NUMBERS["squared_error"][:n])
    assert largest_difference(a, b) < 1e-10


def test_a_warm_start_goes_on_with_the_weights_and_a_new_optimizer() -> None:
    parameters = SAME | {"warm_start": True, "max_iter": 5}
    a, b = theirs.MLPClassifier(**parameters), ours.MLPClassifier(**parameters)
    for _ in range(3):
        a.fit(X, CLASSES["two"]), b.fit(X, CLASSES["two"])
    assert largest_difference(a, b) < 1e-10
    assert (b.t_, b.n_iter_, len(b.loss_curve_)) == (a.t_, a.n_iter_, len(a.loss_curve_)) == (900, 5, 15)


def test_verbose_lines_are_theirs(capsys: pytest.CaptureFixture[str]) -> None:
    parameters = SAME | {"solver": "sgd", "verbose": True, "alpha": 0.0, "learning_rate_init": 0.3, "tol": 0.02}
    parameters |= {"learning_rate": "adaptive", "n_iter_no_change": 1, "max_iter": 200}
    theirs.MLPClassifier(**parameters).fit(X, CLASSES["two"])
    expected = capsys.readouterr().out
    ours.MLPClassifier(**parameters).fit(X, CLASSES["two"])
    assert capsys.readouterr().out == expected
    assert "Setting learning rate to" in expected
    assert "Learning rate too small. Stopping." in expected
