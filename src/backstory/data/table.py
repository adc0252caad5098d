"""`Table`: how the raw columns of a table become a network's inputs and targets, and its outputs the target again.

It is learned from the training rows, stored in the model file, and after that the only thing that knows the raw table.
Inputs are numeric columns; categories, dates and missing values are refused, naming column and line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.frame import Frame, as_frame, is_number, listed, shown
from backstory.errors import DataError

if TYPE_CHECKING:
    import pyarrow

MOST_WHOLE_CLASSES = 20
"""Whole numbers with more distinct values than this are a quantity, not classes."""

Array = NDArray[Any]
Label = str | int | float | bool


@dataclass(frozen=True)
class Table:
    """The encoding of a table: inputs and a numeric target are standardized, classes are numbered in sorted order.

    A target is **classes** when it holds text or booleans, or whole numbers with few distinct values: at most 20, and
    at most a tenth as many as there are rows (two are always few enough). Any other numeric target is a **number**.

    Parameters
    ----------
    features : tuple of str
        The input columns, in the order of the network's inputs.
    mean, scale : tuple of float
        Of each input column: ``x = (raw - mean) / scale``; a constant column has scale 1.
    target : str
        The target's column.
    classes : tuple of labels, or None
        What outputs 0, 1, ... stand for; None for a numeric target.
    target_mean, target_scale : float
        Of a numeric target.
    reason : str
        Why the target is read as classes or as a number, for people.

    Examples
    --------
    >>> table = Table.fit({"width": [1, 2, 3, 6], "kind": ["b", "a", "a", "b"]}, "kind")
    >>> table.classes, table.mean
    (('a', 'b'), (3.0,))
    >>> table.inputs({"width": [3.0]}).tolist(), table.targets({"kind": ["b"]}).tolist()
    ([[0.0]], [1])
    >>> table.answers(np.array([[0.2, 0.8]])).tolist()
    ['b']
    """

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    target: str
    classes: tuple[Label, ...] | None = None
    target_mean: float = 0.0
    target_scale: float = 1.0
    reason: str = ""

    @classmethod
    def fit(cls, data: Any, target: str, rows: NDArray[np.int64] | None = None) -> Table:
        """Learn the encoding from a table.

        Parameters
        ----------
        data : Frame, pandas, polars or pyarrow frame, or mapping from names to columns
        target : str
            The target's column; all others are inputs.
        rows : ndarray of int64, optional
            The rows that means and scales are taken over, for example those not held out; classes are those of all.

        Raises
        ------
        DataError
            No such column (the nearest is offered), no inputs, text or missing values among them, or one class only.
        """
        frame = as_frame(data)
        chosen = slice(None) if rows is None else rows
        frame.column(target, "the target")
        features = tuple(name for name in frame.columns if name != target)
        if not features:
            raise DataError(f"{frame.name} must have columns beside the target {target!r}. It has none to learn from.")
        classes, reason = _classes(frame, target)
        mean, scale = 0.0, 1.0
        if classes is None:
            mean, scale = _standard(frame.numbers(target, "the target")[chosen])
        pairs = [_standard(frame.numbers(name)[chosen]) for name in features]
        means, scales = zip(*pairs, strict=True)
        return cls(features, means, scales, target, classes, mean, scale, reason)

    @property
    def kind(self) -> str:
        """``"classes"`` or ``"number"``."""
        return "number" if self.classes is None else "classes"

    def inputs(self, data: Any) -> NDArray[np.float64]:
        """The network's inputs X (n, n_in), float64, from raw columns; columns not in `features` are ignored.

        Raises
        ------
        DataError
            A column is missing, or holds what is not a finite number.
        """
        frame = as_frame(data)
        self._require(frame)
        X = np.empty((len(frame), len(self.features)))
        for index, name in enumerate(self.features):
            X[:, index] = (frame.numbers(name) - self.mean[index]) / self.scale[index]
        return X

    def _require(self, frame: Frame) -> None:
        absent = [name for name in self.features if name not in frame.columns]
        if len(absent) > 1:
            raise DataError(
                f"{frame.name} must have every column the network was trained on. "
                f"It lacks {listed(map(repr, absent))}; its columns: {listed(frame.columns)}."
            )
        if absent:
            frame.column(absent[0], "which the network was trained on")

    def targets(self, data: Any) -> Array:
        """The network's targets from the raw target column: class indices (n,) int64, or standardized numbers (n,).

        Raises
        ------
        DataError
            No such column, missing values, or a label that was not there in training.
        """
        frame = as_frame(data)
        if self.classes is None:
            numbers = frame.numbers(self.target, "the target")
            return np.asarray((numbers - self.target_mean) / self.target_scale)
        column = frame.column(self.target, "the target")
        frame.require_no_missing(self.target, column)
        text = any(isinstance(label, str) for label in self.classes)
        index = {str(label) if text else label: place for place, label in enumerate(self.classes)}
        values = [str(value) if text else _as_number(value) for value in column.to_pylist()]
        found = np.array([index.get(value, -1) for value in values], dtype=np.int64)
        if (found < 0).any():
            row = int(np.argmin(found))
            raise DataError(
                f"Column {self.target!r} of {frame.name} must hold classes known from training "
                f"({listed(self.classes)}). Got {shown(column[row].as_py())} in {frame.place(row)}; "
                "correct it, or train again with rows of that class."
            )
        return found

    def restored(self, outputs: Array) -> Array:
        """Outputs (n, n_out) in the target's own units, float64; probabilities of classes stay as they are.

        A float32 has no place for targets such as 1e9 + 0.1, though the network learns what is left without their mean.
        """
        if self.classes is not None:
            return outputs
        return np.asarray(outputs.astype(np.float64) * self.target_scale + self.target_mean)

    def answers(self, outputs: Array) -> Array:
        """What outputs (n, n_out) say, in the target's own terms: the likeliest class's label, or the number, (n,)."""
        if self.classes is None:
            return np.asarray(self.restored(outputs)[:, 0])
        return np.asarray(np.array(self.classes)[outputs.argmax(axis=1)])

    def to_dict(self) -> dict[str, Any]:
        """The encoding as plain data, for the model file."""
        return {
            "features": list(self.features),
            "mean": list(self.mean),
            "scale": list(self.scale),
            "target": self.target,
            "classes": None if self.classes is None else list(self.classes),
            "target_mean": self.target_mean,
            "target_scale": self.target_scale,
            "reason": self.reason,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Table:
        """The inverse of `to_dict`.

        Raises
        ------
        DataError
            The data describes no encoding.
        """
        try:
            table = cls(
                features=tuple(str(name) for name in data["features"]),
                mean=tuple(float(number) for number in data["mean"]),
                scale=tuple(float(number) for number in data["scale"]),
                target=str(data["target"]),
                classes=None if data["classes"] is None else tuple(data["classes"]),
                target_mean=float(data["target_mean"]),
                target_scale=float(data["target_scale"]),
                reason=str(data["reason"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"A table's encoding must have all its parts. Got {error!r}.") from None
        if not len(table.features) == len(table.mean) == len(table.scale):
            raise DataError("A table's encoding must have a mean and a scale for each column. Their numbers differ.")
        return table


def _standard(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard deviation (1 for a constant), taken of smaller numbers where their sums would overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = float(values.mean()), float(values.std())
    if not (math.isfinite(mean) and math.isfinite(scale)):
        largest = float(np.abs(values).max())
        mean, scale = (number * largest for number in _standard(values / largest))
    constant = scale <= 1e-12 * abs(mean) or scale == 0.0
    return mean, 1.0 if constant else scale


def _classes(frame: Frame, target: str) -> tuple[tuple[Label, ...] | None, str]:
    """The target's classes in sorted order, or None for a number; and why."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = frame.column(target, "the target")
    frame.require_no_missing(target, column)
    kind = column.type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not (text or pa.types.is_boolean(kind)):
        numbers = frame.numbers(target, "the target")
        distinct = np.unique(numbers)
        most = min(MOST_WHOLE_CLASSES, max(2, len(numbers) // 10))
        if not (distinct == np.round(distinct)).all():
            return None, "it holds fractions"
        if len(distinct) > most:
            return None, f"it holds {len(distinct):,} different whole numbers"
        labels: list[Label] = [int(number) for number in distinct]
        why = f"it holds whole numbers, only {len(labels)} different ones"
    else:
        labels = sorted(pc.unique(column).to_pylist())
        why = "it holds text" if text else "it holds true and false"
    if len(labels) < 2:
        raise DataError(
            f"The target {target!r} of {frame.name} must have at least two different values. "
            f"Got {shown(labels[0])} in every row; choose another target."
        )
    if text:
        _require_repeated(frame, target, column, labels)
    return tuple(labels), why


def _require_repeated(frame: Frame, target: str, column: pyarrow.ChunkedArray, labels: list[Label]) -> None:
    """Raise DataError for text that is no set of classes: numbers with something else among them, or all different."""
    values = column.to_pylist()
    numeric = [is_number(value) for value in values]
    if 2 * sum(numeric) > len(values) and len(labels) > MOST_WHOLE_CLASSES:
        row = numeric.index(False)
        raise DataError(
            f"The target {target!r} of {frame.name} must hold numbers, or classes. "
            f"Got {shown(values[row])} among numbers in {frame.place(row)}; correct it, or remove the row."
        )
    if 2 * len(labels) > len(values) and len(labels) > 2:
        raise DataError(
            f"The target {target!r} of {frame.name} must hold numbers, or classes that occur several times. "
            f"Got {len(labels)} different texts in {len(values)} rows; choose another target."
        )


def _as_number(value: Any) -> Any:
    """Numbers compare by value, decimals too; anything else is itself."""
    return float(value) if is_number(value) and not isinstance(value, str) else value
