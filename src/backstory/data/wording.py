"""How messages speak of a table's values and lines."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
