"""Questions put to estimators: in labels and names of columns, about the loss and about predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

import backstory as bs
from backstory import MLPClassifier, MLPRegressor

random = np.random.default_rng(0)
X = random.normal(size=(40, 3))
THREE = np.array(["cat", "dog", "eel"])[np.digitize(X[:, 0], [-0.4, 0.4])]
TWO = np.where(X[:, 1] > 0, "yes", "no")
FEW = {"hidden_layer_sizes": (4,), "activation": "tanh", "solver": "lbfgs", "random_state": 0, "max_iter": 15000}
FRAME = pd.DataFrame(X, columns=["petal length", "petal width", "7"])


def classifier(y: object = THREE) -> MLPClassifier:
    return MLPClassifier(**FEW | {"alpha": 0.5, "tol": 1e-3}).fit(FRAME, y)


def test_the_loss_is_explained_in_labels() -> None:
    fitted = classifier()
    story = fitted.explain("w1[2->0]", FRAME, THREE)
    targets = np.searchsorted(["cat", "dog", "eel"], THREE)
    assert story.value == pytest.approx(fitted.network_.gradients(X, targets).weights[0][2, 0])
    one = fitted.explain("b2[1]", X[3], THREE[3])
    wanted = fitted.predict_proba(FRAME.iloc[[3]])[0, 1] - (THREE[3] == "dog")
    assert one.value == pytest.approx(wanted)
    unnamed = MLPClassifier(**FEW | {"alpha": 0.5, "tol": 1e-3}).fit(csr_array(X), THREE)
    assert unnamed.explain("w1[2->0]", csr_array(X), THREE, row=2).value == pytest.approx(story.value)


def test_stories_say_which_columns_they_are_about() -> None:
    fitted = classifier()
    assert fitted.explain("w1[1->0]", FRAME, THREE).notes[0] == "x[1] is petal width."
    assert "x[0] is petal length." in str(fitted.explain("da2[1]/dx[petal length]", X[3]))
    assert not fitted.explain("w2[1->0]", FRAME, THREE).remarks
    unnamed = MLPClassifier(**FEW | {"alpha": 0.5, "tol": 1e-3}).fit(X, THREE)
    assert not unnamed.explain("w1[1->0]", X, THREE).remarks
    with pytest.raises(
        bs.ConfigurationError, match=r"no names of columns\. Got 'x\[petal width\]'; ask by number: x\[0\]"
    ):
        unnamed.explain("da2[1]/dx[petal width]", X[3])


def test_numbers_of_a_story_are_short() -> None:
    fitted = MLPClassifier(4, activation="tanh", max_iter=20, tol=1, alpha=1e-4, random_state=0).fit(X[:30], TWO[:30])
    told = str(fitted.explain("w1[2->0]", X[:1], TWO[:1]))
    assert "the penalty of this weight is 1.66667e-06*w1[2->0]^2" in told  # 1e-4/2 by 30 rows
    assert "Adam(learning_rate=0.001, beta1" in told


@pytest.mark.parametrize("y", [THREE, TWO], ids=["three", "two"])
def test_a_prediction_is_explained_without_a_target(y: np.ndarray) -> None:
    fitted = classifier(y)
    above, below = X[[5]].copy(), X[[5]].copy()
    above[0, 1], below[0, 1] = X[5, 1] + 1e-6, X[5, 1] - 1e-6
    columns = list(FRAME.columns)
    slopes = (
        fitted.predict_proba(pd.DataFrame(above, columns=columns))
        - fitted.predict_proba(pd.DataFrame(below, columns=columns))
    )[0] / 2e-6
    for unit, slope in enumerate(slopes if len(slopes) == 3 else slopes[1:]):
        for name in ("x[1]", "x[petal width]", "a0[petal width]"):
            story = fitted.explain(f"da2[{unit}]/d{name}", X[5])
            assert story.value == pytest.approx(slope, rel=1e-5)
    assert story.path_count == (12 if len(slopes) == 3 else 4)  # softmax joins all its inputs


def test_a_regressor_explains_its_predictions() -> None:
    y = X @ [1.0, 2.0, 3.0]
    regressor = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0, tol=1e-8, random_state=0).fit(X, y)
    assert regressor.explain("da1[0]/dx[2]", X[0]).value == pytest.approx(3.0, abs=1e-4)
    assert regressor.explain("w1[0->0]", X, y).value == pytest.approx(0.0, abs=1e-4)


def test_a_column_whose_name_is_a_number_is_still_meant_by_its_place() -> None:
    fitted = classifier()
    with pytest.raises(bs.ConfigurationError, match="has no .*7|7"):
        fitted.explain("da2[0]/dx[7]", X[0])
    with pytest.raises(bs.ConfigurationError, match="Unknown column 'petal widht'. Did you mean 'petal width'"):
        fitted.explain("da2[0]/dx[petal widht]", X[0])


def test_the_loss_needs_a_target() -> None:
    with pytest.raises(bs.DataError, match="explain needs y for 'w1.2->0.', a derivative of the loss"):
        classifier().explain("w1[2->0]", FRAME)
    with pytest.raises(bs.DataError, match="check takes X and y together"):
        classifier().check("delta2[0] = a2[0] - y[0]", X[0])
    with pytest.raises(bs.DataError, match="check shows the numbers of one row. Got 40 rows"):
        classifier().check("delta2[0] = a2[0] - y[0]", FRAME, THREE)


@pytest.mark.parametrize("y", [THREE, TWO, X[:, :2] > 0], ids=["three", "two", "labels"])
def test_equations_are_judged_about_the_fitted_network(y: np.ndarray) -> None:
    fitted = classifier(y)
    assert fitted.check("delta2[0] = a2[0] - y[0]").ok
    assert fitted.check("delta2[0] = a2[0] - y[0]", X[0], y[0]).ok
    verdict = fitted.check("delta2[0] = y[0] - a2[0]", FRAME.iloc[[0]], y[:1])
    assert verdict.findings[0].kind == "wrong_sign"


def test_flow_and_rows_that_push_take_labels() -> None:
    fitted = classifier()
    targets = np.searchsorted(["cat", "dog", "eel"], THREE)
    flow, wanted = fitted.gradient_flow(FRAME, THREE), fitted.network_.gradient_flow(X, targets)
    assert flow.layers[0].delta == wanted.layers[0].delta
    pushes = fitted.sample_gradients(FRAME, THREE, "w1[0->1]")
    np.testing.assert_allclose(pushes.gradients, fitted.network_.sample_gradients(X, targets, "w1[0->1]").gradients)
    assert bs.audit(fitted, FRAME, THREE).ok


def test_nothing_can_be_asked_before_fit() -> None:
    for ask in ("explain", "gradient_flow"):
        with pytest.raises(ValueError, match="is not fitted yet"):
            getattr(MLPClassifier(), ask)(*(("w1[0->0]",) if ask == "explain" else ()), X, THREE)
