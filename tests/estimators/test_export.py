"""Exported estimators: what other programs compute is what `predict` and `predict_proba` give."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import backstory as bs

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.{ConvergenceWarning.__name__}")

X = np.random.default_rng(0).normal(size=(60, 3))
TARGETS = {
    "two": np.where(X[:, 0] > 0, "yes", "no"),
    "three": np.digitize(X[:, 1], [-0.5, 0.5]) * 10,
    "several": (X[:, :2] > 0).astype(int),
    "booleans": X[:, 2] > 0,
}


def session(estimator, path):
    runtime = pytest.importorskip("onnxruntime")
    estimator.export(path)
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
def test_onnx_gives_labels_and_probabilities(y, tmp_path):
    estimator = bs.MLPClassifier(5, max_iter=20, random_state=0).fit(X, y)
    label, probabilities = session(estimator, tmp_path / "net.onnx").run(["label", "probabilities"], {"X": X})
    np.testing.assert_array_equal(label, estimator.predict(X))
    np.testing.assert_allclose(probabilities, estimator.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize("loss", ["hinge", "binary_cross_entropy"])
def test_outputs_that_are_read_otherwise_come_as_they_are(loss, tmp_path):
    estimator = bs.MLPClassifier(5, max_iter=20, random_state=0, loss=loss).fit(X, TARGETS["three"])
    (outputs,) = session(estimator, tmp_path / "net.onnx").run(["outputs"], {"X": X})
    np.testing.assert_allclose(outputs, estimator.network_.predict(X), rtol=1e-12)


@pytest.mark.parametrize("y", [X[:, 0] ** 2, X[:, :2] ** 2], ids=["one", "two"])
def test_a_regressor(y, tmp_path):
    estimator = bs.MLPRegressor(hidden_layer_sizes=5, max_iter=20, random_state=0).fit(X, y)
    (outputs,) = session(estimator, tmp_path / "net.onnx").run(["outputs"], {"X": X})
    np.testing.assert_allclose(outputs.reshape(y.shape), estimator.predict(X), rtol=1e-12)


def test_python_names_the_classes(tmp_path):
    estimator = bs.MLPClassifier(5, max_iter=20, random_state=0).fit(X, TARGETS["two"])
    estimator.export(tmp_path / "net.py")
    scope = {}
    exec((tmp_path / "net.py").read_text(), scope)
    assert scope["CLASSES"] == ("no", "yes")
    assert scope["predict"](X[0])[0] == pytest.approx(estimator.predict_proba(X[:1])[0, 1], rel=1e-12)
    assert "1 number, the probability of the second class" in scope["predict"].__doc__


def test_before_fit(tmp_path):
    with pytest.raises(AttributeError, match="has 'export' once it is fitted; call fit first"):
        bs.MLPRegressor().export(tmp_path / "net.c")
