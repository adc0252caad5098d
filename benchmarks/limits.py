"""`python -m benchmarks.limits`: how quick each step of the table could be on this machine, for docs/performance.md.

Two limits: arithmetic (operations of the matrix products, at the measured peak of fused multiply-adds) and memory
traffic (bytes that every step must read and write, at the speed measured for a working set of that size). What the
products need to load again and again from the nearest cache is not counted; nor are activations' functions.
"""

from __future__ import annotations

import argparse
import re
import sys
from itertools import pairwise
from pathlib import Path

from benchmarks import machine, peak
from benchmarks.report import duration, figure
from benchmarks.works import WORKS, Work

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
KINDS = ("training", "gradient", "prediction", "online")


def operations(work: Work) -> int:
    """Arithmetic of the products of a step or call."""
    if work.kind == "prediction":
        return 2 * work.batch * sum(n_in * n_out for n_in, n_out in pairwise(work.sizes))
    return work.flops


def traffic(work: Work) -> int:
    """Bytes that must be read and written once in a step or call, float32.

    The batch is read; the values of each layer are written and read again, and on the way back once more; the weights
    are read on the way forward and (all but the first layer's) on the way back; an update reads and writes them and
    each memory of the optimizer. A gradient is written.
    """
    weights = [n_in * n_out for n_in, n_out in pairwise(work.sizes)]
    values = work.batch * sum(work.sizes[1:])
    inputs = work.batch * work.sizes[0]
    if work.kind == "prediction":
        return 4 * (inputs + 2 * values + sum(weights))
    back = sum(weights[1:])
    last = {"sgd": 2, "adam": 6, "": 1}[work.optimizer] * sum(weights)
    return 4 * (2 * inputs + 4 * values + sum(weights) + back + last)


def amount(operations: float) -> str:
    """So many operations: one by one, or in millions from a hundred thousand on."""
    return f"{operations:,.0f}" if operations < 1e5 else f"{figure(operations / 1e6)} M"


def table(threads: int) -> str:
    """The limits of every work of the kinds above; a step of one row has only one processor to be done on."""
    lines = [
        "| work | operations | at the peak | bytes | at their speed | limit |",
        "|---|---|---|---|---|---|",
    ]
    peaks = {count: peak.measured(count, 2.0) for count in (1, threads)}
    for work in (work for work in WORKS if work.kind in KINDS):
        count = 1 if work.batch == 1 else threads
        arithmetic = operations(work) / peaks[count]
        moved = traffic(work)
        memory = moved / peak.bandwidth(count, max(4096 * count, moved))
        kind = "arithmetic" if arithmetic > memory else "memory"
        lines.append(
            f"| {work.name} | {amount(operations(work))} | {duration(arithmetic)} | {figure(moved / 1e3)} kB "
            f"| {duration(memory)} | {duration(max(arithmetic, memory))} ({kind}) |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    chosen = parser.parse_args()
    found = table(machine.limit(chosen.threads))
    print(found)
    if chosen.write:
        marks = r"(<!-- limits:begin[^>]*-->\n).*?(\n<!-- limits:end -->)"
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(re.sub(marks, lambda m: m[1] + found + m[2], page, flags=re.DOTALL), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
