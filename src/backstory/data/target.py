"""The target's column: classes or a number, what the network is trained towards, and its outputs back again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.columns import scaled
from backstory.data.frame import TARGET, Frame, is_text
from backstory.data.wording import is_number, listed, shown
from backstory.errors import DataError

if TYPE_CHECKING:
    import pyarrow

MOST_WHOLE_CLASSES = 20
"""Whole numbers with more distinct values than this are a quantity, not classes."""

Array = NDArray[Any]
Label = str | int | float | bool


@dataclass(frozen=True)
class Target:
    """What is predicted: **classes**, numbered in sorted order, or a **number**, standardized.

    Parameters
    ----------
    name : str
    classes : tuple of labels, or None
        What outputs 0, 1, ... stand for; None for a number.
    mean, scale : float
        Of a number: the network's output is ``(raw - mean) / scale``.
    reason : str
        Why it is read as classes or as a number, for people.
    low, high : float, or None
        The range that a number restored from an output is kept within; None: any.

    Examples
    --------
    >>> Target("price", mean=10.0, scale=2.0, low=8.0, high=15.0).restored(np.array([[-5.0], [1.0], [9.0]])).tolist()
    [[8.0], [12.0], [15.0]]
    """

    name: str
    classes: tuple[Label, ...] | None = None
    mean: float = 0.0
    scale: float = 1.0
    reason: str = ""
    low: float | None = None
    high: float | None = None

    @classmethod
    def fit(
        cls,
        frame: Frame,
        name: str,
        rows: NDArray[np.int64] | None = None,
        task: str | None = None,
        bounded: bool = False,
    ) -> Target:
        """Learn it: classes from all rows, a number's mean and scale, and its range if `bounded`, from the chosen ones.

        Raises
        ------
        DataError
            No such column, missing values, one value only, or texts that are no set of classes.
        """
        classes, reason = _classes(frame, name, task)
        if classes is not None:
            return cls(name, classes, reason=reason)
        values = frame.numbers(name, TARGET)
        values = values if rows is None else values[rows]
        bounds = (float(values.min()), float(values.max())) if bounded else (None, None)
        return cls(name, None, *standard(values), reason, *bounds)

    def encode(self, frame: Frame) -> Array:
        """Class indices (n,) int64, or standardized numbers (n,) float64.

        Raises
        ------
        DataError
            No such column, missing values, or a label that was not there in training.
        """
        if self.classes is None:
            return scaled(frame.numbers(self.name, TARGET), self.mean, self.scale)
        column = frame.column(self.name, TARGET)
        frame.require_no_missing(self.name, column, TARGET)
        text = any(isinstance(label, str) for label in self.classes)
        index = {str(label) if text else label: place for place, label in enumerate(self.classes)}
        unique = column.dictionary_encode().combine_chunks()
        values = [str(value) if text else _as_number(value) for value in unique.dictionary.to_pylist()]
        found = np.array([index.get(value, -1) for value in values], dtype=np.int64)[np.asarray(unique.indices)]
        if (found < 0).any():
            row = int(np.argmin(found))
            raise DataError(
                f"Column {self.name!r} of {frame.name} must hold classes known from training "
                f"({listed(self.classes)}). Got {shown(column[row].as_py())} in {frame.place(row)}; "
                "correct it, or train again with rows of that class."
            )
        return np.asarray(found)

    def restored(self, outputs: Array) -> Array:
        """Outputs (n, n_out) in the target's own units, float64; probabilities of classes stay as they are.

        A float32 has no place for targets such as 1e9 + 0.1, though the network learns what is left without their mean.
        """
        if self.classes is not None:
            return outputs
        found = outputs.astype(np.float64) * self.scale + self.mean
        return np.asarray(found if self.low is None else np.clip(found, self.low, self.high))

    def answers(self, outputs: Array) -> Array:
        """What outputs (n, n_out) say: the likeliest class's label, or the number, (n,)."""
        if self.classes is None:
            return np.asarray(self.restored(outputs)[:, 0])
        return np.asarray(np.array(self.classes)[outputs.argmax(axis=1)])

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the model file."""
        classes = None if self.classes is None else list(self.classes)
        found = {"name": self.name, "classes": classes, "mean": self.mean, "scale": self.scale, "reason": self.reason}
        return found if self.low is None else found | {"low": self.low, "high": self.high}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Target:
        """The target that `to_dict` wrote down; raises KeyError, TypeError or ValueError where it describes none."""
        classes = None if data["classes"] is None else tuple(data["classes"])
        bounds = [None if data.get(end) is None else float(data[end]) for end in ("low", "high")]
        if (bounds[0] is None) != (bounds[1] is None):
            raise ValueError("one end of a range without the other")
        return cls(str(data["name"]), classes, float(data["mean"]), float(data["scale"]), str(data["reason"]), *bounds)


def standard(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard deviation (1 for a constant)."""
    mean, deviation = moments(values)
    return mean, scale_of(mean, deviation)


def moments(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard deviation, taken of smaller numbers where their sums would overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(values.mean()), float(values.std())
    if not (math.isfinite(mean) and math.isfinite(deviation)):
        largest = float(np.abs(values).max())
        mean, deviation = (number * largest for number in moments(values / largest))
    return mean, deviation


def scale_of(mean: float, deviation: float) -> float:
    """What numbers are divided by: their deviation, or 1 where that is rounding."""
    return 1.0 if deviation <= 1e-12 * abs(mean) or deviation == 0.0 else deviation


def _classes(frame: Frame, name: str, task: str | None) -> tuple[tuple[Label, ...] | None, str]:
    """The target's classes in sorted order, or None for a number; and why."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = frame.column(name, TARGET)
    frame.require_no_missing(name, column, TARGET)
    text = is_text(column.type)
    labels: list[Label]
    if task == "number":
        frame.numbers(name, TARGET)  # raises where it holds none
        return None, "you said so"
    if text or pa.types.is_boolean(column.type):
        labels = sorted(pc.unique(column).to_pylist())
        why = "it holds text" if text else "it holds true and false"
    else:
        whole, why = _whole_classes(frame.numbers(name, TARGET), asked=task == "classes")
        if whole is None:
            return None, why
        labels = list(whole)
    if len(labels) < 2:
        raise DataError(
            f"The target {name!r} of {frame.name} must have at least two different values. "
            f"Got {shown(labels[0])} in every row; choose another target."
        )
    if text or task is not None:
        _require_repeated(frame, name, column, labels, asked=task is not None)
    return tuple(labels), "you said so" if task else why


def _whole_classes(numbers: NDArray[np.float64], asked: bool) -> tuple[list[int] | list[float] | None, str]:
    """The classes that numbers are, or None, and why."""
    distinct = np.unique(numbers)
    whole = bool((distinct == np.round(distinct)).all())
    most = min(MOST_WHOLE_CLASSES, max(2, len(numbers) // 10))
    if not asked and not whole:
        return None, "it holds fractions"
    if not asked and len(distinct) > most:
        return None, f"it holds {len(distinct):,} different whole numbers"
    labels = [int(number) for number in distinct] if whole else distinct.tolist()
    return labels, f"it holds whole numbers, only {len(labels)} different ones"


def _require_repeated(frame: Frame, name: str, column: pyarrow.ChunkedArray, labels: list[Label], asked: bool) -> None:
    """Raise DataError for what is no set of classes: numbers with a text among them, or nearly all different."""
    values = column.to_pylist()
    numeric = [is_number(value) for value in values]
    if 2 * sum(numeric) > len(values) and len(labels) > MOST_WHOLE_CLASSES and not asked:
        row = numeric.index(False)
        raise DataError(
            f"The target {name!r} of {frame.name} must hold numbers, or classes. "
            f"Got {shown(values[row])} among numbers in {frame.place(row)}; correct it, or remove the row."
        )
    if 2 * len(labels) > len(values) and len(labels) > 2:
        raise DataError(
            f"The target {name!r} of {frame.name} must hold numbers, or classes that occur several times. "
            f"Got {len(labels)} different values in {len(values)} rows; choose another target."
        )


def _as_number(value: Any) -> Any:
    """Numbers compare by value, decimals too; anything else is itself."""
    return float(value) if is_number(value) and not isinstance(value, str) else value
