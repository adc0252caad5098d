"""The table of all parameters: value, gradient, and the same slope found by moving the parameter a little."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from backstory.studio.subject import Subject

MOST_ROWS = 500
"""Of a larger network the parameters with the largest gradients are listed."""
_STEP = float(np.cbrt(np.finfo(np.float64).eps))
"""Of a central difference: here its two errors, of rounding and of the third derivative, are about equal."""


@dataclass(frozen=True)
class Slopes:
    """What the table is made from.

    Attributes
    ----------
    of : str
        What is differentiated, in words.
    loss : float
        Its value.
    values, gradients : ndarray (n,), float64
    name : callable from a place in these to the parameter's address
    loss_at : callable from a place and another value of that parameter to what is differentiated, in float64
    """

    of: str
    loss: float
    values: NDArray[np.float64]
    gradients: NDArray[np.float64]
    name: Callable[[int], str]
    loss_at: Callable[[int, float], float]


def table(subject: Subject, row: int) -> dict[str, Any]:
    """Return the numbers of the parameters as the key `numbers` holds them, the largest gradients first.

    Parameters
    ----------
    subject : Subject
    row : int
        The sample whose loss is differentiated.
    """
    slopes = subject.slopes(row)
    order = np.argsort(-np.abs(slopes.gradients), kind="stable")[:MOST_ROWS]
    rows = [_line(slopes, place) for place in order.tolist()]
    return {"step": subject.steps, "row": row, "of": slopes.of, "total": len(slopes.values), "rows": rows}


def _line(slopes: Slopes, place: int) -> dict[str, Any]:
    """Return one line of the table."""
    value, gradient = float(slopes.values[place]), float(slopes.gradients[place])
    difference = central(lambda moved: slopes.loss_at(place, moved), value)
    return {
        "address": slopes.name(place),
        "value": value,
        "gradient": gradient,
        "difference": difference,
        "error": relative_error(gradient, difference),
        "rounding": abs(gradient - difference)
        <= 16 * math.ulp(abs(slopes.loss) or 1.0) / (_STEP * max(abs(value), 1.0)),
    }


def central(loss: Callable[[float], float], value: float) -> float:
    """Return the slope of a function by the central difference (f(w + h) - f(w - h)) / 2h.

    >>> round(central(lambda w: w**3, 2.0), 6)
    12.0
    """
    h = _STEP * max(abs(value), 1.0)
    above, below = value + h, value - h
    return (loss(above) - loss(below)) / (above - below)


def relative_error(gradient: float, difference: float) -> float:
    """Return how far two slopes are apart, in parts of the larger; 0 where both are 0."""
    largest = max(abs(gradient), abs(difference))
    return abs(gradient - difference) / largest if largest else 0.0
