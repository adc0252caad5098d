"""A counter-based random generator: every number is a pure function of its key, so neither threads, nor chunks, nor
the order of visits can change it. Dropout masks and the shuffling of rows are drawn from it.

The mixing function is the finalizer of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014). The native engine holds the second writing of `dropout_keep` and `permutations`; tests
compare them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
ROW_STEP = np.uint64(0xD1342543DE82EF95)
LAYER_STEP = np.uint64(0x2545F4914F6CDD1D)
_WORD = 2**64 - 1


def mix(x: Any) -> Any:
    """Scramble 64-bit words; a bijection.

    Parameters
    ----------
    x : ndarray of uint64, any shape

    Returns
    -------
    ndarray of uint64, the same shape
    """
    x = np.asarray(x, dtype=np.uint64)
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def epoch_key(seed: int, epoch: Any) -> Any:
    """The key that everything random in one epoch starts from; `epoch` an int or an array of them, from 0."""
    epochs = np.asarray(epoch, dtype=np.int64).astype(np.uint64)
    with np.errstate(over="ignore"):
        return mix(np.uint64(seed & _WORD) + GOLDEN * (epochs + np.uint64(1)))


def dropout_keep(seed: int, epoch: int, rows: NDArray[Any], layer: int, units: int, rate: float) -> NDArray[np.bool_]:
    """Which units of a hidden layer stay, for each row of a batch.

    Parameters
    ----------
    seed, epoch : int
    rows : ndarray of int64, shape (n,)
        Rows of the data set, so that a row's mask does not depend on the batch it came in.
    layer : int
        1 ... L-1.
    units : int
        Units of that layer.
    rate : float in [0, 1)
        Probability of being dropped, resolved to 2**-24.

    Returns
    -------
    ndarray of bool, shape (n, units)

    References
    ----------
    Srivastava et al., "Dropout", JMLR 15 (2014), section 4; the kept units are scaled by 1/(1-rate) while training.
    """
    with np.errstate(over="ignore"):
        key = mix(epoch_key(seed, epoch) + (rows.astype(np.uint64) + np.uint64(1)) * ROW_STEP)
        key = mix(key + np.uint64(layer) * LAYER_STEP)
        draws = mix(key[:, None] + (np.arange(units, dtype=np.uint64) + np.uint64(1)) * GOLDEN)
    return np.asarray((draws >> np.uint64(40)) >= np.uint64(int(rate * 2**24)))


def permutations(seed: int, epochs: range, n: int) -> NDArray[np.int64]:
    """The shuffled order of n rows in each of several epochs.

    Row by row: row i takes the place of one of the rows 0 ... i, drawn at random, which goes to place i.

    Parameters
    ----------
    seed : int
    epochs : range
    n : int
        Number of rows, >= 1.

    Returns
    -------
    ndarray of int64, shape (len(epochs), n)

    References
    ----------
    Fisher & Yates, "Statistical tables", 1938, example 12; from the inside out, as no list of the rows is needed first.
    """
    bits = np.uint64(n.bit_length())  # n times a draw shorter by so many fits a word
    counts = np.arange(1, n + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        starts = epoch_key(seed, np.arange(epochs.start, epochs.stop)) ^ GOLDEN
        draws = mix(starts[:, None] + counts * ROW_STEP) >> bits
        places = (draws * counts) >> (np.uint64(64) - bits)
    orders = []
    for drawn in places.tolist():
        order: list[int] = []
        for row, place in enumerate(drawn):
            order.append(row)
            order[row], order[place] = order[place], row
        orders.append(order)
    return np.array(orders, dtype=np.int64).reshape(len(epochs), n)
