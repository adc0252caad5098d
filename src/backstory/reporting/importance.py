"""Which columns a network lives by: how much worse it gets when one of them is shuffled among the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.columns import Column
from backstory.model.network import Network

REPEATS = 5
MOST_ROWS = 5000
"""Of more rows, so many are drawn: the mean of five shuffles is then steady to about half a percent."""

Array = NDArray[Any]


@dataclass(frozen=True)
class Importance:
    """One raw column's importance: by how much the score falls when its values are shuffled.

    Parameters
    ----------
    column : str
    mean, std : float
        Over the repeats.
    """

    column: str
    mean: float
    std: float


def permutation_importance(
    net: Network, X: Array, y: Array, *, repeats: int = REPEATS, seed: int = 0, threads: int | None = None
) -> list[Importance]:
    """Shuffle each raw column in turn, and see how much the score falls; the most important first.

    The meaning is that of scikit-learn's `permutation_importance` with an estimator's own score: the accuracy for
    classes, R² for a number. All inputs made of a column are shuffled together.

    Parameters
    ----------
    net : Network
        With a `table`.
    X : ndarray (n, n_in)
        Encoded inputs.
    y : ndarray (n,)
        Encoded targets.
    repeats : int >= 1
    seed : int
    threads : int, optional

    References
    ----------
    Breiman, "Random forests", Machine Learning 45 (2001), section 10; scikit-learn's user guide, section 5.2.
    """
    assert net.table is not None
    rng = np.random.default_rng(seed)
    if len(y) > MOST_ROWS:
        chosen = np.sort(rng.choice(len(y), MOST_ROWS, replace=False))
        X, y = X[chosen], y[chosen]
    whole = score(net.predict(X, threads=threads), y)
    found, at = [], 0
    for column in net.table.columns:
        falls = whole - _scores_without(
            net, X, y, column, at, [rng.permutation(len(y)) for _ in range(repeats)], threads
        )
        found.append(Importance(column.name, float(falls.mean()), float(falls.std())))
        at += len(column.inputs)
    return sorted(found, key=lambda importance: -importance.mean)


def _scores_without(
    net: Network, X: Array, y: Array, column: Column, at: int, orders: list[Array], threads: int | None
) -> NDArray[np.float64]:
    """The scores with the inputs of a column, which begin at `at`, in other orders."""
    block = slice(at, at + len(column.inputs))
    shuffled = X.copy()
    scores = []
    for order in orders:
        shuffled[:, block] = X[order, block]
        scores.append(score(net.predict(shuffled, threads=threads), y))
    return np.array(scores)


def score(outputs: Array, y: Array) -> float:
    """What scikit-learn's estimators are scored by: accuracy for classes, R² for a number (0 where all are alike)."""
    if outputs.shape[1] > 1:
        return float((outputs.argmax(axis=1) == y).mean())
    spread = float(np.sum((y - y.mean()) ** 2))
    return 1.0 - float(np.sum((outputs[:, 0] - y) ** 2)) / spread if spread else 0.0
