"""Embeddings, learned scales and parametric activations in every format that networks are exported to."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backstory as bs
from tests.engine.test_parts import SHAPES, a_network
from tests.interop.networks import close
from tests.interop.test_to_c import compiled, needs_cc

DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])
EVERY = pytest.mark.parametrize(
    ("shape", "hidden"), [*((shape, "mish") for shape in SHAPES), ("all", ["selu", "identity"])]
)


def rows(net: bs.Network) -> Any:
    return np.random.default_rng(0).normal(size=(5, net.spec.n_in)).astype(net.spec.dtype)


@DTYPES
@EVERY
def test_python(shape: str, hidden: Any, dtype: str, tmp_path: Path) -> None:
    net = a_network(shape, hidden, dtype)
    net.export(tmp_path / "net.py")
    description = importlib.util.spec_from_file_location("net", tmp_path / "net.py")
    assert description is not None
    assert description.loader is not None
    module = importlib.util.module_from_spec(description)
    description.loader.exec_module(module)
    close(np.array([module.predict(list(row)) for row in rows(net)]), net.predict(rows(net), engine="reference"), dtype)


@needs_cc
@DTYPES
@EVERY
def test_c(shape: str, hidden: Any, dtype: str, tmp_path: Path) -> None:
    net = a_network(shape, hidden, dtype)
    close(compiled(net, tmp_path / "net.c")(rows(net)), net.predict(rows(net), engine="reference"), dtype)


@DTYPES
@EVERY
def test_onnx(shape: str, hidden: Any, dtype: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    net = a_network(shape, hidden, dtype)
    net.export(tmp_path / "net.onnx")
    session = runtime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    close(session.run(["outputs"], {"X": rows(net)})[0], net.predict(rows(net), engine="reference"), dtype)


@DTYPES
@EVERY
def test_torch(shape: str, hidden: Any, dtype: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    net = a_network(shape, hidden, dtype)
    module, X = net.to_torch(), torch.tensor(rows(net))
    with torch.no_grad():
        close(module(X).numpy(), net.predict(rows(net), engine="reference"), dtype)
        assert torch.equal(pickle.loads(pickle.dumps(module))(X), module(X))
    assert sum(parameter.numel() for parameter in module.parameters()) == net.spec.n_parameters


@EVERY
def test_npz(shape: str, hidden: Any, tmp_path: Path) -> None:
    net = a_network(shape, hidden, "float32")
    net.export(tmp_path / "net.npz")
    twin = bs.from_npz(tmp_path / "net.npz")
    assert twin.spec == net.spec
    assert np.array_equal(twin.parameters, net.parameters)
