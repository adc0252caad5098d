"""How the proofs put a publication's numbers into a network, and on which engines they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

import backstory as bs

both_engines = pytest.mark.parametrize("engine", ["reference", "native"])


def logistic(
    sizes: list[int], weights: Sequence[ArrayLike], biases: Sequence[ArrayLike] | None, **options: Any
) -> bs.Network:
    """A network of logistic units with the given parameters; weights are (n_in, n_out)."""
    options = {"hidden": "sigmoid", "output": "sigmoid", "loss": "half_squared_error"} | options
    net = bs.Network(sizes, biases=biases is not None, seed=0, **options)
    for layer, values in zip(net.weights, weights, strict=True):
        layer[...] = np.asarray(values)
    for layer, values in zip(net.biases, biases or [], strict=True):
        layer[...] = np.asarray(values)
    return net


def close(values: Any, expected: Any, within: float = 1e-9) -> bool:
    """Whether all values are equal to within an absolute and a relative error."""
    return bool(np.allclose(np.asarray(values), np.asarray(expected), rtol=within, atol=within))


def as_printed(values: Any, printed: ArrayLike, digits: int) -> bool:
    """Whether values rounded to so many decimals are the printed ones."""
    return np.array_equal(np.round(np.asarray(values), digits), np.round(np.asarray(printed, dtype=np.float64), digits))
