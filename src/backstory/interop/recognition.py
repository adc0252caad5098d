"""Which activation a function is, by its values at many points: files hold some as several elementwise operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.engine.reference import NUMPY
from backstory.errors import ConfigurationError
from backstory.expressions import evaluate
from backstory.functions import ACTIVATIONS, Activation

Floats = NDArray[np.float64]

POINTS: Floats = np.concatenate([np.linspace(-12, 12, 193), [-41.5, -23.7, -0.001, 0.0007, 25.3, 38.9]])
"""Both sides of every kink, the kinks themselves, and the tails."""

_AT_MINUS_ONE = int(np.flatnonzero(POINTS == -1.0)[0])
_PARAMETERS: Mapping[str, Callable[[float], Mapping[str, float]]] = {
    "leaky_relu": lambda value: {"slope": -value},
    "elu": lambda value: {"alpha": value / np.expm1(-1.0)},
}
"""By name of a row, its parameters from the value at -1."""


def recognized(values: Floats, tolerance: float) -> Activation | None:
    """The row with these values at `POINTS`; None where none has.

    Parameters
    ----------
    values : ndarray like `POINTS`
    tolerance : float
        Relative to 1 + the value's size.
    """
    for row in ACTIVATIONS.values():
        if not row.couples and _same(_values(row), values, tolerance):
            return row
    for name, parameters in _PARAMETERS.items():
        try:
            row = ACTIVATIONS[name].replace(**parameters(float(values[_AT_MINUS_ONE])))
        except ConfigurationError:
            continue
        if _same(_values(row), values, tolerance):
            return row
    return None


def line(values: Floats, tolerance: float) -> tuple[float, float] | None:
    """(slope, value at 0) of a function that is a line; None of any other."""
    slope = float(values[-1] - values[-3]) / float(POINTS[-1] - POINTS[-3])
    shift = float(np.mean(values - slope * POINTS))
    return (slope, shift) if _same(slope * POINTS + shift, values, tolerance) else None


def _values(row: Activation) -> Any:
    with np.errstate(all="ignore"):
        return evaluate(row.value, {"z": POINTS}, NUMPY)


def _same(found: Floats, values: Floats, tolerance: float) -> bool:
    if values.shape != POINTS.shape or values.dtype.kind != "f":
        return False
    with np.errstate(all="ignore"):
        return bool((np.abs(found - values) <= tolerance * (1 + np.abs(found))).all())
