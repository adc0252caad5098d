"""The gradient is the derivative of the loss: every activation, every pair, by central differences and PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backstory as bs
from backstory.engine.reference import loss_of_rows

from .networks import HIDDEN, PAIRS, an_output_for, data, network, relative_difference

ENGINES = ("native", "reference")


def flat(gradients: bs.Gradients) -> Any:
    """Weights and biases in the order of `Network.parameters`."""
    biases = gradients.biases or ((),) * len(gradients.weights)
    return np.concatenate([np.ravel(part) for pair in zip(gradients.weights, biases, strict=True) for part in pair])


def central_differences(net: bs.Network, X: Any, y: Any, engine: str) -> Any:
    """Fourth-order central differences of the loss by each parameter, error about h^4."""
    h, theta = 2e-3, net.parameters
    slopes = np.empty_like(theta)
    for i, middle in enumerate(theta.copy()):
        losses = []
        for offset in (-2, -1, 1, 2):
            theta[i] = middle + offset * h
            losses.append(net.loss(X, y, engine=engine))
        theta[i] = middle
        slopes[i] = (losses[0] - 8 * losses[1] + 8 * losses[2] - losses[3]) / (12 * h)
    return slopes


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("penalty", [None, bs.Elastic(0.03, 0.2)])
@pytest.mark.parametrize(("output", "loss"), PAIRS)
def test_every_pair_against_central_differences(output: str, loss: str, penalty: Any, engine: str) -> None:
    net = network([3, 4, 3], "tanh", output, loss, penalty=penalty)
    X, y = data(net, 6)
    assert relative_difference(flat(net.gradients(X, y, engine=engine)), central_differences(net, X, y, engine)) < 1e-7


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_every_hidden_activation_against_central_differences(hidden: str, engine: str) -> None:
    net = network([3, 4, 4, 2], hidden, "identity", "half_squared_error")
    X, y = data(net, 6)
    assert relative_difference(flat(net.gradients(X, y, engine=engine)), central_differences(net, X, y, engine)) < 1e-7


def audited(net: bs.Network, seed: int, engine: str) -> str:
    X, y = data(net, 3, seed)
    report = bs.audit(net, X, y, gradient=net.gradients(X, y, engine=engine))
    return "" if report.verdict != "fail" else str(report)


@pytest.mark.parametrize("hidden", HIDDEN)
@given(seed=st.integers(0, 2**31), penalty=st.sampled_from([None, bs.L1(0.1), bs.L2(0.2), bs.Elastic(0.03, 0.2)]))
@settings(max_examples=2)
def test_every_hidden_activation_at_random_points(hidden: str, seed: int, penalty: Any) -> None:
    """By differences whose errors are measured, which know kinks: no rule may fail anywhere."""
    net = network([2, 3, 2, 1], hidden, "identity", "half_squared_error", seed=seed, penalty=penalty)
    for engine in ENGINES:
        assert not audited(net, seed, engine)


@pytest.mark.parametrize(("output", "loss"), PAIRS)
@given(seed=st.integers(0, 2**31))
@settings(max_examples=1)
def test_every_pair_at_random_points(output: str, loss: str, seed: int) -> None:
    net = network([2, 2], "identity", output, loss, seed=seed)
    assert not audited(net, seed, ENGINES[seed % 2])


@pytest.mark.parametrize(("output", "loss"), PAIRS)
def test_a_fused_form_is_the_chain_rule(output: str, loss: str) -> None:
    net = network([3, 3], "identity", output, loss)
    rng = np.random.default_rng(1)
    z = rng.normal(size=(20, 3))
    y = data(net, 20)[1]
    for smoothing in (0.0, 0.1) if "cross_entropy" in loss else (0.0,):
        row = net.spec.loss.replace(label_smoothing=smoothing) if smoothing else net.spec.loss
        spec = network([3, 3], "identity", output, row).spec
        (rows, back), (rows_apart, back_apart) = (loss_of_rows(spec, z, y, fused=fused) for fused in (True, False))
        assert relative_difference(rows, rows_apart) < 1e-12
        assert relative_difference(back(), back_apart()) < 1e-12


def torch_network(net: bs.Network, X: Any, y: Any) -> Any:
    """The same loss in PyTorch, float64; returns the gradient laid out like `Network.parameters`."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    activations = {
        "identity": lambda z: z,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": F.relu,
        "leaky_relu": lambda z: F.leaky_relu(z, 0.01),
        "elu": F.elu,
        "selu": F.selu,
        "gelu": F.gelu,
        "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
        "silu": F.silu,
        "mish": F.mish,
        "softplus": F.softplus,
        "softsign": F.softsign,
        "hard_sigmoid": lambda z: torch.clamp(z / 6 + 0.5, 0, 1),  # F.hardsigmoid's slope is 1/6 rounded to float32
        "hard_tanh": F.hardtanh,
        "arctan": torch.atan,
        "exp": torch.exp,
        "softmax": lambda z: F.softmax(z, dim=1),
    }
    losses = {
        "half_squared_error": lambda a, t: 0.5 * ((a - t) ** 2).sum(1),
        "squared_error": lambda a, t: ((a - t) ** 2).sum(1),
        "mean_squared_error": lambda a, t: ((a - t) ** 2).mean(1),
        "absolute_error": lambda a, t: (a - t).abs().sum(1),
        "mean_absolute_error": lambda a, t: (a - t).abs().mean(1),
        "huber": lambda a, t: F.huber_loss(a, t, reduction="none").sum(1),
        "log_cosh": lambda a, t: torch.log(torch.cosh(a - t)).sum(1),
        "quantile": lambda a, t: torch.maximum(0.5 * (t - a), -0.5 * (t - a)).sum(1),
        "poisson": lambda a, t: F.poisson_nll_loss(a, t, log_input=False, eps=0, reduction="none").sum(1),
        "binary_cross_entropy": lambda a, t: F.binary_cross_entropy(a, t, reduction="none").sum(1),
        "cross_entropy": lambda a, t: -(t * torch.log(a)).sum(1),
        "hinge": lambda a, t: F.relu(1 - t * a).sum(1),
    }
    tensors = [
        torch.tensor(part, requires_grad=True) for pair in zip(net.weights, net.biases, strict=True) for part in pair
    ]
    a = torch.tensor(X)
    for layer, row in enumerate(net.spec.activations):
        a = activations[row.name](a @ tensors[2 * layer] + tensors[2 * layer + 1])
    losses[net.spec.loss.name](a, torch.tensor(y)).mean().backward()
    return np.concatenate([tensor.grad.numpy().ravel() for tensor in tensors])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("output", "loss"), PAIRS)
def test_every_pair_against_pytorch(output: str, loss: str, engine: str) -> None:
    net = network([3, 4, 3], "tanh", output, loss)
    X, y = data(net, 9)
    assert relative_difference(flat(net.gradients(X, y, engine=engine)), torch_network(net, X, y)) < 1e-10


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_every_hidden_activation_against_pytorch(hidden: str, engine: str) -> None:
    net = network([3, 4, 5, 2], hidden, an_output_for("half_squared_error"), "half_squared_error")
    X, y = data(net, 9)
    assert relative_difference(flat(net.gradients(X, y, engine=engine)), torch_network(net, X, y)) < 1e-10
