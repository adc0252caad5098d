"""Numbers of one quantity at all points, compared with those of another."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from backstory.checking.meaning import same
from backstory.expressions import Expr

CONSTANTS = (1 / 2, 2.0, 1 / 3, 3.0, 1 / 4, 4.0, 1 / 5, 5.0, -1.0)
Vector = list[float]
Values = Callable[[Expr], Vector]


def price_of(constant: float) -> float | None:
    """Return what it costs to assume a constant beside another slip; None where it is no usual one."""
    if math.isclose(constant, 1, rel_tol=1e-8):
        return 0.0
    if math.isclose(constant, -1, rel_tol=1e-8):
        return 0.8
    return 1.0 if any(math.isclose(constant, each, rel_tol=1e-8) for each in CONSTANTS) else None


def only_value(values: Vector) -> float | None:
    """Return the number that all values are, or None."""
    first = values[0] if values else math.nan
    if not math.isfinite(first) or first == 0:
        return None
    return first if all(math.isclose(value, first, rel_tol=1e-8) for value in values) else None


def constant_ratio(right: Vector, left: Vector) -> float | None:
    """Return c where right = c*left at every point and left is not always zero."""
    live = [(one, other) for one, other in zip(right, left, strict=True) if abs(other) > 1e-12]
    if len(live) < 2 or any(abs(one) > 1e-11 for one, other in zip(right, left, strict=True) if abs(other) <= 1e-12):
        return None
    return only_value([one / other for one, other in live])


def equal(left: Vector, right: Vector) -> bool:
    """Whether two quantities have the same values, but for rounding."""
    return all(
        math.isfinite(one) and same(one, other, max(abs(one), abs(other)))
        for one, other in zip(left, right, strict=True)
    )


def fraction(value: float) -> str:
    """Return a number as a fraction where it is a small one."""
    found = Fraction(value).limit_denominator(1000)
    return str(found) if math.isclose(float(found), value, rel_tol=1e-9) else f"{value:.6g}"
