"""The compiled program of every instruction set this machine runs, asked directly: against a few lines of NumPy, and
against itself on other numbers of threads."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from backstory.engine.native import usable

MODULES = [f"backstory._native_{isa}" for isa in usable()]
SHAPES = [(1, 1), (2, 2, 2), (2, 8, 8, 1), (5, 17, 33, 3), (8, 70, 40, 2), (70, 130, 65, 40), (300, 600, 10)]
TOLERANCE = {np.float64: 1e-12, np.float32: 3e-5}
ADAM = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
RULES: dict[str, tuple[dict[str, float], int]] = {
    "sgd": ({"momentum": 0.9, "nesterov": 1.0}, 1),
    "adagrad": ({"epsilon": 1e-10}, 1),
    "rmsprop": ({"rho": 0.9, "epsilon": 1e-8, "momentum": 0.5}, 2),
    "adam": (ADAM, 2),
    "adamw": (ADAM, 2),
    "lion": ({"beta1": 0.9, "beta2": 0.99}, 1),
    "rprop": ({"eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6, "step_max": 50.0}, 2),
    "polyak": ({"minimum": 0.0, "max_rate": 1.0}, 0),
    "quotient": ({"floor": 1e-3}, 0),
}


class Net:
    """A tanh network with half squared error and an L2 penalty, its data, and the same thing in NumPy."""

    def __init__(self, module: Any, sizes: tuple[int, ...], n: int, dtype: Any, l2: float = 0.01) -> None:
        rng = np.random.default_rng(7)
        self.module, self.sizes, self.l2, self.dtype = module, sizes, l2, dtype
        self.X = rng.normal(size=(n, sizes[0])).astype(dtype)
        self.y = rng.normal(size=(n, sizes[-1])).astype(dtype)
        parts = [
            part for a, b in pairwise(sizes) for part in (rng.normal(size=a * b) / a**0.5, 0.1 * rng.normal(size=b))
        ]
        self.parameters = np.concatenate(parts).astype(dtype)
        identity = module.Activation("identity")
        program = module.Program64 if dtype == np.float64 else module.Program32
        self.program = program(
            list(sizes),
            [module.Activation("tanh")] * (len(sizes) - 2) + [identity],
            module.Loss("squared", sizes[-1], scale=0.5, activation=identity),
            0.0,
            l2,
            True,
            True,
            module.Front([], 0, 1, False),
            False,
        )

    def layers(self, flat: Any) -> Iterator[tuple[Any, Any]]:
        at = 0
        for a, b in pairwise(self.sizes):
            yield flat[at : at + a * b].reshape(a, b), flat[at + a * b : at + a * b + b]
            at += a * b + b

    def in_numpy(self, parameters: Any) -> tuple[Any, float, Any]:
        """Outputs, loss and flat gradient."""
        layers = list(self.layers(parameters.astype(np.float64)))
        values = [self.X.astype(np.float64)]
        for W, b in layers:
            z = values[-1] @ W + b
            values.append(np.tanh(z) if len(values) < len(layers) else z)
        n = len(self.X)
        penalty = self.l2 / 2 * sum(float(np.sum(W**2)) for W, _ in layers)
        loss = 0.5 * float(np.sum((values[-1] - self.y) ** 2)) / n + penalty
        dz, gradient = (values[-1] - self.y) / n, []
        for (W, _), a, below in zip(layers[::-1], values[-2::-1], [*values[-3::-1], None], strict=False):
            gradient = [(a.T @ dz + self.l2 * W).ravel(), dz.sum(axis=0), *gradient]
            if below is not None:
                dz = (dz @ W.T) * (1 - a**2)
        return values[-1], loss, np.concatenate(gradient)

    def trained(
        self, threads: int = 1, rule: str = "sgd", steps: int = 4, batch: int | None = None, **options: Any
    ) -> Any:
        """What some steps make of the parameters, the program's report with the losses, and the state."""
        n = len(self.X)
        batch = batch or n
        epochs = -(-steps // -(-n // batch))
        losses = np.empty(steps)
        constants, slots = RULES[rule] if "constants" not in options else (options["constants"], 0)
        parameters = self.parameters.copy()
        state = [np.full_like(parameters, 0.01 if rule == "rprop" and k == 1 else 0.0) for k in range(slots)]
        steps_taken, *report = self.program.train(
            parameters,
            self.module.Rule(rule, constants, options.get("weight_decay", 0.0)),
            state,
            options.get("X", self.X),
            self.y,
            None,
            options.get("sample_weight"),
            options.get("order", np.array([np.random.default_rng(k).permutation(n) for k in range(epochs)])),
            batch,
            0,
            0.0,
            options.get("rate", 1e-3),
            None,
            0,
            5,
            [options.get("dropout", 0.0)] * (len(self.sizes) - 2),
            options.get("clip_norm"),
            options.get("clip_value"),
            options.get("frozen", [False] * (2 * len(self.sizes) - 2)),
            options.get("record", False),
            threads,
            losses,
            0.0,
            [],
            [],
            None,
            None,
        )
        return parameters, (steps_taken, losses, *report), state


def relative(found: Any, wanted: Any) -> float:
    return float(np.max(np.abs(found - wanted)) / np.max(np.abs(wanted)))


@pytest.fixture(params=MODULES, ids=lambda name: name.rpartition("_")[2])
def module(request: pytest.FixtureRequest) -> Any:
    return importlib.import_module(request.param)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 2, 13, 40, 300, 1500])
@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_program_is_the_textbook(module: Any, sizes: tuple[int, ...], n: int, dtype: Any) -> None:
    net = Net(module, sizes, n, dtype)
    outputs, loss, gradient = net.in_numpy(net.parameters)
    tolerance = TOLERANCE[dtype]

    found = np.empty((n, sizes[-1]), dtype)
    net.program.predict(net.parameters, net.X, 1, found)
    assert relative(found, outputs) <= tolerance

    flat = np.empty_like(net.parameters)
    value = net.program.loss_and_gradient(net.parameters, net.X, net.y, None, None, 1, flat)
    assert value == pytest.approx(loss, rel=tolerance)
    assert net.program.loss(net.parameters, net.X, net.y, None, None, 1) == pytest.approx(value, rel=1e-13)
    assert relative(flat, gradient) <= tolerance

    parameters = net.parameters.astype(np.float64)
    for _ in range(2):
        parameters = parameters - 0.01 * net.in_numpy(parameters)[2]
    trained, report, _ = net.trained(constants={}, rate=0.01, steps=2)
    assert report[0] == 2
    assert relative(trained, parameters) <= tolerance


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_threads_never_change_a_bit(module: Any, rule: str, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTORY_EXACT_THREADS", "1")
    net = Net(module, (70, 130, 65, 40), 200, dtype)
    one, report, state = net.trained(rule=rule, batch=53, record=True, dropout=0.3)
    assert np.isfinite(one).all()
    assert not np.array_equal(one, net.parameters)
    for threads in (2, 3, 4, 8):
        again, other, slots = net.trained(threads, rule=rule, batch=53, record=True, dropout=0.3)
        np.testing.assert_array_equal(again, one)
        np.testing.assert_array_equal(other[1], report[1])
        np.testing.assert_array_equal(other[2], report[2])
        for slot, wanted in zip(slots, state, strict=True):
            np.testing.assert_array_equal(slot, wanted)


@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.1}, {"dropout": 0.3, "record": True}], ids=str)
@pytest.mark.parametrize("batch", [50, 300, 1500])
def test_threads_never_change_a_bit_where_they_take_parts_of_a_batch(
    module: Any, batch: int, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKSTORY_EXACT_THREADS", "1")
    net = Net(module, (8, 64, 40, 2), 1500, np.float32)
    one, report, _ = net.trained(rule="adam", steps=8, batch=batch, **options)
    for threads in (2, 3, 4, 8):
        again, other, _ = net.trained(threads, rule="adam", steps=8, batch=batch, **options)
        np.testing.assert_array_equal(again, one)
        np.testing.assert_array_equal(other[1], report[1])
        np.testing.assert_array_equal(other[2], report[2])


def test_threads_never_change_a_bit_of_questions(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTORY_EXACT_THREADS", "1")
    net = Net(module, (70, 130, 65, 40), 1500, np.float32)
    answers = []
    for threads in (1, 2, 3, 4, 8):
        outputs, gradient = np.empty((1500, 40), np.float32), np.empty_like(net.parameters)
        net.program.predict(net.parameters, net.X, threads, outputs)
        loss = net.program.loss_and_gradient(net.parameters, net.X, net.y, None, None, threads, gradient)
        answers.append((outputs, gradient, loss, net.program.loss(net.parameters, net.X, net.y, None, None, threads)))
    for answer in answers[1:]:
        for found, wanted in zip(answer, answers[0], strict=True):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in ("polyak", "quotient")])
def test_fused_and_two_phase_updates_are_the_same_to_the_bit(module: Any, rule: str) -> None:
    net = Net(module, (20, 40, 7), 100, np.float32)
    fused = net.trained(rule=rule, batch=30, weight_decay=0.1)[0]
    in_two_phases = net.trained(rule=rule, batch=30, weight_decay=0.1, clip_norm=1e30)[0]
    np.testing.assert_array_equal(fused, in_two_phases)


def test_a_row_is_predicted_alike_alone_and_in_company(module: Any) -> None:
    net = Net(module, (70, 130, 40), 300, np.float32)
    together, alone = np.empty((300, 40), np.float32), np.empty((1, 40), np.float32)
    net.program.predict(net.parameters, net.X, 1, together)
    for row in (0, 17, 299):
        net.program.predict(net.parameters, net.X[row : row + 1], 1, alone)
        np.testing.assert_array_equal(alone[0], together[row])


@pytest.mark.parametrize("threads", [1, 2])
def test_clipping_by_norm_bounds_the_step(module: Any, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTORY_EXACT_THREADS", "1")
    net = Net(module, (20, 40, 7), 100, np.float64)
    gradient = net.in_numpy(net.parameters)[2]
    bound = 0.5 * float(np.linalg.norm(gradient))
    moved = net.trained(threads, constants={}, rate=1.0, steps=1, clip_norm=bound)[0] - net.parameters
    assert relative(moved, -0.5 * gradient) < 1e-10
    moved = net.trained(threads, constants={}, rate=1.0, steps=1, clip_value=0.01)[0] - net.parameters
    assert relative(moved, -np.clip(gradient, -0.01, 0.01)) < 1e-10


def test_frozen_arrays_rest_and_do_not_count_in_the_norm(module: Any) -> None:
    net = Net(module, (20, 40, 7), 100, np.float64)
    frozen = [True, False, False, True]
    gradient = net.in_numpy(net.parameters)[2]
    free = np.ones(len(gradient), dtype=bool)
    free[: 20 * 40] = free[-7:] = False
    bound = 0.25 * float(np.linalg.norm(gradient[free]))
    for options, scale in (({}, 1.0), ({"clip_norm": bound}, 0.25), ({"record": True}, 1.0)):
        trained, report, _ = net.trained(constants={}, rate=1.0, steps=1, frozen=frozen, **options)
        np.testing.assert_array_equal(trained[~free], net.parameters[~free])
        assert relative((trained - net.parameters)[free], -scale * gradient[free]) < 1e-10
        if "record" in options:
            wanted = [np.hypot(np.linalg.norm(dW), np.linalg.norm(db)) for dW, db in net.layers(gradient)]
            np.testing.assert_allclose(report[2], [wanted], rtol=1e-12)


def test_a_batch_longer_than_the_buffers_is_one_step(module: Any) -> None:
    net = Net(module, (5, 9, 2), 5000, np.float64)
    wanted = net.parameters - 0.1 * net.in_numpy(net.parameters)[2]
    assert relative(net.trained(constants={}, rate=0.1, steps=1)[0], wanted) < 1e-12


def test_rows_and_steps_outside_the_data_are_refused(module: Any) -> None:
    net = Net(module, (3, 2), 5, np.float64)
    for row in (-1, 5, 2**62):
        order = np.array([[0, 1, 2, 3, 4], [0, 1, 2, 3, row]])
        with pytest.raises(ValueError, match="rows of X"):
            net.trained(constants={}, order=order, steps=4, batch=3)
        net.trained(constants={}, order=order, steps=3, batch=3)  # the row is not visited
    with pytest.raises(ValueError, match="within its order"):
        net.trained(constants={}, order=np.arange(5)[None], steps=3, batch=3)
    with pytest.raises(ValueError, match="at least 1 row"):
        net.trained(constants={}, order=np.empty((1, 0), np.int64), steps=1)
    with pytest.raises(ValueError, match="no optimizer named 'sdg'"):
        module.Rule("sdg", {}, 0.0)
    with pytest.raises(TypeError):
        net.program.predict(net.parameters.astype(np.float32), net.X, 1, np.empty((5, 2)))
