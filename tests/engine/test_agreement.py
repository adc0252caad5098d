"""One test body, both engines: after twenty steps of any optimizer on any pair, native and reference weights agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.functions import LOSSES

from .networks import HIDDEN, PAIRS, an_output_for, data, network, relative_difference

OPTIMIZERS: dict[str, Any] = {
    "sgd": bs.SGD(0.05),
    "momentum": bs.SGD(0.02, momentum=0.9),
    "nesterov": bs.SGD(0.02, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adagrad": bs.Adagrad(0.05, epsilon=1e-4),
    "rmsprop": bs.RMSProp(0.01, epsilon=1e-4),
    "rmsprop_momentum": bs.RMSProp(0.005, momentum=0.5, epsilon=1e-4),
    "adam": bs.Adam(0.01, epsilon=1e-4),
    "adam, epsilon hat": bs.Adam(0.01, epsilon=1e-4, epsilon_hat=True),
    "adamw": bs.AdamW(0.01, weight_decay=0.1, epsilon=1e-4),
    "lion": bs.Lion(1e-3, weight_decay=0.1),
    "rprop": bs.Rprop(1e-3),
    "polyak": bs.Polyak(0.1, max_rate=0.05),
    "quotient": bs.Quotient(1e-4, floor=0.1),
}
TOLERANCE = {"float64": 1e-11, "float32": 1e-4}


def trained(net: bs.Network, engine: str, optimizer: Any, steps: int = 20, **options: Any) -> bs.Network:
    """A copy of the network, trained with one engine on three batches an epoch, the last one short.

    The rows' weights have no common measure, so that no gradient cancels to zero, where a sign would be rounding's.
    """
    net = net.copy()
    X, y = data(net, 11)
    options.setdefault("sample_weight", np.sqrt([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31]))
    epochs = -(-steps // 3)
    net.fit(X, y, optimizer=optimizer, batch_size=4, epochs=epochs, engine=engine, progress=False, **options)
    return net


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_every_optimizer_ends_at_the_same_weights(hidden: str, loss: str, dtype: str) -> None:
    net = network([3, 4, 2], hidden, an_output_for(loss), loss, dtype)
    for name, optimizer in OPTIMIZERS.items():
        native, reference = (trained(net, engine, optimizer).parameters for engine in ("native", "reference"))
        assert np.isfinite(reference).all(), name
        assert relative_difference(native, reference) <= TOLERANCE[dtype], name


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("output", "loss"), PAIRS)
def test_every_pair_of_output_and_loss_ends_at_the_same_weights(output: str, loss: str, dtype: str) -> None:
    net = network([3, 5, 3], "tanh", output, loss, dtype)
    native, reference = (trained(net, engine, bs.SGD(0.02)) for engine in ("native", "reference"))
    assert relative_difference(native.parameters, reference.parameters) <= TOLERANCE[dtype]
    assert relative_difference(native.history.loss, reference.history.loss) <= TOLERANCE[dtype]
    assert relative_difference(native.history.gradient_norm, reference.history.gradient_norm) <= 10 * TOLERANCE[dtype]


EXTRAS: dict[str, dict[str, Any]] = {
    "dropout": {"dropout": 0.4},
    "dropout per layer": {"dropout": [0.5, 0.0]},
    "sample weights": {"sample_weight": np.linspace(0.0, 2.0, 11)},
    "class weights": {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}},
    "balanced": {"class_weight": "balanced"},
    "clip by norm": {"clip": 0.05},
    "clip by value": {"clip": bs.Clip(value=0.01)},
    "clip both": {"clip": bs.Clip(norm=0.02, value=0.01)},
    "frozen": {"freeze": ("w1", "b3")},
    "given order": {"shuffle": False},
}
PENALTIES = {"none": None, "L1": bs.L1(0.01), "L2": bs.L2(0.1), "elastic": bs.Elastic(0.01, 0.05)}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("extra", EXTRAS)
def test_what_else_fit_can_do_is_done_alike(extra: str, penalty: str, dtype: str) -> None:
    net = network([3, 6, 4, 3], "softplus", "softmax", "cross_entropy", dtype, penalty=PENALTIES[penalty])
    for optimizer in (bs.SGD(0.05, momentum=0.5), bs.Adam(0.01, epsilon=1e-4)):
        native, reference = (
            trained(net, engine, optimizer, **EXTRAS[extra]).parameters for engine in ("native", "reference")
        )
        assert relative_difference(native, reference) <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("penalty", ["L1", "L2", "elastic"])
def test_a_penalty_that_is_divided_by_rows_is_divided_alike(penalty: str, dtype: str) -> None:
    net = network([3, 6, 4, 3], "tanh", "softmax", "cross_entropy", dtype, penalty=PENALTIES[penalty])
    for optimizer in (bs.SGD(0.05, momentum=0.5), bs.Adam(0.01, epsilon=1e-4), bs.Polyak(0.1, max_rate=0.05)):
        for extra in ({}, {"sample_weight": None}, {"clip": 0.05}):
            ends = [trained(net, engine, optimizer, penalty_rows=4.0, **extra) for engine in ("native", "reference")]
            assert relative_difference(*(end.parameters for end in ends)) <= TOLERANCE[dtype]
            assert relative_difference(*(end.history.loss for end in ends)) <= TOLERANCE[dtype]
            assert relative_difference(ends[0].parameters, trained(net, "native", optimizer, **extra).parameters) > 1e-3


@pytest.mark.parametrize("penalty", [bs.L1(0.1), bs.L2(0.1)])
def test_weights_whose_squares_are_too_large_have_the_penalty_of_the_reference(penalty: Any) -> None:
    net = network([3, 2], "tanh", "identity", "half_squared_error", penalty=penalty)
    net.weights[0][:] = 1e160
    X, y = np.zeros((1, 3)), np.zeros((1, 2))
    assert net.loss(X, y) == pytest.approx(net.loss(X, y, engine="reference"))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("sizes", [[3, 2], [1, 1], [2, 17, 33, 5, 2], [40, 70, 3]])
def test_any_shape_is_trained_alike(sizes: list[int], biases: bool, reduction: str, dtype: str) -> None:
    net = network(sizes, "sigmoid", "identity", "half_squared_error", dtype, biases=biases, reduction=reduction)
    native, reference = (trained(net, engine, bs.SGD(0.001)).parameters for engine in ("native", "reference"))
    assert relative_difference(native, reference) <= TOLERANCE[dtype]


def test_lbfgs_agrees_after_five_iterations() -> None:
    net = network([3, 4, 2], "tanh", "identity", "half_squared_error")
    X, y = data(net, 20)
    ends = []
    for engine in ("native", "reference"):
        twin = net.copy()
        twin.fit(X, y, optimizer=bs.LBFGS(), epochs=5, engine=engine)
        ends.append(twin.parameters)
    assert relative_difference(*ends) <= 1e-6


def test_own_functions_train_on_both_engines() -> None:
    sine = bs.Activation("sine", "sin(2*z)")
    cauchy = bs.Loss("cauchy", "log(1 + (a - y)^2)")
    net = bs.Network([3, 5, 2], hidden=sine, loss=cauchy, seed=1)
    X = np.random.default_rng(0).normal(size=(11, 3))
    ends = []
    for engine in ("native", "reference"):
        twin = net.copy()
        before = twin.loss(X, X[:, :2])
        history = twin.fit(X, X[:, :2], optimizer=bs.Adam(0.02), batch_size=4, epochs=7, engine=engine)
        assert history.loss[-1] < before
        ends.append(twin.parameters)
    assert relative_difference(*ends) <= 1e-11


@pytest.mark.parametrize(("output", "loss"), PAIRS)
def test_questions_are_answered_alike(output: str, loss: str) -> None:
    net = network([3, 5, 4, 3], "gelu", output, loss, penalty=bs.L2(0.01))
    X, y = data(net, 37)
    weight = np.linspace(0.1, 2.0, 37)
    for ask in (
        lambda engine: net.predict(X, engine=engine),
        lambda engine: np.concatenate(net.activations(X, engine=engine), axis=1),
        lambda engine: np.concatenate(net.deltas(X, y, engine=engine), axis=1),
        lambda engine: net.input_gradients(X, y, engine=engine),
        lambda engine: net.loss(X, y, sample_weight=weight, engine=engine),
        lambda engine: np.concatenate(
            [g.ravel() for g in net.gradients(X, y, sample_weight=weight, engine=engine).weights]
        ),
    ):
        assert relative_difference(ask("native"), ask("reference")) <= 1e-11
