"""How good a network is on rows: figures, each beside what a constant answer would reach, and the confusion table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.table import Table

Array = NDArray[Any]


@dataclass(frozen=True)
class Figure:
    """One line of a report."""

    name: str
    value: float
    remark: str = ""

    @property
    def text(self) -> str:
        """The value in few digits."""
        return f"{self.value:.4f}" if 1e-3 <= abs(self.value) < 1e4 or not self.value else f"{self.value:.4g}"


def figures(table: Table, outputs: Array, y: Array) -> list[Figure]:
    """What outputs are worth; the first figure is the one to look at.

    Parameters
    ----------
    table : Table
    outputs : ndarray (n, n_out)
        Of the network, as it gives them for encoded inputs.
    y : ndarray (n,)
        Encoded targets.
    """
    return _of_classes(outputs, y) if table.kind == "classes" else _of_numbers(table, outputs, y)


def _of_classes(outputs: Array, y: Array) -> list[Figure]:
    right = outputs.argmax(axis=1) == y
    tiny = np.finfo(outputs.dtype).tiny
    surprise = -np.log(np.maximum(outputs[np.arange(len(y)), y], tiny, dtype=np.float64))
    most = np.bincount(y).max()
    return [
        Figure("accuracy", float(right.mean()), f"{int(right.sum()):,} of {len(y):,} rows"),
        Figure("cross-entropy", float(surprise.mean()), "mean of -log(probability of the true class)"),
        Figure("baseline accuracy", float(most / len(y)), "always answering the most frequent class"),
    ]


def _of_numbers(table: Table, outputs: Array, y: Array) -> list[Figure]:
    scale = table.aim.scale  # applied last: the squares of very large or small targets have no place in a float
    error = outputs[:, 0].astype(np.float64) - y
    squares = float(np.sum((y - y.mean()) ** 2))
    rest = [Figure("r2", 1.0 - float(np.sum(error**2)) / squares, "share of the variance explained")] if squares else []
    return [
        Figure("rmse", float(np.sqrt(np.mean(error**2))) * scale, f"root mean squared error of {len(y):,} rows"),
        Figure("mae", float(np.mean(np.abs(error))) * scale, "mean absolute error"),
        *rest,
        Figure(
            "baseline rmse", float(np.sqrt(np.mean(y**2))) * scale, "always answering the mean of training"
        ),  # y = 0
    ]


def confusion_counts(guesses: Array, y: Array, n_classes: int) -> NDArray[np.int64]:
    """How many rows of each true class (first axis) were taken for each class (second axis).

    >>> confusion_counts(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    counts = np.bincount(y * n_classes + guesses, minlength=n_classes**2)
    return np.asarray(counts.reshape(n_classes, n_classes), dtype=np.int64)
