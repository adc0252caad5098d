"""Time to an accuracy: epochs until enough test images are right, for several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.accuracy.proofs import read_mnist
from benchmarks.peers.contender import Contender
from benchmarks.referee import Referee, Verdict
from benchmarks.timing import Timed, sample
from benchmarks.works import Array, Work, task_of

ENOUGH, QUICK_ENOUGH = 0.98, 0.9
"""The share of the test images that must be right."""


def measure_reaching(
    work: Work, kinds: Sequence[type[Contender]], mnist: Path, *, threads: int, seeds: int, enough: float = ENOUGH
) -> list[Timed]:
    """Train each contender, an epoch at a time, until it is right on enough of the test images.

    The clock runs while it trains and stands while its weights are fetched and tried on the test images, by the same
    code for everybody. Each seed draws first weights and an order of the rows, the same in every epoch; contenders take
    turns within a seed, and the one that begins changes from seed to seed. One that never gets there counts as
    infinitely slow.
    """
    X, y, X_test, y_test = read_mnist(mnist)
    times = np.empty((len(kinds), seeds))
    epochs = np.zeros((len(kinds), seeds), dtype=int)
    verdicts: list[Verdict | None] = [None] * len(kinds)
    compiling = np.zeros(len(kinds))
    for seed in range(seeds):
        task = task_of(work, X, y, seed)
        referee = Referee(task) if seed == 0 else None
        for place in range(len(kinds)):
            i = (place + seed) % len(kinds)
            contender = kinds[i](task, threads)
            compiling[i] = max(compiling[i], contender.compile_seconds)
            seconds, right = 0.0, 0.0
            while right < enough and epochs[i, seed] < work.epochs:
                seconds += sample(contender, 1)
                epochs[i, seed] += 1
                if referee is not None and epochs[i, seed] == 1:
                    verdicts[i] = referee.judge(kinds[i].name, contender.result())
                right = accuracy(work, contender.result(), X_test, y_test)
            times[i, seed] = seconds if right >= enough else np.inf
    return [
        Timed(kind.name, kind.package, kind.ours, times[i], compiling[i], verdict, f"epochs {told(epochs[i])}")
        for i, (kind, verdict) in enumerate(zip(kinds, verdicts, strict=True))
        if verdict is not None
    ]


def told(epochs: Array) -> str:
    return " ".join(map(str, epochs))


def accuracy(work: Work, result: Array, X: Array, y: Array) -> float:
    """The share of rows whose largest output is the right one, for ReLU and the parameters W1, b1, W2, ..."""
    a, start = X, 0
    last = len(work.sizes) - 2
    for layer in range(last + 1):
        n_in, n_out = work.sizes[layer : layer + 2]
        W = result[start : start + n_in * n_out].reshape(n_in, n_out).astype(np.float32)
        b = result[start + n_in * n_out : start + (n_in + 1) * n_out].astype(np.float32)
        start += (n_in + 1) * n_out
        z = a @ W + b
        a = z if layer == last else np.maximum(z, 0)
    return float((a.argmax(axis=1) == y).mean())
