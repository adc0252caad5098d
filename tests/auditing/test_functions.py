"""Audits of a loss and a gradient written as functions: verdicts, causes, and what makes an audit impossible."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.errors import ConfigurationError, DataError

RANDOM = np.random.default_rng(7)
A = RANDOM.normal(size=(6, 3))
W, b = RANDOM.normal(size=(3, 3)), RANDOM.normal(size=3)


def loss(p: dict[str, Any]) -> float:
    return float(((np.tanh(A @ p["W"] + p["b"]) - 1) ** 2).sum())


def gradient(p: dict[str, Any]) -> dict[str, Any]:
    a = np.tanh(A @ p["W"] + p["b"])
    dz = 2 * (a - 1) * (1 - a * a)
    return {"W": A.T @ dz, "b": dz.sum(axis=0)}


POINT = {"W": W, "b": b}


def test_a_right_gradient_passes() -> None:
    report = bs.audit(loss, gradient, POINT)
    assert (report.verdict, report.ok, report.kind, report.ratio) == ("pass", True, None, None)
    assert (report.parameters, report.measured, report.agreeing) == (12, 12, 12)
    assert report.agreement < 1e-5


@pytest.mark.parametrize(
    ("spoil", "kind", "ratio"),
    [
        (lambda g: {"W": 0.5 * g["W"], "b": 0.5 * g["b"]}, "scale", 0.5),
        (lambda g: {"W": 6 * g["W"], "b": 6 * g["b"]}, "scale", 6.0),
        (lambda g: {"W": -2 * g["W"], "b": -2 * g["b"]}, "scale", -2.0),
        (lambda g: {"W": -g["W"], "b": -g["b"]}, "sign", -1.0),
        (lambda g: {"W": 0 * g["W"], "b": 0 * g["b"]}, "zero", 0.0),
        (lambda g: {"W": g["W"].T, "b": g["b"]}, "transposed", None),
        (lambda g: {"W": g["W"], "b": g["b"] / 3}, "one_layer", 1 / 3),
        (lambda g: {"W": g["W"] + 0.01 * W, "b": g["b"]}, "extra_penalty", None),
        (lambda g: {"W": g["W"] - 0.01 * W, "b": g["b"]}, "missing_penalty", None),
        (lambda g: {"W": g["W"], "b": g["b"] + np.array([0, 0.1, 0])}, "one_parameter", None),
        (lambda g: {"W": g["W"] * (1 + W * W), "b": g["b"] * (1 + b)}, "not_a_gradient", None),
        (lambda g: {"W": g["W"] * np.nan, "b": g["b"]}, "not_finite", None),
    ],
)
def test_a_planted_mistake_is_named(spoil: Callable[[Any], Any], kind: str, ratio: float | None) -> None:
    report = bs.audit(loss, lambda p: spoil(gradient(p)), POINT)
    assert (report.verdict, report.kind, report.ok) == ("fail", kind, False)
    if ratio is not None:
        assert report.ratio == pytest.approx(ratio, rel=1e-6)
    assert json.dumps(report.to_dict(), allow_nan=False)
    assert all(len(line) <= 80 for line in str(report).splitlines())


def test_the_worst_parameters_come_with_numbers() -> None:
    report = bs.audit(loss, lambda p: {**gradient(p), "b": gradient(p)["b"] + np.array([0, 0.1, 0])}, POINT)
    worst = report.worst[0]
    assert (worst.name, len(report.worst)) == ("b[1]", 1)
    assert worst.claimed - worst.true == pytest.approx(0.1, abs=1e-7)
    assert worst.error < 1e-7
    assert "b[1]" in report.cause
    assert "b[1]" in str(report)


def test_another_functions_gradient_is_told_from_a_broken_one() -> None:
    def quartic(x: Any) -> Any:
        return x**3

    report = bs.audit(lambda x: float((x**2).sum()), quartic, np.array([0.5, 2.0, -1.5]))
    assert (report.verdict, report.kind) == ("fail", "wrong_function")


def test_a_gradient_that_adds_up() -> None:
    total = np.zeros(2)

    def adding(x: Any) -> Any:
        np.add(total, 2 * x, out=total)
        return total.copy()

    report = bs.audit(lambda x: float(x @ x), adding, np.array([1.0, 2.0]))
    assert (report.verdict, report.kind) == ("fail", "accumulated")


def test_a_kink_is_inconclusive_and_says_both_slopes() -> None:
    report = bs.audit(lambda x: float(np.abs(x).sum()), np.sign, np.array([0.0, 1.0, -2.0]))
    assert (report.verdict, report.kind, report.agreeing) == ("inconclusive", "kink", 2)
    assert "slope is -1 to the left and 1 to the right" in report.cause


def test_a_kink_hidden_within_is_inconclusive() -> None:
    """relu(x) - relu(-x) = x, but with relu'(0) = 0 every rule of differentiation gives 0 at 0."""

    def rule(x: Any) -> Any:
        return (x > 0) * 1.0 + (x < 0) * 1.0

    hidden = bs.audit(lambda x: float((np.maximum(x, 0) - np.maximum(-x, 0)).sum()), rule, np.array([0.0, 1.0]))
    assert (hidden.verdict, hidden.kind) == ("inconclusive", "kink")


def test_random_losses_are_inconclusive() -> None:
    random = np.random.default_rng(0)
    noisy = bs.audit(lambda x: float(x @ x) * random.uniform(), lambda x: 2 * x, np.ones(3))
    assert (noisy.verdict, noisy.kind) == ("inconclusive", "not_deterministic")
    assert "dropout" in noisy.cause
    shaken = bs.audit(lambda x: float(x @ x), lambda x: 2 * x * random.uniform(size=3), np.ones(3))
    assert (shaken.verdict, shaken.kind) == ("inconclusive", "not_deterministic")


def test_a_loss_that_is_not_finite_is_inconclusive() -> None:
    report = bs.audit(lambda x: float(np.log(x).sum()), lambda x: 1 / x, np.array([0.0, 1.0]))
    assert (report.verdict, report.kind) == ("inconclusive", "not_finite")


def test_float32_passes_what_it_can_resolve_and_says_what_it_cannot() -> None:
    point = RANDOM.normal(size=4).astype(np.float32)

    def coarse(x: Any) -> Any:
        return np.float32(np.sum(np.float32(x) ** 2))

    assert bs.audit(coarse, lambda x: 2 * np.float32(x), point).verdict == "pass"
    assert bs.audit(coarse, lambda x: np.float32(x), point).kind == "scale"
    hidden = bs.audit(lambda x: np.float32(1e6 + coarse(x)), lambda x: 2 * np.float32(x), point)
    assert (hidden.verdict, hidden.kind) == ("inconclusive", "rounding")
    assert "float32" in hidden.cause


@pytest.mark.parametrize(
    ("function", "slope", "at"),
    [
        (np.log, lambda x: 1 / x, [1e-6, 1.0, 2e6]),
        (lambda x: np.sin(1000 * x), lambda x: 1000 * np.cos(1000 * x), [1.0, -2.5]),
        (lambda x: np.sin(2e4 * np.pi * x), lambda x: 2e4 * np.pi * np.cos(2e4 * np.pi * x), [1.0, 3.0]),
        (lambda x: np.maximum(x, 1.0) ** 2, lambda x: 2 * x * (x > 1), [1 + 1e-6, 1 - 1e-6, 3.0]),
        (lambda x: np.exp(10 * x), lambda x: 10 * np.exp(10 * x), [1.0, -3.0, 5.0]),
        (np.abs, np.sign, [1e-9, -1e-5, 1.0]),
        (lambda x: 1e8 + x * x, lambda x: 2 * x, [3.0, 4.0]),
    ],
)
def test_difficult_functions_raise_no_false_alarm(function: Any, slope: Any, at: list[float]) -> None:
    assert bs.audit(lambda x: float(function(x).sum()), slope, np.array(at)).verdict == "pass"


def test_a_single_wrong_one_of_many_is_found() -> None:
    at = np.random.default_rng(3).normal(size=(100, 200))

    def spoiled(x: Any) -> Any:
        found = 4 * x**3
        found[17, 101] += 0.1
        return found

    report = bs.audit(lambda x: float((x**4).sum()), spoiled, at, components=60)
    assert (report.verdict, report.kind) == ("fail", "one_parameter")
    assert report.worst[0].name == "at[17,101]"
    assert report.measured < 100


def test_what_is_handed_back_wrongly_is_placed_between_two_arrays() -> None:
    def deep(p: list[Any]) -> float:
        return float((np.tanh(A @ p[0]) @ p[1] - 1).T @ (np.tanh(A @ p[0]) @ p[1] - 1))

    def slip(p: list[Any]) -> list[Any]:
        a = np.tanh(A @ p[0])
        dz = 2 * (a @ p[1] - 1)
        return [A.T @ np.outer(dz, p[1]), a.T @ dz]

    report = bs.audit(deep, slip, [W, b])
    assert (report.verdict, report.kind) == ("fail", "one_layer")
    three = bs.audit(lambda p: deep(p[1:]) + p[0] @ p[0], lambda p: [0 * p[0] + 1, *slip(p[1:])], [np.ones(2), W, b])
    assert (three.verdict, three.kind) == ("fail", "earlier_layers")
    assert "handed back from at[2] to at[1]" in three.cause
    assert "bs.audit(network, X, y, gradient=...) names the slip itself" in three.cause


def test_a_few_wrong_ones_are_listed() -> None:
    at = np.linspace(-1.0, 1.0, 30)

    def spoiled(x: Any) -> Any:
        found = np.cos(x)
        found[[3, 17]] += 0.1
        return found

    report = bs.audit(lambda x: float(np.sin(x).sum()), spoiled, at)
    assert (report.verdict, report.kind) == ("fail", "some_parameters")
    assert "at[3] and at[17] are wrong; the 28 others" in report.cause


@pytest.mark.parametrize("form", [list, tuple])
def test_a_point_may_be_a_list_or_tuple_of_arrays(form: Any) -> None:
    point = form([W, b, 2.0])

    def value(p: Any) -> float:
        assert isinstance(p, form)
        return float(p[2] * (p[0] @ p[1]).sum())

    def slopes(p: Any) -> Any:
        return form([p[2] * np.outer(np.ones(3), p[1]), p[2] * p[0].sum(axis=0), float((p[0] @ p[1]).sum())])

    assert bs.audit(value, slopes, point).ok
    assert bs.audit(value, lambda p: form([*slopes(p)[:2], 1.0]), point).worst[0].name == "at[2]"


def test_a_gradient_of_transposed_shape() -> None:
    wide = RANDOM.normal(size=(2, 5))
    report = bs.audit(lambda x: float((x**2).sum()), lambda x: 2 * x.T, wide)
    assert (report.verdict, report.kind) == ("fail", "transposed")


def test_arguments_may_be_given_by_name_and_the_seed_repeats() -> None:
    by_name = bs.audit(loss=loss, gradient=gradient, at=POINT, seed=3)
    assert by_name.ok
    assert by_name == bs.audit(loss, gradient, POINT, seed=3)


def test_the_point_is_left_alone() -> None:
    at = np.ones(3)

    def destructive(x: Any) -> Any:
        x *= 2
        return x

    assert bs.audit(lambda x: float((x**2).sum()), destructive, at).ok
    assert (at == 1).all()


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ((), {}, ConfigurationError, "bs.audit takes"),
        ((loss, gradient), {}, ConfigurationError, "bs.audit takes"),
        ((loss, 3, POINT), {}, ConfigurationError, "needs two functions and a point. Got int as gradient"),
        ((loss, gradient, {}), {}, DataError, "at least one number"),
        ((loss, gradient, "x"), {}, DataError, "must be an array of real numbers"),
        ((loss, gradient, [np.ones(2), ["x"]]), {}, DataError, "at[1] must be an array of real numbers"),
        ((np.abs, np.sign, np.ones(2)), {}, DataError, "must return one real number. Got an array of shape (2,)"),
        ((np.sum, lambda x: np.ones(3), np.ones(2)), {}, DataError, "must have its shape, (2,). Got shape (3,)"),
        ((loss, lambda p: {"W": W}, POINT), {}, DataError, "dict with the keys of 'at'"),
        ((loss, gradient, POINT), {"tolerance": 0}, ConfigurationError, "'tolerance' parameter"),
        ((loss, gradient, POINT), {"components": 0}, ConfigurationError, "'components' parameter"),
        ((loss, gradient, POINT), {"seed": -1}, ConfigurationError, "'seed' parameter"),
    ],
)
def test_bad_arguments(arguments: Any, options: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as caught:
        bs.audit(*arguments, **options)
    assert text in str(caught.value)
