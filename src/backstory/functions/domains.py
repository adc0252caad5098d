"""Sets of numbers: where the values of an activation lie, where a loss is defined, what its targets may be."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TypeAlias

from ..errors import ConfigurationError

_INTERVAL = re.compile(r"\s*([\[(])\s*([^,\s]+)\s*,\s*([^,\s]+)\s*([\])])\s*")


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
            raise ConfigurationError(f"An interval must go from the lower to the higher end. Got {self.low} to {self.high}.")
        object.__setattr__(self, "low_open", self.low_open or self.low == -math.inf)
        object.__setattr__(self, "high_open", self.high_open or self.high == math.inf)

    @classmethod
    def read(cls, text: str) -> Interval:
        """Read an interval written as in a textbook: "(0, 1)", "[0, inf)".

        Raises
        ------
        ConfigurationError
            For any other text.
        """
        match = _INTERVAL.fullmatch(text)
        try:
            if match:
                opening, low, high, closing = match.groups()
                return cls(float(low), float(high), opening == "(", closing == ")")
        except ValueError:
            pass
        raise ConfigurationError(f"An interval must be written like '(0, 1)' or '[0, inf)'. Got {text!r}.")

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
        return f"{'(' if self.low_open else '['}{self.low:.17g}, {self.high:.17g}{')' if self.high_open else ']'}"


@dataclass(frozen=True)
class Simplex:
    """Rows of positive numbers whose sum is 1: probabilities of classes that exclude one another."""

    def holds(self, other: Domain) -> bool:
        """Say whether the other set is the simplex too."""
        return isinstance(other, Simplex)

    def __str__(self) -> str:
        return "probabilities that sum to 1"


@dataclass(frozen=True)
class Values:
    """A few single numbers, such as -1 and 1."""

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
SIMPLEX = Simplex()
POSITIVE = Interval(0.0)
NOT_NEGATIVE = Interval(0.0, low_open=False)
PROBABILITY = Interval(0.0, 1.0)
UNIT = Interval(0.0, 1.0, low_open=False, high_open=False)


def as_domain(value: Domain | str) -> Domain:
    """Return a set as it is, or the interval a text describes.

    >>> as_domain("(-1, 1)")
    Interval(low=-1.0, high=1.0, low_open=True, high_open=True)
    """
    if isinstance(value, str):
        return Interval.read(value)
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
