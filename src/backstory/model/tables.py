"""`train`: a table in, a trained network out that takes such tables as they come."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backstory.data.files import format_of, read
from backstory.data.frame import Frame, as_frame
from backstory.data.opening import is_large
from backstory.data.parts import FEWEST_ROWS, USES, Parts, drawn, rows_by_column, split_column
from backstory.data.table import SAID, Table
from backstory.data.target import Target
from backstory.data.texts import cached
from backstory.distributed.fitting import read_shards
from backstory.errors import ConfigurationError, DataError
from backstory.model.network import Network
from backstory.model.recipe import Tabular, chosen
from backstory.model.streams import prepare_streamed
from backstory.model.work import Work, network
from backstory.training.schedules import count


def train(
    data: Any,
    target: str | None = None,
    *,
    task: str | None = None,
    drop: Sequence[str] = (),
    split: str | None = None,
    validation: Any = None,
    hidden: Sequence[int] | None = None,
    plain: bool = False,
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    callbacks: Any = (),
    progress: bool | None = None,
    checkpoint: Any = None,
    resume: bool = False,
    stream: bool | None = None,
    cache: str | os.PathLike[str] | None = None,
    shards: int | None = None,
) -> Network:
    """Train a network to predict one column of a table from the others.

    Numbers, categories, yes/no and missing values are encoded as `Table` says. Some rows are held out to tell when to
    stop, and the best weights are kept. ``backstory train`` does the same from the command line.

    Parameters
    ----------
    data : a pandas, polars or pyarrow frame, a dict of names to columns, or the path of a table
        CSV and TSV (compressed too), Parquet, Arrow or .npz.
    target : str
        The column to predict; in an .npz by default its array y.
    task : {"classes", "number"}, optional
        What the target is, where it is not what its values look like.
    drop : sequence of str
        Columns to leave out.
    split : str, optional
        A column of the words train, validation and test. By default the one that holds nothing else. Rows of the test
        are not trained on.
    validation : as `data`, optional
        Rows that tell when to stop, instead of some held out.
    hidden : sequence of int, optional
        Units of the hidden layers, of a plain network.
    plain : bool
        Train a plain ReLU network until it no longer improves, as is done for tables of fewer than 300 rows, those read
        in blocks, and in shards. Others are trained by the recipe for tables (`backstory.model.recipe.Tabular`): all
        epochs, of which the best is kept, and numbers stay within the target's range.
    epochs, batch_size : int >= 1, optional
    seed : int >= 0
        Of first weights, order of rows, and rows held out.
    threads : int, optional
        At most so many.
    callbacks, progress, checkpoint, resume, shards
        As for `Network.fit`.
    stream : bool, optional
        Whether the table is read in blocks, in bounded memory; by default one of more than a GiB, decoded, is. Then at
        most 16 MiB of rows are held out.
    cache : path, optional
        A folder that text read in blocks is written to as Parquet, once, which is read many times faster.

    Returns
    -------
    Network
        With `table` (the encoding), `classes` and `history`; its `predict` takes raw tables, and so does a saved one's.

    Raises
    ------
    DataError, ConfigurationError, FileNotFoundError
        Before training: a column or a value that cannot be used (named with its line), or an option out of its range.
    DivergenceError
        A number became NaN or infinite.

    Examples
    --------
    >>> rows = {"width": [1, 2, 3, 4, 5, 6] * 5, "color": ["red", "blue", "red"] * 10, "price": [3, 1, 5, 3, 7, 5] * 5}
    >>> net = train(rows, "price", task="number", epochs=100, threads=1)
    >>> net.table.features, net.predict({"width": [4], "color": ["red"]}).round().tolist()
    (('width', 'color'), [[3.0]])
    """
    work = prepare(
        data,
        target,
        task=task,
        drop=drop,
        split=split,
        validation=validation,
        hidden=hidden,
        plain=plain or bool(read_shards(shards)[1]),
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        stream=stream,
        cache=cache,
    )
    work.run(threads, callbacks, progress, checkpoint, resume, shards)
    return work.net


def prepare(
    data: Any,
    target: str | None = None,
    *,
    task: str | None = None,
    drop: Sequence[str] = (),
    split: str | None = None,
    validation: Any = None,
    hidden: Sequence[int] | None = None,
    plain: bool = False,
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    stream: bool | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> Work:
    """What `train` does before it trains; the same parameters and errors."""
    options = {"batch_size": batch_size, "epochs": epochs}
    count("train", **{name: value for name, value in options.items() if value is not None})
    units = None if hidden is None else tuple(hidden)
    path = Path(data) if isinstance(data, str | os.PathLike) else None
    if path is not None and target is not None and (is_large(path) if stream is None else stream):
        path = cached(path, cache)
        asked = chosen(0, True, units), epochs, batch_size, seed
        return prepare_streamed(path, target, asked, task=task, drop=drop, split=split, validation=validation)
    if stream and path is None:
        raise ConfigurationError("stream=True reads a table's file in blocks. Got a table in memory; give its path.")
    frame, target = opened(data, target)
    rows = _parts(frame, target, task, split, validation, frozenset(drop), seed)
    left_out = dict.fromkeys(drop, SAID) | (
        {} if rows.column is None else {rows.column: "it says which rows are for what"}
    )
    recipe = chosen(len(rows.train), plain, units)
    table = Table.fit(frame, target, rows.train, task=task, drop=left_out, bounded=isinstance(recipe, Tabular))
    held = frame.take(rows.validation) if validation is None else opened(validation, target)[0]
    plan = recipe.plan(len(rows.train), batch_size, epochs, table.classes is not None)
    return Work(frame, held, rows, table, plan, recipe, network(table, recipe, seed))


def opened(data: Any, target: str | None) -> tuple[Frame, str]:
    """A table, read if it is a path, and the name of its target.

    Raises
    ------
    ConfigurationError
        No target was named, and the table is no .npz.
    DataError, FileNotFoundError
        The table cannot be read.
    """
    path = Path(data) if isinstance(data, str | os.PathLike) else None
    if target is None and (path is None or format_of(path)[0] != "npz"):
        raise ConfigurationError(
            "train must be told which column to predict. Got no target; name one (--target COLUMN)."
        )
    frame = as_frame(data) if path is None else read(path, target)
    return frame, "y" if target is None else target


def _parts(
    frame: Frame,
    target: str,
    task: str | None,
    split: str | None,
    validation: Any,
    dropped: frozenset[str],
    seed: int,
) -> Parts:
    """Which rows are for what: as a column says, and what it leaves open is drawn."""
    column = split_column(frame, target, dropped) if split is None else split
    none = np.empty(0, dtype=np.int64)
    found = {"train": np.arange(len(frame))} if column is None else rows_by_column(frame, column)
    train, held, test = (found.get(use, none) for use in USES)
    if len(train) < FEWEST_ROWS:
        raise DataError(
            f"{frame.name} must have at least {FEWEST_ROWS} rows to train on and to validate with. Got {len(train)}."
        )
    if validation is not None:
        return Parts(np.concatenate([train, held]), none, test, "a table of their own", column)
    if len(held):
        return Parts(train, held, test, f"as column {column!r} says", column)
    aim = Target.fit(frame, target, task=task)
    rest, held = drawn(aim.encode(frame.take(train)), seed, classes=aim.classes is not None)
    return Parts(train[rest], train[held], test, f"drawn with seed {seed}", column)
