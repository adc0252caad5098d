"""Which rows are trained on and which are held out: drawn, or as a column says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backstory.data.files import read
from backstory.data.frame import as_frame
from backstory.data.parts import drawn, rows_by_column, split_column
from backstory.errors import DataError


@pytest.mark.parametrize("n", [10, 11, 99, 150, 4999, 30_000])
def test_rows_held_out(n: int) -> None:
    y = np.random.default_rng(n).integers(0, 3, n)
    rest, held = drawn(y, 0, classes=True)
    assert sorted([*rest, *held]) == list(range(n))
    assert n * 0.1 - 1 <= len(held) <= n * 0.2 + 1
    shares = [np.bincount(y[rows], minlength=3) / len(rows) for rows in (rest, held)]
    if n > 50:
        assert np.abs(shares[0] - shares[1]).max() < 0.06
    again = drawn(y, 0, classes=True)
    np.testing.assert_array_equal(held, again[1])
    assert n < 50 or not np.array_equal(held, drawn(y, 1, classes=True)[1])


def test_no_class_is_held_out_whole() -> None:
    for place in range(30):
        y = np.zeros(30, dtype=np.int64)
        y[place] = 1
        rest, held = drawn(y, 0, classes=True)
        assert 1 in y[rest]
        assert len(rest) + len(held) == 30


def test_a_column_of_words_says_which_rows_are_for_what() -> None:
    frame = as_frame({"use": ["train", "TEST", " valid ", "training", "dev"], "x": [1, 2, 3, 4, 5]})
    rows = {use: found.tolist() for use, found in rows_by_column(frame, "use").items()}
    assert rows == {"train": [0, 3], "test": [1], "validation": [2, 4]}


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"use": ["train", "test", "train"]}, "use"),
        ({"use": ["train", "train", "train"]}, None),
        ({"use": ["test", "val", "test"]}, None),
        ({"use": ["train", "bus", "train"]}, None),
        ({"use": ["train", None, "test"]}, None),
        ({"use": ["train", "test", "train"], "again": ["train", "test", "train"]}, None),
        ({"use": [1, 2, 3]}, None),
        ({"target": ["train", "test", "train"]}, None),
        ({"dropped": ["train", "test", "train"]}, None),
    ],
)
def test_such_a_column_is_found(columns: dict[str, Any], found: str | None) -> None:
    frame = as_frame({"x": [1, 2, 3], **columns})
    assert split_column(frame, "target", frozenset({"dropped"})) == found


def test_a_word_far_down_that_splits_nothing_is_seen() -> None:
    assert split_column(as_frame({"use": ["train", "test"] * 100 + ["bus"]}), "t", frozenset()) is None


def test_other_words_are_refused_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("use,x\ntrain,1\nbus,2\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        rows_by_column(read(tmp_path / "t.csv"), "use")
    assert str(caught.value) == (
        "Column 'use' of 't.csv' must hold words that split the table: train, validation or test. "
        "Got 'bus' in row 1 (line 3); correct it, or name another column."
    )


def test_a_split_without_rows_to_train_on_is_refused() -> None:
    with pytest.raises(DataError, match=r"must hold 'train' in some rows\. Got validation, test only\."):
        rows_by_column(as_frame({"use": ["test", "val"]}), "use")
