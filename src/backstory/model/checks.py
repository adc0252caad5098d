"""Equations about a `Network`: the network as the checker takes it, and its numbers where it is small."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from backstory.checking.layered import LayeredJudge
from backstory.checking.layers import Layers
from backstory.checking.verdict import Verdict
from backstory.errors import DataError
from backstory.network.spec import Spec
from backstory.story.address import Address

if TYPE_CHECKING:
    from backstory.model.network import Network

MOST_PARAMETERS = 200
"""Of a larger network no numbers are shown: those of a few units of it would be those of another network."""


def check(net: Network, equation: str, x: Any, y: Any) -> Verdict:
    """Judge an equation; see `Network.check`."""
    values = values_of(net, x, y) if x is not None or y is not None else {}
    return judge_of(net.spec).check(equation, values)


@lru_cache(maxsize=32)
def judge_of(spec: Spec) -> LayeredJudge:
    """Return what judges equations about networks of one kind; it keeps what it has compiled."""
    is_mean = spec.reduction == "mean"
    return LayeredJudge(Layers(spec.sizes, spec.activations, spec.loss, spec.biases, spec.penalty, is_mean))


def values_of(net: Network, x: Any, y: Any) -> dict[str, float]:
    """Return by address the parameters and one row; nothing for a large network.

    Raises
    ------
    DataError
        One of x and y is missing, or there is more than one row.
    """
    if x is None or y is None:
        raise DataError("check takes x and y together: one row of inputs and its targets. Got only one of them.")
    rows = np.asarray(x, dtype=np.float64)
    rows = rows[None] if rows.ndim == 1 else rows
    targets = np.asarray(y)[None] if np.ndim(y) < 2 and len(rows) == 1 and np.size(y) != 1 else np.reshape(y, (1, -1))
    X, aims, _ = net._batch(rows, targets if np.ndim(y) else np.asarray([y]), None)
    if len(X) != 1:
        raise DataError(f"check shows the numbers of one row. Got {len(X)} rows.")
    if net.spec.n_parameters > MOST_PARAMETERS:
        return {}
    values: dict[str, float] = {}
    for layer, weights in enumerate(net.weights, start=1):
        values |= {str(Address("w", layer, j, k)): float(value) for (k, j), value in np.ndenumerate(weights)}
    for layer, biases in enumerate(net.biases, start=1):
        values |= {str(Address("b", layer, j)): float(value) for j, value in enumerate(biases)}
    values |= {f"x[{k}]": float(value) for k, value in enumerate(X[0])}
    return values | {f"y[{j}]": float(value) for j, value in enumerate(np.ravel(aims[0]))}
