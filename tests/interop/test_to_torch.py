"""Export to PyTorch: a module with the same outputs and gradients, and a file of its state."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import backstory as bs
from tests.interop.networks import EVERY, EXTREMES, OF_ONE_UNIT, SINE, close, every, neuron, rows

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def outputs(module, X):
    with torch.no_grad():
        return module(torch.tensor(X)).numpy()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("hidden", "pair"), EVERY, ids=str)
def test_every_activation_output_and_loss(hidden, pair, dtype):
    net = every(hidden, pair, dtype)
    found = outputs(net.to_torch(), rows(net))
    assert found.dtype == dtype
    close(found, net.predict(rows(net), engine="reference"), dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("row", OF_ONE_UNIT, ids=str)
def test_extremes(row, dtype):
    far = 300 if row is SINE else 1e4  # beyond, both its sinh and its cosh are infinite in float32
    net, X = neuron(row, dtype), np.array([x for x in EXTREMES if abs(x) < far], dtype=dtype)[:, None]
    with np.errstate(over="ignore"):
        wanted = net.predict(X, engine="reference").astype(np.float64)
    found, finite = outputs(net.to_torch(), X), np.isfinite(wanted)
    tolerance = {"float64": 1e-14, "float32": 5e-6 if row is SINE else 6e-7}[dtype]
    assert np.all(abs(found[finite] - wanted[finite]) <= tolerance * (1 + abs(wanted[finite])))
    assert np.array_equal(found[~finite], wanted[~finite])


def test_modules_are_pytorchs_own_where_they_are_defined_so():
    hidden = ["relu", "gelu", "elu", bs.LeakyReLU(0.2), SINE]
    net = bs.Network([2, 3, 3, 3, 3, 3, 4], hidden=hidden, output="softmax", loss="cross_entropy", seed=0)
    parts = list(net.to_torch())
    assert [type(part).__name__ for part in parts[1::2]] == ["ReLU", "GELU", "ELU", "LeakyReLU", "Formula", "Softmax"]
    assert parts[7].negative_slope == 0.2
    assert "größe: sin(2*z)" in repr(parts[9])


def test_gradients_are_those_of_the_network():
    net = bs.Network([3, 4, 2], hidden=bs.Activation("own", "sin(z)*max(z, 0.3)"), loss="squared_error", seed=0)
    X, y = rows(net), np.ones((7, 2))
    module = net.to_torch()
    ((module(torch.tensor(X)) - torch.tensor(y)) ** 2).sum(dim=1).mean().backward()
    wanted = net.gradients(X, y)
    np.testing.assert_allclose(module[0].weight.grad.numpy().T, wanted.weights[0], rtol=1e-12)
    np.testing.assert_allclose(module[-1].bias.grad.numpy(), wanted.biases[1], rtol=1e-12)


def test_the_module_has_its_own_copy_and_can_be_copied_and_pickled():
    net = bs.Network([3, 4, 4, 2], hidden=[SINE, bs.Activation("constant", "1 + 0*z")], seed=0)
    module, wanted = net.to_torch(), net.predict(rows(net))
    net.parameters[:] = 0
    for each in (module, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        close(outputs(each, rows(net)), wanted, "float64")


def test_the_file_holds_the_modules_state(tmp_path):
    net = bs.Network([3, 4, 2], hidden="relu", biases=False, seed=0)
    net.export(tmp_path / "net.pt")
    state = torch.load(tmp_path / "net.pt", weights_only=True)
    assert list(state) == ["0.weight", "2.weight"]
    other = bs.Network([3, 4, 2], hidden="relu", biases=False, seed=1).to_torch()
    other.load_state_dict(state)
    close(outputs(other, rows(net)), net.predict(rows(net)), "float64")


def test_there_and_back():
    for name in ("relu", "softplus", "gelu_tanh", "arctan", "silu"):
        net = bs.Network([3, 4, 2], hidden=name, output="softmax", loss="cross_entropy", seed=0, dtype="float32")
        if name != "arctan":  # a formula is no module of PyTorch
            assert bs.from_torch(net.to_torch()).spec.activations == net.spec.activations
            np.testing.assert_array_equal(bs.from_torch(net.to_torch()).parameters, net.parameters)


def test_the_same_bytes_twice(tmp_path):
    net = bs.Network([3, 4, 2], seed=0)
    net.export(tmp_path / "a.pt")
    net.export(tmp_path / "b.pth")
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pth").read_bytes()
