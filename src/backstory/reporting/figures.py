"""How good a network is on rows: figures, each beside what a constant answer would reach, and the confusion table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.learning import Moments
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
    tally = tally_for(table)
    tally.add(outputs, y)
    return tally.figures()


def tally_for(table: Table) -> ClassTally | NumberTally:
    """What counts up figures over rows that come in parts."""
    return NumberTally(table.aim.scale) if table.classes is None else ClassTally(len(table.classes))


class ClassTally:
    """Figures of a network that tells classes; `confusion` (classes, classes) counts its answers by true class."""

    def __init__(self, n_classes: int) -> None:
        self.confusion = np.zeros((n_classes, n_classes), dtype=np.int64)
        self._surprise = 0.0

    def add(self, outputs: Array, y: Array) -> None:
        """Take more rows in: outputs (n, n_out) and classes (n,)."""
        tiny = np.finfo(outputs.dtype).tiny
        self.confusion += confusion_counts(outputs.argmax(axis=1), y, len(self.confusion))
        likely = np.maximum(outputs[np.arange(len(y)), y], tiny, dtype=np.float64)
        self._surprise -= float(np.log(likely).sum())

    @property
    def rows(self) -> int:
        """How many rows were taken in."""
        return int(self.confusion.sum())

    def figures(self) -> list[Figure]:
        """The figures over all rows."""
        right, n, most = int(np.trace(self.confusion)), self.rows, int(self.confusion.sum(axis=1).max())
        return [
            Figure("accuracy", right / n, f"{right:,} of {n:,} rows"),
            Figure("cross-entropy", self._surprise / n, "mean of -log(probability of the true class)"),
            Figure("baseline accuracy", most / n, "always answering the most frequent class"),
        ]


class NumberTally:
    """Figures of a network that tells a number, whose targets were divided by `scale`."""

    confusion = None

    def __init__(self, scale: float) -> None:
        self._scale = scale  # applied last: the squares of very large or small targets have no place in a float
        self._targets = Moments()
        self._squares = self._sizes = self._baseline = 0.0

    def add(self, outputs: Array, y: Array) -> None:
        """Take more rows in: outputs (n, 1) and standardized numbers (n,)."""
        error = outputs[:, 0].astype(np.float64) - y
        self._squares += float(np.sum(error**2))
        self._sizes += float(np.sum(np.abs(error)))
        self._baseline += float(np.sum(y**2))
        self._targets.add(y)

    @property
    def rows(self) -> int:
        """How many rows were taken in."""
        return self._targets.n

    def figures(self) -> list[Figure]:
        """The figures over all rows."""
        n, scale = self.rows, self._scale
        spread = n * self._targets.deviation**2
        rest = [Figure("r2", 1.0 - self._squares / spread, "share of the variance explained")] if spread else []
        return [
            Figure("rmse", math.sqrt(self._squares / n) * scale, f"root mean squared error of {n:,} rows"),
            Figure("mae", self._sizes / n * scale, "mean absolute error"),
            *rest,
            Figure(
                "baseline rmse", math.sqrt(self._baseline / n) * scale, "always answering the mean of training"
            ),  # y = 0
        ]


def confusion_counts(guesses: Array, y: Array, n_classes: int) -> NDArray[np.int64]:
    """How many rows of each true class (first axis) were taken for each class (second axis).

    >>> confusion_counts(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    counts = np.bincount(y * n_classes + guesses, minlength=n_classes**2)
    return np.asarray(counts.reshape(n_classes, n_classes), dtype=np.int64)
