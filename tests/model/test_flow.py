"""Gradient flow and per-row gradients: against the engine's deltas and gradients."""

from __future__ import annotations

import numpy as np
import pytest

import backstory as bs
from backstory.errors import ConfigurationError


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(50, 4)), rng.integers(0, 3, 50)


def size(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.sum(values**2, axis=1))))


@pytest.mark.parametrize("output", ["softmax", "identity"])
def test_sizes_and_factors_are_those_of_the_deltas(output: str) -> None:
    X, y = data()
    loss = "cross_entropy" if output == "softmax" else "half_squared_error"
    target = y if output == "softmax" else np.eye(3)[y]
    net = bs.Network([4, 8, 6, 3], hidden="tanh", output=output, loss=loss, seed=1)
    flow = net.gradient_flow(X, target)
    deltas = net.deltas(X, target)
    assert [layer.delta for layer in flow.layers] == pytest.approx([size(delta) for delta in deltas])
    for layer, after in zip(flow.layers, flow.layers[1:], strict=False):
        assert layer.weight_factor * layer.activation_factor * after.delta == pytest.approx(layer.delta)
    gradients = net.gradients(X, target).weights
    assert [layer.gradient for layer in flow.layers] == pytest.approx([np.linalg.norm(g) for g in gradients])


def test_dead_and_saturated_units_are_named() -> None:
    X, y = data()
    net = bs.Network([4, 16, 16, 3], output="softmax", loss="cross_entropy", seed=1)
    net.biases[0][3] = -100
    flow = net.gradient_flow(X, y)
    assert flow.layers[0].dead_units == [3]
    assert "dead in all 50 rows: unit 3 of layer 1" in str(flow)
    a = net.activations(X)[0]
    np.testing.assert_allclose(flow.layers[0].dead, (a == 0).mean(axis=0))
    steep = bs.Network([4, 5, 3], hidden="tanh", initializer=bs.Normal(9.0), seed=1)
    saturated = steep.gradient_flow(X, np.eye(3)[y]).layers[0]
    np.testing.assert_allclose(saturated.saturated, (1 - steep.activations(X)[0] ** 2 < 0.05).mean(axis=0))


def test_vanishing_is_laid_at_the_activations_door() -> None:
    X, y = data()
    net = bs.Network([4, 16, 16, 16, 16, 3], hidden="sigmoid", output="softmax", loss="cross_entropy", seed=1)
    sentence = net.gradient_flow(X, y).sentence
    assert "shrinks" in sentence
    assert "chiefly through the activations' derivatives" in sentence
    net = bs.Network([4, 16, 16, 16, 3], hidden="identity", initializer=bs.Normal(3.0), seed=1)
    assert "grows" in net.gradient_flow(X, np.eye(3)[y]).sentence


def test_all_dead_and_perfectly_fitted() -> None:
    X, y = data()
    net = bs.Network([4, 5, 3], output="softmax", loss="cross_entropy", seed=1)
    net.biases[0][...] = -100
    assert net.gradient_flow(X, y).sentence.startswith("No gradient reaches layer 1")
    zero = bs.Network([1, 2, 1], initializer="zeros", seed=0)
    assert "no gradient at the output" in zero.gradient_flow([[1.0]], [0.0]).sentence


def test_plot_and_dict() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    X, y = data()
    flow = bs.Network([4, 8, 6, 3], output="softmax", loss="cross_entropy", seed=1).gradient_flow(X, y)
    axes = flow.plot()
    assert axes.get_yscale() == "log"
    assert len(axes.lines) == 3
    assert [layer["layer"] for layer in flow.to_dict()["layers"]] == [1, 2, 3]


def test_rows_that_push_a_weight() -> None:
    X, y = data()
    net = bs.Network([4, 8, 3], output="softmax", loss="cross_entropy", penalty=bs.L2(0.1), seed=1)
    found = net.sample_gradients(X, y, "w1[2->1]")
    each = [bs.Network.copy(net).gradients(X[i : i + 1], y[i : i + 1]).weights[0][2, 1] for i in range(50)]
    np.testing.assert_allclose(found.gradients, np.array(each) - 0.1 * net.weights[0][2, 1], atol=1e-12)
    assert np.all(np.diff(np.abs(found.gradients[found.order])) <= 0)
    assert str(found).splitlines()[3].split()[0] == str(found.order[0])
    bias = net.sample_gradients(X, y, "b2[1]").gradients
    np.testing.assert_allclose(bias, net.deltas(X, y)[1][:, 1])
    with pytest.raises(ConfigurationError, match="is no parameter"):
        net.sample_gradients(X, y, "z1[0]")
