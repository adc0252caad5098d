"""`python -m benchmarks`: time backstory beside other libraries and write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import machine

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tiny run, printed and not written: does it all work?")
    parser.add_argument("--only", default="", metavar="TEXT", help="only works with this in their name")
    parser.add_argument("--without", default="", metavar="TEXT", help="no contenders with this in their name")
    parser.add_argument("--threads", type=int, default=2, help="processors and threads for everybody (2)")
    parser.add_argument("--repeats", type=int, help="rounds (9; quick: 3)")
    parser.add_argument("--seconds", type=float, help="length of a sample (0.3; quick: 0.01)")
    parser.add_argument("--mnist", type=Path, help="MNIST as an .npz (or the variable BACKSTORY_MNIST)")
    parser.add_argument("--output", type=Path, help=f"where to write the page ({PAGE.parent.name}/{PAGE.name})")
    return parser.parse_args()


def main() -> int:
    chosen = read_arguments()
    threads = machine.limit(chosen.threads)
    # Imported here: NumPy and its like read the limits when they are loaded.
    from backstory.engine.native import native_module
    from benchmarks import report
    from benchmarks.peers import missing
    from benchmarks.run import Settings, measured, selected

    settings = Settings.of(chosen, threads)
    not_here = missing()
    if not_here:
        print(f"Not installed, so not timed: {', '.join(not_here)}. pip install 'backstory[bench]'", file=sys.stderr)
    load = machine.busy()
    results = []
    for work in selected(settings):
        results.append(measured(work, settings))
        print(report.section(results[-1]), end="\n\n", flush=True)
    facts = [
        f"{machine.processor()}, {threads} of its processors; instruction set: {native_module().isa}",
        machine.versions(),
        f"load average when the run began: {load:.2f} (0 is a quiet machine)",
    ]
    page = report.markdown(results, machine=facts, threads=threads, repeats=settings.repeats, seconds=settings.seconds)
    print(report.headline(results))
    target = chosen.output or (None if chosen.quick or chosen.only or chosen.without else PAGE)
    if target is not None:
        target.write_text(page, encoding="utf-8")
        print(f"\nWritten to {target}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
