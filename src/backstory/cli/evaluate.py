"""``backstory evaluate``: how good a model is on a table that has the target."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.files import read
from backstory.data.frame import Frame
from backstory.data.opening import frames_of
from backstory.data.parts import rows_by_column, split_column
from backstory.data.table import Table
from backstory.errors import ConfigurationError, DataError
from backstory.model.network import Network, load
from backstory.reporting.figures import tally_for
from backstory.reporting.terminal import MOST_CLASSES, confusion, console, pairs


def open_model(path: Path) -> tuple[Network, Table]:
    """A network and its encoding of raw columns.

    Raises
    ------
    ConfigurationError
        The network was not trained on a table.
    """
    net = load(path)
    if net.table is None:
        raise ConfigurationError(
            f"{str(path)!r} must know the columns it was trained on. It holds a network only; "
            "use it from Python with bs.load, or write a model with 'backstory train'."
        )
    return net, net.table


def encoded(table: Table, frame: Frame, told: set[str]) -> NDArray[np.float64]:
    """The network's inputs; what training did not meet is told on standard error, once for each column."""
    X = table.inputs(frame)
    for surprise in table.surprises(frame):
        name = surprise.partition(" has ")[0]
        if name not in told:
            print(f"Not seen in training: {surprise}", file=sys.stderr)
        told.add(name)
    return X


def rows_of(frame: Frame, target: str, part: str | None) -> Frame:
    """The rows that are asked for; where a column tells rows for the test from others and none are, it is said.

    Raises
    ------
    DataError
        No column says which rows are for what, or none are for this.
    """
    column = split_column(frame, target, frozenset())
    if part is None:
        if column is not None:
            print(
                f"Column {column!r} says which rows are for what; all were measured. "
                "Add --part test for those kept for the test.",
                file=sys.stderr,
            )
        return frame
    rows = None if column is None else rows_by_column(frame, column)[part]
    if rows is None or not len(rows):
        why = "No column does" if column is None else f"Column {column!r} has none"
        raise DataError(f"--part {part} needs a column of the words train, validation, test. {why}; leave it out.")
    return frame.take(rows)


def _frames(data: Path, key: str, target: str, part: str | None) -> Iterator[Frame]:
    """The rows to measure on, piece by piece; whole where a column says which of them are asked for."""
    frames = frames_of(data, key) if part is None else iter([read(data, key)])
    for place, frame in enumerate(frames):
        named = frame if key == target else frame.renamed(key, target)
        yield rows_of(named, target, part) if not place else named


def run(model: Path, data: Path, target: str | None, part: str | None, form: str, threads: int | None) -> None:
    """Print the figures; the first is a line of its own."""
    net, table = open_model(model)
    tally, told = tally_for(table), set[str]()
    for frame in _frames(data, target or table.target, table.target, part):
        outputs = net.predict(encoded(table, frame, told), threads=threads)
        tally.add(outputs, table.targets(frame))
    found, counts = tally.figures(), tally.confusion
    if form == "json":
        result: dict[str, Any] = {figure.name.replace(" ", "_").replace("-", "_"): figure.value for figure in found}
        result |= {"rows": tally.rows, "target": table.target}
        if table.classes is not None and counts is not None:
            result |= {"classes": list(table.classes), "confusion": counts.tolist()}
        print(json.dumps(result))
        return
    print(f"{found[0].name} {found[0].text}")
    say = console()
    rest = [(figure.name, figure.text, figure.remark) for figure in found[1:]]
    say.print(pairs([("rows", f"{tally.rows:,}", ""), *rest]))
    if table.classes is not None and counts is not None and len(table.classes) <= MOST_CLASSES:
        say.print()
        say.print(confusion(table.classes, counts))
