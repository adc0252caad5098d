"""What training does beside scikit-learn's numbers: stopping, warnings, interruption, weights of classes, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning

import backstory as bs
from backstory import MLPClassifier, MLPRegressor

random = np.random.default_rng(0)
X = random.normal(size=(80, 4))
LABELS = np.where(X[:, 0] + X[:, 1] > 0.5, "high", "low")
QUIET = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_it_stops_when_the_loss_no_longer_falls_by_tol() -> None:
    classifier = MLPClassifier((8,), tol=0.01, n_iter_no_change=3, learning_rate_init=0.02, random_state=0)
    classifier.fit(X, LABELS)
    assert classifier.n_iter_ < 200
    late = np.array(classifier.loss_curve_[-4:])
    assert (late > min(classifier.loss_curve_[:-4]) - 0.01 * 4).all()
    assert classifier.best_loss_ == min(classifier.loss_curve_)


def test_it_warns_when_the_epochs_did_not_suffice() -> None:
    with pytest.warns(ConvergenceWarning, match=r"Stochastic Optimizer: Maximum iterations \(2\) reached") as caught:
        MLPClassifier((3,), max_iter=2, random_state=0).fit(X, LABELS)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(("limits", "advice"), [({"max_iter": 2}, "max_iter=2"), ({"max_fun": 5}, "max_fun=5")])
def test_it_warns_when_lbfgs_did_not_converge(limits: dict[str, int], advice: str) -> None:
    with pytest.warns(
        ConvergenceWarning, match=rf"lbfgs failed to converge after \d+ iteration.*Raise {advice}"
    ) as caught:
        MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", random_state=0, **limits).fit(X, X[:, 0] ** 2)
    assert caught[0].filename == __file__


def test_lbfgs_prints_its_iterations(capsys: pytest.CaptureFixture[str]) -> None:
    MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", random_state=0, verbose=1).fit(X, X[:, 0])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Iteration 0, loss = ")
    assert len(lines) > 2


@QUIET
def test_it_warns_of_a_batch_size_larger_than_the_data() -> None:
    with pytest.warns(UserWarning, match=r"Got `batch_size` less than 1 or larger than sample size: 500 for 80 rows\."):
        MLPClassifier((3,), batch_size=500, max_iter=1).fit(X, LABELS)


@QUIET
@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("tol", [1e-4, 0.02])
def test_epochs_trained_together_are_those_trained_one_by_one(learning_rate: str, tol: float) -> None:
    def fitted(verbose: bool) -> MLPClassifier:
        options = {"solver": "sgd", "learning_rate": learning_rate, "learning_rate_init": 0.1, "max_iter": 40}
        return MLPClassifier((3,), **options, n_iter_no_change=3, tol=tol, random_state=0, verbose=verbose).fit(
            X, LABELS
        )

    together, one_by_one = fitted(False), fitted(True)  # lines are printed as epochs end
    assert together.loss_curve_ == one_by_one.loss_curve_
    assert (together.n_iter_, together.t_) == (one_by_one.n_iter_, one_by_one.t_)
    assert (together.network_.parameters == one_by_one.network_.parameters).all()


@QUIET
def test_an_interruption_keeps_what_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    from backstory.estimators.epochs import EpochEnd

    served = EpochEnd.__call__

    def interrupt(self: EpochEnd, event: Any) -> bool:
        if event.epoch == 3:
            raise KeyboardInterrupt
        return served(self, event)

    monkeypatch.setattr(EpochEnd, "__call__", interrupt)
    with pytest.warns(UserWarning, match=r"Training interrupted by user\."):
        classifier = MLPClassifier((3,), random_state=0).fit(X, LABELS)
    assert classifier.n_iter_ == 2
    assert set(classifier.predict(X)) <= {"high", "low"}


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_divergence_is_both_errors_and_says_where(solver: str) -> None:
    huge = np.finfo(np.float64).max * random.uniform(size=(10, 2))
    with pytest.raises(
        ValueError, match=r"^Solver produced non-finite parameter weights\. .*Training stopped"
    ) as caught:
        MLPRegressor(solver=solver, random_state=0).fit(huge, np.arange(10.0))
    assert isinstance(caught.value, bs.DivergenceError)
    assert caught.value.step == 1


def test_divergence_under_early_stopping_keeps_the_best_weights() -> None:
    regressor = MLPRegressor(
        hidden_layer_sizes=20,
        solver="sgd",
        learning_rate_init=0.5,
        activation="identity",
        early_stopping=True,
        random_state=0,
    )
    with pytest.warns(
        ConvergenceWarning, match=r"^Training stopped: .* Early stopping kept the weights of the best epoch"
    ):
        regressor.fit(10 * X, X[:, 0])
    assert np.isnan(regressor.validation_scores_[-1])
    assert np.isfinite(regressor.predict(X)).all()
    assert regressor.score(10 * X, X[:, 0]) > -1e300


@QUIET
def test_labels_are_strings_where_y_has_strings() -> None:
    classifier = MLPClassifier((8,), solver="lbfgs", random_state=0).fit(X, LABELS)
    assert classifier.classes_.tolist() == ["high", "low"]
    assert classifier.score(X, LABELS) > 0.97
    shares = classifier.predict_proba(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    np.testing.assert_allclose(np.exp(classifier.predict_log_proba(X)), shares)
    assert (classifier.classes_[shares.argmax(axis=1)] == classifier.predict(X)).all()


@QUIET
def test_several_labels_at_once() -> None:
    y = (X[:, :3] > 0).astype(int)
    classifier = MLPClassifier((16,), solver="lbfgs", random_state=0).fit(X, y)
    assert classifier.predict(X).shape == classifier.predict_proba(X).shape == (80, 3)
    assert classifier.score(X, y) > 0.9


@QUIET
def test_class_weights_are_sample_weights() -> None:
    y = (X[:, 0] > 0.8).astype(int)
    few = {"hidden_layer_sizes": (6,), "random_state": 0, "max_iter": 30}
    counts = np.bincount(y)
    by_hand = MLPClassifier(**few).fit(X, y, (80 / (2 * counts))[y])
    balanced = MLPClassifier(**few, class_weight="balanced").fit(X, y)
    np.testing.assert_allclose(balanced.coefs_[0], by_hand.coefs_[0], rtol=1e-10)
    both = MLPClassifier(**few, class_weight={0: 1.0, 1: 5.0}).fit(X, y, np.full(80, 2.0))
    np.testing.assert_allclose(both.coefs_[0], MLPClassifier(**few).fit(X, y, np.where(y, 10.0, 2.0)).coefs_[0])
    assert balanced.predict(X).mean() > MLPClassifier(**few).fit(X, y).predict(X).mean()


@QUIET
def test_class_weights_may_name_what_the_rows_have_not() -> None:
    y = (X[:, 0] > 0).astype(int)
    few = {"hidden_layer_sizes": (6,), "random_state": 0}
    weighted, plain = MLPClassifier(**few, class_weight={1: 5.0}), MLPClassifier(**few)
    for classifier in (weighted, plain):  # no row of class 1 among these
        classifier.partial_fit(X[y == 0], y[y == 0], classes=[0, 1])
    np.testing.assert_array_equal(weighted.coefs_[0], plain.coefs_[0])
    MLPClassifier(**few, max_iter=2, class_weight={0: 1.0, 1: 2.0, 7: 3.0}).fit(X, y)  # nor has a fold all classes


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (X[:, 0], "Unknown label type: continuous. Maybe you are trying to fit a classifier"),
        ((np.arange(160) % 3).reshape(80, 2), r"several columns of several classes; wrap .*MultiOutputClassifier"),
    ],
)
def test_what_are_no_classes(y: np.ndarray, message: str) -> None:
    with pytest.raises(bs.DataError, match=message):
        MLPClassifier().fit(X, y)


@QUIET
def test_additions_reach_the_network() -> None:
    few = {"hidden_layer_sizes": (6,), "random_state": 0, "max_iter": 5}
    plain = MLPClassifier(**few).fit(X, LABELS)
    dropped = MLPClassifier(**few, dropout=0.5).fit(X, LABELS)
    assert not np.array_equal(plain.coefs_[0], dropped.coefs_[0])
    sparse = MLPClassifier(**few, penalty=bs.L1(0.01)).fit(X, LABELS)
    assert sparse.network_.spec.penalty == bs.L1(0.01)
    assert plain.network_.spec.penalty == bs.L2(1e-4 / 80)
    assert MLPClassifier(**few, alpha=0).fit(X, LABELS).network_.spec.penalty is None
    one, two = (MLPClassifier(**few, threads=n).fit(X, LABELS) for n in (1, 2))
    np.testing.assert_array_equal(one.coefs_[0], two.coefs_[0])


@QUIET
def test_the_same_seed_gives_the_same_network_and_another_seed_another() -> None:
    first, again, other = (MLPClassifier((5,), max_iter=5, random_state=seed).fit(X, LABELS) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.coefs_[0], again.coefs_[0])
    assert not np.array_equal(first.coefs_[0], other.coefs_[0])
    shared = np.random.RandomState(0)
    one, next_one = (MLPClassifier((5,), max_iter=5, random_state=shared).fit(X, LABELS) for _ in range(2))
    assert not np.array_equal(one.coefs_[0], next_one.coefs_[0])


def test_defaults_learn_real_data() -> None:
    features, target = load_breast_cancer(return_X_y=True)
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    classifier = MLPClassifier(random_state=0, early_stopping=True).fit(features[::2], target[::2])
    assert classifier.score(features[1::2], target[1::2]) > 0.93
    assert classifier.best_validation_score_ == max(classifier.validation_scores_)


def test_the_record_starts_anew_when_another_thing_is_watched() -> None:
    classifier = MLPClassifier((5,), max_iter=300, tol=0.01, random_state=0, warm_start=True).fit(X, LABELS)
    classifier.set_params(early_stopping=True, n_iter_no_change=2).fit(X, LABELS)
    assert len(classifier.loss_curve_) == len(classifier.validation_scores_) == classifier.n_iter_
    classifier.set_params(solver="lbfgs").fit(X, LABELS)
    classifier.set_params(solver="adam", early_stopping=False).partial_fit(X, LABELS)
    assert len(classifier.loss_curve_) == 1


@QUIET
def test_partial_fit_knows_its_classes() -> None:
    classifier = MLPClassifier((4,), random_state=0)
    with pytest.raises(bs.DataError, match=r"^classes must be passed on the first call to partial_fit"):
        classifier.partial_fit(X, LABELS)
    classifier.partial_fit(X[:5], np.full(5, "low"), classes=["low", "middle", "high"])
    assert classifier.predict_proba(X).shape == (80, 3)
    with pytest.raises(
        bs.DataError, match=r"`y` has classes not in `self.classes_`.*Name all classes in the first call"
    ):
        classifier.partial_fit(X[:2], ["low", "strange"])
    with pytest.raises(bs.DataError, match="is not the same as on last call to partial_fit"):
        classifier.partial_fit(X, LABELS, classes=["low", "high"])
    with pytest.raises(bs.ConfigurationError, match="class_weight='balanced' cannot be used with partial_fit"):
        classifier.set_params(class_weight="balanced").partial_fit(X, LABELS)
    labels = MLPClassifier((4,), random_state=0).partial_fit(X, X[:, :2] > 0, classes=[0, 1])
    assert labels.predict(X).shape == (80, 2)


@pytest.mark.parametrize("make", [MLPClassifier, MLPRegressor])
def test_partial_fit_is_for_steps(make: Any) -> None:
    assert not hasattr(make(solver="lbfgs"), "partial_fit")
    y = LABELS if make is MLPClassifier else X[:, 0]
    with pytest.raises(AttributeError) as caught:
        make(solver="lbfgs").partial_fit(X, y)
    assert "partial_fit is only available for stochastic optimizers. lbfgs is not" in str(caught.value.__cause__)


@QUIET
def test_a_warm_start_needs_the_same_classes_and_sizes() -> None:
    classifier = MLPClassifier((4,), max_iter=1, warm_start=True).fit(X, LABELS)
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same classes"):
        classifier.fit(X, np.where(LABELS == "high", "up", "down"))
    with pytest.raises(ValueError, match=r"goes on from a network of sizes \[4, 4, 1\], .* now ask for \[4, 5, 1\]"):
        classifier.set_params(hidden_layer_sizes=(5,)).fit(X, LABELS)


def test_too_few_rows_to_validate_on() -> None:
    with pytest.raises(ValueError, match=r"The validation set is too small.*0\.1 of 5 rows is 1, and a score needs 2"):
        MLPRegressor(early_stopping=True).fit(X[:5], X[:5, 0])


def test_poisson_refuses_negative_counts() -> None:
    with pytest.raises(bs.DataError, match=r"y must be .* for the loss 'poisson'"):
        MLPRegressor(loss="poisson").fit(X, X[:, 0])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": "rlu"}, r"Unknown activation of MLPClassifier 'rlu'\. Did you mean 'relu'\?"),
        ({"solver": "newton"}, "Unknown solver of MLPClassifier 'newton'"),
        ({"learning_rate": "adaptve"}, "Did you mean 'adaptive'"),
        ({"alpha": -1}, r"'alpha' parameter of MLPClassifier must be a finite number >= 0\. Got -1"),
        ({"learning_rate_init": 0}, r"'learning_rate_init' parameter of MLPClassifier must be .* > 0\. Got 0"),
        ({"momentum": 1.0}, r"'momentum' parameter of MLPClassifier must be in \[0, 1\)\. Got 1\.0"),
        ({"batch_size": 0}, r"'batch_size' parameter of MLPClassifier must be an integer >= 1\. Got 0"),
        ({"max_iter": 2.5}, r"'max_iter' parameter of MLPClassifier must be an integer >= 1\. Got 2\.5"),
        ({"shuffle": "yes"}, r"'shuffle' parameter of MLPClassifier must be True or False\. Got 'yes'"),
        ({"hidden_layer_sizes": (4, 0)}, r"'hidden_layer_sizes' parameter of MLPClassifier .* Got \(4, 0\)"),
        ({"hidden_layer_sizes": "100"}, r"'hidden_layer_sizes' parameter of MLPClassifier .* Got '100'"),
        ({"penalty": bs.L2(0.1), "alpha": 0.1}, r"takes penalty= or alpha=, not both.*leave one out"),
        ({"penalty": "l3"}, "Unknown penalty 'l3'"),
        ({"dropout": 1.0}, r"'dropout' parameter of fit must be in \[0, 1\)"),
        (
            {"class_weight": "even"},
            r"'class_weight' parameter of MLPClassifier must be 'balanced', a dict .* Got 'even'",
        ),
        ({"class_weight": {7: 2.0}}, r"'class_weight' .* must have classes of y as its keys\. Got 7; y has high, low"),
    ],
)
def test_parameters_are_checked(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**parameters).fit(X, LABELS)


@QUIET
@pytest.mark.parametrize("sizes", [7, np.int64(7), [7], (7,), np.array([7])])
def test_sizes_may_come_in_many_forms(sizes: Any) -> None:
    assert MLPClassifier(sizes, max_iter=1).fit(X, LABELS).coefs_[0].shape == (4, 7)


def test_no_hidden_layer_is_a_linear_model() -> None:
    regressor = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0, random_state=0, tol=1e-8)
    regressor.fit(X, 3 * X[:, 1] - 1)
    np.testing.assert_allclose(regressor.coefs_[0][:, 0], [0, 3, 0, 0], atol=1e-4)
    assert regressor.n_layers_ == 2


def test_divergence_names_the_row_of_the_x_that_was_given() -> None:
    """Though a fraction was held out by early stopping."""
    rows, aims = X.copy(), X[:, 1].copy()
    regressor = MLPRegressor(hidden_layer_sizes=(5,), solver="sgd", early_stopping=True, random_state=0, shuffle=False)
    for culprit in (17, 18, 19):  # one of three is trained on
        rows[culprit] = 1e200
    with pytest.raises(bs.DivergenceError, match=r"for row 1[789] of X"):
        regressor.fit(rows, aims)
