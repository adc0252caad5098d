"""Export to Python: what the file computes is what the network predicts, whatever names and numbers are in it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backstory as bs
from tests.interop.networks import EVERY, EXTREMES, OF_ONE_UNIT, TRICKY, close, every, neuron, rows


def scope_of(net: bs.Network, folder: Path, **how: Any) -> dict[str, Any]:
    net.export(folder / "net.py", **how)
    scope: dict[str, Any] = {}
    exec((folder / "net.py").read_text(encoding="ascii"), scope)
    return scope


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("hidden", "pair"), EVERY, ids=str)
def test_every_activation_output_and_loss(hidden, pair, dtype, tmp_path):
    net = every(hidden, pair, dtype)
    X = rows(net)
    predict = scope_of(net, tmp_path)["predict"]
    close([predict(row) for row in X], net.predict(X, engine="reference"), dtype)


@pytest.mark.parametrize("row", OF_ONE_UNIT, ids=str)
def test_extremes(row, tmp_path):
    net = neuron(row)
    predict = scope_of(net, tmp_path)["predict"]
    for x in EXTREMES:
        wanted = net.predict([[x]], engine="reference")[0, 0]
        assert predict([x])[0] == pytest.approx(wanted, rel=1e-13, abs=1e-300, nan_ok=True)


def test_what_overflows_is_an_infinity_as_in_the_network(tmp_path):
    steep = bs.Activation("steep", "exp(z)^3/(z - 2) + 1/z")
    predict = scope_of(neuron(steep), tmp_path)["predict"]
    assert [predict([x])[0] for x in (800.0, 0.0, 2.0)] == [np.inf, np.inf, np.inf]


def test_it_imports_math_and_nothing_else(tmp_path):
    every("mish", ("softmax", "cross_entropy")).export(tmp_path / "net.py")
    tree = ast.parse((tmp_path / "net.py").read_text())
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in found] == ["import math"]


def test_sizes_from_one_neuron_to_many(tmp_path):
    for net in (
        bs.Network([1, 1], seed=0),
        bs.Network([3, 1], biases=False, seed=0),
        bs.Network([300, 200, 50, 10], output="softmax", loss="cross_entropy", seed=0),
    ):
        X = rows(net, 3)
        predict = scope_of(net, tmp_path)["predict"]
        close([predict(row) for row in X], net.predict(X), "float64")


def test_labels_cannot_break_out(tmp_path):
    net = bs.Network([2, len(TRICKY)], output="softmax", loss="cross_entropy", seed=0)
    net.classes = TRICKY
    assert list(scope_of(net, tmp_path)["CLASSES"]) == TRICKY


def test_activations_of_any_name(tmp_path):
    names = ["sum", "zip", "a", "z", "predict", "lambda", "W1", "B1", "_exp", "math", "ä", "each"]
    own = [bs.Activation(name, f"z/{i + 2} + exp(-z^2)") for i, name in enumerate(names)]
    net = bs.Network([2] * (len(names) + 2), hidden=own, seed=0)
    X = rows(net)
    predict = scope_of(net, tmp_path)["predict"]
    close([predict(row) for row in X], net.predict(X), "float64")


def test_a_row_of_another_length_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^A row must have 2 inputs. Got 3.$"):
        scope_of(bs.Network([2, 1], seed=0), tmp_path)["predict"]([1, 2, 3])


def test_the_same_bytes_twice(tmp_path):
    net = every("gelu", ("softmax", "cross_entropy"))
    net.export(tmp_path / "a.py")
    net.copy().export(tmp_path / "b.py")
    assert (tmp_path / "a.py").read_bytes() == (tmp_path / "b.py").read_bytes()
