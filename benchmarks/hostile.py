"""`python -m benchmarks.hostile [SECONDS]`: damaged and invented files, formulas, tables and command lines.

Whatever is read must be read rightly or be refused in one sentence: no other exception, no crash of the process, no
code run, no more than a second, no more memory than a bound. Every kind is tried in a process of its own; a finding is
repeated by ``--only KIND --number N``. The figures stand in docs/reliability.md; equations have `benchmarks.fuzz`.
"""

from __future__ import annotations

import argparse
import faulthandler
import multiprocessing
import random
import resource
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from backstory.errors import BackstoryError
from benchmarks.hostile_kinds import NAMES, Kind
from benchmarks.hostile_kinds import kind as find
from benchmarks.memory import resident

LONGEST = 2.0
"""Seconds of processor time that one input may take."""
MOST_MEMORY = 512 << 20
"""Bytes that trying inputs may add to a process."""
HANGS = 60.0
"""Seconds without an answer after which a process is taken to hang."""
RUNS_CODE = frozenset({"os.system", "os.exec", "os.posix_spawn", "pickle.find_class", "subprocess.Popen"})
"""What the interpreter reports when code is run that was not there before; imports and formulas compile their own."""
FINDINGS = 20


@dataclass
class Outcome:
    """What came of the inputs of one kind.

    Attributes
    ----------
    counts : Counter
        "accepted" and "refused".
    findings : list of (number, str)
        The inputs that did something else.
    longest : float
        Seconds of processor time, of the slowest input.
    memory : int
        Bytes that the process grew by.
    """

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[int, str]] = field(default_factory=list)
    longest: float = 0.0
    memory: int = 0


def made(kind: Kind, number: int) -> bytes:
    """The input of this number: one that is right, changed in a few places."""
    generator = random.Random(f"{kind.name} {number}")
    return kind.change(generator.choice(kind.seeds), generator)


def tried(kind: Kind, number: int, outcome: Outcome) -> None:
    """Try one input, and note what came of it."""
    content = made(kind, number)
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.read(content)
        outcome.counts["accepted"] += 1
    except (BackstoryError, OSError):
        outcome.counts["refused"] += 1
    except Exception:
        outcome.findings.append((number, traceback.format_exc()))
    seconds = time.process_time() - start
    outcome.longest = max(outcome.longest, seconds)
    if seconds > LONGEST:
        outcome.findings.append((number, f"took {seconds:.1f} s"))


def ready(kind: Kind) -> None:
    """Read what is right, so that all code is loaded before anything is measured."""
    for seed in kind.seeds:
        kind.read(seed)


def told(events: list[str]) -> None:
    """Have the interpreter tell when code is run that an input brought along."""

    def hear(event: str, details: tuple[object, ...]) -> None:
        if event in RUNS_CODE and not str(details[0]).startswith("backstory."):  # errors are pickled for other ranks
            events.append(f"{event} {details}")

    sys.addaudithook(hear)


def work(name: str, seconds: float, pipe: Connection) -> None:
    """Try inputs for so long; their numbers are sent before each, the outcome at the end."""
    faulthandler.enable()
    kind = find(name)
    ready(kind)
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    events: list[str] = []
    told(events)
    outcome, before, end = Outcome(), resident("VmHWM"), time.monotonic() + seconds
    number = 0
    while time.monotonic() < end and len(outcome.findings) < FINDINGS:
        pipe.send(number)
        tried(kind, number, outcome)
        if events:
            outcome.findings.append((number, f"ran code: {events.pop()}"))
        number += 1
    outcome.memory = resident("VmHWM") - before
    if outcome.memory > MOST_MEMORY:
        outcome.findings.append((-1, f"grew by {outcome.memory >> 20} MB"))
    pipe.send(outcome)


def watched(name: str, seconds: float) -> Outcome:
    """Let a process try inputs, and watch that it neither dies nor hangs."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(name, seconds, theirs))
    process.start()
    theirs.close()
    news: Any = -1
    try:
        while not isinstance(news, Outcome):
            if not ours.poll(HANGS):
                process.kill()
                return Outcome(findings=[(news, "hangs")])
            news = ours.recv()
    except EOFError:
        process.join()
        return Outcome(findings=[(news, f"the process died with exit code {process.exitcode}")])
    process.join()
    return news


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=float, nargs="?", default=60.0, help="for each kind")
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("--number", type=int, help="this input alone, with all that it raises")
    options = parser.parse_args(arguments)
    if options.number is not None:
        kind = find(options.only)
        content = made(kind, options.number)
        print(content)
        kind.read(content)
        return 0
    print("| what | inputs | accepted | refused | findings | longest | memory |\n|---|---|---|---|---|---|---|")
    failed = 0
    for name in [options.only] if options.only else NAMES:
        found = watched(name, options.seconds)
        total = found.counts.total() + len(found.findings)
        counts = " | ".join(f"{found.counts[what]:,}" for what in ("accepted", "refused"))
        figures = f"{1e3 * found.longest:.0f} ms | {found.memory / 2**20:.0f} MB"
        print(f"| {name} | {total:,} | {counts} | {len(found.findings)} | {figures} |", flush=True)
        for number, text in found.findings:
            print(f"--only '{name}' --number {number}: {text}", file=sys.stderr)
        failed += len(found.findings)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
