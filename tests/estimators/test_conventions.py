"""The estimators as citizens of scikit-learn: its own checks, cloning, pickling, pipelines, searches, frames."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.neural_network
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

from backstory import MLPClassifier, MLPRegressor

X, y = load_iris(return_X_y=True)
ESTIMATORS = [MLPClassifier, MLPRegressor]
QUIET = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SKIPPED = {
    "check_array_api_input": "SCIPY_ARRAY_API is not set",  # for array libraries other than NumPy
    "check_classifiers_multilabel_output_format_decision_function": "does not have a decision_function",
}
"""Checks that scikit-learn's own MLPs skip as well, and why."""


def names_of_checks(estimator: Any) -> set[str]:
    checks = estimator_checks_generator(estimator, mark="skip")
    return {getattr(check, "func", check).__name__ for _, check in checks}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", ESTIMATORS)
def test_every_check_of_scikit_learn_passes(make: Any) -> None:
    results = check_estimator(make(), on_skip=None, on_fail=None)
    others = {each["check_name"]: each for each in results if each["status"] != "passed"}
    assert {name: each["status"] for name, each in others.items() if name not in SKIPPED} == {}
    for name, each in others.items():
        assert each["status"] == "skipped"
        assert SKIPPED[name] in str(each["exception"])
    assert len(results) >= {MLPClassifier: 67, MLPRegressor: 60}[make]


@pytest.mark.parametrize("make", ESTIMATORS)
def test_no_check_is_run_on_scikit_learns_class_alone(make: Any) -> None:
    theirs = getattr(sklearn.neural_network, make.__name__)
    assert names_of_checks(theirs()) <= names_of_checks(make())


@pytest.mark.parametrize("make", ESTIMATORS)
def test_parameters_and_defaults_are_scikit_learns(make: Any) -> None:
    theirs = getattr(sklearn.neural_network, make.__name__)().get_params()
    ours = make().get_params()
    assert {name: ours[name] for name in theirs} == theirs
    added = {"dropout": 0.0, "penalty": None, "threads": None, "output_activation": None, "callbacks": None}
    added |= {"encode": False, "initializer": None, "embedding": None, "scaling": False, "parametric": False}
    added |= {
        "parametrization": "standard",
        "rates": None,
        "decays": None,
        "members": 1,
        "standardize_units": False,
        "refit": False,
    } | ({} if make is MLPClassifier else {"bounded": False})
    added |= {"progress": False} | ({"class_weight": None, "loss": "log_loss"} if make is MLPClassifier else {})
    assert {name: value for name, value in ours.items() if name not in theirs} == added


@pytest.mark.parametrize("make", ESTIMATORS)
def test_fitted_attributes_are_scikit_learns(make: Any) -> None:
    few = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0, "early_stopping": True}
    frame = pd.DataFrame(X, columns=list("abcd"))
    with pytest.warns(UserWarning, match="Maximum iterations"):
        theirs = getattr(sklearn.neural_network, make.__name__)(**few).fit(frame, y)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        ours = make(**few).fit(frame, y)
    public = [name for name in vars(theirs) if name.endswith("_") and not name.startswith("_")]
    assert [name for name in public if not hasattr(ours, name)] == []
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_", "best_loss_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.feature_names_in_.tolist() == list("abcd")
    assert len(ours.loss_curve_) == len(ours.validation_scores_) == 2


@pytest.mark.parametrize("make", ESTIMATORS)
def test_nothing_is_fitted_before_fit(make: Any) -> None:
    estimator = make()
    for name in ("coefs_", "intercepts_", "n_layers_", "n_outputs_", "out_activation_"):
        assert not hasattr(estimator, name)
    with pytest.raises(AttributeError, match=r"has 'coefs_' once it is fitted; call fit first\."):
        _ = estimator.coefs_
    with pytest.raises(NotFittedError):
        estimator.predict(X)


@QUIET
@pytest.mark.parametrize("make", ESTIMATORS)
def test_a_clone_has_the_parameters_and_a_pickle_the_fit(make: Any) -> None:
    estimator = make(hidden_layer_sizes=(4,), max_iter=3, random_state=0).fit(X, y)
    twin = clone(estimator)
    assert twin.get_params() == estimator.get_params()
    assert not hasattr(twin, "coefs_")
    copied = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(copied.predict(X), estimator.predict(X))
    copied.partial_fit(X, y), estimator.partial_fit(X, y)
    np.testing.assert_array_equal(copied.coefs_[0], estimator.coefs_[0])


@QUIET
def test_weights_are_views_that_count() -> None:
    regressor = MLPRegressor(hidden_layer_sizes=(3,), max_iter=1, random_state=0).fit(X, y)
    before = regressor.predict(X)
    regressor.intercepts_[-1][:] += 1.0
    np.testing.assert_allclose(regressor.predict(X), before + 1.0)
    np.testing.assert_allclose(regressor.network_.predict(X)[:, 0], before + 1.0)


@QUIET
def test_in_a_pipeline_and_a_grid_search() -> None:
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((8,), solver="lbfgs", random_state=0, max_iter=100))
    grid = {"mlpclassifier__alpha": np.logspace(-4, 0, 2), "mlpclassifier__max_iter": np.array([50, 100])}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.93


@QUIET
def test_in_a_calibrated_classifier() -> None:
    calibrated = CalibratedClassifierCV(MLPClassifier((8,), solver="lbfgs", random_state=0), cv=3).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1.0)


@QUIET
def test_a_frame_with_other_columns_is_refused() -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    classifier = MLPClassifier((3,), max_iter=1, random_state=0).fit(frame, pd.Series(y))
    assert classifier.predict(frame).shape == (150,)
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(frame[list("dcba")])


@QUIET
@pytest.mark.parametrize("make", ESTIMATORS)
@pytest.mark.parametrize("form", ["csr_array", "csc_matrix", "coo_matrix"])
def test_sparse_rows_train_as_dense_ones(make: Any, form: str) -> None:
    import scipy.sparse

    few = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}
    sparse = getattr(scipy.sparse, form)(X)
    ours, dense = make(**few).fit(sparse, y), make(**few).fit(X, y)
    np.testing.assert_array_equal(ours.predict(sparse), dense.predict(X))


@QUIET
@pytest.mark.parametrize("make", ESTIMATORS)
def test_single_precision_stays_single(make: Any) -> None:
    estimator = make(hidden_layer_sizes=(3,), max_iter=2, random_state=0)
    estimator.fit(X.astype(np.float32), y)
    assert {array.dtype for array in estimator.coefs_ + estimator.intercepts_} == {np.dtype("float32")}
    assert estimator.network_.spec.dtype == "float32"
    assert estimator.network_.predict(X).dtype == np.float32
