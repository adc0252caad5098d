"""What each kind of column makes of values: those of training, new ones, missing ones, in whatever type they come."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from backstory.data.columns import Category, Column, Flag, Number, pressed
from backstory.data.frame import as_frame
from backstory.errors import DataError

AGE = Number("age", center=40.0, scale=10.0, limit=3.0, fill=38.0, indicator=True)
COLOR = Category("color", ("red", "3"), other=True, missing=True)
ALONE = Flag("alone")


def encoded(column: Column, values: Any) -> list[list[float]]:
    inputs = column.encode(as_frame({column.name: values}))
    assert inputs.shape == (len(values), len(column.inputs))
    return inputs.tolist()


@given(arrays(np.float64, st.integers(1, 30), elements=st.floats(allow_nan=False)), st.floats(1e-3, 1e3))
def test_numbers_are_pressed_into_the_limit_in_their_order(z: Any, limit: float) -> None:
    a = pressed(z, limit)
    assert (np.abs(a) <= limit * (1 + 1e-15)).all()
    assert (np.diff(a[np.argsort(z)]) >= -1e-15 * limit).all()
    np.testing.assert_array_equal(pressed(-z, limit), -a)
    near = np.clip(z, -1e-5 * limit, 1e-5 * limit)
    np.testing.assert_allclose(pressed(near, limit), near, rtol=1e-9)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_number_is_the_median_and_says_so(missing: Any) -> None:
    (plain, gone) = encoded(AGE, [38.0, missing])
    assert (plain[0], plain[1], gone[1]) == (gone[0], 0.0, 1.0)
    without = Number("age", 40.0, 10.0, None, 38.0)
    assert encoded(without, [missing, 60.0]) == [[-0.2], [2.0]]


@pytest.mark.parametrize(
    "values",
    [
        [50, None], ["50", "?"], [" 50 ", "NA"], pa.array([50, None], pa.uint8()), pa.array(["50", ""]),
        pandas.Series([50.0, np.nan]), polars.Series([50, None]), pandas.Categorical(["50", None]),
    ],
)  # fmt: skip
def test_numbers_of_every_type(values: Any) -> None:
    limit = Number("age", 40.0, 10.0, None, 30.0)
    assert encoded(limit, values) == [[1.0], [-1.0]]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["50", "old"], "Column 'age' of the table must hold numbers. Got 'old' in row 1;"),
        ([1.0, np.inf], "Column 'age' of the table must hold finite numbers. Got inf in row 1;"),
        ([1.0, None, -np.inf], "must hold finite numbers. Got -inf in row 2;"),
    ],
)
def test_what_is_no_number_is_refused(values: Any, text: str) -> None:
    with pytest.raises(DataError) as caught:
        AGE.encode(as_frame({"age": values}))
    assert text in str(caught.value)


def test_levels_others_and_missing_ones_have_an_input_each() -> None:
    assert COLOR.inputs == ("color = red", "color = 3", "color is another", "color is missing")
    assert encoded(COLOR, ["3", "red", "blue", None, "?", " red "]) == [
        [0, 1, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
        [0, 0, 0, 1],
        [1, 0, 0, 0],
    ]


def test_a_level_that_was_not_there_is_none_where_there_is_no_input_for_it() -> None:
    known = Category("color", ("red", "3"))
    assert encoded(known, ["3", "blue", None]) == [[0, 1], [0, 0], [0, 0]]


@pytest.mark.parametrize("values", [[3, 4], [3.0, 4.5], pandas.Categorical(["3", "4"]), polars.Series(["3", "4"])])
def test_levels_are_found_though_another_file_spells_their_type_otherwise(values: Any) -> None:
    assert encoded(COLOR, values) == [[0, 1, 0, 0], [0, 0, 1, 0]]


@pytest.mark.parametrize(
    "values",
    [[True, False, None], [1, 0, None], [1.0, 0.0, 0.5], ["yes", "No", ""], ["T", "f", "maybe"], ["1", "0", "?"]],
)
def test_yes_and_no_in_every_spelling(values: Any) -> None:
    assert encoded(ALONE, values) == [[1.0], [0.0], [0.5]]


@pytest.mark.parametrize("column", [AGE, COLOR, ALONE, Number("x", limit=None)])
def test_plain_data_and_back(column: Column) -> None:
    assert Column.from_dict(json.loads(json.dumps(column.to_dict()))) == column


def test_the_spelling_in_memory_makes_no_difference() -> None:
    columns = {"age": [1.5, None], "color": ["red", "blue"], "alone": [True, False]}
    frames = [columns, pandas.DataFrame(columns), polars.DataFrame(columns), pa.table(columns)]
    for column in (AGE, COLOR, ALONE):
        first, *others = (column.encode(as_frame(frame)) for frame in frames)
        for other in others:
            np.testing.assert_array_equal(first, other)
