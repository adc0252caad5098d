"""Where naive forms fail: losses, gradients and updates at the ends of the number range, beside mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import mpmath
import numpy as np
import pytest

import backstory as bs
from backstory.expressions import evaluate, parse
from backstory.functions import ACTIVATIONS, LOSSES, SIMPLEX, Values
from tests.functions.truth import exact

from .networks import PAIRS

ENGINES = ("native", "reference")
TOLERANCE = {"float64": 1e-11, "float32": 2e-5}
LOGITS = (0.0, 1e-310, -1e-310, 1e-30, -1e-30, 0.5, 1.0, -1.0, 3.0, -3.0, 40.0, -40.0, 1000.0, -1000.0)
"""The kinks of activations and losses are among them; there any slope between those of both sides is right."""
SINGLE = [(output, loss) for output, loss in PAIRS if not ACTIVATIONS[output].couples]
COUPLED = [(output, loss) for output, loss in PAIRS if ACTIVATIONS[output].couples]
LOGARITHMS = ("poisson", "binary_cross_entropy")
"""Behind softmax they have no form of their own: of an output that underflows, the least number is taken."""
DIGITS = 480
"""1 - sigmoid(1000) is 5e-435."""


def some_targets(name: str) -> tuple[float, ...]:
    """The ends of a loss's targets, and one between them."""
    domain = LOSSES[name].targets
    if domain is SIMPLEX:
        return (0.0, 0.25, 1.0)
    if isinstance(domain, Values):
        return tuple(domain.values)
    return tuple(y for y in (0.0, 0.25, 1.0, -1.5, 30.0) if domain.low <= y <= domain.high)


def slopes(f: Callable[[Any], Any], z: Any, step: int = -30) -> tuple[Any, Any]:
    """The derivative from the left and from the right."""
    h = mpmath.mpf(10) ** step
    ends = [(f(z) - f(z - h)) / h, (f(z + h) - f(z)) / h]
    middle = (f(z + h) - f(z - h)) / (2 * h)
    # Where both sides are one, their mean has an error of h squared instead of h.
    return (middle, middle) if abs(ends[1] - ends[0]) <= 1e-20 * abs(middle) else (min(ends), max(ends))


@cache
def truth(output: str, loss: str, z: float, y: float) -> tuple[Any, Any, Any, Any]:
    """Loss, output, and the loss's derivative by z from both sides."""
    activation, row = ACTIVATIONS[output], LOSSES[loss]

    def value(at: Any) -> Any:
        a = exact(activation.expression, z=at, **dict(activation.parameters))
        return exact(row.expression, a=a, y=y, n_out=1, **dict(row.parameters))

    with mpmath.workdps(DIGITS):
        # A kink at 0 is not the slope beside it: differences are taken well within the smallest z.
        a = exact(activation.expression, z=z, **dict(activation.parameters))
        return (value(mpmath.mpf(z)), a, *slopes(value, mpmath.mpf(z), -400 if 0 < abs(z) < 1e-200 else -40))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("output", "loss"), SINGLE)
def test_every_loss_with_its_output_is_right_at_the_ends(output: str, loss: str, engine: str, dtype: str) -> None:
    net = bs.Network([1, 1], output=output, loss=loss, dtype=dtype, seed=0)
    net.parameters[:] = [1.0, 0.0]  # z is x
    largest, tolerance = float(np.finfo(dtype).max) / 1e3, TOLERANCE[dtype]
    for z, y in product(LOGITS, some_targets(loss)):
        X = np.array([[z]], dtype=dtype)
        value, a, low, high = truth(output, loss, float(X[0, 0]), y)
        if max(abs(value), abs(a), abs(low), abs(high)) > largest:
            continue  # beyond the numbers there are
        # A loss that is computed from z keeps all digits; others, and a - y, those that the rounded output leaves.
        scale = max(1.0, abs(y))
        found, slope = net.loss(X, [y], engine=engine), float(net.gradients(X, [y], engine=engine).biases[0][0])
        fused = output in LOSSES[loss].fused
        assert abs(found - value) <= tolerance * (abs(value) if fused else max(abs(value), scale)) + 1e-40, (z, y)
        if near_a_kink(output, loss, float(X[0, 0]), y, float(np.finfo(dtype).eps)):
            continue  # rounding the output alone decides on which side it lies
        room = tolerance * max(abs(low), abs(high), scale) + 1e-40
        assert low - room <= slope <= high + room, (z, y)


def near_a_kink(output: str, loss: str, z: float, y: float, unit: float) -> bool:
    """Whether the output lies within its rounding of a kink of the loss, not on it because z does."""
    a = float(exact(ACTIVATIONS[output].expression, z=z, **dict(ACTIVATIONS[output].parameters)))
    kinks = [evaluate(parse(kink), {"y": y}) for kink in LOSSES[loss].kinks if y or kink != "1/y"]
    return any(
        0 < abs(a - kink) <= 8 * unit * abs(kink) or (z and a == kink and output != "identity") for kink in kinks
    )


@cache
def coupled_truth(loss: str, z: tuple[float, ...], y: tuple[float, ...]) -> tuple[Any, list[Any]]:
    """Loss and dz of one row of outputs that go through softmax."""
    row = LOSSES[loss]

    def value(at: list[Any]) -> Any:
        e = [mpmath.exp(x) for x in at]
        parts = [exact(row.expression, a=x / sum(e), y=t, n_out=len(at), **dict(row.parameters))
                 for x, t in zip(e, y, strict=True)]  # fmt: skip
        return sum(parts)

    with mpmath.workdps(2 * DIGITS):
        h, exactly = mpmath.mpf(10) ** -40, [mpmath.mpf(x) for x in z]
        moved = [[[x + sign * h * (i == j) for j, x in enumerate(exactly)] for sign in (1, -1)] for i in range(len(z))]
        return value(exactly), [(value(up) - value(down)) / (2 * h) for up, down in moved]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("output", "loss"), COUPLED)
@pytest.mark.parametrize("z", [(1000.0, -1000.0, 0.0), (0.0, 0.0, 0.0), (40.0, 39.0, -40.0), (1e-30, -1e-30, 1000.0)])
def test_every_loss_after_softmax_is_right_at_the_ends(
    z: tuple[float, ...], output: str, loss: str, engine: str, dtype: str
) -> None:
    net = bs.Network([3, 3], output=output, loss=loss, dtype=dtype, seed=0)
    net.weights[0][:], net.biases[0][:] = np.eye(3), 0.0
    X, tolerance = np.array([z], dtype=dtype), TOLERANCE[dtype]
    whole = [tuple(row) for row in np.eye(3).tolist()]
    rows = [*whole, (0.2, 0.3, 0.5)] if LOSSES[loss].targets is SIMPLEX else [
        tuple(some_targets(loss)[i % len(some_targets(loss))] for i in range(j, j + 3)) for j in range(2)
    ]  # fmt: skip
    for y in rows:
        if loss in LOGARITHMS and max(z) - min(z) > 700:
            assert np.isfinite(net.loss(X, [y], engine=engine))
            continue
        value, dz = coupled_truth(loss, tuple(X[0].tolist()), y)
        scale, fused = max(1.0, *map(abs, y)), output in LOSSES[loss].fused
        found = net.loss(X, [y], engine=engine)
        assert abs(found - value) <= tolerance * (abs(value) if fused else max(abs(value), scale)) + 1e-40, y
        slopes_found = net.gradients(X, [y], engine=engine).biases[0].tolist()
        for one, wanted in zip(slopes_found, dz, strict=True):
            assert abs(one - wanted) <= tolerance * max(abs(wanted), scale), y


# ---- Means over a million rows


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("outputs", [1, 3])
def test_means_over_a_million_rows_keep_their_digits(outputs: int, dtype: str, engine: str) -> None:
    n, generator = 1_000_000, np.random.default_rng(0)
    x = (0.5 + generator.random((n, 1))).astype(dtype)
    y = np.repeat((0.01 * generator.random((n, 1))).astype(dtype), outputs, axis=1)
    net = bs.Network([1, outputs], loss="half_squared_error", dtype=dtype, seed=0)
    net.parameters[:] = 0.25  # exact in both types
    error = 0.25 * x.astype(float) + 0.25 - y[:, :1]
    found = net.gradients(x, y, engine=engine)
    tolerance = {"float64": 1e-13, "float32": 2e-6}[dtype]
    sums = [math.fsum(part.ravel()) / n for part in (error * x, error, error**2 / 2 * outputs)]
    np.testing.assert_allclose(found.weights[0], np.full((1, outputs), sums[0]), rtol=tolerance)
    np.testing.assert_allclose(found.biases[0], np.full(outputs, sums[1]), rtol=tolerance)
    assert found.loss == pytest.approx(sums[2], rel=tolerance)
    before = net.parameters.astype(float)
    history = net.fit(x, y, optimizer=bs.SGD(1.0), batch_size=n, epochs=1, engine=engine, progress=False)
    moved = before - net.parameters
    np.testing.assert_allclose(moved, [sums[0]] * outputs + [sums[1]] * outputs, rtol=10 * tolerance)
    assert history.loss[0] == pytest.approx(sums[2], rel=tolerance)


# ---- Updates. One weight, from 0; the loss |w x - y| has the derivative -x wherever w x < y.

State = dict[str, Any]


def adam(s: State, g: Any, t: int, lr: Any, loss: Any) -> Any:
    s["m"] = mpmath.mpf("0.9") * s.get("m", 0) + mpmath.mpf("0.1") * g
    s["v"] = mpmath.mpf("0.999") * s.get("v", 0) + mpmath.mpf("0.001") * g**2
    m, v = s["m"] / (1 - mpmath.mpf("0.9") ** t), s["v"] / (1 - mpmath.mpf("0.999") ** t)
    return lr * m / (mpmath.sqrt(v) + mpmath.mpf("1e-8"))


def momentum(s: State, g: Any, t: int, lr: Any, loss: Any) -> Any:
    s["m"] = mpmath.mpf("0.9") * s.get("m", 0) + g
    return lr * s["m"]


def nesterov(s: State, g: Any, t: int, lr: Any, loss: Any) -> Any:
    s["m"] = mpmath.mpf("0.9") * s.get("m", 0) + g
    return lr * (g + mpmath.mpf("0.9") * s["m"])


def adagrad(s: State, g: Any, t: int, lr: Any, loss: Any) -> Any:
    s["v"] = s.get("v", 0) + g**2
    return lr * g / (mpmath.sqrt(s["v"]) + mpmath.mpf("1e-10"))


def rmsprop(s: State, g: Any, t: int, lr: Any, loss: Any) -> Any:
    s["v"] = mpmath.mpf("0.9") * s.get("v", 0) + mpmath.mpf("0.1") * g**2
    return lr * g / (mpmath.sqrt(s["v"]) + mpmath.mpf("1e-8"))


def rprop(s: State, g: Any, t: int, lr: Any, loss: Any) -> Any:
    s["s"] = lr if t == 1 else min(s["s"] * mpmath.mpf("1.2"), 50)  # the sign stays
    return mpmath.sign(g) * s["s"]


UPDATES: dict[str, tuple[Callable[[float], Any], Callable[..., Any]]] = {
    "SGD": (bs.SGD, lambda s, g, t, lr, loss: lr * g),
    "momentum": (lambda lr: bs.SGD(lr, momentum=0.9), momentum),
    "Nesterov": (lambda lr: bs.SGD(lr, momentum=0.9, nesterov=True), nesterov),
    "Adagrad": (bs.Adagrad, adagrad),
    "RMSProp": (bs.RMSProp, rmsprop),
    "Adam": (bs.Adam, adam),
    "AdamW": (lambda lr: bs.AdamW(lr, weight_decay=0.0), adam),
    "Lion": (bs.Lion, lambda s, g, t, lr, loss: lr * mpmath.sign(g)),
    "Rprop": (bs.Rprop, rprop),
    "Polyak": (lambda lr: bs.Polyak(lr, max_rate=1e300), lambda s, g, t, lr, loss: lr * loss / g),
    "Quotient": (bs.Quotient, lambda s, g, t, lr, loss: lr * loss / g),
}
SCALES = {
    "float32": [1e-37, 1e-25, 1e-10, 1.0, 1e10, 1e18, 1e30],
    "float64": [1e-300, 1e-150, 1e-30, 1e100, 1e150, 1e200],
}
OF_SQUARES = {"float32": 1e18, "float64": 1e150}
"""The largest gradients whose squares, which some rules keep, are numbers."""


def follow(update: Callable[..., Any], x: float, y: float, rate: float, steps: int = 3) -> Any:
    """Where the weight is after some steps."""
    with mpmath.workdps(60):
        w, state = mpmath.mpf(0), {}
        for t in range(1, steps + 1):
            w -= update(state, -mpmath.mpf(x), t, mpmath.mpf(rate), mpmath.mpf(y) - w * x)
        return w


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("dtype", "x"), [(dtype, x) for dtype, scales in SCALES.items() for x in scales])
@pytest.mark.parametrize("name", UPDATES)
@pytest.mark.parametrize("rate", [0.01, 1e-30])
def test_updates_are_right_for_gradients_of_any_size(name: str, dtype: str, x: float, rate: float, engine: str) -> None:
    if name in ("Polyak", "Quotient") and rate < 0.01:
        return  # theirs is the share of a step that is computed from the loss
    make, update = UPDATES[name]
    x, limits = float(np.dtype(dtype).type(x)), np.finfo(dtype)
    y = 1e3 * x * max(rate, 1.0) if name in ("Polyak", "Quotient") else float(limits.max) / 10
    y = float(np.dtype(dtype).type(min(y, float(limits.max) / 10)))
    wanted = follow(update, x, y, rate)
    if not float(limits.tiny) < abs(wanted) < abs(y / x):
        return  # what underflows, or steps over the kink, is another test's
    net = bs.Network([1, 1], biases=False, loss="absolute_error", dtype=dtype, seed=0)
    net.parameters[:] = 0.0
    failure = None
    try:
        for _ in range(3):
            net.step([[x]], [y], optimizer=make(rate), engine=engine)
    except bs.DivergenceError as error:
        failure = error
    if name == "Polyak" and x < 1e-165:
        assert net.parameters[0] == 0.0  # where the squared norm is 0, it rests
    elif failure is None:
        assert abs(float(net.parameters[0]) - wanted) <= TOLERANCE[dtype] * abs(wanted)
    else:  # refused, never wrong
        assert x > OF_SQUARES[dtype]
        assert failure.quantity in {"Polyak": ("norm",)}.get(name, ("state", "activation"))
        assert np.isfinite(net.parameters).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_weight_far_larger_than_its_steps_stays_as_it_is(dtype: str, engine: str) -> None:
    for make, _ in UPDATES.values():
        net = bs.Network([1, 1], biases=False, loss="absolute_error", dtype=dtype, seed=0)
        net.parameters[:] = 1.0
        net.step([[1.0]], [5.0], optimizer=make(1e-30), engine=engine)
        assert net.parameters[0] == 1.0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [1e-300, 1.0, 1e160, 1e300])
def test_a_gradient_of_any_size_is_clipped_to_its_norm(size: float, engine: str) -> None:
    net = bs.Network([3, 1], biases=False, loss="absolute_error", seed=0)
    net.parameters[:] = 0.0
    X, norm = size * np.array([[3.0, 4.0, 12.0]]), min(0.5, 6.5 * size)
    net.fit(X, [1e307], optimizer=bs.SGD(1.0), clip=norm, epochs=1, engine=engine, progress=False)
    np.testing.assert_allclose(net.parameters, norm / 13 * np.array([3.0, 4.0, 12.0]), rtol=1e-12)


@pytest.mark.parametrize("shards", [0, 4])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_squared_norm_that_overflows_stops_polyaks_step(engine: str, shards: int) -> None:
    net = bs.Network([2, 1], biases=False, loss="absolute_error", seed=0)
    before = net.parameters.copy()
    with pytest.raises(
        bs.DivergenceError, match=r"Training stopped: the gradient's squared norm became NaN or infinite"
    ):
        net.fit(
            np.full((8, 2), 1e160), [1e170] * 8, optimizer=bs.Polyak(), epochs=1, engine=engine, shards=shards,
            progress=False,
        )  # fmt: skip
    np.testing.assert_array_equal(net.parameters, before)
