"""Validation sets of one's own, curves, callbacks, progress, and early stopping one epoch at a time."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import backstory as bs
from backstory import MLPClassifier, MLPRegressor

QUIET = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
random = np.random.default_rng(0)
X = random.normal(size=(120, 4))
LABELS = np.where(X[:, 0] + X[:, 1] ** 2 + random.normal(size=120) > 1, "high", "low")
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0] + random.normal(size=120)
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
WEIGHTS = random.uniform(0.5, 2.0, size=120)
TRAIN, VALIDATE = slice(0, 80), slice(80, 120)
FEW: dict[str, Any] = {"hidden_layer_sizes": (6,), "random_state": 0, "max_iter": 15, "batch_size": 20, "alpha": 0}


def split(y: Any) -> dict[str, Any]:
    return {"X": X[TRAIN], "y": y[TRAIN], "X_val": X[VALIDATE], "y_val": y[VALIDATE]}


@QUIET
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("weight", [None, WEIGHTS[VALIDATE]], ids=["plain", "weighted"])
def test_the_curve_is_the_loss_of_the_validation_set(solver: str, weight: Any) -> None:
    curve = []
    classifier = MLPClassifier(**FEW, solver=solver)
    note = classifier.set_params(callbacks=lambda event: curve.append(event.network.predict(X[VALIDATE])))
    note.fit(**split(LABELS), sample_weight_val=weight)
    wanted = [log_loss(LABELS[VALIDATE] == "low", outputs[:, 0], sample_weight=weight) for outputs in curve]
    np.testing.assert_allclose(classifier.validation_loss_curve_, wanted, rtol=1e-7)
    assert len(wanted) == classifier.n_iter_ == 15
    if solver == "adam":
        right = [
            accuracy_score(LABELS[VALIDATE] == "low", outputs[:, 0] > 0.5, sample_weight=weight) for outputs in curve
        ]
        assert classifier.validation_scores_ == pytest.approx(right)
        assert classifier.best_validation_score_ == max(classifier.validation_scores_)
        assert classifier.best_loss_ == min(classifier.loss_curve_)


@QUIET
def test_the_loss_of_a_regressor_is_half_the_squared_error_there() -> None:
    regressor = MLPRegressor(**FEW).fit(**split(NUMBERS))
    wanted = np.mean((regressor.predict(X[VALIDATE]) - NUMBERS[VALIDATE]) ** 2) / 2
    assert regressor.validation_loss_curve_[-1] == pytest.approx(wanted)
    assert regressor.validation_scores_[-1] == pytest.approx(regressor.score(X[VALIDATE], NUMBERS[VALIDATE]))


@QUIET
def test_poisson_is_half_the_deviance_there_too() -> None:
    y = np.random.default_rng(1).poisson(np.exp(X[:, 0]))
    regressor = MLPRegressor(loss="poisson", **FEW).fit(**split(y))
    from sklearn.metrics import mean_poisson_deviance

    wanted = mean_poisson_deviance(y[VALIDATE], regressor.predict(X[VALIDATE])) / 2
    assert regressor.validation_loss_curve_[-1] == pytest.approx(wanted)


@QUIET
def test_without_a_validation_set_there_is_no_curve() -> None:
    for parameters in (FEW, FEW | {"solver": "lbfgs"}):
        classifier = MLPClassifier(**parameters).fit(X, LABELS)
        assert classifier.validation_loss_curve_ is None
    held_out = MLPClassifier(**FEW, early_stopping=True).fit(X, LABELS)
    assert len(held_out.validation_loss_curve_) == len(held_out.validation_scores_) == held_out.n_iter_


@QUIET
def test_the_validation_set_changes_no_weight_unless_it_stops_training() -> None:
    alone = MLPClassifier(**FEW).fit(X[TRAIN], LABELS[TRAIN])
    watched = MLPClassifier(**FEW).fit(**split(LABELS))
    np.testing.assert_array_equal(watched.coefs_[0], alone.coefs_[0])


def test_early_stopping_watches_the_set_that_is_given_and_holds_nothing_out() -> None:
    parameters = FEW | {"max_iter": 500, "early_stopping": True, "n_iter_no_change": 3, "learning_rate_init": 0.01}
    rows = []
    parameters["callbacks"] = lambda event: rows.append(event.step)
    classifier = MLPClassifier(**parameters).fit(**split(THREE))
    assert rows[0] == 4  # steps of an epoch of 80 rows, 20 at a time
    assert classifier.converged_
    assert classifier.n_iter_ < 500
    assert classifier.score(X[VALIDATE], THREE[VALIDATE]) == pytest.approx(classifier.best_validation_score_)
    assert classifier.best_loss_ is None


@QUIET
@pytest.mark.parametrize("form", [np.asarray, csr_array], ids=["array", "csr"])
def test_the_set_may_be_sparse(form: Any) -> None:
    given = split(LABELS) | {"X_val": form(X[VALIDATE])}
    assert len(MLPClassifier(**FEW).fit(**given).validation_loss_curve_) == 15


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"y_val": None}, "A validation set is X_val and y_val together.*Got X_val alone"),
        ({"X_val": None}, "Got y_val alone"),
        ({"X_val": None, "y_val": None, "sample_weight_val": [1]}, "Got sample_weight_val alone"),
        ({"X_val": X[VALIDATE, :2]}, "X has 2 features, but MLPClassifier is expecting 4"),
        ({"y_val": np.repeat("middle", 40)}, r"`y` has classes not in `self.classes_`"),
        ({"sample_weight_val": np.ones(3)}, r"sample_weight must have shape \(40,\)"),
    ],
)
def test_a_set_that_does_not_fit_is_refused_before_training(more: dict[str, Any], message: str) -> None:
    classifier = MLPClassifier(**FEW)
    with pytest.raises(ValueError, match=message):
        classifier.fit(**split(LABELS) | more)
    assert not hasattr(classifier, "coefs_")


@QUIET
def test_metadata_are_routed_through_a_pipeline_that_scales_the_validation_set() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        last = MLPClassifier(**FEW).set_fit_request(X_val=True, y_val=True, sample_weight=True, sample_weight_val=False)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, last, transform_input=["X_val"])
        pipeline.fit(**split(LABELS), sample_weight=WEIGHTS[TRAIN])
    scaler = StandardScaler().fit(X[TRAIN])
    by_hand = MLPClassifier(**FEW).fit(
        scaler.transform(X[TRAIN]),
        LABELS[TRAIN],
        WEIGHTS[TRAIN],
        X_val=scaler.transform(X[VALIDATE]),
        y_val=LABELS[VALIDATE],
    )
    assert pipeline[-1].validation_loss_curve_ == pytest.approx(by_hand.validation_loss_curve_)
    assert (pipeline[-1].network_.parameters == by_hand.network_.parameters).all()


# ---- Callbacks and progress


def test_a_callback_sees_every_epoch_and_may_end_training() -> None:
    losses = []

    def watch(event: bs.Event) -> bool:
        losses.append(event.loss)
        return len(losses) == 4

    classifier = MLPClassifier(**FEW, callbacks=[watch, bs.EverySteps(3, lambda event: None)]).fit(X, LABELS)
    assert classifier.n_iter_ == 4
    assert not classifier.converged_
    np.testing.assert_allclose(losses, classifier.loss_curve_)
    searched = MLPClassifier(**FEW, solver="lbfgs", callbacks=lambda event: event.epoch == 2).fit(X, LABELS)
    assert searched.n_iter_ == 2


def test_something_else_than_a_callback_is_refused() -> None:
    with pytest.raises(bs.ConfigurationError, match="Each callback must be a function of an Event"):
        MLPClassifier(**FEW, callbacks=["print"]).fit(X, LABELS)


@QUIET
def test_a_bar_is_shown_where_it_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    MLPClassifier(**FEW).fit(X, LABELS)
    assert capsys.readouterr().err == ""
    MLPClassifier(**FEW, progress=True).fit(**split(LABELS))
    shown = capsys.readouterr().err
    assert "15/15" in shown
    assert "score" in shown


def test_verbose_says_the_score_of_a_set_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    classifier = MLPClassifier(**FEW | {"max_iter": 1}, verbose=True)
    with pytest.warns(ConvergenceWarning):
        classifier.fit(**split(LABELS))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"Iteration 1, loss = {classifier.loss_:.8f}",
        f"Validation score: {classifier.validation_scores_[0]:f}",
    ]


# ---- partial_fit with early stopping


def fed(estimator: Any, calls: int, **given: Any) -> list[float]:
    """The validation scores of so many calls."""
    for _ in range(calls):
        estimator.partial_fit(**given)
    return list(estimator.validation_scores_)


def test_partial_fit_stops_early_with_the_best_weights() -> None:
    parameters = FEW | {"early_stopping": True, "n_iter_no_change": 2, "learning_rate_init": 0.02, "tol": 1e-3}
    classifier = MLPClassifier(**parameters)
    given = split(LABELS) | {"classes": ["high", "low"]}
    states = []
    while not vars(classifier).get("converged_", False):
        classifier.partial_fit(**given)
        states.append(classifier.network_.parameters.copy())
    scores = classifier.validation_scores_
    assert len(scores) == len(states) == len(classifier.validation_loss_curve_) > 3
    best = int(np.argmax(scores))
    assert best + 1 < len(states)
    np.testing.assert_array_equal(classifier.network_.parameters, states[best])
    assert classifier.score(X[VALIDATE], LABELS[VALIDATE]) == pytest.approx(max(scores))
    with pytest.warns(ConvergenceWarning, match="partial_fit changes nothing any more. Set early_stopping=False"):
        classifier.partial_fit(**given)
    np.testing.assert_array_equal(classifier.network_.parameters, states[-1])
    assert len(classifier.validation_scores_) == len(states)
    classifier.set_params(early_stopping=False).partial_fit(X, LABELS)
    assert not np.array_equal(classifier.network_.parameters, states[-1])


@pytest.mark.parametrize("seed", [0, None])
def test_partial_fit_holds_the_same_rows_out_of_the_same_rows(seed: Any) -> None:
    regressor = MLPRegressor(**FEW | {"random_state": seed, "early_stopping": True, "n_iter_no_change": np.inf})
    regressor.partial_fit(X, NUMBERS)
    random_state = np.random.RandomState(regressor._split_seed)
    from sklearn.model_selection import train_test_split

    _, held_out = train_test_split(np.arange(120), random_state=random_state, test_size=0.1)
    for _ in range(3):
        regressor.partial_fit(X, NUMBERS)
        wanted = r2_score(NUMBERS[held_out], regressor.predict(X[held_out]))
        assert regressor.validation_scores_[-1] == pytest.approx(wanted)
    assert regressor.t_ == 4 * 108


def test_partial_fit_and_its_early_stopping_survive_a_pickle() -> None:
    regressor = MLPRegressor(**FEW, early_stopping=True, n_iter_no_change=3)
    given = {"X": X, "y": NUMBERS}
    fed(regressor, 2, **given)
    copied = pickle.loads(pickle.dumps(regressor))
    assert fed(copied, 3, **given) == fed(regressor, 3, **given)
    np.testing.assert_array_equal(copied.network_.parameters, regressor.network_.parameters)


def test_partial_fit_after_a_fit_that_stopped_early_trains_on() -> None:
    classifier = MLPClassifier(**FEW | {"max_iter": 500, "early_stopping": True, "learning_rate_init": 0.01})
    classifier.fit(X, THREE)
    assert classifier.converged_
    before = classifier.network_.parameters.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.partial_fit(X, THREE)
    assert not np.array_equal(classifier.network_.parameters, before)
    assert not classifier.converged_


def test_a_linear_model_is_found_with_all_of_it() -> None:
    """The numbers mean something: with the identity, squared error and a validation set, least squares comes out."""
    linear = LinearRegression().fit(X[TRAIN], NUMBERS[TRAIN])
    regressor = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0, tol=1e-10, random_state=0)
    regressor.fit(**split(NUMBERS))
    np.testing.assert_allclose(regressor.coefs_[0][:, 0], linear.coef_, atol=1e-3)
    wanted = np.mean((linear.predict(X[VALIDATE]) - NUMBERS[VALIDATE]) ** 2) / 2
    assert regressor.validation_loss_curve_[-1] == pytest.approx(wanted, rel=1e-3)
