"""In the hands of what scikit-learn's users use: searches, ensembles, frames, calibration, importances, routing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingRegressor, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import backstory as bs
from backstory import MLPClassifier, MLPRegressor
from backstory.estimators import rows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, y = load_iris(return_X_y=True)
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]
FEW: dict[str, Any] = {"hidden_layer_sizes": (6,), "solver": "lbfgs", "random_state": 0, "max_iter": 60}


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames_of_both_kinds_give_names_and_the_same_numbers(frame: Any) -> None:
    table = frame({name: X[:, k] for k, name in enumerate(NAMES)})
    labels = pd.Series(y) if frame is pd.DataFrame else pl.Series(y)
    fitted, plain = MLPClassifier(**FEW).fit(table, labels), MLPClassifier(**FEW).fit(X, y)
    assert fitted.feature_names_in_.tolist() == NAMES
    np.testing.assert_array_equal(fitted.predict_proba(table), plain.predict_proba(X))
    watched = MLPClassifier(**FEW | {"solver": "adam"}).fit(table, labels, X_val=table[:9], y_val=labels[:9])
    assert len(watched.validation_loss_curve_) == 60
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(table[NAMES[::-1]])


def test_a_pipeline_hands_frames_on() -> None:
    frame = pd.DataFrame(X, columns=NAMES).assign(color=np.where(X[:, 0] > 5.5, "red", "blue"))
    encode = make_column_transformer((OneHotEncoder(sparse_output=False), ["color"]), remainder=StandardScaler())
    pipeline = make_pipeline(encode, MLPClassifier(**FEW)).set_output(transform="pandas").fit(frame, y)
    assert "onehotencoder__color_red" in pipeline[-1].feature_names_in_
    assert pipeline.score(frame, y) > 0.95
    story = pipeline[-1].explain("da2[2]/dx[remainder__petal length]", pipeline[0].transform(frame).iloc[[70]])
    assert story.value != 0


def test_searches_go_over_sizes_and_over_objects() -> None:
    grid = {"hidden_layer_sizes": [(2,), (6, 4)], "solver": ["lbfgs", bs.Adam(0.02)], "loss": ["log_loss", "huber"]}
    search = GridSearchCV(MLPClassifier(random_state=0, max_iter=60), grid, cv=3, n_jobs=2).fit(X, y)
    assert search.best_score_ > 0.9
    assert len(search.cv_results_["params"]) == 8
    mixed = np.random.default_rng(0).permutation(150)  # else each fold is a kind of its own
    drawn = RandomizedSearchCV(MLPRegressor(**FEW), {"alpha": np.logspace(-5, 0, 20)}, n_iter=3, cv=3, random_state=0)
    assert drawn.fit(X[mixed, :3], X[mixed, 3]).best_score_ > 0.8


def test_scores_votes_and_calibration() -> None:
    classifier = make_pipeline(StandardScaler(), MLPClassifier(**FEW))
    assert cross_val_score(classifier, X, y, cv=3).mean() > 0.9
    voted = VotingClassifier([("mlp", classifier), ("linear", LogisticRegression(max_iter=500))], voting="soft")
    assert voted.fit(X, y).score(X, y) > 0.95
    for method in ("sigmoid", "isotonic", "temperature"):
        calibrated = CalibratedClassifierCV(classifier, method=method, cv=3).fit(X, y)
        np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1.0)
        assert calibrated.score(X, y) > 0.9


def test_permutation_finds_the_column_that_counts() -> None:
    target = 3 * X[:, 2]
    regressor = make_pipeline(StandardScaler(), MLPRegressor(**FEW)).fit(X, target)
    importances = permutation_importance(regressor, X, target, n_repeats=3, random_state=0).importances_mean
    assert importances.argmax() == 2


def test_regressors_in_other_regressors() -> None:
    bagged = BaggingRegressor(make_pipeline(StandardScaler(), MLPRegressor(**FEW)), n_estimators=3, random_state=0)
    assert bagged.fit(X[:, :3], X[:, 3]).score(X[:, :3], X[:, 3]) > 0.8
    scaled = TransformedTargetRegressor(MLPRegressor(**FEW), transformer=StandardScaler())
    assert scaled.fit(X[:, :2], 1e4 * X[:, 2:]).score(X[:, :2], 1e4 * X[:, 2:]) > 0.5


def test_weights_are_routed_through_cross_validation() -> None:
    weights = np.where(y == 2, 1e-9, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = MLPClassifier(**FEW).set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        found = cross_validate(
            classifier, X, y, cv=3, params={"sample_weight": weights}, return_estimator=True, error_score="raise"
        )
    for estimator in found["estimator"]:
        assert estimator.predict_proba(X)[:, 2].mean() < 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [scipy.sparse.csr_array, scipy.sparse.csc_array])
def test_sparse_rows_are_predicted_from_part_by_part(make: Any, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = make(X.astype(dtype))
    classifier = MLPClassifier(**FEW | {"solver": "adam"}).fit(table, y)
    whole = classifier.predict_proba(table)
    assert whole.dtype == dtype
    monkeypatch.setattr(rows, "MOST_DENSE", 4 * 7)
    assert [len(part) for part in rows.dense_parts(table)] == [7] * 21 + [3]
    np.testing.assert_allclose(classifier.predict_proba(table), whole, rtol=1e-6)
    np.testing.assert_array_equal(classifier.predict(table), classifier.predict(X.astype(dtype)))


def test_a_clone_has_every_object_that_was_given() -> None:
    given: dict[str, Any] = {
        "activation": ["tanh", bs.Activation("sine", "sin(2*z)")],
        "hidden_layer_sizes": (4, 3),
        "solver": bs.AdamW(bs.Cosine(0.01)),
        "loss": bs.CrossEntropy(0.1),
        "penalty": bs.L1(1e-3),
        "callbacks": [bs.EverySteps(5, print)],
    }
    twin = clone(MLPClassifier(**given))
    for name, value in given.items():
        assert getattr(twin, name) == value, name
    assert "AdamW(" in repr(twin)
