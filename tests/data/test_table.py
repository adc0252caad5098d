"""The encoding of a table: inputs standardized, targets as classes or numbers, and back."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from backstory.data.table import Table
from backstory.errors import DataError

RNG = np.random.default_rng(0)
N = 60
LABELS = ["a", "b", "c"] * 20


def refused(target: Any, **columns: Any) -> str:
    with pytest.raises(DataError) as caught:
        Table.fit({"x": np.arange(len(target)), **columns, "t": target}, "t")
    return str(caught.value)


@given(
    values=arrays(np.float64, st.integers(2, 30), elements=st.floats(-1e300, 1e300)),
    more=st.sampled_from([0.0, 1e308]),
)
def test_inputs_are_standardized(values: Any, more: float) -> None:
    values = np.append(values, [more, -more])
    table = Table.fit({"x": values, "t": np.arange(len(values)) / 2}, "t")
    X = table.inputs({"x": values})
    assert np.isfinite(X).all()
    if table.scale != (1.0,):
        assert abs(X.mean()) < 1e-6
        assert abs(X.std() - 1) < 1e-6


@pytest.mark.parametrize("constant", [0.0, 7.0, 0.1, -1e300, 5e-324])
def test_a_constant_column_becomes_zero(constant: float) -> None:
    table = Table.fit({"x": np.full(N, constant), "t": LABELS}, "t")
    assert np.abs(table.inputs({"x": [constant]})).max() <= 1e-12 * max(abs(constant), 1.0)


def test_scales_are_those_of_the_chosen_rows_and_classes_those_of_all() -> None:
    table = Table.fit({"x": [0.0, 2.0, 100.0], "t": ["b", "b", "a"]}, "t", rows=np.array([0, 1]))
    assert (table.mean, table.scale, table.classes) == ((1.0,), (1.0,), ("a", "b"))


@pytest.mark.parametrize(
    ("target", "classes", "reason"),
    [
        (LABELS, ("a", "b", "c"), "it holds text"),
        (pandas.Categorical(LABELS), ("a", "b", "c"), "it holds text"),
        ([True, False] * 30, (False, True), "it holds true and false"),
        ([3, 5, 9] * 20, (3, 5, 9), "it holds whole numbers, only 3 different ones"),
        ([0.0, 1.0] * 30, (0, 1), "it holds whole numbers, only 2 different ones"),
        (list(range(7)) * 9, None, "it holds 7 different whole numbers"),  # of 63 rows
        (list(range(20)) * 10, tuple(range(20)), "it holds whole numbers, only 20 different ones"),
        (list(range(21)) * 20, None, "it holds 21 different whole numbers"),
        ([1, 2, 3, 4], None, "it holds 4 different whole numbers"),
        ([0, 1, 1, 0], (0, 1), "it holds whole numbers, only 2 different ones"),
        ([0.5, 1.0] * 30, None, "it holds fractions"),
    ],
)
def test_which_targets_are_classes(target: Any, classes: Any, reason: str) -> None:
    table = Table.fit({"x": np.arange(len(target)), "t": target}, "t")
    assert (table.classes, table.reason) == (classes, reason)
    assert table.kind == ("number" if classes is None else "classes")


def test_class_targets_and_answers() -> None:
    table = Table.fit({"x": np.arange(N), "t": LABELS}, "t")
    assert table.targets({"t": ["c", "a"]}).tolist() == [2, 0]
    outputs = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]])
    assert table.answers(outputs).tolist() == ["b", "a"]
    assert table.restored(outputs) is outputs


def test_number_targets_and_answers() -> None:
    values = RNG.normal(50, 7, N)
    table = Table.fit({"x": np.arange(N), "t": values}, "t")
    y = table.targets({"t": values})
    assert abs(y.mean()) < 1e-12
    assert abs(y.std() - 1) < 1e-12
    np.testing.assert_allclose(table.answers(y[:, None]), values, rtol=1e-14)
    np.testing.assert_allclose(table.restored(y[:, None])[:, 0], values, rtol=1e-14)


def test_labels_are_found_though_another_file_spells_their_type_otherwise() -> None:
    numbers = Table.fit({"x": np.arange(N), "t": [0, 1] * 30}, "t")
    assert numbers.targets({"t": [1.0, 0.0]}).tolist() == [1, 0]
    assert numbers.targets({"t": [True, False]}).tolist() == [1, 0]
    text = Table.fit({"x": np.arange(N), "t": ["1", "2", "none"] * 20}, "t")
    assert text.targets({"t": [2, 1]}).tolist() == [1, 0]


def test_an_unseen_label_names_the_known_ones_and_the_row() -> None:
    table = Table.fit({"x": np.arange(N), "t": LABELS}, "t")
    with pytest.raises(DataError) as caught:
        table.targets({"t": ["a", "d"]})
    assert str(caught.value) == (
        "Column 't' of the table must hold classes known from training (a, b, c). Got 'd' in row 1; "
        "correct it, or train again with rows of that class."
    )


def test_columns_are_found_by_name_and_others_are_left_alone() -> None:
    table = Table.fit({"x": [0.0, 2.0], "z": [1.0, 3.0], "t": ["a", "b"]}, "t")
    X = table.inputs(pandas.DataFrame({"other": ["q"], "z": [3.0], "x": [1.0]}))
    assert X.tolist() == [[0.0, 1.0]]


def test_missing_columns_are_named() -> None:
    table = Table.fit({"height": [0.0, 2.0], "width": [1.0, 3.0], "t": ["a", "b"]}, "t")
    with pytest.raises(DataError) as caught:
        table.inputs({"hight": [1.0], "width": [1.0]})
    assert str(caught.value) == (
        "the table must have the column 'height', which the network was trained on. Did you mean 'hight'? "
        "Its columns: hight, width."
    )
    with pytest.raises(DataError, match="It lacks 'height', 'width'; its columns: a, b"):
        table.inputs({"a": [1.0], "b": [1.0]})


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (["a"] * 5, "The target 't' of the table must have at least two different values. Got 'a' in every row;"),
        ([3] * 5, "must have at least two different values. Got 3 in every row; choose another target."),
        ([f"n{i}" for i in range(9)], "or classes that occur several times. Got 9 different texts in 9 rows;"),
        ([*map(str, range(30)), "n/a"], "must hold numbers, or classes. Got 'n/a' among numbers in row 30;"),
        (["a", "b", ""], "Column 't' of the table must have no missing values. Got one in row 2;"),
        ([1.5, None], "Column 't' of the table must have no missing values. Got one in row 1;"),
        ([1.5, np.inf], "Column 't' of the table must hold finite numbers. Got inf in row 1;"),
    ],
)
def test_targets_refused(target: Any, text: str) -> None:
    assert text in refused(target)


def test_text_among_the_inputs_is_refused() -> None:
    assert "Column 's' of the table must hold numbers. Got 'red' in row 0;" in refused([0, 1], s=["red", "blue"])


def test_a_target_alone_is_refused() -> None:
    with pytest.raises(DataError, match=r"must have columns beside the target 't'\. It has none to learn from"):
        Table.fit({"t": [0, 1]}, "t")


def test_a_target_that_is_not_there_offers_the_nearest() -> None:
    with pytest.raises(DataError, match=r"must have the column 'qualty', the target\. Did you mean 'quality'\?"):
        Table.fit({"x": [1.0, 2.0], "quality": [0, 1]}, "qualty")


@pytest.mark.parametrize("target", [LABELS, [True, False] * 30, [1, 2] * 30, RNG.normal(size=N)])
def test_it_survives_json(target: Any) -> None:
    table = Table.fit({"x": RNG.normal(size=N), "z": np.arange(N), "t": target}, "t")
    assert Table.from_dict(json.loads(json.dumps(table.to_dict()))) == table


@pytest.mark.parametrize("change", [{"mean": []}, {"scale": None}, {"classes": 3}, {"target_mean": "x"}])
def test_damaged_encodings_are_refused(change: dict[str, Any]) -> None:
    good = Table.fit({"x": np.arange(N), "t": LABELS}, "t").to_dict()
    with pytest.raises(DataError, match="A table's encoding must have"):
        Table.from_dict({**good, **change})
    with pytest.raises(DataError, match="A table's encoding must have all its parts"):
        Table.from_dict({"features": []})


def test_it_is_frozen() -> None:
    table = Table.fit({"x": np.arange(N), "t": LABELS}, "t")
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.target = "u"  # type: ignore[misc]
