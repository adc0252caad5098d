"""A run of the suite: which works, with which settings, and the measuring of each."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks import datasets, peak
from benchmarks.peers import CONTENDERS, absences
from benchmarks.reaching import ENOUGH, QUICK_ENOUGH, measure_reaching
from benchmarks.report import Measured
from benchmarks.timing import measure
from benchmarks.works import WORKS, Work

QUICK_COMPILED = "8-64-64-1 ReLU, batch 200, Adam"
"""The one work that a quick run compiles with `torch.compile`, as that takes longer than all the rest of it."""


@dataclass(frozen=True)
class Settings:
    """What was asked for on the command line."""

    quick: bool
    only: str
    without: str
    threads: int
    repeats: int
    seconds: float
    mnist: Path | None

    @classmethod
    def of(cls, chosen: argparse.Namespace, threads: int) -> Settings:
        """Read the arguments; a quick run has fewer and shorter samples."""
        return cls(
            quick=chosen.quick,
            only=chosen.only,
            without=chosen.without,
            threads=threads,
            repeats=chosen.repeats or (3 if chosen.quick else 9),
            seconds=chosen.seconds or (0.01 if chosen.quick else 0.3),
            mnist=datasets.mnist_path(chosen.mnist),
        )


def selected(settings: Settings) -> list[Work]:
    """The works that are to be measured and whose data are there."""
    chosen = [work for work in WORKS if settings.only in work.name]
    for work in chosen:
        if reason := datasets.lacks(work, settings.mnist):
            print(f"Left out: {work.name}: {reason}", file=sys.stderr)
    return [work for work in chosen if not datasets.lacks(work, settings.mnist)]


def measured(work: Work, settings: Settings) -> Measured:
    """Time everybody who can do the work."""
    absent = absences(work)
    for kind in CONTENDERS[work.kind]:
        if settings.quick and kind.slow_to_compile and work.name != QUICK_COMPILED:
            absent.setdefault(kind.name, "not in a quick run")
        if settings.without and settings.without in kind.name:
            absent.setdefault(kind.name, "left out")
    kinds = [kind for kind in CONTENDERS[work.kind] if kind.name not in absent]
    done = work.quick() if settings.quick else work
    limit = peak.measured(settings.threads, settings.seconds) if work.kind == "training" else float("nan")
    if work.kind == "accuracy":
        assert settings.mnist is not None
        seeds, enough = (1, QUICK_ENOUGH) if settings.quick else (5, ENOUGH)
        timed = measure_reaching(done, kinds, settings.mnist, threads=settings.threads, seeds=seeds, enough=enough)
        return Measured(done, timed, absent)
    task = datasets.task(done, settings.mnist)
    timed = measure(task, kinds, threads=settings.threads, repeats=settings.repeats, seconds=settings.seconds)
    return Measured(done, timed, absent, limit)
