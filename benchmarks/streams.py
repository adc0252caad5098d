"""What `benchmarks.streaming` runs in processes of their own: training, reading and asking, on files and in memory.

`python -m benchmarks.streams TASK FILE NET` is such a process.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS, GROUP = 25, 100_000
NETS = {"25-200-200-50-1": (200, 200, 50), "25-64-1": (64,)}
"""Hidden layers: 55,050 multiply-adds a row, and 1,664."""

BATCH = 256
WARM_ROWS = 4_000_000
"""A training that only shows its memory ends after so many rows: the pool has long been full then."""


def parts(rows: int) -> Iterator[tuple[Any, Any]]:
    """Numbers (m, 25) and targets (m,), part by part."""
    random = np.random.default_rng(0)
    for first in range(0, rows, GROUP):
        X = random.standard_normal((min(GROUP, rows - first), COLUMNS), dtype=np.float32).astype(np.float64)
        yield X, X[:, 0] * X[:, 1] + 0.5 * X[:, 2] + 0.1 * random.standard_normal(len(X))


def generate(folder: Path, kind: str, size: int) -> Path:
    """Write a table of about so many bytes, unless it is there; X.npy has its targets beside it in y.npy."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    path = folder / ("X.npy" if kind == "npy" else f"table.{kind}")
    if path.exists():
        return path
    if kind == "npy":
        return _arrays(folder, size // (4 * COLUMNS))
    schema = pa.schema([(name, pa.float64()) for name in [*(f"x{place}" for place in range(COLUMNS)), "y"]])
    makers: dict[str, Callable[[], Any]] = {
        "parquet": lambda: parquet.ParquetWriter(path, schema, use_dictionary=False),
        "arrow": lambda: pa.ipc.new_file(str(path), schema),
        "csv": lambda: csv.CSVWriter(str(path), schema),
    }
    with makers[kind]() as writer:
        for some, targets in parts(10**12):
            writer.write_table(pa.table([*some.T.copy(), targets], schema=schema))
            if path.stat().st_size >= size:
                return path
    return path


def _arrays(folder: Path, rows: int) -> Path:
    with (folder / "X.npy").open("wb") as inputs, (folder / "y.npy").open("wb") as targets:
        for file, shape in ((inputs, (rows, COLUMNS)), (targets, (rows,))):
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for some, y in parts(rows):
            inputs.write(some.astype(np.float32).tobytes())
            targets.write(y.astype(np.float32).tobytes())
    return folder / "X.npy"


def opened(path: Path, known: bool = False) -> Any:
    """The rows of a file, for `fit`; the encoding is learned, or read where it is known."""
    import backstory as bs

    if path.suffix == ".npy":
        return bs.open_rows(path, path.with_name("y.npy"))
    kept = path.with_suffix(".json")
    table = bs.Table.from_dict(json.loads(kept.read_text())) if known else None
    rows = bs.open_rows(path, "y", table=table)
    kept.write_text(json.dumps(rows.table.to_dict() if rows.table else {}))
    return rows


def network(net: str) -> Any:
    import backstory as bs

    return bs.Network([COLUMNS, *NETS[net], 1], hidden="relu", seed=0, dtype="float32")


def fitted(net: str, data: tuple[Any, ...], epochs: int, callbacks: Any = ()) -> list[float]:
    """The seconds of each epoch."""
    import backstory as bs

    options = {"optimizer": bs.Adam(1e-3), "batch_size": BATCH, "epochs": epochs, "progress": False}
    history = network(net).fit(*data, callbacks=callbacks, **options)
    return [float(seconds) for seconds in np.diff([0.0, *history.seconds])]


def show(path: Path, net: str) -> dict[str, float]:
    """Train on some millions of rows, for the memory it takes."""
    import backstory as bs

    before = time.perf_counter()
    rows = opened(path)
    learned = time.perf_counter() - before
    stop = bs.EverySteps(WARM_ROWS // BATCH, lambda event: True)
    fitted(net, (rows,), 1, [stop] if len(rows) > WARM_ROWS else [])
    return {"rows": len(rows), "trained": min(len(rows), WARM_ROWS), "learned": learned}


def stream(path: Path, net: str) -> dict[str, float]:
    """Train for an epoch on a file in blocks."""
    rows = opened(path, known=True)
    return {"rows": len(rows), "rate": len(rows) / fitted(net, (rows,), 1)[0]}


def memory(path: Path, net: str) -> dict[str, float]:
    """The same with all rows in memory, as they would be encoded."""
    rows = opened(path, known=True)
    X, y = np.empty((len(rows), COLUMNS), np.float32), np.empty(len(rows), np.float32)
    at = 0
    for block in range(len(rows.counts)):
        for inputs, targets in rows.pieces(block, 0, "float32"):
            X[at : at + len(inputs)], y[at : at + len(inputs)] = inputs, targets
            at += len(inputs)
    return {"rows": len(X), "rate": len(X) / fitted(net, (X, y), 1)[0]}


def read(path: Path, net: str) -> dict[str, float]:
    """How fast the reader alone is: every row read, decoded and encoded once."""
    rows = opened(path)
    before = time.perf_counter()
    for block in range(len(rows.counts)):
        for _ in rows.pieces(block, 0, "float32"):
            pass
    return {"rows": len(rows), "rate": len(rows) / (time.perf_counter() - before)}


def ask(path: Path, net: str) -> dict[str, float]:
    """Predict all rows and measure the loss over them."""
    rows, model = opened(path, known=True), network(net)
    before = time.perf_counter()
    outputs = model.predict(rows)
    between = time.perf_counter()
    model.loss(rows)
    after = time.perf_counter()
    return {"rows": len(outputs), "rate": len(rows) / (between - before), "loss": len(rows) / (after - between)}


TASKS: dict[str, Callable[[Path, str], dict[str, float]]] = {
    task.__name__: task for task in (show, stream, memory, read, ask)
}


def status(process: int | str) -> dict[str, int]:
    """What the system says of a process's memory, in bytes."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:  # it has ended
        return {}
    pairs = (line.split() for line in lines if line.endswith(" kB"))
    return {words[0].rstrip(":"): 1024 * int(words[1]) for words in pairs}


def main() -> None:
    """Run the task that is named, and print what it found and the most memory that was held."""
    task, path, net = sys.argv[1:]
    found = TASKS[task](Path(path), net)
    print(json.dumps(found | {"peak": status("self").get("VmHWM", 0)}))


if __name__ == "__main__":
    main()
