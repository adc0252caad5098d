"""`Table`: how the raw columns of a table become a network's inputs and targets, and its outputs the target again.

It is learned from the training rows, stored in the model file, and after that the only thing that knows the raw table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.columns import Column, Number
from backstory.data.frame import Frame, as_frame
from backstory.data.kinds import LeftOut, infer
from backstory.data.target import Array, Label, Target
from backstory.data.wording import SHOWN, listed
from backstory.errors import DataError, unknown

VERSION = 2
"""Of what `Table.to_dict` writes; 1 knew numbers only, by mean and scale."""

SAID = "you said so"
"""Why a column is left out that the user named."""

TASKS = ("classes", "number")


@dataclass(frozen=True)
class Table:
    """The encoding of a table, made by `Table.fit`; prints as a list of the columns.

    Each input column is a **number** (scaled by its quantiles, outliers pressed smoothly into ±3; for missing values
    the median, and a second input that says so), a **category** (an input for each of the frequent levels, one for all
    others, one for missing values) or **yes/no** (0 or 1, 0.5 where missing). Constant columns, and those that only
    tell the rows apart, are left out; dates are refused.

    A target is **classes** when it holds text or booleans, or whole numbers with few distinct values: at most 20, and
    at most a tenth as many as there are rows (two are always few enough). Any other numeric target is a **number**.

    Parameters
    ----------
    columns : tuple of Column
        The encodings of the input columns, in the order of the network's inputs.
    aim : Target
        The encoding of the target.
    left_out : tuple of LeftOut
        The columns that are no inputs, each with its reason.

    Examples
    --------
    >>> table = Table.fit({"width": [1, 2, 3, 6], "color": ["r", "g", "g", "r"], "kind": ["b", "a", "a", "b"]}, "kind")
    >>> table.classes, table.input_names
    (('a', 'b'), ('width', 'color = g', 'color = r'))
    >>> table.inputs({"width": [2.5], "color": ["r"]}).tolist(), table.targets({"kind": ["b"]}).tolist()
    ([[0.0, 0.0, 1.0]], [1])
    >>> table.answers(np.array([[0.2, 0.8]])).tolist()
    ['b']
    """

    columns: tuple[Column, ...]
    aim: Target
    left_out: tuple[LeftOut, ...] = ()

    @classmethod
    def fit(
        cls,
        data: Any,
        target: str,
        rows: NDArray[np.int64] | None = None,
        *,
        task: str | None = None,
        drop: Sequence[str] | Mapping[str, str] = (),
        bounded: bool = False,
    ) -> Table:
        """Learn the encoding from a table.

        Parameters
        ----------
        data : Frame, pandas, polars or pyarrow frame, or mapping from names to columns
        target : str
            The target's column; all others are inputs.
        rows : ndarray of int64, optional
            The rows it is learned from, for example those not held out; classes are those of all.
        task : {"classes", "number"}, optional
            What the target is, where it is not what its values look like.
        drop : sequence of str, or mapping from name to reason
            Columns to leave out.
        bounded : bool
            Whether numbers made of outputs are kept within the target's range in the rows it is learned from.

        Raises
        ------
        DataError
            No such column (the nearest is offered), a column that cannot be an input, nothing to learn from, or a
            target with missing values or one value only.
        ConfigurationError
            Another task.
        """
        frame = as_frame(data)
        if task is not None and task not in TASKS:
            raise unknown("task", task, TASKS)
        frame.column(target, "the target")
        for name in drop:
            frame.column(name, "which is to be left out")
        if target in drop:
            raise DataError(f"The target {target!r} of {frame.name} must not be left out. Take it from drop.")
        aim = Target.fit(frame, target, rows, task, bounded)
        learned = frame if rows is None else frame.take(rows)
        names = [name for name in frame.columns if name != target]
        said = drop if isinstance(drop, Mapping) else dict.fromkeys(drop, SAID)
        found = [LeftOut(name, said[name]) if name in said else infer(learned, name) for name in names]
        columns = tuple(column for column in found if isinstance(column, Column))
        left_out = tuple(column for column in found if isinstance(column, LeftOut))
        if not columns:
            reasons = "".join(f" {column.name!r} is left out: {column.reason}." for column in left_out[:SHOWN])
            raise DataError(
                f"{frame.name} must have columns beside the target {target!r}. It has none to learn from.{reasons}"
            )
        return cls(columns, aim, left_out)

    @property
    def features(self) -> tuple[str, ...]:
        """The raw columns that inputs are made of."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def input_names(self) -> tuple[str, ...]:
        """What the network's inputs are called, in order."""
        return tuple(name for column in self.columns for name in column.inputs)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Which inputs are the columns of numbers themselves, and not words on what is missing."""
        starts = accumulate((len(column.inputs) for column in self.columns), initial=0)
        return tuple(at for at, column in zip(starts, self.columns, strict=False) if isinstance(column, Number))

    @property
    def target(self) -> str:
        """The target's column."""
        return self.aim.name

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """What outputs 0, 1, ... stand for; None for a number."""
        return self.aim.classes

    @property
    def kind(self) -> str:
        """``"classes"`` or ``"number"``."""
        return "number" if self.classes is None else "classes"

    def inputs(self, data: Any, dtype: str = "float64") -> Array:
        """The network's inputs X (n, n_in) from raw columns; columns not in `features` are ignored.

        Raises
        ------
        DataError
            A column is missing, or holds what cannot be encoded: text among numbers, infinity.
        """
        frame = as_frame(data)
        self.require(frame)
        X = np.empty((len(frame), len(self.input_names)), dtype=dtype)
        at = 0
        for column in self.columns:
            width = len(column.inputs)
            column.write(frame, X[:, at : at + width])
            at += width
        return X

    def require(self, frame: Frame) -> None:
        """Raise DataError, naming them, for columns that the encoding needs and the table lacks."""
        absent = [name for name in self.features if name not in frame]
        if len(absent) > 1:
            raise DataError(
                f"{frame.name} must have every column the network was trained on. "
                f"It lacks {listed(map(repr, absent))}; its columns: {listed(frame.columns)}."
            )
        if absent:
            frame.column(absent[0], "which the network was trained on")

    def surprises(self, data: Any) -> list[str]:
        """What raw columns hold that training did not meet: new levels, and missing values where there were none.

        They are encoded all the same; each sentence says by what.

        Examples
        --------
        >>> table = Table.fit({"width": [1, 2, 3, 4], "color": ["r", "g", "g", "r"], "price": [0.5, 1, 2, 3]}, "price")
        >>> table.surprises({"width": [2, None], "color": ["g", "blue"]})
        ["'width' has missing values in 1 row, taken as 2.5, the median.",
         "'color' has blue in 1 row, taken as none of its levels."]
        """
        frame = as_frame(data)
        self.require(frame)
        found = [(column.name, column.surprise(frame)) for column in self.columns]
        return [f"{name!r} has {words}." for name, words in found if words]

    def targets(self, data: Any) -> Array:
        """The network's targets from the raw target column: class indices (n,) int64, or standardized numbers (n,).

        Raises
        ------
        DataError
            No such column, missing values, or a label that was not there in training.
        """
        return self.aim.encode(as_frame(data))

    def restored(self, outputs: Array) -> Array:
        """Outputs (n, n_out) in the target's own units, float64; probabilities of classes stay as they are."""
        return self.aim.restored(outputs)

    def answers(self, outputs: Array) -> Array:
        """What outputs (n, n_out) say, in the target's own terms: the likeliest class's label, or the number, (n,)."""
        return self.aim.answers(outputs)

    def to_dict(self) -> dict[str, Any]:
        """The encoding as plain data, for the model file."""
        return {
            "version": VERSION,
            "columns": [column.to_dict() for column in self.columns],
            "target": self.aim.to_dict(),
            "left_out": [[column.name, column.reason] for column in self.left_out],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Table:
        """The inverse of `to_dict`, for its present version and for older ones.

        Raises
        ------
        DataError
            The data describes no encoding, or one of a newer version.
        """
        try:
            version = data.get("version", 1)
            if version not in _READERS:
                raise DataError(
                    f"A table's encoding must be of a version up to {VERSION}. Got {version!r}; "
                    "upgrade backstory to read it."
                )
            return _READERS[version](data)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"A table's encoding must have all its parts. Got {error!r}.") from None

    def __str__(self) -> str:
        rows = [(column.name, column.kind, column.detail) for column in self.columns]
        rows += [(column.name, "left out", column.reason) for column in self.left_out]
        width, kind = (max(len(row[place]) for row in rows) for place in (0, 1))
        return "\n".join(f"{row[0]:<{width}}  {row[1]:<{kind}}  {row[2]}".rstrip() for row in rows)


def _read_columns(data: Mapping[str, Any]) -> Table:
    columns = tuple(Column.from_dict(column) for column in data["columns"])
    left_out = tuple(LeftOut(str(name), str(reason)) for name, reason in data["left_out"])
    return Table(columns, Target.from_dict(data["target"]), left_out)


def _read_numbers(data: Mapping[str, Any]) -> Table:
    """Version 1: a mean and a scale for each column, and the target's parts beside them."""
    parts = zip(data["features"], data["mean"], data["scale"], strict=True)
    columns = tuple(Number(str(name), float(mean), float(scale), fill=float(mean)) for name, mean, scale in parts)
    target = {
        "name": data["target"],
        "classes": data["classes"],
        "mean": data["target_mean"],
        "scale": data["target_scale"],
        "reason": data["reason"],
    }
    return Table(columns, Target.from_dict(target))


_READERS = {1: _read_numbers, 2: _read_columns}
