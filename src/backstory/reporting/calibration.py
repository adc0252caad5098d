"""Whether a network's confidence can be believed: of the rows it is 80 % sure of, it should be right in 80 %."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Rows whose answers are alike.

    Parameters
    ----------
    rows : int
    said : float
        The mean of what was predicted: the probability of the class that was answered, or the number.
    found : float
        The share of them that were right, or the mean of the true numbers.
    """

    rows: int
    said: float
    found: float


@dataclass(frozen=True)
class Calibration:
    """Bins of rows, and how far what was said is from what was found.

    Parameters
    ----------
    bins : tuple of Bin
        Of classes, ten of equal width in the probability, empty ones left out; of a number, ten of as many rows.
    error : float
        Mean over the rows of |said - found| of their bins. Of classes this is the expected calibration error.

    References
    ----------
    Naeini, Cooper & Hauskrecht, AAAI 2015; Guo, Pleiss, Sun & Weinberger, "On calibration of modern neural networks",
    ICML 2017, equations 1-3: there, as here, the probability is that of the class that is answered.
    """

    bins: tuple[Bin, ...]
    error: float


def of_classes(outputs: NDArray[Any], y: NDArray[Any]) -> Calibration:
    """The calibration of probabilities.

    Parameters
    ----------
    outputs : ndarray (n, n_out)
        Probabilities of the classes.
    y : ndarray (n,)
        Class indices.

    Examples
    --------
    >>> of_classes(np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1])).bins
    (Bin(rows=2, said=0.9, found=0.5),)
    """
    sure = outputs.max(axis=1).astype(np.float64)
    right = (outputs.argmax(axis=1) == y).astype(np.float64)
    return _binned(np.minimum((sure * BINS).astype(np.int64), BINS - 1), sure, right)


def of_numbers(predicted: NDArray[Any], true: NDArray[Any]) -> Calibration:
    """The calibration of numbers: rows sorted by what was predicted, in tenths.

    Parameters
    ----------
    predicted, true : ndarray (n,)
    """
    n = len(predicted)
    place = np.empty(n, dtype=np.int64)
    place[np.argsort(predicted, kind="stable")] = np.arange(n) * min(BINS, n) // n
    return _binned(place, predicted.astype(np.float64), true.astype(np.float64))


def _binned(place: NDArray[np.int64], said: NDArray[np.float64], found: NDArray[np.float64]) -> Calibration:
    rows = np.bincount(place, minlength=BINS)
    filled = np.flatnonzero(rows)
    means = [np.bincount(place, values, minlength=BINS)[filled] / rows[filled] for values in (said, found)]
    error = float(np.sum(rows[filled] * np.abs(means[0] - means[1])) / len(place))
    bins = [Bin(int(count), float(s), float(f)) for count, s, f in zip(rows[filled], *means, strict=True)]
    return Calibration(tuple(bins), error)
