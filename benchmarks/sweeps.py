"""Sweeps: the time of a training step over width, batch and depth, on one thread and on two, and over rows.

The rule: from one width, batch or depth to the next, the time of a step never grows by more than half (below 33 it may
double) and never falls by more than a tenth; and two threads are never slower than one. Neighbors are timed in turn,
so that nothing else that the machine does falls on one of them alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from benchmarks.peers.with_backstory import Backstory, BackstoryPrediction
from benchmarks.timing import runs_for, sample
from benchmarks.works import REGRESSION, Array, Work, make

SMALL = 32
"""Up to here growth to the next may be `GROWTH_SMALL`."""
GROWTH, GROWTH_SMALL, FALL = 1.5, 2.0, 0.9
NOISE = 1.05
"""Two threads are called slower from here on: timing the same thing twice differs by so much."""
LONGER = (2, 4, 4)
"""What seems to break the rule is timed again so often, with samples so many times as long; what breaks it each time
counts."""
STEP_FLOPS = 2e7
"""Arithmetic of an epoch, roughly: it has as many steps as come to this, but 4 at least and 200 at most."""


@dataclass(frozen=True)
class Sweep:
    """A family of networks and batches along one number.

    Attributes
    ----------
    key, title : str
        In file names, and in words.
    axis : {"width", "batch", "depth"}
    points : tuple of int
        Ascending; those that differ by one are compared.
    work : function of int
        The work at a point; its rows are set here.
    """

    key: str
    title: str
    axis: str
    points: tuple[int, ...]
    work: Callable[[int], Work]

    def at(self, point: int) -> Work:
        """The work, with as many rows as make a sample worth timing."""
        work = self.work(point)
        steps = int(min(200, max(4, STEP_FLOPS / work.flops)))
        return Work(**{**vars(work), "rows": work.batch * steps})

    def quick(self) -> Sweep:
        """The same at a few points."""
        some = {1, 2, 3, 31, 32, 33, 64, 65}
        return Sweep(self.key, self.title, self.axis, tuple(p for p in self.points if p in some), self.work)


def grid(limit: int, *, dense: int = 70, coarse: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Every integer up to `dense`, then multiples with both their neighbors.

    Parameters
    ----------
    limit : int
        The largest point.
    coarse : (step, up to) pairs
    """
    points = set(range(1, min(limit, dense) + 1)) | {limit}
    for step, up_to in coarse:
        points |= {n + k for n in range(step, up_to + 1, step) for k in (-1, 0, 1)}
    return tuple(sorted(p for p in points if 1 <= p <= limit))


WIDTHS = grid(512, coarse=((16, 128), (32, 512)))
BATCHES = grid(4096, coarse=((16, 128), (64, 512), (256, 1024), (1024, 4096)))
DEPTHS = tuple(range(1, 33))
"""On so many inputs that a second layer does not by itself double the arithmetic."""
TANH, RELU = ("tanh", *REGRESSION), ("relu", *REGRESSION)

SWEEPS: tuple[Sweep, ...] = (
    Sweep(
        *("width-batch-1", "width w of 8-w-w-1, tanh, batch 1, SGD", "width", WIDTHS),
        lambda w: Work((8, w, w, 1), *TANH, 1, "sgd", 1e-3),
    ),
    Sweep(
        *("width-batch-64", "width w of 8-w-w-1, ReLU, batch 64, Adam", "width", WIDTHS),
        lambda w: Work((8, w, w, 1), *RELU, 64, "adam", 1e-5),
    ),
    Sweep(
        *("batch-narrow", "batch of 2-8-8-1, tanh, SGD", "batch", BATCHES),
        lambda n: Work((2, 8, 8, 1), *TANH, n, "sgd", 1e-3),
    ),
    Sweep(
        *("batch-64", "batch of 8-64-64-1, ReLU, Adam", "batch", BATCHES),
        lambda n: Work((8, 64, 64, 1), *RELU, n, "adam", 1e-5),
    ),
    Sweep(
        *("depth-narrow", "number of layers of 8 units on 32 inputs, tanh, batch 10, SGD", "depth", DEPTHS),
        lambda d: Work((32, *[8] * d, 1), *TANH, 10, "sgd", 1e-3),
    ),
    Sweep(
        *("depth-64", "number of layers of 64 units on 256 inputs, ReLU, batch 64, Adam", "depth", DEPTHS),
        lambda d: Work((256, *[64] * d, 1), *RELU, 64, "adam", 1e-5),
    ),
)
ROWS = (200, 1_000, 5_000, 20_000, 100_000, 500_000)


@dataclass(frozen=True)
class Finding:
    """Two timings that stand in a ratio the rule does not allow."""

    text: str
    ratio: float


@dataclass
class Swept:
    """What a sweep found: seconds per step by threads and point, ratios by pair, and what breaks the rule."""

    sweep: Sweep
    seconds: dict[int, dict[int, float]]  # threads -> point -> seconds
    growth: dict[tuple[int, int, int], float]  # (threads, point, next) -> ratio
    second_thread: dict[int, float]  # point -> time on two threads over time on one
    findings: list[Finding]


class Runner:
    """One point on so many threads, warmed up."""

    def __init__(self, work: Work, threads: int, seconds: float) -> None:
        self.contender, self.steps = Backstory(make(work), threads), work.steps
        self.contender.run(1)  # a first call is no measure of how many runs a sample takes
        self.runs = runs_for(self.contender, seconds)

    def sample(self, longer: int = 1) -> float:
        """Seconds per step."""
        return sample(self.contender, self.runs * longer) / (self.runs * longer * self.steps)


def sweep_over(sweep: Sweep, *, threads: int, repeats: int, seconds: float) -> Swept:
    """Time all neighbors of a sweep, on one thread and (where allowed) on two."""
    counts = (1, 2)[:threads]
    found = Swept(sweep, {count: {} for count in counts}, {}, {}, [])
    taken: dict[tuple[int, int], list[float]] = {}
    runners: dict[tuple[int, int], Runner] = {}
    for pair in neighbors(sweep.points):
        here = [(count, point) for count in counts for point in pair]
        runners = {place: runners.get(place) or Runner(sweep.at(place[1]), place[0], seconds) for place in here}
        times = alternately(runners, repeats)
        for longer in LONGER:  # what was chance is gone in one of these
            if any(problem(key, ratio) for key, ratio in ratios(times, pair, counts)):
                times = alternately(runners, repeats, longer)
        for place, values in times.items():
            taken.setdefault(place, []).extend(values)
        for key, ratio in ratios(times, pair, counts):
            keep(found, key, ratio)
    for (count, point), values in taken.items():
        found.seconds[count][point] = float(np.median(values))
    return found


def neighbors(points: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Pairs that differ by one, and alone the points that have no such neighbor."""
    pairs = [(a, b) for a, b in pairwise(points) if b == a + 1]
    paired = {point for pair in pairs for point in pair}
    yield from sorted([*pairs, *((point,) for point in points if point not in paired)])


def alternately(
    runners: dict[tuple[int, int], Runner], repeats: int, longer: int = 1
) -> dict[tuple[int, int], list[float]]:
    """Sample all runners in turn, so many times over."""
    times: dict[tuple[int, int], list[float]] = {key: [] for key in runners}
    for _, (key, runner) in product(range(repeats), runners.items()):
        times[key].append(runner.sample(longer))
    return times


Key = tuple[str, int, int, int]
"""What is compared: ("growth", threads, point, next point) or ("threads", 2, point, point)."""


def ratios(
    times: dict[tuple[int, int], list[float]], pair: tuple[int, ...], counts: Sequence[int]
) -> Iterator[tuple[Key, float]]:
    """The medians, over the rounds, of the ratios that the rule is about."""
    if len(pair) == 2:
        for count in counts:
            yield ("growth", count, *pair), median_ratio(times[count, pair[1]], times[count, pair[0]])
    if len(counts) == 2:
        for point in pair:
            yield ("threads", 2, point, point), median_ratio(times[2, point], times[1, point])


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    return float(np.median(np.asarray(above) / np.asarray(below)))


def problem(key: Key, ratio: float) -> str:
    """What the rule says against a ratio; empty if nothing."""
    kind, _, _, after = key
    if kind == "threads":
        return "two threads are slower than one" if ratio > NOISE else ""
    if ratio > (GROWTH if after > SMALL else GROWTH_SMALL):
        return "grows too much"
    return "falls too much" if ratio < FALL else ""


def keep(found: Swept, key: Key, ratio: float) -> None:
    """Enter a ratio, and what is wrong with it."""
    kind, threads, point, after = key
    axis = found.sweep.axis
    if kind == "threads" and point in found.second_thread:
        return  # it is a neighbor on both sides, and was judged beside the first
    if kind == "growth":
        found.growth[threads, point, after] = ratio
        text = f"{axis} {point} to {after}, {threads} thread{'s' * (threads > 1)}"
    else:
        found.second_thread[point] = ratio
        text = f"{axis} {point}"
    if wrong := problem(key, ratio):
        found.findings.append(Finding(f"{text}: {wrong}", ratio))


@dataclass(frozen=True)
class RowsSwept:
    """Seconds of an epoch and of a prediction, by rows."""

    rows: Array
    epoch: Array
    prediction: Array


def sweep_rows(*, threads: int, repeats: int, seconds: float, quick: bool) -> RowsSwept:
    """Time an epoch of 8-64-64-1, batch 200, and a prediction, over ever more rows."""
    points = ROWS[:2] if quick else ROWS
    times: list[list[float]] = []
    for rows in points:
        works = (
            (Backstory, Work((8, 64, 64, 1), *RELU, 200, "adam", 1e-5, rows)),
            (BackstoryPrediction, Work((8, 64, 64, 1), *RELU, rows, rows=rows, kind="prediction")),
        )
        times.append([])
        for kind, work in works:
            contender = kind(make(work), threads)
            contender.run(1)
            runs = runs_for(contender, seconds)
            times[-1].append(float(np.median([sample(contender, runs) / runs for _ in range(repeats)])))
    epoch, prediction = np.array(times).T
    return RowsSwept(np.array(points), epoch, prediction)
