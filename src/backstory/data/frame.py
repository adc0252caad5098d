"""A table as it came: named columns, and where its rows came from, so that an error can say row and line.

Nothing is encoded here; `backstory.data.table` does that, and `backstory.data.files` reads and writes frames.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.wording import first_not_a_number, is_number, line_of, listed, shown
from backstory.errors import DataError, nearest

if TYPE_CHECKING:
    import pyarrow

MISSING = (
    "", "?", "<NA>", "N/A", "n/a", "NA", "na", "NULL", "null", "NaN", "nan", "-NaN", "-nan", "None", "#N/A", "#NA",
    "#N/A N/A", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN",
)  # fmt: skip
"""Texts that stand for a missing value, in columns of text and of numbers: those pandas reads so, and UCI's "?"."""


_MISSING = frozenset(MISSING)
_INPUT = "which the network takes as input"
TARGET = "the target"
"""What messages call the column that is predicted."""


@dataclass(frozen=True, eq=False)
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
    rows : ndarray of int64, optional
        Which rows of the original these are, where they are only some of them.

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
    rows: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return int(self.data.num_rows)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns' names in order; the index that pandas writes beside them is none."""
        return tuple(name for name in self.data.column_names if not re.fullmatch(r"__index_level_\d+__", name))

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.columns)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._names

    def column(self, name: str, purpose: str) -> pyarrow.ChunkedArray:
        """A column as it is, dictionaries resolved.

        Raises
        ------
        DataError
            There is none of this name; the nearest is offered.
        """
        import pyarrow as pa

        if name not in self:
            guess = nearest(name, self.columns)
            hint = f"Did you mean {guess!r}? " if guess else ""
            raise DataError(
                f"{self.name} must have the column {name!r}, {purpose}. {hint}Its columns: {listed(self.columns)}."
            )
        column = self.data[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        return column

    def take(self, rows: NDArray[np.int64]) -> Frame:
        """Some of the rows; messages still name the places where they stood."""
        return replace(self, data=self.data.take(rows), rows=rows if self.rows is None else self.rows[rows])

    def missing(self, name: str) -> NDArray[np.bool_]:
        """Where a column has no value, (n,): null, NaN, or a text that stands for it."""
        import pyarrow.compute as pc

        column = self.column(name, _INPUT)
        if is_text(column.type):
            return self.coded(name)[0] < 0
        return np.asarray(pc.is_null(column, nan_is_null=True))

    def coded(self, name: str) -> tuple[NDArray[np.int64], list[str]]:
        """A column's values as texts without spaces around them: the code of each row's (n,), -1 where it is missing.

        Returns
        -------
        codes, texts
            Row i holds ``texts[codes[i]]``; 3.0 is "3", and true is "true".
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self.column(name, _INPUT)
        if not is_text(column.type):
            fractions = pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)
            column = (column.cast(pa.float64()) if fractions else column).cast(pa.large_string())
        encoded = column.cast(pa.large_string()).combine_chunks().dictionary_encode()
        texts: dict[str, int] = {}
        words = [word.strip() for word in encoded.dictionary.to_pylist()]
        codes = [-1 if word in _MISSING else texts.setdefault(word, len(texts)) for word in words]
        return np.array([*codes, -1])[np.asarray(pc.fill_null(encoded.indices, len(codes)))], list(texts)

    def quantities(self, name: str) -> NDArray[np.float64]:
        """A column of numbers, or of texts that all are numbers, (n,) float64, with NaN where they are missing.

        Raises
        ------
        DataError
            No such column, something that is no number, or infinity; column, row and line are named.
        """
        import pyarrow as pa

        column = self.column(name, _INPUT)
        if is_text(column.type):
            return self._parsed(name)
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        self._require_numbers(name, column)
        values = np.array(column.cast(pa.float64(), safe=False).to_numpy())  # null becomes NaN
        self._require_none(name, values, np.isinf(values))
        return values

    def _parsed(self, name: str) -> NDArray[np.float64]:
        """The numbers that texts spell."""
        codes, texts = self.coded(name)
        wrong = [code for code, text in enumerate(texts) if not is_number(text)]
        if wrong:
            row = int(np.argmax(np.isin(codes, wrong)))
            raise self._no_number(name, shown(texts[codes[row]]), row)
        return np.array([*map(float, texts), np.nan])[codes]

    def numbers(self, name: str, purpose: str = _INPUT) -> NDArray[np.float64]:
        """A column of finite numbers, (n,) float64; true and false are 1 and 0.

        Raises
        ------
        DataError
            No such column, text, dates, missing values, NaN or infinity; column, row and line are named.
        """
        import pyarrow as pa

        column = self.column(name, purpose)
        self.require_no_missing(name, column, purpose)
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        self._require_numbers(name, column, purpose)
        values = column.to_numpy().astype(np.float64)
        self._require_none(name, values, ~np.isfinite(values))
        return np.asarray(values)

    def _require_numbers(self, name: str, column: pyarrow.ChunkedArray, purpose: str = _INPUT) -> None:
        import pyarrow as pa

        kind = column.type
        if not any(test(kind) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)):
            row, value = first_not_a_number(column)
            raise self._no_number(name, value, row, purpose)

    def _no_number(self, name: str, value: str, row: int, purpose: str = _INPUT) -> DataError:
        other = "predict classes (--task classes)" if purpose == TARGET else "leave the column out"
        return DataError(
            f"{self._called(name, purpose)} must hold numbers. Got {value} in {self.place(row)}; "
            f"correct it, write it as a number, or {other}."
        )

    def _called(self, name: str, purpose: str) -> str:
        return f"Column {name!r} of {self.name}" + (f", {TARGET}," if purpose == TARGET else "")

    def _require_none(self, name: str, values: NDArray[np.float64], wrong: NDArray[np.bool_]) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"Column {name!r} of {self.name} must hold finite numbers. Got {values[row]} in {self.place(row)}; "
                "fill it in or remove the row."
            )

    def require_no_missing(self, name: str, column: pyarrow.ChunkedArray, purpose: str = _INPUT) -> None:
        """Raise DataError, naming the first, for missing values: null, NaN, or an empty text."""
        import pyarrow.compute as pc

        missing = pc.is_null(column, nan_is_null=True)
        if is_text(column.type):
            missing = pc.or_kleene(missing, pc.equal(column, ""))
        missing = np.asarray(pc.fill_null(missing, True))
        if missing.any():
            row, count = int(np.argmax(missing)), int(missing.sum())
            more = f" ({count} in all)" if count > 1 else ""
            raise DataError(
                f"{self._called(name, purpose)} must have no missing values. Got one in {self.place(row)}{more}; "
                "fill them in, or remove those rows."
            )

    def renamed(self, old: str, new: str) -> Frame:
        """The same table with one column under another name."""
        self.column(old, TARGET)
        names = [new if name == old else name for name in self.data.column_names]
        return replace(self, data=self.data.rename_columns(names))

    def place(self, row: int) -> str:
        """A row for a message, with its line where it was read from text: ``row 3 (line 5)``."""
        row = row if self.rows is None else int(self.rows[row])
        line = None if self.text is None else line_of(self.text, self.delimiter, row)
        return f"row {row}" if line is None else f"row {row} (line {line})"


def is_text(kind: pyarrow.DataType) -> bool:
    """Whether a column of this type holds texts."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_frame(data: Any) -> bool:
    """Whether this is a table with named columns: pandas, polars, pyarrow, or a mapping from names to columns."""
    return isinstance(data, Mapping | Frame) or (hasattr(data, "columns") and not isinstance(data, np.ndarray))


def as_frame(data: Any, name: str = "the table") -> Frame:
    """Take a pandas or polars frame, a pyarrow table, or a mapping from names to columns.

    Parameters
    ----------
    name : str
        What messages call it.

    Raises
    ------
    DataError
        Something else, a column of mixed kinds, or a name that is no text or comes twice.
    """
    import pyarrow as pa

    if isinstance(data, Frame):
        return data
    try:
        if not is_frame(data):
            raise AttributeError
        table = _of_columns(data) if isinstance(data, Mapping) else _to_arrow(data)
    except AttributeError:  # it has columns, and is none of these all the same
        raise DataError(
            "A table must be a pandas, polars or pyarrow frame, or a dict of column names to columns. "
            f"Got {type(data).__name__}; for an array X (n, n_in) use dict(zip(names, X.T))."
        ) from None
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"Each column of {name} must be a sequence of values of one kind, all of one length, and its name a text. "
            f"{reason}."
        ) from None
    return checked(Frame(table, name))


def checked(frame: Frame) -> Frame:
    """The frame, its columns in types that all that follows knows.

    Raises
    ------
    DataError
        Two columns have one name.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    require_names(frame.name, frame.columns)
    table = frame.data
    for place, field in enumerate(table.schema):
        if pa.types.is_string_view(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.large_string()))
        elif pa.types.is_run_end_encoded(field.type):
            table = table.set_column(place, field.name, pc.run_end_decode(table.column(place)))
    return frame if table is frame.data else replace(frame, data=table)


def require_names(name: str, columns: Iterable[str]) -> None:
    """Raise DataError where two columns have one name."""
    repeated = [column for column, count in Counter(columns).items() if count > 1]
    if repeated:
        raise DataError(f"The columns of {name} must have different names. {min(repeated)!r} comes twice; rename one.")


def _of_columns(columns: Mapping[str, Any]) -> pyarrow.Table:
    """A mapping's columns; a NaN in a list is a missing value whatever else the list holds, as in pandas."""
    import pyarrow as pa

    return pa.table(
        {
            name: pa.array(values, from_pandas=True) if isinstance(values, list) else _native(values)
            for name, values in columns.items()
        }
    )


def _native(values: Any) -> Any:
    """Numbers in this machine's byte order, and in 8 bytes at most, as pyarrow wants them."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        return values
    return values.astype(np.float64 if values.dtype == np.longdouble else values.dtype.newbyteorder("="), copy=False)


def _to_arrow(data: Any) -> pyarrow.Table:
    import pyarrow as pa

    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if hasattr(data, "to_arrow"):  # polars
        return data.to_arrow()
    foreign = {
        name: kind.newbyteorder("=")
        for name, kind in data.dtypes.items()
        if isinstance(kind, np.dtype) and not kind.isnative
    }
    return pa.Table.from_pandas(data.astype(foreign) if foreign else data, preserve_index=False)
