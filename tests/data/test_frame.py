"""Frames: what is a table, numbers out of it, and messages that name column, row and line."""

from __future__ import annotations

import gzip
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.data.files import read
from backstory.data.frame import Frame, as_frame, is_frame
from backstory.data.wording import line_of, listed
from backstory.errors import DataError

COLUMNS = {"a": [1, 2], "b": [0.5, 1.5]}


@pytest.mark.parametrize(
    "data",
    [COLUMNS, pandas.DataFrame(COLUMNS), pa.table(COLUMNS), Frame(pa.table(COLUMNS))],
    ids=["dict", "pandas", "arrow", "frame"],
)
def test_tables_of_every_kind_are_the_same(data: Any) -> None:
    assert is_frame(data)
    frame = as_frame(data)
    assert frame.columns == ("a", "b")
    np.testing.assert_array_equal(frame.numbers("b"), [0.5, 1.5])


@pytest.mark.parametrize("data", [np.ones((2, 2)), [[1.0]], "a", None])
def test_arrays_and_lists_are_no_frames(data: Any) -> None:
    assert not is_frame(data)
    with pytest.raises(DataError, match=re.escape("A table must be a pandas, polars or pyarrow frame, or a dict")):
        as_frame(data)


@pytest.mark.parametrize("columns", [{"a": [1, 2], "b": [1]}, {"a": [1, "x"]}, {"a": 1.0}])
def test_columns_that_make_no_table_are_refused(columns: Any) -> None:
    with pytest.raises(
        DataError, match="Each column of the table must be a sequence of values of one kind, all of one length"
    ):
        as_frame(columns)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 0], pa.uint8()),
        pa.array([1, 0], pa.int64()),
        pa.array([1.0, 0.0], pa.float16()),
        pa.array([1.0, 0.0], pa.float32()),
        pa.array([True, False]),
        pa.array([Decimal("1.00"), Decimal("0.00")]),
        pa.array([1, 0]).dictionary_encode(),
    ],
    ids=lambda column: str(column.type),
)
def test_numbers_of_every_type(column: pa.Array) -> None:
    values = as_frame({"a": column}).numbers("a")
    assert values.dtype == np.float64
    assert values.tolist() == [1.0, 0.0]


def test_the_index_that_pandas_writes_is_no_column(tmp_path: Path) -> None:
    pandas.DataFrame(COLUMNS, index=[7, 9]).to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").columns == ("a", "b")


def message(frame: Frame, name: str) -> str:
    with pytest.raises(DataError) as caught:
        frame.numbers(name)
    return str(caught.value)


def csv(folder: Path, text: str) -> Frame:
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return read(folder / "t.csv")


def test_text_among_numbers_names_column_row_and_line(tmp_path: Path) -> None:
    frame = csv(tmp_path, "a,b\n1,2\n\n2,?\n3,x\n")
    assert message(frame, "b") == (
        "Column 'b' of 't.csv' must hold numbers. Got '?' in row 1 (line 4); "
        "correct it, write it as a number, or leave the column out."
    )


def test_a_date_is_no_number(tmp_path: Path) -> None:
    assert "must hold numbers. Got 2026-01-31 in row 0 (line 2)" in message(csv(tmp_path, "a\n2026-01-31\n"), "a")


def test_missing_values_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    frame = csv(tmp_path, "a,b\n1,2\n2,\n3,NA\n")
    assert message(frame, "b") == (
        "Column 'b' of 't.csv' must have no missing values. Got one in row 1 (line 3) (2 in all); "
        "fill them in, or remove those rows."
    )


@pytest.mark.parametrize("value", [None, float("nan")])
def test_missing_values_in_memory(value: float | None) -> None:
    assert "'a' of the table must have no missing values. Got one in row 1;" in message(
        as_frame({"a": [1.0, value]}), "a"
    )


def test_infinity_is_refused(tmp_path: Path) -> None:
    assert "must hold finite numbers. Got inf in row 1 (line 3);" in message(csv(tmp_path, "a\n1\ninf\n"), "a")


def test_a_column_that_is_not_there_offers_the_nearest() -> None:
    assert message(as_frame({"height": [1.0], "width": [2.0]}), "hieght") == (
        "the table must have the column 'hieght', which the network takes as input. Did you mean 'height'? "
        "Its columns: height, width."
    )


def test_long_lists_are_cut() -> None:
    assert listed(range(9)) == "0, 1, 2, 3, 4, 5, 6, 7, ... (9 in all)"


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=5)


@given(rows=st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=8), blanks=st.integers(0, 2))
def test_lines_are_found_whatever_the_fields_hold(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], blanks: int
) -> None:
    """The line of a row is one more than the line breaks written before it."""
    records = ['"' + '","'.join(field.replace('"', '""') for field in row) + '"\n' for row in [("a", "b"), *rows]]
    path = tmp_path_factory.mktemp("lines") / "t.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        file.write(("\n" * blanks).join(records))
    for row in range(len(rows)):
        before = ("\n" * blanks).join([*records[: row + 1], ""])
        assert line_of(path, ",", row) == before.count("\n") + 1
