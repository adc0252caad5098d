"""Timing: contenders in turn, many times over, after they have been shown to compute the same."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.peers.contender import Contender
from benchmarks.referee import Referee, Verdict
from benchmarks.works import Array, Task

REST = 0.25
"""Seconds before each sample: threads of libraries go on spinning for a while after their work, on anybody's time."""


@dataclass(frozen=True)
class Timed:
    """One contender's times for one work: seconds per unit (step, call, ...), one per round."""

    name: str
    package: str
    ours: bool
    seconds: Array
    compile_seconds: float
    verdict: Verdict
    note: str = ""

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    @property
    def quartiles(self) -> tuple[float, float]:
        low, high = np.percentile(self.seconds, [25, 75], method="nearest")  # some may be infinite
        return float(low), float(high)


def measure(task: Task, kinds: Sequence[type[Contender]], *, threads: int, repeats: int, seconds: float) -> list[Timed]:
    """Time the contenders on a task.

    Each is built, run once for the referee, which is not timed, then asked for as many runs as take about `seconds`.
    These samples are taken in turn after a rest, the order moving on by one in each round, so that what else the
    machine does falls on all alike.
    """
    referee = Referee(task)
    contenders: list[Contender] = []
    verdicts: list[Verdict] = []
    for kind in kinds:
        contender = kind(task, threads)
        contender.run(1)
        verdicts.append(referee.judge(kind.name, contender.result()))
        contenders.append(contender)
    runs = [runs_for(contender, seconds) for contender in contenders]
    times = np.empty((len(contenders), repeats))
    for k in range(repeats):
        for place in range(len(contenders)):
            i = (place + k) % len(contenders)
            time.sleep(REST if seconds > REST else 0)
            times[i, k] = sample(contenders[i], runs[i]) / (runs[i] * task.work.steps)
    return [
        Timed(kind.name, kind.package, kind.ours, times[i], contenders[i].compile_seconds, verdicts[i])
        for i, kind in enumerate(kinds)
    ]


def sample(contender: Contender, runs: int) -> float:
    """Seconds for so many runs."""
    start = time.perf_counter()
    contender.run(runs)
    return time.perf_counter() - start


def runs_for(contender: Contender, seconds: float) -> int:
    """How many runs take about so long; finding out is the warm-up."""
    runs = 1
    while True:
        took = sample(contender, runs)
        if took >= 0.5 * seconds:
            return max(1, round(runs * seconds / took))
        runs = max(runs + 1, min(runs * 10, round(runs * seconds / took)))
