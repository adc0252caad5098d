"""`python -m benchmarks.accuracy`: how well tables, MNIST and XOR are learned.

The figures of the tables stand in docs/accuracy.md, those of MNIST and XOR in docs/proofs.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).parent
"""What the documentation's tables say, as it was measured, is kept beside this."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    runs = parser.add_subparsers(dest="run", required=True)
    tables = runs.add_parser("tables", help="bs.train beside scikit-learn's MLP and gradient-boosted trees")
    tables.add_argument("data", type=Path, nargs="?", default=Path("data"), help="the folder of the tables (data)")
    tables.add_argument("--only", default="", metavar="TEXT", help="tables with this in their name")
    tables.add_argument("--splits", type=int, help="at most so many splits of each")
    tables.add_argument("--cache", type=Path, default=MEASURED / "tables.jsonl", help="what was measured already")
    tables.add_argument("--cached", action="store_true", help="measure nothing; print what the cache has of all")
    best = runs.add_parser("best", help="the best of every library: networks and boosted trees, five splits")
    best.add_argument("data", type=Path, nargs="?", default=Path("data"), help="the folder of the tables (data)")
    best.add_argument("--cache", type=Path, default=MEASURED / "best.jsonl", help="what was measured already")
    best.add_argument("--only", default="", metavar="TEXT", help="tables with this in their name")
    best.add_argument("--contenders", default="", metavar="NAMES", help="only these, with commas between")
    best.add_argument("--splits", type=int, default=5, help="so many of each table")
    best.add_argument("--threads", type=int, default=2, help="of each contender")
    best.add_argument("--again", action="store_true", help="measure also what is there: times, on a quiet machine")
    best.add_argument("--cached", action="store_true", help="measure nothing; print what the cache has of all")
    best.add_argument("--chart", type=Path, metavar="FILE", help="write the chart there, .svg")
    mnist = runs.add_parser("mnist", help="784-128-10, ReLU, Adam, batch 128, 10 epochs")
    mnist.add_argument("data", type=Path, help="an .npz with X_train, y_train, X_test, y_test (uint8)")
    mnist.add_argument("--seeds", type=int, default=5)
    mnist.add_argument("--threads", type=int)
    xor = runs.add_parser("xor", help="2-2-1 and 2-3-1, logistic")
    xor.add_argument("--seeds", type=int, default=500)
    return parser.parse_args()


def _asked(chosen: argparse.Namespace) -> tuple[Path, Path, str, int | None]:
    return chosen.data, chosen.cache, chosen.only, chosen.splits


def _print_best(found: Any, chart: Path | None) -> int:
    from benchmarks.accuracy import best_page

    print(best_page.markdown(found))
    if chart is not None:
        chart.write_text(best_page.chart(found), encoding="utf-8")
    return 0


def main() -> int:
    chosen = read_arguments()
    if chosen.run == "tables":
        os.environ.update(dict.fromkeys(THREADS, "1"))
        from benchmarks.accuracy import page, run  # after the limits, which libraries read when they are loaded

        chosen.cache.parent.mkdir(parents=True, exist_ok=True)
        results = run.cached(chosen.cache) if chosen.cached else run.run(*_asked(chosen))
        print(page.markdown(results))
        return 0
    if chosen.run == "best":
        os.environ.update(dict.fromkeys(THREADS, str(chosen.threads)))
        from benchmarks.accuracy import best

        if not chosen.cached:
            best.run(chosen.data, chosen.cache, chosen.only, chosen.contenders, chosen.splits, chosen.again)
        return _print_best(best.cached(chosen.cache), chosen.chart)
    from benchmarks.accuracy.proofs import report_mnist, report_xor

    if chosen.run == "mnist":
        report_mnist(chosen.data, chosen.seeds, chosen.threads)
    else:
        report_xor(chosen.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
