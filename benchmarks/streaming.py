"""Training on a file larger than memory: peak memory, throughput beside training in memory, quality of the shuffle.

Run it: ``python -m benchmarks.streaming [--megabytes 600] [--formats parquet,arrow,npy] [--folder DIR]``. Each training
is a process of its own, whose peak resident memory is the system's word.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import resident

COLUMNS, GROUP = 25, 100_000
HIDDEN = (200, 200, 50)
"""With 25 inputs and one output 55,050 multiply-adds a row."""

BATCH, EPOCHS = 256, 2
IN_MEMORY_ROWS = 400_000
BOUND = 500_000_000
"""Bytes that a process which trains on a file of 6 GB may hold."""


def parts(rows: int) -> Iterator[tuple[Any, Any]]:
    """Numbers (m, 25) and targets (m,), part by part."""
    random = np.random.default_rng(0)
    for first in range(0, rows, GROUP):
        X = random.standard_normal((min(GROUP, rows - first), COLUMNS))
        yield X, X[:, 0] * X[:, 1] + 0.5 * X[:, 2] + 0.1 * random.standard_normal(len(X))


def generate(folder: Path, kind: str, size: int) -> Path:
    """Write a table of about so many bytes; an array file X.npy has its targets beside it in y.npy."""
    import pyarrow as pa
    from pyarrow import parquet

    if kind == "npy":
        rows = size // (4 * COLUMNS)
        X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (rows, COLUMNS))
        y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.float32, (rows,))
        at = 0
        for some, targets in parts(rows):
            X[at : at + len(some)], y[at : at + len(some)] = some, targets
            at += len(some)
        return folder / "X.npy"
    path = folder / f"table.{kind}"
    names = [f"x{place}" for place in range(COLUMNS)]
    schema = pa.schema([(name, pa.float64()) for name in [*names, "y"]])
    writer: Any
    if kind == "parquet":
        writer = parquet.ParquetWriter(path, schema, use_dictionary=False)
    elif kind == "arrow":
        writer = pa.ipc.new_file(str(path), schema)
    else:
        from pyarrow import csv

        writer = csv.CSVWriter(str(path), schema)
    with writer:
        for some, targets in parts(size // (8 * (COLUMNS + 1))):
            writer.write_table(pa.table([*some.T.copy(), targets], schema=schema))
    return path


def train(path: Path) -> dict[str, float]:
    """Train on a file in blocks; what it took. Two epochs, of which the second is timed."""
    import backstory as bs

    before = time.perf_counter()
    rows = bs.open_rows(path, path.with_name("y.npy")) if path.suffix == ".npy" else bs.open_rows(path, "y")
    learned = time.perf_counter() - before
    history = network().fit(rows, **options())
    second = history.seconds[-1] - history.seconds[-2]
    return {"rows": len(rows), "learned": learned, "rate": len(rows) / second, "peak": resident("VmHWM")}


def train_in_memory(path: Path) -> dict[str, float]:
    """The same on arrays of some rows, for the rate."""
    X, y = (np.concatenate(column).astype(np.float32) for column in zip(*parts(IN_MEMORY_ROWS), strict=True))
    history = network().fit(X, y, **options())
    second = history.seconds[-1] - history.seconds[-2]
    return {"rows": len(X), "rate": len(X) / second, "peak": resident("VmHWM")}


def network() -> Any:
    import backstory as bs

    return bs.Network([COLUMNS, *HIDDEN, 1], hidden="relu", seed=0, dtype="float32")


def options() -> dict[str, Any]:
    import backstory as bs

    return {"optimizer": bs.Adam(1e-3), "batch_size": BATCH, "epochs": EPOCHS, "progress": False}


def read_only(path: Path) -> dict[str, float]:
    """How fast the reader alone is: every row read, decoded and encoded once."""
    import backstory as bs

    rows = bs.open_rows(path, path.with_name("y.npy")) if path.suffix == ".npy" else bs.open_rows(path, "y")
    before = time.perf_counter()
    for block in range(len(rows.counts)):
        for _ in rows.pieces(block, 0, "float32"):
            pass
    return {"rows": len(rows), "rate": len(rows) / (time.perf_counter() - before), "peak": resident("VmHWM")}


TASKS = {"train": train, "memory": train_in_memory, "read": read_only}


def child(task: str, path: Path) -> dict[str, float]:
    """Run a task in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.streaming", "--task", task, "--file", str(path)]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streaming", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=600)
    parser.add_argument("--formats", default="parquet,arrow,npy")
    parser.add_argument("--folder", type=Path, help="where the files go for as long as this runs")
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.task:
        print(json.dumps(TASKS[chosen.task](chosen.file)))
        return 0
    kept = True
    with tempfile.TemporaryDirectory(dir=chosen.folder) as place:
        for kind in chosen.formats.split(","):
            path = generate(Path(place), kind, chosen.megabytes * 1_000_000)
            reading, streamed, whole = (child(task, path) for task in ("read", "train", "memory"))
            share = streamed["rate"] / whole["rate"]
            kept &= streamed["peak"] < BOUND
            print(
                f"{kind}: {path.stat().st_size / 1e6:,.0f} MB, {streamed['rows']:,.0f} rows; "
                f"peak {streamed['peak'] / 1e6:.0f} MB; encoding learned in {streamed.get('learned', 0):.1f} s; "
                f"{streamed['rate']:,.0f} rows a second, {share:.0%} of {whole['rate']:,.0f} in memory; "
                f"the reader alone {reading['rate']:,.0f}",
                flush=True,
            )
            path.unlink()
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
