"""Which kind a column is, what is left out and why, what is refused and with what advice."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.data.columns import Category, Column, Flag, Number
from backstory.data.files import read
from backstory.data.frame import as_frame
from backstory.data.kinds import LIMIT, MOST_LEVELS, LeftOut, infer, scaling
from backstory.errors import DataError

RNG = np.random.default_rng(0)


def kind(values: Any, name: str = "x") -> Column | LeftOut:
    return infer(as_frame({name: values}), name)


def refused(values: Any) -> str:
    with pytest.raises(DataError) as caught:
        kind(values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ([1.0, 2.0, 3.0, 4.0, 5.0], Number("x", 3.0, 2.0, LIMIT, 3.0)),
        ([1, 2, None, 3, 4, 5], Number("x", 3.0, 2.0, LIMIT, 3.0, indicator=True)),
        (["1", "2", "?", "3", "4", "5"], Number("x", 3.0, 2.0, LIMIT, 3.0, indicator=True)),
        ([Decimal("1.00"), Decimal("2.00"), Decimal("3.00")], Number("x", 2.0, 1.0, LIMIT, 2.0)),
        ([0, 0, 0, 0, 10], Number("x", 0.0, 5.0, LIMIT, 0.0)),
        ([7, 7, None], Number("x", 7.0, 1.0, LIMIT, 7.0, indicator=True)),
        ([True, False, True], Flag("x")),
        ([True, None, True], Flag("x")),
        ([0, 1, 1], Flag("x")),
        ([0.0, 1.0, np.nan], Flag("x")),
        (["Yes", "no", "no"], Flag("x")),
        (["a", "b", "b", "b", "a"], Category("x", ("b", "a"))),
        (["a", "b", "b", None], Category("x", ("b",), other=True, missing=True)),
        (["3+", "1", "1", "2", "2", "3+"], Category("x", ("1", "2", "3+"))),
        (pandas.Categorical(["a", "b", "a", "b"]), Category("x", ("a", "b"))),
        (["a", "?", "a"], Category("x", ("a",), missing=True)),
    ],
)
def test_kinds(values: Any, column: Column) -> None:
    assert kind(values) == column


@pytest.mark.parametrize(
    ("values", "name", "reason"),
    [
        ([None, None], "x", "all its values are missing"),
        (["?", "NA", ""], "x", "all its values are missing"),
        ([3, 3], "x", "it is 3 in every row"),
        (["a", "a"], "x", "it is 'a' in every row"),
        ([True, True], "x", "it is 'true' in every row"),
        ([f"n{i}" for i in range(9)], "x", "its texts tell rows apart and no more: 9 different ones in 9 rows"),
        ([5, 3, 9], "customer_id", "it numbers the rows: 3 different whole numbers in a column of this name"),
        ([0, 1, 2], "Unnamed: 0", "it numbers the rows: 3 different whole numbers in a column of this name"),
        ([0, 1, 2], "", "it numbers the rows: 3 different whole numbers in a column of this name"),
    ],
)
def test_what_is_left_out(values: Any, name: str, reason: str) -> None:
    assert kind(values, name) == LeftOut(name, reason)


@pytest.mark.parametrize(("values", "name"), [([0.5, 3, 9], "id"), ([5, 5, 9], "id"), ([5, 3, 9], "width")])
def test_what_is_no_number_of_rows(values: Any, name: str) -> None:
    assert isinstance(kind(values, name), Number)


def test_rare_levels_share_an_input() -> None:
    column = kind([f"level {number}" for number in range(100) for _ in range(2 + number // 50)])
    assert isinstance(column, Category)
    assert len(column.levels) == MOST_LEVELS
    assert column.other
    assert set(column.levels) >= {f"level {number}" for number in range(50, 100)}
    assert column.levels[0] == "level 50"


@pytest.mark.parametrize(
    "values",
    [
        [datetime.date(2026, 1, 31), datetime.date(2026, 2, 1)],
        [None, datetime.datetime(2026, 1, 31, 12, 0)],
        ["2026-01-31", "2026-02-01", None],
        ["31.1.2026", "1.2.2026"],
        ["1/31/26 12:30", "2/1/26 08:00"],
        np.array(["2026-01-31", "2026-02-01"], dtype="datetime64[ns]"),
        [datetime.timedelta(days=1), datetime.timedelta(days=2)],
    ],
)
def test_dates_are_refused_with_advice(values: Any) -> None:
    text = refused(values)
    assert text.startswith("Column 'x' of the table must not hold dates or times. Got ")
    assert "; make numbers of what matters in them (year, month, weekday, days since a day), or leave the" in text
    assert text.endswith("with drop (--drop x).")


def test_a_date_in_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("when,y\n,1\n2026-01-31,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"Got 2026-01-31 in row 1 \(line 3\); make numbers of"):
        infer(read(tmp_path / "t.csv"), "when")


def test_a_mistake_among_numbers_is_no_level(tmp_path: Path) -> None:
    numbers = "\n".join(map(str, range(30)))
    (tmp_path / "t.csv").write_text(f"x\n{numbers}\nwide\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"Column 'x' of 't.csv' must hold numbers\. Got 'wide' in row 30 \(line 32\);"):
        infer(read(tmp_path / "t.csv"), "x")


def test_lists_are_refused() -> None:
    assert "must hold numbers, texts, or true and false. It holds list<item: int64>; make" in refused([[1], [2]])


@given(st.lists(st.floats(-1e308, 1e308), min_size=1, max_size=20))
def test_every_column_has_a_scale(values: list[float]) -> None:
    center, scale = scaling(np.array(values))
    assert min(values) <= center * (1 + 1e-15 * np.sign(center)) or np.isclose(center, min(values))
    assert np.isfinite(center)
    assert 0 < scale < np.inf


def test_outliers_do_not_set_the_scale() -> None:
    values = RNG.normal(10, 2, 1001)
    with_outlier = np.append(values[:-1], 1e12)
    np.testing.assert_allclose(scaling(values), scaling(with_outlier), rtol=0.02)
