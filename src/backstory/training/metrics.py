"""Figures of merit on a validation or test set, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.functions import Loss

Array = NDArray[Any]
Metric = Callable[[Array, Array], float]


def classes_of(outputs: Array, threshold: float = 0.5) -> NDArray[np.int64]:
    """The class each row of outputs speaks for: the largest of several, or whether a single one exceeds `threshold`."""
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > threshold).astype(np.int64)
    return np.asarray(outputs.argmax(axis=1), dtype=np.int64)


def accuracy(y: Array, outputs: Array) -> float:
    """Share of rows whose class is predicted; y are class indices (n,), or targets (n, n_out) in {0, 1} or {-1, 1}.

    Examples
    --------
    >>> accuracy(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]))
    0.5
    """
    if y.ndim == 1:
        return float(np.mean(classes_of(outputs) == y))
    threshold = 0.0 if (y < 0).any() else 0.5  # hinge's targets are -1 and 1
    return float(np.mean(classes_of(outputs, threshold) == classes_of(y, threshold)))


def rmse(y: Array, outputs: Array) -> float:
    """Root of the mean squared error over rows and outputs.

    Examples
    --------
    >>> rmse(np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]])).__round__(4)
    1.4142
    """
    return float(np.sqrt(np.mean((outputs - y) ** 2)))


def default_metrics(loss: Loss) -> dict[str, Metric]:
    """Accuracy where the loss is for classes, else the root mean squared error."""
    return {"accuracy": accuracy} if loss.classification else {"rmse": rmse}
