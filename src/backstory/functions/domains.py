"""Sets of numbers: where the values of an activation lie, where a loss is defined, what its targets may be."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias

from backstory.errors import ConfigurationError
from backstory.expressions import evaluate, number_text, parse

_INTERVAL = re.compile(r"\s*([\[(])([^,]+),([^,]+)([\])])\s*")


@dataclass(frozen=True)
class Interval:
    """The numbers from `low` to `high`, each end in or out.

    Parameters
    ----------
    low, high : float
        low <= high; an infinite end is always out.
    low_open, high_open : bool
        Whether that end is left out.

    Examples
    --------
    >>> str(Interval(0.0, math.inf, low_open=False))
    '[0, inf)'
    >>> 0.0 in Interval.read("(0, 1)")
    False
    """

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = True
    high_open: bool = True

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ConfigurationError(
                f"An interval must go from the lower to the higher end. Got {self.low} to {self.high}."
            )
        object.__setattr__(self, "low_open", self.low_open or self.low == -math.inf)
        object.__setattr__(self, "high_open", self.high_open or self.high == math.inf)

    @classmethod
    def read(cls, text: str, values: Mapping[str, float] = MappingProxyType({})) -> Interval:
        """Read an interval written as in a textbook: "(0, 1)", "[0, inf)", "(-pi/2, pi/2)".

        Parameters
        ----------
        text : str
            Its ends are inf, -inf, or formulas of numbers and of the names in `values`.
        values : mapping of str to float

        Raises
        ------
        ConfigurationError
            For a text without the brackets and the comma, or whose first end is above the second.
        ExpressionError
            For an end that cannot be read.
        """
        if not (match := _INTERVAL.fullmatch(text)):
            raise ConfigurationError(f"An interval must be written like '(0, 1)' or '[0, inf)'. Got {text!r}.")
        opening, low, high, closing = match.groups()
        return cls(_end(low, values), _end(high, values), opening == "(", closing == ")")

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below

    def holds(self, other: Domain) -> bool:
        """Say whether every number of another set lies in this one; of points on the simplex, every component."""
        if isinstance(other, Values):
            return all(value in self for value in other.values)
        inner = Interval(0.0, 1.0) if isinstance(other, Simplex) else other
        above = inner.low > self.low or (inner.low == self.low and (inner.low_open or not self.low_open))
        below = inner.high < self.high or (inner.high == self.high and (inner.high_open or not self.high_open))
        return above and below

    def __str__(self) -> str:
        if self == REALS:
            return "all numbers"
        return f"{'(' if self.low_open else '['}{_shown(self.low)}, {_shown(self.high)}{')' if self.high_open else ']'}"


def _end(text: str, values: Mapping[str, float]) -> float:
    """Return the value of one end of an interval."""
    return float(evaluate(parse(text, allowed=(*values, "inf")), {**values, "inf": math.inf}))


def _shown(end: float) -> str:
    return number_text(int(end) if end.is_integer() else end)


class Simplex(Enum):
    """Rows of positive numbers whose sum is 1: probabilities of classes that exclude one another."""

    SIMPLEX = "simplex"

    def holds(self, other: Domain) -> bool:
        """Say whether the other set is the simplex too."""
        return other is self

    def __str__(self) -> str:
        return "probabilities that sum to 1"


@dataclass(frozen=True)
class Values:
    """A few single numbers, such as -1 and 1.

    >>> str(Values((-1.0, 1.0)))
    '-1 or 1'
    """

    values: tuple[float, ...]

    def __contains__(self, value: float) -> bool:
        return value in self.values

    def holds(self, other: Domain) -> bool:
        """Say whether every number of another set is one of these."""
        return isinstance(other, Values) and set(other.values) <= set(self.values)

    def __str__(self) -> str:
        return " or ".join(f"{value:g}" for value in self.values)


Domain: TypeAlias = Interval | Simplex | Values

REALS = Interval()
SIMPLEX: Final = Simplex.SIMPLEX
POSITIVE = Interval(0.0)
NOT_NEGATIVE = Interval(0.0, low_open=False)
PROBABILITY = Interval(0.0, 1.0)
UNIT = Interval(0.0, 1.0, low_open=False, high_open=False)


def as_domain(value: Domain | str, values: Mapping[str, float] = MappingProxyType({})) -> Domain:
    """Return a set as it is, or the interval a text describes with the names in `values`.

    >>> as_domain("(-1, 1)")
    Interval(low=-1.0, high=1.0, low_open=True, high_open=True)
    """
    if isinstance(value, str):
        return Interval.read(value, values)
    if isinstance(value, Interval | Simplex | Values):
        return value
    raise ConfigurationError(f"A range must be an interval such as '(0, 1)'. Got {value!r}.")


def domain_to_dict(domain: Domain) -> str | list[float]:
    """Return what a model file keeps of a set: an interval's text, "simplex", or the list of values."""
    if isinstance(domain, Values):
        return list(domain.values)
    if isinstance(domain, Simplex):
        return "simplex"
    return "(-inf, inf)" if domain == REALS else str(domain)


def domain_from_dict(data: object) -> Domain:
    """Return the set that `domain_to_dict` wrote down."""
    if data == "simplex":
        return SIMPLEX
    if isinstance(data, list):
        return Values(tuple(float(value) for value in data))
    return as_domain(str(data))
