"""`python -m benchmarks`: time backstory beside other libraries and write docs/benchmarks.md.

Works beside peers, sweeps and memory are measured unless only some of these are asked for; each replaces its own part
of the page.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import machine


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tiny run, printed and not written: does it all work?")
    parser.add_argument("--works", action="store_true", help="measure the works beside other libraries")
    parser.add_argument("--sweeps", action="store_true", help="measure sweeps over width, batch, depth and rows")
    parser.add_argument("--memory", action="store_true", help="measure peak memory")
    parser.add_argument("--only", default="", metavar="TEXT", help="only works and sweeps with this in their name")
    parser.add_argument("--without", default="", metavar="TEXT", help="no contenders with this in their name")
    parser.add_argument("--threads", type=int, default=2, help="processors and threads for everybody (2)")
    parser.add_argument("--repeats", type=int, help="rounds (9; quick: 3)")
    parser.add_argument(
        "--seconds", type=float, help="length of a sample (works 0.3, sweeps 0.002; quick: 0.01, 0.0005)"
    )
    parser.add_argument("--mnist", type=Path, help="MNIST as an .npz (or the variable BACKSTORY_MNIST)")
    parser.add_argument(
        "--output", type=Path, help="the page to write (docs/benchmarks.md; none if quick or only some)"
    )
    chosen = parser.parse_args()
    if not (chosen.works or chosen.sweeps or chosen.memory):
        chosen.works = True
        chosen.sweeps = chosen.memory = not chosen.only
    return chosen


def main() -> int:
    chosen = read_arguments()
    threads = machine.limit(chosen.threads)
    # Imported here: NumPy and its like read the limits when they are loaded.
    from benchmarks import page, run

    settings = run.Settings.of(chosen, threads)
    written = chosen.output or (None if chosen.quick or chosen.only or chosen.without else page.PAGE)
    with tempfile.TemporaryDirectory() as scratch:
        target = written or Path(scratch) / "benchmarks.md"
        for wanted, measure in ((chosen.works, run.works), (chosen.sweeps, run.sweeps), (chosen.memory, run.memory)):
            if wanted:
                page.update(target, measure(settings, target))
    if written is not None:
        print(f"\nWritten to {written}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
