"""Whether two formulas of a row say the same: a stable form or derivative that a user gives is tried at some points."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from backstory.errors import ConfigurationError
from backstory.expressions import Expr, evaluate
from backstory.functions.domains import Domain, Interval, Values

_SPREAD = (-2.7, -1.3, -0.45, 0.35, 0.85, 1.9)
_TOLERANCE = 1e-6


def points(domain: Domain) -> tuple[float, ...]:
    """Return a few numbers within a set, none of them round."""
    if isinstance(domain, Values):
        return domain.values
    low, high = (domain.low, domain.high) if isinstance(domain, Interval) else (0.0, 1.0)
    if math.isinf(low) and math.isinf(high):
        return _SPREAD
    if math.isinf(high):
        return tuple(low + math.exp(step) for step in _SPREAD)
    if math.isinf(low):
        return tuple(high - math.exp(step) for step in _SPREAD)
    return tuple(low + (high - low) * share for share in (0.07, 0.23, 0.41, 0.62, 0.87))


def grid(**domains: Domain) -> Iterator[dict[str, float]]:
    """Go through all combinations of a few points of each set, by name."""
    for values in itertools.product(*(points(domain) for domain in domains.values())):
        yield dict(zip(domains, values, strict=True))


def require_same(owner: str, what: str, given: Expr, expected: Expr, at: Mapping[str, float]) -> None:
    """Make sure that two expressions have the same value at a point; where one has none there, that says nothing.

    Raises
    ------
    ConfigurationError
        Where they differ by more than a millionth.
    """
    came, must = float(evaluate(given, at)), float(evaluate(expected, at))
    if not (math.isfinite(came) and math.isfinite(must)) or abs(came - must) <= _TOLERANCE * max(1.0, abs(must)):
        return
    place = ", ".join(f"{name} = {value:.4g}" for name, value in at.items())
    raise ConfigurationError(
        f"The {what} of {owner} must agree with its formula. At {place} it gives {came:.6g} instead of {must:.6g}; "
        f"leave it out to have it worked out from the formula."
    )


def require_same_row(owner: str, given: Any, builtin: Any, but: tuple[str, ...]) -> None:
    """Make sure that a row of the name of a built-in one is that one, whatever its parameters.

    Raises
    ------
    ConfigurationError
        Where another field than those named in `but` differs.
    """
    fields = [field.name for field in dataclasses.fields(builtin) if field.name not in but]
    if any(getattr(given, name) != getattr(builtin, name) for name in fields):
        raise ConfigurationError(
            f"{owner[0].upper()}{owner[1:]} exists already, with another formula; choose another name."
        )
