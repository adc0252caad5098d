"""An optimizer's step along a given gradient: both engines take the same one, and it is that of `train`."""

from __future__ import annotations

import numpy as np
import pytest

import backstory as bs
from backstory.engine.contract import Moment

SIZES = [37, 20, 3]
RULES = {
    "sgd": bs.SGD(0.1, weight_decay=0.3),
    "momentum": bs.SGD(0.1, momentum=0.9, weight_decay=0.3),
    "nesterov": bs.SGD(0.1, momentum=0.9, nesterov=True),
    "adagrad": bs.Adagrad(0.1),
    "rmsprop": bs.RMSProp(0.1),
    "rmsprop momentum": bs.RMSProp(0.1, momentum=0.5),
    "adam": bs.Adam(0.1),
    "adamw": bs.AdamW(0.1, weight_decay=0.3),
    "lion": bs.Lion(0.1, weight_decay=0.3),
    "rprop": bs.Rprop(0.1),
    "polyak": bs.Polyak(0.5),
    "quotient": bs.Quotient(0.1, floor=0.3),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", RULES)
def test_engines_take_the_same_step(name: str, dtype: str) -> None:
    random, rule = np.random.default_rng(3), RULES[name].rule()
    net = bs.Network(SIZES, seed=0, dtype=dtype)
    gradient = random.normal(size=net.spec.n_parameters).astype(dtype)
    largest, squares = float(np.abs(gradient).max()), float(np.sum(gradient.astype(np.float64) ** 2))
    found = []
    for engine in ("native", "reference"):
        theta = net.parameters.copy()
        state = {slot: np.full_like(theta, start) for slot, start in rule.slots.items()}
        for step in (1, 2, 3):
            moment = Moment(step, 0.05 * step, (False, True, False, False), 0.7, squares, largest)
            net._engine(engine).apply(theta, rule, state, gradient * theta.dtype.type(step - 2.5), moment)
        found.append((theta, state))
    (theta, state), (expected, slots) = found
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(theta, expected, rtol=tolerance, atol=tolerance)
    for slot in rule.slots:
        np.testing.assert_allclose(state[slot], slots[slot], rtol=tolerance, atol=tolerance)
    frozen = slice(37 * 20, 37 * 20 + 20)  # b1
    np.testing.assert_array_equal(theta[frozen], net.parameters[frozen])
    assert not np.array_equal(theta, net.parameters)


@pytest.mark.parametrize("name", ["momentum", "adam", "rprop"])
def test_a_step_is_that_of_training(name: str) -> None:
    random = np.random.default_rng(4)
    X, y = random.normal(size=(30, 37)), random.normal(size=(30, 3))
    net, twin = (bs.Network(SIZES, seed=0) for _ in range(2))
    gradients = net.gradients(X, y)
    flat = np.concatenate(
        [part.ravel() for pair in zip(gradients.weights, gradients.biases, strict=True) for part in pair]
    )
    rule = RULES[name].rule()
    state = {slot: np.full_like(net.parameters, start) for slot, start in rule.slots.items()}
    net._engine("native").apply(net.parameters, rule, state, flat, Moment(1, 0.1, (False,) * 4))
    twin.step(X, y, optimizer=RULES[name])
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-12, atol=1e-14)


def test_threads_change_nothing() -> None:
    net = bs.Network([400, 500, 3], seed=0, dtype="float32")
    gradient = np.random.default_rng(5).normal(size=net.spec.n_parameters).astype("float32")
    rule, found = bs.Adam(0.1).rule(), []
    for threads in (1, 2, 7):
        theta = net.parameters.copy()
        state = {slot: np.zeros_like(theta) for slot in rule.slots}
        net._engine("native").apply(theta, rule, state, gradient, Moment(1, 0.1, (False,) * 4), threads)
        found.append(theta)
    for theta in found:
        np.testing.assert_array_equal(theta, found[0])
