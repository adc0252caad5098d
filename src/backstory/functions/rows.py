"""What the rows of all tables share: named parameters that are finite numbers, look-up by name, reading formulas."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TypeAlias, TypeVar

from backstory.errors import ConfigurationError, unknown
from backstory.expressions import CONSTANTS, ELEMENTARY, Expr, Number, number_text
from backstory.functions.domains import Interval

Parameters: TypeAlias = tuple[tuple[str, float], ...]
Bounds: TypeAlias = tuple[tuple[str, str], ...]
Row = TypeVar("Row")


def as_parameters(
    owner: str, given: Parameters | Mapping[str, float], reserved: Iterable[str], bounds: Bounds = ()
) -> Parameters:
    """Return parameters as pairs of a name and a finite float, in the order given.

    Raises
    ------
    ConfigurationError
        For a name that a formula could not use, one that is taken, or a value not finite and within bounds.
    """
    pairs = tuple(given.items()) if isinstance(given, Mapping) else tuple(given)
    taken = {*reserved, *CONSTANTS, *ELEMENTARY}
    for name, _ in pairs:
        if not isinstance(name, str) or not name.isidentifier() or name in taken:
            raise ConfigurationError(f"A parameter of {owner} must have a name that is still free. Got {name!r}.")
    within = dict(bounds)
    return tuple((name, number_within(owner, name, value, within.get(name, "(-inf, inf)"))) for name, value in pairs)


def replaced(owner: str, parameters: Parameters, changes: Mapping[str, float]) -> Parameters:
    """Return parameters with other values.

    Raises
    ------
    ConfigurationError
        For a name that is not among them.
    """
    known = dict(parameters)
    for name in changes:
        if name not in known:
            raise ConfigurationError(f"{owner} has no parameter {name!r}. It has: {', '.join(known) or 'none'}.")
    return tuple({**known, **changes}.items())


def number_within(owner: str, name: str, value: object, interval: str = "(-inf, inf)") -> float:
    """Return a parameter as a float.

    Raises
    ------
    ConfigurationError
        Where it is not a finite number in the interval.

    Examples
    --------
    >>> number_within("Huber", "delta", -1, "(0, inf)")
    Traceback (most recent call last):
    ...
    backstory.errors.ConfigurationError: The 'delta' parameter of Huber must be a number in (0, inf). Got -1 instead.
    """
    try:
        number = math.nan if isinstance(value, str | bool) else float(value)  # type: ignore[arg-type]  # the except answers
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if math.isfinite(number) and (interval == "(-inf, inf)" or number in Interval.read(interval)):
        return number
    what = "a finite number" if interval == "(-inf, inf)" else f"a number in {interval}"
    raise ConfigurationError(f"The '{name}' parameter of {owner} must be {what}. Got {value!r} instead.")


def constants(parameters: Parameters, **more: float) -> dict[str, Expr]:
    """Return the numbers to put for the names of parameters and for pi and e."""
    values = {**CONSTANTS, **dict(parameters), **more}
    return {
        name: Number(int(value) if value == int(value) and abs(value) < 2**53 else value)
        for name, value in values.items()
    }


def look_up(kind: str, value: Row | str, table: Mapping[str, Row], row_type: type[Row]) -> Row:
    """Return a row as it is, or the one of that name.

    Raises
    ------
    ConfigurationError
        For an unknown name (the nearest is named) and for anything that is neither a name nor a row.
    """
    if isinstance(value, row_type):
        return value
    if isinstance(value, str):
        if value in table:
            return table[value]
        raise unknown(kind, value, table)
    n = "n" if kind[0] in "aeiou" else ""
    raise ConfigurationError(f"A{n} {kind} must be a name or a{n} {row_type.__name__}. Got {value!r} instead.")


def called(name: str, parameters: Parameters) -> str:
    """Return a row's short text: its name, and its parameters where it has any."""
    inside = ", ".join(f"{key}={shortest(value)}" for key, value in parameters)
    return f"{name}({inside})" if inside else name


def shortest(value: float) -> str:
    """Return a float in as few characters as give the same float again."""
    return number_text(int(value) if value.is_integer() and abs(value) < 2**53 else value)
