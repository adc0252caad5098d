"""Figures of merit on a validation or test set, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.functions import Loss, Values

Array = NDArray[Any]
Metric = Callable[..., float]
"""A function of (y, outputs), or of (y, outputs, sample_weight), where rows have weights."""


def classes_of(outputs: Array, threshold: float = 0.5) -> NDArray[np.int64]:
    """The class each row of outputs speaks for: the largest of several, or whether a single one exceeds `threshold`."""
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > threshold).astype(np.int64)
    return np.asarray(outputs.argmax(axis=1), dtype=np.int64)


def exclusive(y: Array) -> bool:
    """Whether each row of targets (n, n_out) speaks for one class: a single target above 1/2, or a sum of 1.

    >>> exclusive(np.array([[0.0, 1.0], [0.4, 0.6]])), exclusive(np.array([[1.0, 1.0]]))
    (True, False)
    """
    single = np.count_nonzero(y > 0.5, axis=1) == 1
    return bool((single | (np.abs(y.sum(axis=1) - 1.0) < 1e-4)).all())


def accuracy(y: Array, outputs: Array, threshold: float = 0.5, sample_weight: Array | None = None) -> float:
    """Share of rows whose class is predicted; where rows have several classes or none, whose classes all are.

    Parameters
    ----------
    y : ndarray
        Class indices (n,), or targets (n, n_out) in {0, 1} or {-1, 1}.
    outputs : ndarray (n, n_out)
    threshold : float
        What an output that is a class of its own must exceed to speak for it: 0 for hinge, whose outputs are signed.
    sample_weight : ndarray (n,), optional
        What each row counts; by default all alike.

    Examples
    --------
    >>> accuracy(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]))
    0.5
    """
    if y.ndim == 1:
        right = classes_of(outputs) == y
    elif y.shape[1] > 1 and exclusive(y):
        right = classes_of(outputs) == classes_of(y)
    else:
        right = ((outputs > threshold) == (y > threshold)).all(axis=1)
    return float(np.average(right, weights=sample_weight))


def rmse(y: Array, outputs: Array, sample_weight: Array | None = None) -> float:
    """Root of the mean squared error over rows, which may have weights (n,), and outputs.

    Examples
    --------
    >>> rmse(np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]])).__round__(4)
    1.4142
    """
    return float(np.sqrt(np.average(np.mean((outputs - y) ** 2, axis=1), weights=sample_weight)))


def measure(metric: Metric, y: Array, outputs: Array, sample_weight: Array | None) -> float:
    """What a metric says; the rows' weights are given to those that have a parameter `sample_weight`.

    Examples
    --------
    >>> y, outputs = np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]])
    >>> measure(rmse, y, outputs, np.array([1.0, 0.0])), measure(lambda y, a: float(a.sum()), y, outputs, y[:, 0])
    (0.0, 5.0)
    """
    if sample_weight is None or not _takes_weights(metric):
        return float(metric(y, outputs))
    return float(metric(y, outputs, sample_weight=sample_weight))


def merged(metric: Metric, y: Array) -> Callable[[Sequence[float], Sequence[int]], float] | None:
    """How a metric's values over parts of the rows, with the parts' sizes, make its value over all; None: they do not.

    Examples
    --------
    >>> merged(rmse, np.zeros((1, 1)))([3.0, 4.0], [1, 1]).__round__(4)
    3.5355
    """
    kind = metric.func if isinstance(metric, partial) else metric
    if kind is rmse:
        return lambda values, sizes: float(np.sqrt(np.average(np.square(values), weights=sizes)))
    if kind is accuracy and (y.ndim == 1 or y.shape[1] == 1):
        return lambda values, sizes: float(np.average(values, weights=sizes))
    return None


def _takes_weights(metric: Metric) -> bool:
    try:
        return "sample_weight" in inspect.signature(metric).parameters
    except ValueError:  # some built-in functions have no signature
        return False


def default_metrics(loss: Loss) -> dict[str, Metric]:
    """Accuracy where the loss is for classes, else the root mean squared error."""
    if not loss.classification:
        return {"rmse": rmse}
    threshold = 0.0 if isinstance(loss.targets, Values) else 0.5
    return {"accuracy": partial(accuracy, threshold=threshold)}
