"""How well rows that are read in blocks are shuffled, beside a full shuffle: on files sorted by class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.scaling import table

ROWS, COLUMNS, CLASSES, BATCH, GROUP = 6_000_000, 25, 10, 256, 100_000
Order = NDArray[np.int64]

WORDS = """\
On files of {rows:,} rows sorted by class ({classes} classes), of which the pool holds {pool:.0%}. *Spread of batches*:
the standard deviation of the mean class of batches of {batch}, divided by what independent draws would have; 1 is a
full shuffle. *Correlation with the file*: of a row's place in the epoch with its place in the file. *Correlation of
epochs*: of its places in two epochs. *Accuracy*: of 25-32-10 after one epoch of Adam, on fresh rows."""


def labels(rows: int) -> Order:
    return np.arange(rows) * CLASSES // rows


def drawn(y: Order, seed: int) -> NDArray[np.float32]:
    """Rows around a center of each class."""
    centers = np.random.default_rng(1).standard_normal((CLASSES, COLUMNS), dtype=np.float32) * 0.5
    random = np.random.default_rng(seed)
    X = random.standard_normal((len(y), COLUMNS), dtype=np.float32)
    for first in range(0, len(y), GROUP):
        X[first : first + GROUP] += centers[y[first : first + GROUP]]
    return X


def files(folder: Path, X: NDArray[np.float32], y: Order) -> dict[str, Any]:
    """The same rows as arrays in memory, as array files, and as Parquet in row groups of 100,000."""
    import pyarrow as pa
    from pyarrow import parquet

    import backstory as bs

    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", y)
    names = [f"x{place}" for place in range(COLUMNS)]
    schema = pa.schema([*((name, pa.float32()) for name in names), ("y", pa.int64())])
    with parquet.ParquetWriter(folder / "sorted.parquet", schema, use_dictionary=False) as writer:
        for first in range(0, len(X), GROUP):
            part = slice(first, first + GROUP)
            writer.write_table(pa.table([*X[part].T.copy(), y[part]], schema=schema), row_group_size=GROUP)
    return {
        ".npy in blocks": bs.open_rows(folder / "X.npy", folder / "y.npy"),
        "Parquet in blocks": bs.open_rows(folder / "sorted.parquet", "y"),
    }


def orders(rows: Any) -> tuple[list[Order], float]:
    """In which order two epochs visit the rows, and which part of them the pool holds."""
    from backstory.engine import engine
    from backstory.training.shuffling import Mixer, Stream

    net = network()
    mixer = Mixer(Stream(rows, net.spec), engine("native", net.spec), BATCH, True, 0)
    visits = []
    for buffer in mixer.from_on(range(2), 0, lambda: False):
        assert buffer.order is not None
        assert buffer.data.rows is not None
        visits.append(buffer.data.rows[buffer.order[0]])
    return [np.concatenate(visits[: mixer.buffers]), np.concatenate(visits[mixer.buffers :])], mixer.held / len(rows)


def network() -> Any:
    import backstory as bs

    return bs.Network(
        [COLUMNS, 32, CLASSES], hidden="relu", output="softmax", loss="cross_entropy", seed=0, dtype="float32"
    )


def spread(order: Order, y: Order) -> float:
    """Deviation of the batches' mean label, in those of independent draws."""
    batches = y[order[: len(order) // BATCH * BATCH]].reshape(-1, BATCH)
    return float(batches.mean(axis=1).std() / (y.std() / np.sqrt(BATCH)))


def accuracy(data: tuple[Any, ...], shuffle: bool) -> float:
    """What one epoch teaches."""
    import backstory as bs

    net = network()
    net.fit(*data, optimizer=bs.Adam(bs.Cosine(1e-3)), batch_size=BATCH, epochs=1, shuffle=shuffle, progress=False)
    y = labels(100_000)
    X = drawn(y, 3)
    if data[0] is not None and getattr(data[0], "table", None) is not None:
        X = data[0].table.inputs({f"x{place}": X[:, place] for place in range(COLUMNS)}, "float32")
    return float((net.predict(X).argmax(axis=1) == y).mean())


def measured(folder: Path, rows: int = ROWS) -> str:
    """The table, and what is in it."""
    y = labels(rows)
    X = drawn(y, 2)
    random, places = np.random.default_rng(4), np.arange(rows)
    cases: dict[str, tuple[list[Order], float]] = {
        "as the file lies": ([places, places], accuracy((X, y), shuffle=False)),
        "full shuffle, in memory": ([random.permutation(rows) for _ in range(2)], accuracy((X, y), shuffle=True)),
    }
    held = 0.0
    for name, source in files(folder, X, y).items():
        found, held = orders(source)
        cases[name] = found, accuracy((source,), shuffle=True)
    lines = []
    for name, ((first, second), reached) in cases.items():
        where = np.empty((2, rows), np.int64)
        where[0, first], where[1, second] = places, places
        with_file, between = (float(np.corrcoef(*pair)[0, 1]) for pair in ((where[0], places), where))
        figures = [f"{spread(first, y):.3g}", f"{with_file:.3f}", f"{between:.3f}", f"{reached:.2%}"]
        lines.append([name, *figures])
    head = ["order", "spread of batches", "correlation with the file", "correlation of epochs", "accuracy"]
    words = WORDS.format(rows=rows, classes=CLASSES, pool=held, batch=BATCH)
    return f"{words}\n\n{table(head, lines)}"
