"""Schedules against their formulas and, where PyTorch has the same one, against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.training.schedules import ConstantRate, Plan

PLAN = Plan(steps=40, steps_per_epoch=4)
STEPS = np.arange(40)


def test_falling_by_steps() -> None:
    rates = bs.Step(0.8, every=3, factor=0.5).rates(STEPS, PLAN)
    assert rates.tolist() == [0.8 * 0.5 ** (step // 12) for step in range(40)]


def test_exponential_and_inverse_time() -> None:
    epochs = STEPS / 4
    np.testing.assert_allclose(bs.Exponential(0.3, decay=0.9).rates(STEPS, PLAN), 0.3 * 0.9**epochs, rtol=1e-15)
    found = bs.InverseTime(0.3, decay=0.2, power=0.5).rates(STEPS, PLAN)
    np.testing.assert_allclose(found, 0.3 / np.sqrt(1 + 0.2 * epochs), rtol=1e-15)


def test_cosine_rises_linearly_and_ends_at_its_final_rate() -> None:
    rates = bs.Cosine(1.0, warmup=4, final=0.1).rates(STEPS, PLAN)
    np.testing.assert_allclose(rates[:5], [0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[-1] == pytest.approx(0.1)
    assert (np.diff(rates[4:]) < 0).all()


def test_one_cycle_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=40, cycle_momentum=False)
    wanted = []
    for _ in range(40):
        wanted.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step() if len(wanted) < 40 else None
    assert bs.OneCycle(0.5).rates(STEPS, PLAN)[-1] == pytest.approx(wanted[-1], rel=1e-6)
    # PyTorch puts the top at step 0.3 * 40 - 1 = 11, we at 0.3 * 39 = 11.7, the same share of the run
    np.testing.assert_allclose(bs.OneCycle(0.5).rates(STEPS, PLAN), wanted, atol=0.04)


def test_plateau_lowers_the_rate_after_its_patience() -> None:
    plateau = bs.ReduceOnPlateau(1.0, factor=0.5, patience=2, least=0.3)
    losses = [3.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    rates = [plateau.rate_after(losses[:n]) for n in range(len(losses) + 1)]
    assert rates == [1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3]


def test_a_plateau_lowers_the_rate_in_fit() -> None:
    net = bs.Network([1, 1], seed=0)
    optimizer = bs.SGD(bs.ReduceOnPlateau(1e-12, factor=0.1, patience=1))
    history = net.fit([[1.0], [2.0]], [1.0, 0.0], optimizer=optimizer, epochs=6)
    assert history.learning_rate[0] == 1e-12
    assert history.learning_rate[-1] == pytest.approx(1e-14)


@pytest.mark.parametrize("schedule", [bs.Cosine(0.1), bs.OneCycle(0.1)])
def test_single_steps_have_no_planned_end(schedule: Any) -> None:
    net = bs.Network([1, 1], seed=0)
    with pytest.raises(bs.ConfigurationError, match="single steps have no planned end"):
        net.step([[1.0]], [1.0], optimizer=bs.SGD(schedule))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConstantRate(0), "'rate' parameter of ConstantRate must be a finite number > 0. Got 0"),
        (lambda: bs.Step(1.0, every=0), "'every' parameter of Step must be an integer >= 1. Got 0"),
        (lambda: bs.Cosine(-1.0), "'rate' parameter of Cosine must be a finite number > 0. Got -1.0"),
        (lambda: bs.Cosine(1.0, warmup=-1), "'warmup' parameter of Cosine must be an integer >= 0. Got -1"),
        (lambda: bs.Cosine(1.0, final=-1), "'final' parameter of Cosine must be a finite number >= 0. Got -1"),
        (lambda: bs.OneCycle(1.0, rise=1.0), r"'rise' parameter of OneCycle must be in \[0, 1\). Got 1.0"),
        (lambda: bs.ReduceOnPlateau(1.0, factor=1.0), "'factor' parameter of ReduceOnPlateau must be < 1. Got 1.0"),
    ],
)
def test_rates_outside_their_domain_are_refused(make: Any, message: str) -> None:
    with pytest.raises(bs.ConfigurationError, match=message):
        make()


def test_coslog_rises_and_falls_in_cycles_that_double() -> None:
    plan, steps = Plan(steps=1500, steps_per_epoch=10), np.arange(1500)
    rates = bs.CosLog(0.2, cycles=4).rates(steps, plan)
    # cycle k ends where 1 + 15 t = 2**k: after 1/15, 3/15, 7/15 and all of the run
    ends = np.array([0, 100, 300, 700])
    np.testing.assert_allclose(rates[ends], 0, atol=1e-15)
    tops = [steps[first:last][rates[first:last].argmax()] for first, last in [(0, 100), (100, 300), (300, 700)]]
    np.testing.assert_allclose(tops, (2 ** (np.arange(3) + 0.5) - 1) * 100, atol=1)
    assert rates.max() == pytest.approx(0.2, rel=1e-4)
    assert rates[-1] < 1e-5


def test_flat_cos_is_flat_and_then_a_cosine() -> None:
    rates = bs.FlatCos(0.3).rates(STEPS, PLAN)
    assert (rates[:21] == 0.3).all()
    np.testing.assert_allclose(rates[20:], 0.15 * (1 + np.cos(np.pi * (STEPS[20:] - 20) / 20)), rtol=1e-12)


X = np.random.default_rng(0).normal(size=(24, 3))
Y = X[:, :1] * X[:, 1:2]


def _fitted(engine: str = "native", **options: Any) -> Any:
    net = bs.Network([3, 8, 1], hidden="tanh", seed=1)
    net.fit(X, Y, batch_size=8, epochs=6, engine=engine, progress=False, **options)
    return net.parameters.copy()


def test_weight_decay_on_a_schedule_is_that_decay_epoch_by_epoch() -> None:
    found = _fitted(optimizer=bs.SGD(0.1, weight_decay=bs.FlatCos(0.5)))
    net = bs.Network([3, 8, 1], hidden="tanh", seed=1)
    decays = bs.FlatCos(0.5).rates(np.arange(6) * 3, Plan(18, 3))
    for epoch, decay in enumerate(decays):
        net._memory.epochs = epoch
        net.fit(X, Y, optimizer=bs.SGD(0.1, weight_decay=float(decay)), batch_size=8, epochs=1, progress=False)
    np.testing.assert_allclose(found, net.parameters, rtol=1e-12)
    assert not np.allclose(found, _fitted(optimizer=bs.SGD(0.1, weight_decay=0.5)))


@pytest.mark.parametrize(
    "options",
    [{"optimizer": bs.AdamW(bs.CosLog(0.05), weight_decay=bs.FlatCos(0.5))}, {"dropout": bs.FlatCos(0.5)}],
    ids=["decay", "dropout"],
)
def test_both_engines_follow_schedules(options: dict[str, Any]) -> None:
    np.testing.assert_allclose(_fitted(**options), _fitted("reference", **options), rtol=1e-9, atol=1e-12)
    plain = {name: bs.AdamW(bs.CosLog(0.05)) if name == "optimizer" else 0.5 for name in options}
    assert not np.allclose(_fitted(**options), _fitted(**plain))


def test_a_schedule_in_a_walk_is_the_one_in_fit() -> None:
    optimizer = bs.SGD(0.1, weight_decay=bs.Step(0.5, every=2))
    net = bs.Network([3, 8, 1], hidden="tanh", seed=1)
    walk = net.walk(X, Y, optimizer=optimizer, batch_size=8, dropout=bs.Exponential(0.5))
    for steps in (1, 4, 7, 6):
        walk.take(steps)
    assert (net.parameters == _fitted(optimizer=optimizer, dropout=bs.Exponential(0.5))).all()
    with pytest.raises(bs.ConfigurationError, match="FlatCos needs to know how many steps there will be"):
        net.walk(X, Y, dropout=bs.FlatCos(0.5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": bs.Exponential(0.5, decay=1.5)}, "schedule of dropout must not rise above the rate"),
        ({"dropout": bs.FlatCos(1.0)}, r"'dropout' parameter of fit must be in \[0, 1\). Got 1.0"),
        ({"dropout": bs.ReduceOnPlateau(0.5)}, r"not known when dropout is planned. Use FlatCos\(0.5\)"),
    ],
)
def test_schedules_that_dropout_cannot_follow(options: dict[str, Any], message: str) -> None:
    with pytest.raises(bs.ConfigurationError, match=message):
        _fitted(**options)
