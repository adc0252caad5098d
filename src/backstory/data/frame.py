"""A table as it came: named columns, and where its rows came from, so that an error can say row and line.

Nothing is encoded here; `backstory.data.table` does that, and `backstory.data.files` reads and writes frames.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backstory.errors import DataError, nearest

if TYPE_CHECKING:
    import pyarrow

SHOWN = 8
"""How many names a message lists before it only counts."""


def listed(names: Any) -> str:
    """Names for a message: all of a few, the first ones of many.

    >>> listed(["a", "b"]), listed(range(100))
    ('a, b', '0, 1, 2, 3, 4, 5, 6, 7, ... (100 in all)')
    """
    names = [str(name) for name in names]
    rest = f", ... ({len(names)} in all)" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest


@dataclass(frozen=True)
class Frame:
    """Named columns of one length.

    Parameters
    ----------
    data : pyarrow.Table
    name : str
        What messages call it: a file's name in quotes, or "the table".
    text : Path, optional
        The delimited text file it was read from, whose lines a message can name.
    delimiter : str
        Of that file.

    Examples
    --------
    >>> frame = as_frame({"height": [1.5, 2.0], "name": ["a", "b"]})
    >>> frame.columns, len(frame), frame.numbers("height")
    (('height', 'name'), 2, array([1.5, 2. ]))
    """

    data: pyarrow.Table
    name: str = "the table"
    text: Path | None = None
    delimiter: str = ","

    def __len__(self) -> int:
        return int(self.data.num_rows)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns' names in order; the index that pandas writes beside them is none."""
        return tuple(name for name in self.data.column_names if not re.fullmatch(r"__index_level_\d+__", name))

    def column(self, name: str, purpose: str) -> pyarrow.ChunkedArray:
        """A column as it is, dictionaries resolved.

        Raises
        ------
        DataError
            There is none of this name; the nearest is offered.
        """
        import pyarrow as pa

        if name not in self.columns:
            guess = nearest(name, self.columns)
            hint = f"Did you mean {guess!r}? " if guess else ""
            raise DataError(
                f"{self.name} must have the column {name!r}, {purpose}. {hint}Its columns: {listed(self.columns)}."
            )
        column = self.data[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        return column.cast(pa.large_string()) if pa.types.is_string_view(column.type) else column

    def numbers(self, name: str, purpose: str = "which the network takes as input") -> NDArray[np.float64]:
        """A column of finite numbers, (n,) float64; true and false are 1 and 0.

        Raises
        ------
        DataError
            No such column, text, dates, missing values, NaN or infinity; column, row and line are named.
        """
        import pyarrow as pa

        column = self.column(name, purpose)
        self.require_no_missing(name, column)
        kind = column.type
        if pa.types.is_decimal(kind):
            column = column.cast(pa.float64())
        elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            row, value = first_not_a_number(column)
            raise DataError(
                f"Column {name!r} of {self.name} must hold numbers. Got {value} in {self.place(row)}; "
                "correct it, write it as a number, or leave the column out."
            )
        values = column.to_numpy().astype(np.float64)
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values)))
            raise DataError(
                f"Column {name!r} of {self.name} must hold finite numbers. Got {values[row]} in {self.place(row)}; "
                "fill it in or remove the row."
            )
        return np.asarray(values)

    def require_no_missing(self, name: str, column: pyarrow.ChunkedArray) -> None:
        """Raise DataError, naming the first, for missing values: null, NaN, or an empty text."""
        import pyarrow as pa
        import pyarrow.compute as pc

        missing = pc.is_null(column, nan_is_null=True)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            missing = pc.or_kleene(missing, pc.equal(column, ""))
        missing = np.asarray(pc.fill_null(missing, True))
        if missing.any():
            row, count = int(np.argmax(missing)), int(missing.sum())
            more = f" ({count} in all)" if count > 1 else ""
            raise DataError(
                f"Column {name!r} of {self.name} must have no missing values. Got one in {self.place(row)}{more}; "
                "fill them in, or remove those rows."
            )

    def renamed(self, old: str, new: str) -> Frame:
        """The same table with one column under another name."""
        self.column(old, "the target")
        names = [new if name == old else name for name in self.data.column_names]
        return replace(self, data=self.data.rename_columns(names))

    def place(self, row: int) -> str:
        """A row for a message, with its line where it was read from text: ``row 3 (line 5)``."""
        line = None if self.text is None else line_of(self.text, self.delimiter, row)
        return f"row {row}" if line is None else f"row {row} (line {line})"


def is_frame(data: Any) -> bool:
    """Whether this is a table with named columns: pandas, polars, pyarrow, or a mapping from names to columns."""
    return isinstance(data, Mapping | Frame) or (hasattr(data, "columns") and not isinstance(data, np.ndarray))


def as_frame(data: Any) -> Frame:
    """Take a pandas or polars frame, a pyarrow table, or a mapping from names to columns.

    Raises
    ------
    DataError
        Something else, or a column of mixed kinds.
    """
    import pyarrow as pa

    if isinstance(data, Frame):
        return data
    if not is_frame(data):
        raise DataError(
            "A table must be a pandas, polars or pyarrow frame, or a dict of column names to columns. "
            f"Got {type(data).__name__}; for an array X (n, n_in) use dict(zip(names, X.T))."
        )
    try:
        table = pa.table(dict(data)) if isinstance(data, Mapping) else _to_arrow(data)
    except (pa.ArrowException, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"Each column must be a sequence of values of one kind, all of one length. {reason}.") from None
    return Frame(table)


def _to_arrow(data: Any) -> pyarrow.Table:
    import pyarrow as pa

    if isinstance(data, pa.Table):
        return data
    if hasattr(data, "to_arrow"):  # polars
        return data.to_arrow()
    return pa.Table.from_pandas(data, preserve_index=False)


def is_number(text: Any) -> bool:
    """Whether a value is a finite number or its text.

    >>> is_number("1e-3"), is_number("abc"), is_number("nan"), is_number(True)
    (True, False, False, True)
    """
    try:
        return math.isfinite(float(text))
    except (TypeError, ValueError, OverflowError):
        return False


def first_not_a_number(column: pyarrow.ChunkedArray) -> tuple[int, str]:
    """The first row whose value is not a number, and the value as a message shows it."""
    row = 0
    for row, scalar in enumerate(column):
        value = scalar.as_py()
        if not is_number(value):
            return row, shown(value)
    return 0, shown(column[0].as_py())


def shown(value: Any) -> str:
    """A value in a message: text in quotes and cut, anything else as it prints."""
    text = repr(value) if isinstance(value, str | bytes) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def line_of(path: Path, delimiter: str, row: int) -> int | None:
    """The line (from 1) on which a data row (from 0) of a delimited text file begins; blank lines are no rows.

    A row may span lines when a quoted field does, so the file is read again; this happens for error messages only.
    """
    import io

    import pyarrow as pa

    with pa.input_stream(str(path), compression="detect") as stream:
        reader = csv.reader(
            io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline=""), delimiter=delimiter
        )
        at, before = -2, 0
        try:
            for record in reader:
                at += bool(record)
                if at == row and record:
                    return before + 1
                before = reader.line_num
        except csv.Error:
            return None
    return None
