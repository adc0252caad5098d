"""The encoding of a table: columns side by side, targets as classes or numbers, and back; its plain data."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pandas
import pytest

from backstory.data.columns import Number
from backstory.data.kinds import LeftOut
from backstory.data.table import Table
from backstory.errors import ConfigurationError, DataError

RNG = np.random.default_rng(0)
N = 60
LABELS = ["a", "b", "c"] * 20


def refused(target: Any, **columns: Any) -> str:
    with pytest.raises(DataError) as caught:
        Table.fit({"x": np.arange(len(target)), **columns, "t": target}, "t")
    return str(caught.value)


def test_inputs_of_all_columns_stand_side_by_side() -> None:
    columns = {"n": [1.0, 2.0, 3.0, None], "c": ["u", "v", "u", "u"], "f": [True, False, True, True]}
    table = Table.fit({**columns, "t": ["a", "b", "a", "b"]}, "t")
    assert table.features == ("n", "c", "f")
    assert table.input_names == ("n", "n is missing", "c = u", "c is another", "f")
    X = table.inputs(columns)
    assert X.dtype == np.float64
    np.testing.assert_allclose(X[:, [1, 2, 3, 4]], [[0, 1, 0, 1], [0, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 1]])
    np.testing.assert_array_equal(table.inputs(columns, "float32"), X.astype(np.float32))


def test_scales_are_those_of_the_chosen_rows_and_classes_those_of_all() -> None:
    table = Table.fit({"x": [0.0, 2.0, 100.0], "t": ["b", "b", "a"]}, "t", rows=np.array([0, 1]))
    (column,) = table.columns
    assert isinstance(column, Number)
    assert (column.center, column.scale, table.classes) == (1.0, 1.0, ("a", "b"))


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
    assert (table.classes, table.aim.reason) == (classes, reason)
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
    table = Table.fit({"x": [0.0, 2.0, 4.0], "z": [1.0, 3.0, 5.0], "t": ["a", "b", "a"]}, "t")
    X = table.inputs(pandas.DataFrame({"other": ["q"], "z": [3.0], "x": [2.0]}))
    assert X.tolist() == [[0.0, 0.0]]


def test_what_training_did_not_meet_is_told() -> None:
    columns = {"n": [1.0, 2.0, 3.0], "c": ["u", "u", "v"], "m": [1.0, None, 3.0], "o": ["p", "p", "q"]}
    table = Table.fit({"n": [1.0, 2.0, 4.0] * 2, "c": ["u", "v", "u"] * 2, "m": columns["m"] * 2, "o": [*"ppqqpr"],
                       "f": [True, False, True] * 2, "t": LABELS[:6]}, "t")  # fmt: skip
    flags = {"f": [True, None, False]}
    assert table.surprises({**columns, **flags}) == []
    new = {"n": [None, None, 1.0], "c": ["w", None, "x"], "m": columns["m"], "o": ["z", "p", "p"], **flags}
    assert table.surprises(new) == [
        "'n' has missing values in 2 rows, taken as 2, the median.",
        "'c' has w, x in 2 rows and missing values in 1 row, taken as none of its levels.",
    ]


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
        ([f"n{i}" for i in range(9)], "or classes that occur several times. Got 9 different values in 9 rows;"),
        ([*map(str, range(30)), "n/a"], "must hold numbers, or classes. Got 'n/a' among numbers in row 30;"),
        (["a", "b", ""], "Column 't' of the table, the target, must have no missing values. Got one in row 2;"),
        ([1.5, None], "Column 't' of the table, the target, must have no missing values. Got one in row 1;"),
        ([1.5, np.inf], "Column 't' of the table must hold finite numbers. Got inf in row 1;"),
    ],
)
def test_targets_refused(target: Any, text: str) -> None:
    assert text in refused(target)


def test_a_target_alone_is_refused() -> None:
    with pytest.raises(DataError, match=r"must have columns beside the target 't'\. It has none to learn from\.$"):
        Table.fit({"t": [0, 1]}, "t")
    with pytest.raises(DataError, match=r"none to learn from\. 'x' is left out: it is 7 in every row\.$"):
        Table.fit({"x": [7, 7], "t": [0, 1]}, "t")


def test_columns_are_dropped_by_name() -> None:
    columns = {"x": [1, 2, 3], "z": [5, 4, 4], "t": [0.5, 1.5, 1.0]}
    table = Table.fit(columns, "t", drop=["z"])
    assert (table.features, table.left_out) == (("x",), (LeftOut("z", "you said so"),))
    with pytest.raises(DataError, match=r"must have the column 'zz', which is to be left out\. Did you mean 'z'\?"):
        Table.fit(columns, "t", drop=["zz"])
    with pytest.raises(DataError, match="The target 't' of the table must not be left out"):
        Table.fit(columns, "t", drop=["t"])


@pytest.mark.parametrize(
    ("target", "task", "classes"),
    [
        ([0, 1] * 30, "number", None),
        (list(range(30)) * 3, "classes", tuple(range(30))),
        ([0.5, 1.5] * 30, "classes", (0.5, 1.5)),
        (LABELS, "classes", ("a", "b", "c")),
    ],
)
def test_the_task_may_be_said(target: Any, task: str, classes: Any) -> None:
    table = Table.fit({"x": np.arange(len(target)), "t": target}, "t", task=task)
    assert (table.classes, table.aim.reason) == (classes, "you said so")
    y = table.targets({"t": target})
    assert np.unique(y).tolist() == (sorted(range(len(classes))) if classes else np.unique(y).tolist())


@pytest.mark.parametrize(
    ("target", "task", "text"),
    [
        (LABELS, "number", "Column 't' of the table, the target, must hold numbers. Got 'a' in row 0;"),
        (np.arange(30) / 7, "classes", "or classes that occur several times. Got 30 different values in 30 rows;"),
    ],
)
def test_a_task_that_the_target_cannot_have(target: Any, task: str, text: str) -> None:
    with pytest.raises(DataError) as caught:
        Table.fit({"x": np.arange(len(target)), "t": target}, "t", task=task)
    assert text in str(caught.value)


def test_an_unknown_task_offers_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"Unknown task 'numbers'\. Did you mean 'number'\?"):
        Table.fit({"x": [1, 2], "t": [0, 1]}, "t", task="numbers")


def test_it_prints_every_column_with_its_kind_or_the_reason_why_not() -> None:
    columns = {"age": [20, 30, None, 60], "sex": ["m", "f", "m", "m"], "ok": [True, False, True, True], "one": [1] * 4}
    assert str(Table.fit({**columns, "t": [0.5, 1, 2, 3]}, "t")).splitlines() == [
        "age  number    30 ± 20, 30 where missing",
        "sex  category  1 level, one for all others: m",
        "ok   yes/no",
        "one  left out  it is 1 in every row",
    ]


def test_a_target_that_is_not_there_offers_the_nearest() -> None:
    with pytest.raises(DataError, match=r"must have the column 'qualty', the target\. Did you mean 'quality'\?"):
        Table.fit({"x": [1.0, 2.0], "quality": [0, 1]}, "qualty")


@pytest.mark.parametrize("target", [LABELS, [True, False] * 30, [1, 2] * 30, RNG.normal(size=N)])
def test_it_survives_json(target: Any) -> None:
    columns = {"x": RNG.normal(size=N), "c": LABELS, "f": [True, False, None] * 20, "one": [1] * N, "t": target}
    table = Table.fit(columns, "t")
    assert Table.from_dict(json.loads(json.dumps(table.to_dict()))) == table


OLD = {
    "features": ["x", "z"], "mean": [1.0, 2.0], "scale": [2.0, 4.0], "target": "t", "classes": None,
    "target_mean": 5.0, "target_scale": 3.0, "reason": "it holds fractions",
}  # fmt: skip


def test_encodings_of_older_versions_are_read() -> None:
    table = Table.from_dict(OLD)
    assert table.inputs({"x": [5.0], "z": [-2.0]}).tolist() == [[2.0, -1.0]]
    assert table.targets({"t": [11.0]}).tolist() == [2.0]
    assert table.restored(np.array([[2.0]])).tolist() == [[11.0]]
    assert Table.from_dict(table.to_dict()) == table


@pytest.mark.parametrize("change", [{"mean": []}, {"scale": None}, {"classes": 3}, {"target_mean": "x"}])
def test_damaged_encodings_of_older_versions_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="A table's encoding must have all its parts"):
        Table.from_dict({**OLD, **change})


@pytest.mark.parametrize(
    "change",
    [{"columns": [{"kind": "number"}]}, {"columns": [{"kind": "date", "name": "x"}]}, {"columns": 3}, {"target": {}},
     {"left_out": [1]}, {"columns": [{"kind": "yes/no", "name": "x", "low": "l", "high": 1, "other": 0}]}],
)  # fmt: skip
def test_damaged_encodings_are_refused(change: dict[str, Any]) -> None:
    good = Table.fit({"x": np.arange(N), "t": LABELS}, "t").to_dict()
    with pytest.raises(DataError, match="A table's encoding must have all its parts"):
        Table.from_dict({**good, **change})
    with pytest.raises(DataError, match="A table's encoding must have all its parts"):
        Table.from_dict({"features": []})


def test_encodings_of_newer_versions_are_refused() -> None:
    with pytest.raises(DataError, match=r"must be of a version up to 2\. Got 3; upgrade backstory"):
        Table.from_dict({"version": 3})


def test_it_is_frozen() -> None:
    table = Table.fit({"x": np.arange(N), "t": LABELS}, "t")
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.columns = ()  # type: ignore[misc]
