"""Equations about a `Network`: the network as the checker takes it, and its numbers where it is small."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backstory.checking.layered import LayeredJudge
from backstory.checking.layers import Layers
from backstory.checking.verdict import Verdict
from backstory.errors import DataError
from backstory.model.front import first_values, front_formulas
from backstory.network.parameters import other_views
from backstory.network.spec import Spec
from backstory.story.address import Address
from backstory.story.front import FRONT_PARAMETERS

if TYPE_CHECKING:
    from backstory.model.network import Network

_IN_A_FRONT = re.compile(r"(?<![A-Za-zα-ω])[d∂]?(?:frequency|phase|angle|wave|shift|mix|scale|x|e)\s*\[")
MOST_PARAMETERS = 200
"""Of a larger network no numbers are shown: those of a few units of it would be those of another network."""


def check(net: Network, equation: str, x: Any, y: Any) -> Verdict:
    """Judge an equation; see `Network.check`."""
    within = net.spec.front is not None and _IN_A_FRONT.search(equation) is not None
    values = values_of(net, x, y, within) if x is not None or y is not None else {}
    return judge_of(net.spec, within).check(equation, values)


@lru_cache(maxsize=32)
def judge_of(spec: Spec, within: bool = False) -> LayeredJudge:
    """Return what judges equations about networks of one kind; it keeps what it has compiled.

    Parameters
    ----------
    spec : Spec
    within : bool
        Whether they speak of what is within its front; else what the first layer reads is given.
    """
    return LayeredJudge(layers_of(spec, within))


def layers_of(spec: Spec, within: bool = False) -> Layers:
    """Return a network as the checker takes it."""
    return Layers(
        spec.widths,
        spec.activations,
        spec.loss,
        spec.biases,
        spec.penalty,
        spec.reduction == "mean",
        spec.parametric,
        _reads(spec),
        front_formulas(spec.front) if within and spec.front is not None else None,
    )


def values_of(net: Network, x: Any, y: Any, within: bool = False) -> dict[str, float]:
    """Return by address the parameters and one row; nothing for a large network.

    Of a network with a front, what the first layer reads stands for the row, or, `within` it, the row and the front's
    parameters.

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
    for layer, alphas in enumerate(net.alphas, start=1):
        values |= {str(Address("alpha", layer, j)): float(value) for j, value in enumerate(alphas)}
    values |= _first_of(net, np.asarray(X[0], dtype=np.float64), within)
    return values | {f"y[{j}]": float(value) for j, value in enumerate(np.ravel(aims[0]))}


def _first_of(net: Network, x: NDArray[np.float64], within: bool) -> dict[str, float]:
    """What the first layer reads of a row, or what that is made of."""
    if net.spec.front is None:
        return {str(Address("x", 0, k)): float(value) for k, value in enumerate(x)}
    found = first_values(net.spec.front, other_views(net.spec, net.parameters), x)
    if not within:
        return {f"{_reads(net.spec)}[{k}]": float(value) for k, value in enumerate(found["out"])}
    return {
        str(Address(letter, 0, *at)): float(value)
        for letter in ("x", *FRONT_PARAMETERS)
        for at, value in np.ndenumerate(found.get(letter, np.empty(0)))
    }


def _reads(spec: Spec) -> str:
    """The letter of what the first layer reads."""
    return "x" if spec.front is None else "s" if spec.scaling else "e"
