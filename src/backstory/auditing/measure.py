"""Which derivatives are measured, and how each compares with the claimed one."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backstory.auditing.problem import Block, Counted, Floats, Indices, Problem
from backstory.auditing.slopes import Slope, complex_slope, deviation, measured_noise, sweep

TIMES_ERROR = 10.0
"""A derivative is called wrong only when it is off by more than so many times its estimated error."""
RESOLVED = 0.05
"""A derivative whose error is a larger share of its size than this is not measured."""
OTHER_FIRST = 0.0553
"""The largest step of the sweep that confirms: none of its steps is one of the first sweep's."""
MOST_CONFIRMED = 32
"""How many disagreements are measured again though the first sweep was sharp."""
NEIGHBOR = 1e-3
"""How far from the point, in the parameters' own scales, a failure is looked at again."""
FLOAT32 = 1e-4
"""Share by which derivatives computed in float32 may be off."""


@dataclass
class Measured:
    """The derivatives that were measured, in the order in which they were.

    Attributes
    ----------
    claimed : ndarray (n,)
        Of all parameters.
    slack : ndarray (n,)
        By how much each claimed derivative may be off by its own rounding.
    found : dict of int to Slope
        By place in the flat vector; in units of the parameter.
    probes : list of (Block, float, Slope)
        Along a random direction of a block: the claimed slope and the measured one.
    """

    problem: Problem
    claimed: Floats
    slack: Floats
    tolerance: float
    noise: float
    value: float
    counted: Counted
    scales: Floats
    analytic: bool = False
    confirmed: int = 0
    found: dict[int, Slope] = field(default_factory=dict)
    probes: list[tuple[Block, float, Slope]] = field(default_factory=list)

    @property
    def places(self) -> Indices:
        """What was measured, rising."""
        return np.array(sorted(self.found), dtype=np.int64)

    def true(self, places: Iterable[int]) -> Floats:
        """The measured derivatives at some places."""
        return np.array([self.found[int(place)].value for place in places])

    def errors(self, places: Iterable[int]) -> Floats:
        """Their estimated errors."""
        return np.array([self.found[int(place)].error for place in places])

    def allowed(self, place: int, claimed: float | None = None) -> float:
        """By how much claimed and measured derivative may differ at a place."""
        slope = self.found[place]
        size = max(abs(self.claimed[place] if claimed is None else claimed), abs(slope.value))
        return float(TIMES_ERROR * slope.error + self.tolerance * size + self.slack[place])

    def agrees(self, place: int) -> bool:
        """Whether the claimed derivative is the measured one, as far as can be told."""
        return bool(abs(self.claimed[place] - self.found[place].value) <= self.allowed(place))

    def resolved(self, place: int) -> bool:
        """Whether the error is small beside the derivative, or beside those around it."""
        slope, block = self.found[place], self.problem.block_of(place)
        around = float(np.max(np.abs(self.claimed[block.here])))
        size = max(abs(slope.value), abs(self.claimed[place]), 0.01 * around, 1e-3 * self.largest)
        if not size:
            size = 1e-3 * abs(self.value) / self.scales[place]
        return bool(TIMES_ERROR * slope.error + self.slack[place] <= RESOLVED * size or slope.error == 0.0)

    @property
    def largest(self) -> float:
        """The largest claimed derivative, by size."""
        return float(np.max(np.abs(self.claimed), initial=0.0))

    def unit(self, place: int) -> Floats:
        """The direction of one parameter, as long as its scale."""
        direction = np.zeros_like(self.problem.at)
        direction[place] = self.scales[place]
        return direction

    def enough(self, claimed: float) -> float:
        """How small an error must be to end a sweep early."""
        return 0.1 * (self.tolerance * abs(claimed) + 1e-3 * self.tolerance * self.largest) / TIMES_ERROR

    def measure(self, place: int) -> Slope:
        """Measure one derivative; one that seems wrong a second time, by other steps."""
        if place in self.found:
            return self.found[place]
        direction, scale = self.unit(place), float(self.scales[place])
        along, claimed = self.counted.along(direction), float(self.claimed[place])
        if self.analytic:
            exact = complex_slope(lambda t: self.problem.loss(self.problem.at + t * direction)) / scale
            self.counted.calls += 1
            error = 1e-13 * abs(exact) + 1e-14 * self.largest
            if abs(exact - claimed) <= self.tolerance * abs(exact) + self.slack[place]:
                self.found[place] = Slope(exact, error, exact, exact, 0.0, error, ())
                return self.found[place]
        enough = self.enough(claimed) * scale
        slope = sweep(along, self.value, self.noise, enough=enough).scaled(1 / scale)
        self.found[place] = slope
        if not self.agrees(place) and (slope.error > enough / scale or self.confirmed < MOST_CONFIRMED):
            self.confirmed += 1
            whole = sweep(along, self.value, self.noise).scaled(1 / scale)
            other = sweep(along, self.value, self.noise, first=OTHER_FIRST).scaled(1 / scale)
            self.found[place] = _confirmed(whole, other)
        return self.found[place]

    def probe(self, block: Block, direction: Floats) -> tuple[float, Slope]:
        """Measure the slope along a direction."""
        claimed = float(self.claimed @ direction)
        along = self.counted.along(direction)
        size = float(np.abs(self.claimed) @ np.abs(direction))
        slope = sweep(along, self.value, self.noise, enough=1e-3 * self.tolerance * size)
        if self.differs(claimed, slope, direction):
            slope = _confirmed(
                sweep(along, self.value, self.noise), sweep(along, self.value, self.noise, first=OTHER_FIRST)
            )
        self.probes.append((block, claimed, slope))
        return claimed, slope

    def differs(self, claimed: float, slope: Slope, direction: Floats) -> bool:
        """Whether a claimed slope along a direction is off by more than errors explain."""
        slack = float(np.sqrt(np.sum((self.slack * direction) ** 2)))
        allowed = TIMES_ERROR * slope.error + self.tolerance * max(abs(claimed), abs(slope.value)) + slack
        return bool(abs(claimed - slope.value) > allowed)


def _confirmed(first: Slope, second: Slope) -> Slope:
    """Return the better of two independent measurements, its error at least their difference."""
    better, other = (first, second) if first.error <= second.error else (second, first)
    if not np.isfinite(other.error):
        return better
    error = max(better.error, min(abs(first.value - second.value), other.error))
    return Slope(better.value, error, better.left, better.right, better.jump, better.jump_error, better.trials)


def prepared(
    problem: Problem, claimed: Floats, value: float, counted: Counted, tolerance: float, random: Any
) -> Measured:
    """Measure how much the values and the claimed derivatives are rounded, and whether complex steps may be used."""
    scales = problem.scales()
    sizes = np.where(problem.at != 0, np.abs(problem.at), scales)  # no further than the border of a domain at 0
    direction = sizes * random.choice([-1.0, 1.0], size=len(scales))
    uphill = [sizes * np.where(claimed < 0, -1.0, 1.0) * random.uniform(0.5, 1.5, len(sizes)) for _ in range(2)]
    noise = measured_noise([counted.along(each) for each in uphill], value, problem.grain)
    measured = Measured(problem, claimed, np.zeros_like(claimed), tolerance, noise, value, counted, scales)
    measured.slack = _slack(measured, direction)
    if problem.complex_too:
        measured.analytic = _analytic(measured, direction)
    return measured


def _slack(measured: Measured, direction: Floats) -> Floats:
    """By how much claimed derivatives are rounded: measured where they can be asked for at close places."""
    problem, claimed = measured.problem, measured.claimed
    least = 1e-3 * measured.tolerance * measured.largest
    if problem.coarse:
        least = max(least, 0.1 * FLOAT32 * measured.largest)
    slack = np.full_like(claimed, least) + (FLOAT32 * np.abs(claimed) if problem.coarse else 0.0)
    if problem.fixed:
        return slack
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spread = np.minimum(
            *(
                deviation(np.array([problem.gradient(problem.at + step * (place + 1) * line) for place in range(8)]))
                for step, line in ((3e-7, direction), (-6e-8, np.abs(direction)))
            )
        )
    # A kink close by makes the gradient jump, which is no rounding: the typical parameter's rounding bounds all.
    usual = 100 * float(np.median(spread)) + 1e-6 * measured.largest
    slack += 8 * np.minimum(np.where(np.isfinite(spread), spread, 0.0), usual)
    return slack


def _analytic(measured: Measured, direction: Floats) -> bool:
    """Whether a complex step gives what differences give, along two directions."""
    problem = measured.problem
    half = np.where(np.arange(len(direction)) % 2, direction, 0.5 * direction)
    for each in (direction, half):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error")
            exact = complex_slope(lambda t, v=each: problem.loss(problem.at + t * v))  # type: ignore[misc]
        if not np.isfinite(exact):
            return False
        slope = sweep(measured.counted.along(each), measured.value, measured.noise)
        sharp = slope.error <= 1e-7 * abs(exact)  # at a kink the error is as large as the slope
        if not (sharp and abs(exact - slope.value) <= TIMES_ERROR * slope.error + 1e-10 * abs(exact)):
            return False
    return True


def measure_all(measured: Measured, components: int, random: Any) -> None:
    """Measure every derivative of a small problem; of a large one probes by array, and then chosen ones."""
    problem = measured.problem
    n = len(problem.at)
    if n <= components:
        for place in range(n):
            measured.measure(place)
        return
    blocks = [block for block in problem.blocks if block.size]
    quota = max(4, components // (2 * len(blocks)))
    for block in blocks:
        sign = random.choice([-1.0, 1.0], size=block.size)
        direction = np.zeros(n)
        direction[block.here] = sign * measured.scales[block.here]
        claimed, slope = measured.probe(block, direction)
        if measured.differs(claimed, slope, direction):
            _narrow(measured, block, direction)
        for place in _chosen(measured.claimed, block, quota, random):
            measured.measure(int(place))


def _narrow(measured: Measured, block: Block, direction: Floats) -> None:
    """Follow a disagreement along a direction into the half that holds more of it, down to one parameter."""
    start, stop = block.start, block.start + block.size
    while stop - start > 1:
        middle = (start + stop) // 2
        gaps = []
        for here in (slice(start, middle), slice(middle, stop)):
            part = np.zeros_like(direction)
            part[here] = direction[here]
            slope = sweep(measured.counted.along(part), measured.value, measured.noise)
            gaps.append(abs(float(measured.claimed @ part) - slope.value))
        start, stop = (start, middle) if not gaps[1] > gaps[0] else (middle, stop)
    measured.measure(start)


def _chosen(claimed: Floats, block: Block, quota: int, random: Any) -> Indices:
    """Choose parameters of a block: those claimed largest, some claimed 0, and any."""
    if block.size <= quota:
        return np.arange(block.start, block.start + block.size)
    part = np.abs(claimed[block.here])
    order = np.argsort(-part, kind="stable")
    zeros = np.flatnonzero(part == 0)
    picked = [order[: quota // 3], zeros[: quota // 6]]
    picked.append(random.choice(block.size, size=quota - sum(map(len, picked)), replace=False))
    return block.start + np.unique(np.concatenate(picked))


def fails_beside(measured: Measured, places: Iterable[int], random: Any) -> bool:
    """Whether a failure is there at a neighboring point too, so that no kink at this very point explains it."""
    problem = measured.problem
    if problem.fixed:
        return True
    for _ in range(3):
        point = problem.at + NEIGHBOR * measured.scales * random.uniform(-1, 1, size=len(problem.at))
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            claimed = problem.gradient(point.copy())
        value = measured.counted.at(point)
        for place in places:
            scale = float(measured.scales[place])
            along = measured.counted.along(measured.unit(place), point)
            slope = sweep(along, value, measured.noise).scaled(1 / scale)
            size = max(abs(claimed[place]), abs(slope.value))
            allowed = TIMES_ERROR * slope.error + measured.tolerance * size + measured.slack[place]
            if abs(claimed[place] - slope.value) > allowed:
                return True
    return False
