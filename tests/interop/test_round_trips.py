"""To ONNX and back: the same network to the bit; what cannot come back is refused, with the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backstory as bs
from tests.interop.networks import EVERY, SINE, every, rows
from tests.interop.test_tables import FRAME, network

pytest.importorskip("onnx", reason="onnx is not installed")

OF_FLOAT32 = ("gelu", "arctan")
"""Activations that onnxruntime has in float32 only: in float64 they are written as sums over points of an integral."""


def back(net: bs.Network, folder: Path, **how: Any) -> bs.Network:
    net.export(folder / "net.onnx", **how)
    return bs.from_onnx(folder / "net.onnx", loss=net.spec.loss, penalty=net.spec.penalty)


def same(again: bs.Network, net: bs.Network) -> None:
    assert again.spec == net.spec
    assert again.folded == ()
    np.testing.assert_array_equal(again.parameters, net.parameters)
    np.testing.assert_array_equal(again.predict(rows(net)), net.predict(rows(net)))


def comes_back(net: bs.Network) -> bool:
    return net.spec.dtype == "float32" or not {row.name for row in net.spec.activations} & set(OF_FLOAT32)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("hidden", "pair"), EVERY, ids=str)
def test_every_activation_output_and_loss(hidden, pair, dtype, tmp_path):
    net = every(hidden, pair, dtype)
    if comes_back(net):
        same(back(net, tmp_path), net)
        return
    with pytest.raises(
        bs.ConfigurationError, match=r"Cannot import 'layer\d/Unsqueeze' .* export with dtype='float32'"
    ):
        back(net, tmp_path)
    shorter = every(hidden, pair, "float32")
    shorter.parameters[:] = net.parameters
    same(back(net, tmp_path, dtype="float32"), shorter)


def test_parameters_of_activations_sizes_and_a_network_without_biases(tmp_path):
    for net in (
        bs.Network([4, 6, 3], hidden=bs.LeakyReLU(0.2), seed=0),
        bs.Network([4, 6, 3], hidden=bs.ELU(0.7), seed=0, dtype="float32"),
        bs.Network([4, 5, 3], hidden="tanh", biases=False, seed=0),
        bs.Network([1, 1], seed=0),
        bs.Network([3, *[7] * 20, 2], hidden="silu", seed=0, dtype="float32"),
        bs.Network([4, 5, 3], penalty=bs.L2(0.1), seed=0),
    ):
        again = back(net, tmp_path)
        np.testing.assert_array_equal(again.parameters, net.parameters)
        np.testing.assert_allclose(again.predict(rows(net)), net.predict(rows(net)), rtol=1e-12)
        assert again.spec.biases == net.spec.biases


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_labels_do_not_come_back_but_probabilities_do(output, tmp_path):
    loss = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}[output]
    net = bs.Network([2, 3], output=output, loss=loss, seed=0)
    net.classes = ["a", "b", "c"]
    again = back(net, tmp_path)
    same(again, net)
    assert again.classes is None


def test_a_table_comes_back_without_its_encoding(tmp_path):
    from onnx.utils import extract_model

    net = network("float32", ["no", "yes"])
    with pytest.raises(
        bs.ConfigurationError, match=r"one input .* Got 'age', .*cut that part off with onnx.utils.extra"
    ):
        back(net, tmp_path)
    extract_model(tmp_path / "net.onnx", tmp_path / "rows.onnx", ["inputs"], ["probabilities"])
    assert net.table is not None
    X = net.table.inputs(FRAME, "float32")
    np.testing.assert_array_equal(bs.from_onnx(tmp_path / "rows.onnx").predict(X), net.predict(X))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_classes_of_one_output_come_back(dtype, tmp_path):
    net = bs.Network([2, 3, 1], output="sigmoid", loss="binary_cross_entropy", seed=0, dtype=dtype)
    net.classes = ["no", "yes"]
    same(back(net, tmp_path), net)  # the graph gives 1 - p and p


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (bs.Network([2, 2, 1], hidden=SINE, seed=0), r"the function that Mul, Sin, .* make is none of the library's"),
    ],
    ids=["an activation of one's own"],
)
def test_what_cannot_come_back(net, message, tmp_path):
    with pytest.raises(bs.ConfigurationError, match=message):
        back(net, tmp_path)
