"""A run of the suite: which works, with which settings, and the measuring of each."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from backstory.engine.native import native_module
from benchmarks import datasets, machine, page, peak, shapes
from benchmarks import memory as memories
from benchmarks import sweeps as sweeping
from benchmarks.peers import CONTENDERS, absences, missing
from benchmarks.reaching import ENOUGH, QUICK_ENOUGH, measure_reaching
from benchmarks.report import Measured, headline, section
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
    seconds_of_sweeps: float
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
            seconds_of_sweeps=chosen.seconds or (0.0005 if chosen.quick else 0.002),
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
    if work.kind == "accuracy":
        assert settings.mnist is not None
        seeds, enough = (1, QUICK_ENOUGH) if settings.quick else (min(5, settings.repeats), ENOUGH)
        timed = measure_reaching(done, kinds, settings.mnist, threads=settings.threads, seeds=seeds, enough=enough)
        return Measured(done, timed, absent)
    task = datasets.task(done, settings.mnist)
    before = peak_for(work, settings)
    timed = measure(task, kinds, threads=settings.threads, repeats=settings.repeats, seconds=settings.seconds)
    return Measured(done, timed, absent, max(before, peak_for(work, settings)))


def peak_for(work: Work, settings: Settings) -> float:
    """The processor's peak now, where it says something about the work."""
    if work.kind != "training":
        return float("nan")
    return peak.measured(settings.threads, 0.05 if settings.quick else 0.5)


def works(settings: Settings, target: Path) -> dict[str, str]:
    """Measure all works and print them; return their parts of the page."""
    if not_here := missing():
        print(f"Not installed, so not timed: {', '.join(not_here)}. pip install 'backstory[bench]'", file=sys.stderr)
    load = machine.busy()
    results = []
    for work in selected(settings):
        results.append(measured(work, settings))
        print(section(results[-1]), end="\n\n", flush=True)
    print(headline(results), end="\n\n")
    facts = [
        f"{machine.processor()}, {settings.threads} of its processors; instruction set: {native_module().isa}",
        machine.versions(),
        f"{settings.repeats} rounds, samples of about {settings.seconds:g} s",
        f"load average when the run began: {load:.2f} (0 is a quiet machine)",
    ]
    return page.works_parts(results, facts, target)


def sweeps(settings: Settings, target: Path) -> dict[str, str]:
    """Measure all sweeps and print what they found; return their part of the page."""
    found = []
    for row in [row for row in sweeping.SWEEPS if settings.only in row.title]:
        print(f"Sweeping over the {row.title}", file=sys.stderr, flush=True)
        found.append(
            sweeping.sweep_over(
                row.quick() if settings.quick else row,
                threads=settings.threads,
                repeats=settings.repeats,
                seconds=settings.seconds_of_sweeps,
            )
        )
    rows = sweeping.sweep_rows(
        threads=settings.threads, repeats=settings.repeats, seconds=settings.seconds_of_sweeps, quick=settings.quick
    )
    text = shapes.sweeps_section(found, rows, page.sweep_charts(found, rows, target))
    print(text, end="\n\n")
    return {"sweeps": text}


def memory(settings: Settings, target: Path) -> dict[str, str]:
    """Measure the memory of all cases and print it; return its part of the page."""
    if not memories.is_possible():
        return {"memory": "Not measured: this system does not say how much memory a process took at most."}
    cases = memories.CASES[:2] if settings.quick else memories.CASES
    text = shapes.memory_section([memories.weigh(case) for case in cases])
    print(text)
    return {"memory": text}
