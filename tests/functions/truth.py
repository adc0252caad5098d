"""What the rows mean, in fifty digits: their textbook formulas evaluated and differentiated by mpmath."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mpmath

from backstory.expressions import Expr, evaluate
from backstory.functions import ACTIVATIONS
from tests.expressions.strategies import MPMATH

DIGITS = 50


def row_function(name: str) -> Callable[[Any], Any]:
    """Return a row that other rows call as a function of an mpmath number."""
    row = ACTIVATIONS[name]
    return lambda z: evaluate(row.expression, {"z": z, **dict(row.parameters)}, FUNCTIONS)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{name: row_function(name) for name, row in ACTIVATIONS.items() if not row.couples},
    **MPMATH,
}


def exact(expr: Expr, **values: float) -> Any:
    """Return the value of a textbook formula at a point, in fifty digits."""
    digits = {name: mpmath.mpf(value) for name, value in values.items()}
    return evaluate(expr, {"pi": mpmath.pi(), "e": mpmath.e(), **digits}, FUNCTIONS)


def exact_slope(expr: Expr, variable: str, **values: float) -> Any:
    """Return the derivative of a textbook formula by a difference so small that twenty digits of it are right."""
    h = mpmath.mpf(10) ** -20 * max(1, abs(values[variable]))
    shifted = {name: mpmath.mpf(value) for name, value in values.items()}
    ends = [exact(expr, **{**shifted, variable: shifted[variable] + sign * h}) for sign in (1, -1)]
    return (ends[0] - ends[1]) / (2 * h)
