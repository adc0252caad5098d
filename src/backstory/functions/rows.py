"""What the rows of all tables share: named parameters that are finite numbers, look-up by name, reading formulas."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TypeAlias, TypeVar

from backstory.errors import ConfigurationError, unknown
from backstory.expressions import CONSTANTS, ELEMENTARY, Expr, Name, Number

Parameters: TypeAlias = tuple[tuple[str, float], ...]
Row = TypeVar("Row")


def as_parameters(owner: str, given: Parameters | Mapping[str, float], reserved: Iterable[str]) -> Parameters:
    """Return parameters as pairs of a name and a finite float, in the order given.

    Raises
    ------
    ConfigurationError
        For a name that a formula could not use, one that is taken, or a value that is not a finite number.
    """
    pairs = tuple(given.items()) if isinstance(given, Mapping) else tuple(given)
    taken = {*reserved, *CONSTANTS, *ELEMENTARY}
    for name, value in pairs:
        if not isinstance(name, str) or not name.isidentifier() or name in taken:
            raise ConfigurationError(f"A parameter of {owner} must be a name that is still free. Got {name!r}.")
        finite_number(owner, name, value)
    return tuple((name, float(value)) for name, value in pairs)


def finite_number(owner: str, name: str, value: object) -> float:
    """Return a parameter as a float.

    Raises
    ------
    ConfigurationError
        Where it is not a finite number.
    """
    try:
        number = math.nan if isinstance(value, str | bool) else float(value)  # type: ignore[arg-type]  # the except answers
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigurationError(f"The '{name}' parameter of {owner} must be a finite number. Got {value!r} instead.")
    return number


def bounded(
    owner: str, name: str, value: object, low: float, high: float = math.inf, *, open_ends: bool = False
) -> float:
    """Return a parameter as a float within bounds.

    Raises
    ------
    ConfigurationError
        Where it is not a finite number from `low` to `high` (strictly between them where `open_ends`).
    """
    number = finite_number(owner, name, value)
    inside = low < number < high if open_ends else low <= number <= high
    if not inside:
        less = "<" if open_ends else "<="
        must = (
            f"{name} {'>' if open_ends else '>='} {low:g}"
            if high == math.inf
            else f"{low:g} {less} {name} {less} {high:g}"
        )
        raise ConfigurationError(
            f"The '{name}' parameter of {owner} must be a number with {must}. Got {value!r} instead."
        )
    return number


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
    message = (
        f"A{'n' if kind[0] in 'aeiou' else ''} {kind} must be a name or a {row_type.__name__}. Got {value!r} instead."
    )
    raise ConfigurationError(message)


def called(name: str, parameters: Parameters) -> str:
    """Return a row's short text: its name, and its parameters where it has any."""
    inside = ", ".join(f"{key}={value:.17g}" for key, value in parameters)
    return f"{name}({inside})" if inside else name


A, Y, Z = Name("a"), Name("y"), Name("z")
