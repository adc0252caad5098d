"""Export to ONNX: onnxruntime computes what the network predicts, to the precision of its own kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backstory as bs
from tests.interop.networks import EVERY, EXTREMES, OF_ONE_UNIT, SINE, TRICKY, close, every, neuron, rows

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
onnxruntime.set_default_logger_severity(3)


def session(net: bs.Network, folder: Path, **how: Any) -> Any:
    net.export(folder / "net.onnx", **how)
    return onnxruntime.InferenceSession(str(folder / "net.onnx"), providers=["CPUExecutionProvider"])


def outputs(net: bs.Network, X: Any, folder: Path) -> Any:
    return session(net, folder).run(["outputs"], {"X": np.asarray(X, dtype=net.spec.dtype)})[0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("hidden", "pair"), EVERY, ids=str)
def test_every_activation_output_and_loss(hidden, pair, dtype, tmp_path):
    net = every(hidden, pair, dtype)
    found = outputs(net, rows(net), tmp_path)
    assert found.dtype == dtype
    close(found, net.predict(rows(net), engine="reference"), dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("row", OF_ONE_UNIT, ids=str)
def test_extremes(row, dtype, tmp_path):
    """Relative where a value is large, absolute where it is small: as onnxruntime's own sigmoid and elu are."""
    far = 300 if row is SINE else 1e4  # beyond, both its sinh and its cosh are infinite in float32
    net, X = neuron(row, dtype), np.array([x for x in EXTREMES if abs(x) < far], dtype=dtype)[:, None]
    with np.errstate(over="ignore"):
        wanted = net.predict(X, engine="reference").astype(np.float64)
    found, finite = outputs(net, X, tmp_path), np.isfinite(wanted)
    tolerance = {"float64": 1e-14, "float32": 5e-6 if row is SINE else 3e-7}[dtype]
    assert np.all(abs(found[finite] - wanted[finite]) <= tolerance * (1 + abs(wanted[finite])))
    assert np.array_equal(found[~finite], wanted[~finite])


@pytest.mark.parametrize("function", ["expm1(z)", "log1p(z)", "erf(z)", "arctan(z)", "sinh(z)", "cosh(z)", "tan(z)"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_elementary_functions_are_accurate_near_zero_too(function, dtype, tmp_path):
    net = neuron(bs.Activation("own", function), dtype)
    X = np.concatenate([10.0 ** np.arange(-30, 0), np.linspace(0.1, 0.99, 60)])
    X = np.concatenate([X, -X, [2.0, 5.5, 6.5, 40.0, 700.0][: 5 if dtype == "float64" else 4]])[:, None].astype(dtype)
    if "log1p" not in function:
        X = np.concatenate([X, -X])
    wanted = net.predict(X, engine="reference")
    tolerance = {"float64": 2e-14, "float32": 2e-6}[dtype]
    np.testing.assert_allclose(outputs(net, X, tmp_path), wanted, rtol=tolerance)


def test_sizes_from_one_neuron_to_many(tmp_path):
    for net in (
        bs.Network([1, 1], seed=0),
        bs.Network([3, 2, 1], biases=False, seed=0, dtype="float32"),
        bs.Network([784, 500, 300, 10], output="softmax", loss="cross_entropy", seed=0, dtype="float32"),
    ):
        X = rows(net, 3)
        close(outputs(net, X, tmp_path), net.predict(X), net.spec.dtype)


PRINTABLE = [label for label in TRICKY if label.isprintable()]


@pytest.mark.parametrize("labels", [["b", "a", "ö"], [3, 1, 2], [0.5, 1.5, 2.5], [False, True], PRINTABLE], ids=str)
def test_classes_come_as_label_and_probabilities(labels, tmp_path):
    net = bs.Network([2, len(labels)], output="softmax", loss="cross_entropy", seed=0)
    net.classes = labels
    X = rows(net, 30)
    label, probabilities = session(net, tmp_path).run(["label", "probabilities"], {"X": X})
    close(probabilities, net.predict(X), "float64")
    assert label.tolist() == [labels[index] for index in net.predict(X).argmax(axis=1)]


def test_one_output_for_two_classes(tmp_path):
    net = bs.Network([2, 1], output="sigmoid", loss="binary_cross_entropy", seed=0)
    net.classes = ["no", "yes"]
    X = rows(net, 30)
    label, probabilities = session(net, tmp_path).run(["label", "probabilities"], {"X": X})
    p = net.predict(X)[:, 0]
    close(probabilities, np.column_stack([1 - p, p]), "float64")
    assert label.tolist() == np.where(p > 0.5, "yes", "no").tolist()


def test_any_of_several_classes(tmp_path):
    net = bs.Network([2, 3], output="sigmoid", loss="binary_cross_entropy", seed=0, dtype="float32")
    net.classes = ["a", "b", "c"]
    X = rows(net, 30)
    label, probabilities = session(net, tmp_path).run(["label", "probabilities"], {"X": X})
    close(probabilities, net.predict(X), "float32")
    assert np.array_equal(label, net.predict(X) > 0.5)


def test_classes_that_fit_no_outputs_are_left_out(tmp_path):
    net = bs.Network([2, 1], output="tanh", seed=0)
    net.classes = ["no", "yes"]  # which of them a number in (-1, 1) means is not known
    assert [each.name for each in session(net, tmp_path).get_outputs()] == ["outputs"]


def test_operators_are_onnxs_own_where_they_are_defined_so(tmp_path):
    hidden = ["relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "mish", "softplus", "softsign", "silu"]
    hidden += ["hard_sigmoid", "hard_tanh", "arctan", "tanh", "exp"]
    net = bs.Network([2] * 17, hidden=hidden, output="sigmoid", seed=0, dtype="float32")
    session(net, tmp_path)
    model = onnx.load(tmp_path / "net.onnx")
    operators = [node.op_type for node in model.graph.node if node.op_type not in ("Gemm", "Identity")]
    assert operators == [
        "Relu", "LeakyRelu", "Elu", "Selu", "Gelu", "Gelu", "Mish", "Softplus", "Softsign", "Sigmoid", "Mul",
        "HardSigmoid", "Clip", "Atan", "Tanh", "Exp", "Sigmoid",
    ]  # fmt: skip
    onnx.checker.check_model(model, full_check=True)


def test_the_reference_evaluator_of_onnx_agrees(tmp_path):
    net = bs.Network([3, 4, 4, 2], hidden=["gelu", SINE], output="arctan", seed=0)
    session(net, tmp_path)
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator(str(tmp_path / "net.onnx"))
    close(evaluator.run(None, {"X": rows(net)})[0], net.predict(rows(net)), "float64")


def test_the_same_bytes_twice(tmp_path):
    net = every("gelu", ("softmax", "cross_entropy"))
    net.export(tmp_path / "a.onnx")
    net.copy().export(tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_a_network_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("backstory.interop.to_onnx.MOST_BYTES", 20)
    with pytest.raises(
        bs.ConfigurationError, match=r"An ONNX file holds less than 2 GiB. The parameters take 0.0; export"
    ):
        bs.Network([2, 1], seed=0).export(tmp_path / "net.onnx")
