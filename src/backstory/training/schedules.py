"""Learning rates that change with the step: small frozen objects, called with the step (from 0) and the plan.

A schedule is a pure function of the step, except `ReduceOnPlateau`, which the trainer feeds with each epoch's loss.
Steps are counted over every fit with equal optimizers, so that fitting again goes on; `Cosine`, `OneCycle`, `CosLog`
and `FlatCos`, which are laid out over a run of known length, are laid out anew over each fit. Weight decay and dropout
may follow a schedule too; see `shares`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from backstory.errors import ConfigurationError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """What a schedule may know of the run: how many steps it has in all (None: open), and how many make an epoch."""

    steps: int | None
    steps_per_epoch: int

    def last_step(self, schedule: str) -> int:
        """The index of the run's last step; raises ConfigurationError where the run has no planned end."""
        if self.steps is None:
            raise ConfigurationError(
                f"{schedule} needs to know how many steps there will be, and single steps have no planned end. "
                "Use fit, or a constant rate."
            )
        return self.steps - 1


@runtime_checkable
class Schedule(Protocol):
    """Learning rates by step."""

    @property
    def rate(self) -> float:
        """The rate it is built around."""

    @property
    def planned(self) -> bool:
        """Whether it is laid out over a run of known length."""

    def rates(self, steps: NDArray[np.int64], plan: Plan) -> Floats:
        """The learning rate at each of `steps` (0-based), shape as given."""


def lulls(rate: float | Schedule, epochs: int) -> list[int]:
    """After which epochs, counted from 1, a rate is no higher than an epoch before and after; the last is among them.

    Rates that are not laid out over the run are taken as level, so that all epochs are.

    Examples
    --------
    >>> lulls(CosLog(0.1, cycles=4), 256), lulls(Cosine(0.1), 256), lulls(0.1, 3)
    ([17, 51, 119, 256], [256], [1, 2, 3])
    """
    if not isinstance(rate, Schedule) or not rate.planned:
        return list(range(1, epochs + 1))
    rates = rate.rates(np.arange(epochs), Plan(steps=epochs, steps_per_epoch=1))
    inner = (rates[1:-1] <= rates[:-2]) & (rates[1:-1] <= rates[2:])
    return [*(np.flatnonzero(inner) + 1).tolist(), epochs]


def positive(owner: str, **values: float) -> None:
    """Raise ConfigurationError unless every value is a finite number > 0."""
    for name, value in values.items():
        if not (isinstance(value, Real) and not isinstance(value, bool) and 0 < value < math.inf):
            raise ConfigurationError(f"The {name!r} parameter of {owner} must be a finite number > 0. Got {value!r}.")


def not_negative(owner: str, **values: float) -> None:
    """Raise ConfigurationError unless every value is a finite number >= 0."""
    for name, value in values.items():
        if not (isinstance(value, Real) and 0 <= value < math.inf):
            raise ConfigurationError(f"The {name!r} parameter of {owner} must be a finite number >= 0. Got {value!r}.")


def fraction(owner: str, **values: float) -> None:
    """Raise ConfigurationError unless every value is in [0, 1)."""
    for name, value in values.items():
        if not (isinstance(value, Real) and 0 <= value < 1):
            raise ConfigurationError(f"The {name!r} parameter of {owner} must be in [0, 1). Got {value!r}.")


def flag(owner: str, **values: bool) -> None:
    """Raise ConfigurationError unless every value is True or False."""
    for name, value in values.items():
        if not isinstance(value, bool | np.bool_):
            raise ConfigurationError(f"The {name!r} parameter of {owner} must be True or False. Got {value!r}.")


def count(owner: str, least: int = 1, **values: int) -> None:
    """Raise ConfigurationError unless every value is an integer >= `least`."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ConfigurationError(f"The {name!r} parameter of {owner} must be an integer >= {least}. Got {value!r}.")


@dataclass(frozen=True)
class ConstantRate:
    """The same learning rate at every step.

    Parameters
    ----------
    rate : float > 0

    Examples
    --------
    >>> ConstantRate(0.1).rates(np.arange(3), Plan(steps=3, steps_per_epoch=1)).tolist()
    [0.1, 0.1, 0.1]
    """

    rate: float
    planned: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive("ConstantRate", rate=self.rate)

    def rates(self, steps: NDArray[np.int64], plan: Plan) -> Floats:
        return np.full(len(steps), float(self.rate))


@dataclass(frozen=True)
class Step:
    """``rate * factor ** floor(epoch / every)``: the rate falls by a factor every so many epochs.

    Parameters
    ----------
    rate : float > 0
    every : int >= 1
        Epochs between two falls.
    factor : float > 0

    Examples
    --------
    >>> Step(1.0, every=2, factor=0.5).rates(np.arange(5), Plan(steps=5, steps_per_epoch=1)).tolist()
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    rate: float
    every: int = 10
    factor: float = 0.1
    planned: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive("Step", rate=self.rate, factor=self.factor)
        count("Step", every=self.every)

    def rates(self, steps: NDArray[np.int64], plan: Plan) -> Floats:
        return np.asarray(self.rate * self.factor ** (steps // (plan.steps_per_epoch * self.every)).astype(np.float64))


@dataclass(frozen=True)
class Exponential:
    """``rate * decay ** epoch``, epochs counted in fractions of their steps.

    Parameters
    ----------
    rate : float > 0
    decay : float > 0
        Factor per epoch.

    Examples
    --------
    >>> Exponential(1.0, decay=0.5).rates(np.arange(3), Plan(steps=3, steps_per_epoch=1)).tolist()
    [1.0, 0.5, 0.25]
    """

    rate: float
    decay: float = 0.95
    planned: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive("Exponential", rate=self.rate, decay=self.decay)

    def rates(self, steps: NDArray[np.int64], plan: Plan) -> Floats:
        return np.asarray(self.rate * self.decay ** (steps / plan.steps_per_epoch))


@dataclass(frozen=True)
class InverseTime:
    """``rate / (1 + decay * epoch) ** power``, epochs counted in fractions of their steps.

    With 1/2 < power <= 1 it meets the conditions of Robbins & Monro, "A stochastic approximation method",
    Ann. Math. Statist. 22 (1951): the rates sum to infinity and their squares do not.

    Parameters
    ----------
    rate, decay, power : float > 0

    Examples
    --------
    >>> InverseTime(1.0, decay=1.0).rates(np.arange(3), Plan(steps=3, steps_per_epoch=1)).round(4).tolist()
    [1.0, 0.5, 0.3333]
    """

    rate: float
    decay: float = 0.1
    power: float = 1.0
    planned: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive("InverseTime", rate=self.rate, decay=self.decay, power=self.power)

    def rates(self, steps: NDArray[np.int64], plan: Plan) -> Floats:
        return np.asarray(self.rate / (1.0 + self.decay * steps / plan.steps_per_epoch) ** self.power)


def half_cosine(start: float, end: float, progress: NDArray[Any]) -> Floats:
    """From `start` to `end` along half a cosine, as progress goes from 0 to 1; level before and after."""
    return np.asarray(end + (start - end) * 0.5 * (1 + np.cos(np.pi * np.clip(progress, 0, 1))))


@dataclass(frozen=True)
class Cosine:
    """Linear warm-up, then half a cosine from `rate` down to `final` at the last step of the run.

    Parameters
    ----------
    rate : float > 0
        The highest rate.
    warmup : int >= 0
        Steps from rate/(warmup+1) up to `rate`.
    final : float >= 0

    References
    ----------
    Loshchilov & Hutter, "SGDR", ICLR 2017, equation 5 (without restarts).

    Examples
    --------
    >>> Cosine(1.0).rates(np.arange(3), Plan(steps=3, steps_per_epoch=1)).round(4).tolist()
    [1.0, 0.5, 0.0]
    """

    rate: float
    warmup: int = 0
    final: float = 0.0
    planned: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("Cosine", rate=self.rate)
        count("Cosine", least=0, warmup=self.warmup)
        not_negative("Cosine", final=self.final)

    def rates(self, steps: NDArray[np.int64], plan: Plan) -> Floats:
        rising = self.rate * (steps + 1) / (self.warmup + 1)
        progress = (steps - self.warmup) / max(plan.last_step("Cosine") - self.warmup, 1)
        falling = half_cosine(self.rate, self.final, progress)
        return np.where(steps < self.warmup, rising, falling)


@dataclass(frozen=True)
class OneCycle:
    """Cosine up from `rate`/25 to `rate` over the first 30 % of the steps, then cosine down to almost nothing.

    Parameters
    ----------
    rate : float > 0
        The highest rate.
    rise : float in [0, 1)
        The share of the steps that rises.
    start_divisor, final_divisor : float > 0
        The run starts at rate/start_divisor and ends at rate/(start_divisor*final_divisor).

    References
    ----------
    Smith & Topin, "Super-convergence", 2018, section 3; the defaults are PyTorch's.

    Examples
    --------
    >>> OneCycle(1.0).rates(np.arange(11), Plan(steps=11, steps_per_epoch=1)).round(3).tolist()[:4]
    [0.04, 0.28, 0.76, 1.0]
    """

    rate: float
    rise: float = 0.3
    start_divisor: float = 25.0
    final_divisor: float = 1e4
    planned: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("OneCycle", rate=self.rate, start_divisor=self.start_divisor, final_divisor=self.final_divisor)
        fraction("OneCycle", rise=self.rise)

    def rates(self, steps: NDArray[np.int64], plan: Plan) -> Floats:
        start = self.rate / self.start_divisor
        end = start / self.final_divisor
        last = max(plan.last_step("OneCycle"), 1)
        top = self.rise * last

        rising = half_cosine(start, self.rate, steps / max(top, 1e-12))
        falling = half_cosine(self.rate, end, (steps - top) / max(last - top, 1e-12))
        return np.where(steps < top, rising, falling)


@dataclass(frozen=True)
class CosLog:
    """``rate * (1 - cos(2 pi log2(1 + (2**cycles - 1) t))) / 2``, t the share of the run that is done.

    From 0 up to `rate` and down to 0 again, `cycles` times, each cycle twice as long as the one before it: the short
    ones look around, the last settles.

    Parameters
    ----------
    rate : float > 0
        The highest rate.
    cycles : int >= 1

    References
    ----------
    Holzmüller, Grinsztajn & Steinwart, "Better by default", NeurIPS 2024, section 3.2 (coslog4).

    Examples
    --------
    >>> CosLog(1.0, cycles=2).rates(np.arange(6), Plan(steps=6, steps_per_epoch=1)).round(2).tolist()
    [0.0, 0.93, 0.0, 0.72, 0.93, 0.32]
    """

    rate: float
    cycles: int = 4
    planned: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("CosLog", rate=self.rate)
        count("CosLog", cycles=self.cycles)

    def rates(self, steps: NDArray[np.int64], plan: Plan) -> Floats:
        done = steps / (plan.last_step("CosLog") + 1)
        turns = np.log2(1 + (2.0**self.cycles - 1) * done)
        return np.asarray(self.rate * 0.5 * (1 - np.cos(2 * np.pi * turns)))


@dataclass(frozen=True)
class FlatCos:
    """`rate` for the first half of the run, then down to 0 along half a cosine; for rates, weight decay and dropout.

    Parameters
    ----------
    rate : float > 0

    References
    ----------
    Holzmüller, Grinsztajn & Steinwart, "Better by default", NeurIPS 2024, section 3.2 (flat_cos).

    Examples
    --------
    >>> FlatCos(1.0).rates(np.arange(8), Plan(steps=8, steps_per_epoch=1)).round(2).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.85, 0.5, 0.15]
    """

    rate: float
    planned: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("FlatCos", rate=self.rate)

    def rates(self, steps: NDArray[np.int64], plan: Plan) -> Floats:
        done = steps / (plan.last_step("FlatCos") + 1)
        return half_cosine(self.rate, 0.0, 2 * done - 1)


@dataclass(frozen=True)
class ReduceOnPlateau:
    """The rate is multiplied by `factor` when the watched loss has not improved for `patience` epochs.

    The watched loss is the validation loss where there is one, else the training loss.

    Parameters
    ----------
    rate : float > 0
    factor : float in (0, 1)
    patience : int >= 0
        Epochs without improvement that are borne.
    tolerance : float >= 0
        An improvement is a loss below (1 - tolerance) times the best for positive losses.
    least : float >= 0
        The rate never falls below it.
    """

    rate: float
    factor: float = 0.1
    patience: int = 10
    tolerance: float = 1e-4
    least: float = 0.0
    planned: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive("ReduceOnPlateau", rate=self.rate, factor=self.factor)
        not_negative("ReduceOnPlateau", tolerance=self.tolerance, least=self.least)
        count("ReduceOnPlateau", least=0, patience=self.patience)
        if self.factor >= 1:
            raise ConfigurationError(f"The 'factor' parameter of ReduceOnPlateau must be < 1. Got {self.factor!r}.")

    def rate_after(self, losses: list[float]) -> float:
        """The rate that holds after epochs with these watched losses."""
        rate, best, waited = self.rate, math.inf, 0
        for loss in losses:
            if loss < best - self.tolerance * abs(best if best < math.inf else 0.0):
                best, waited = loss, 0
            else:
                waited += 1
            if waited > self.patience:
                rate, waited = max(rate * self.factor, self.least), 0
        return rate

    def rates(self, steps: NDArray[np.int64], plan: Plan) -> Floats:
        return np.full(len(steps), float(self.rate))


def shares(schedule: Schedule, steps: NDArray[np.int64], plan: Plan, what: str) -> Floats:
    """What a schedule multiplies `Schedule.rate` by at each of `steps`, for weight decay and dropout.

    Raises
    ------
    ConfigurationError
        It rises above the rate that it is built around, which dropout cannot, or goes by epochs' losses.
    """
    if isinstance(schedule, ReduceOnPlateau):
        raise ConfigurationError(
            f"ReduceOnPlateau goes by losses that are not known when {what} is planned. Use FlatCos({schedule.rate!r})."
        )
    found = schedule.rates(steps, plan) / schedule.rate
    if len(found) and not (found.min() >= 0 and found.max() <= 1 + 1e-9):
        raise ConfigurationError(
            f"A schedule of {what} must not rise above the rate that it is built around. Got {schedule!r}; use one "
            f"that falls, such as FlatCos({schedule.rate!r})."
        )
    return np.minimum(found, 1.0)
