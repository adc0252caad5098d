"""The encoding of a table's columns, in the form that every exported program takes it from.

A number is a formula of its raw value; texts have codes, and each code a row of inputs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backstory.data.columns import NO, YES, Category, Column, Flag, Number
from backstory.errors import ConfigurationError
from backstory.expressions import Expr, Name, parse, simplify
from backstory.functions.rows import constants

PRESSED = parse("where(z > 1e150, limit, where(z < -1e150, -limit, z/sqrt(1 + (z/limit)^2)))")
"""A scaled number z pressed into ±limit: what `backstory.data.columns.pressed` is, whose square is always finite."""


def scaled(column: Number, x: str = "x") -> Expr:
    """A number that is not missing, before it is pressed.

    Examples
    --------
    >>> from backstory.expressions import to_text
    >>> to_text(scaled(Number("age", center=40, scale=10)))
    '(x - 40)/10'
    """
    known = constants((("center", column.center), ("scale", column.scale)))
    return simplify((Name(x) - known["center"]) / known["scale"])


def codes(column: Column) -> dict[str, int]:
    """The code of each text that a column of texts may hold.

    >>> codes(Category("color", ("red", "blue")))
    {'red': 0, 'blue': 1}
    """
    if isinstance(column, Category):
        return {level: code for code, level in enumerate(column.levels)}
    words = {word: code for code, side in enumerate((NO, YES)) for word in side}
    return {spelled: code for word, code in words.items() for spelled in (word, word.capitalize(), word.upper())}


def inputs(column: Column) -> NDArray[np.float64]:
    """The inputs (n_codes + 2, width) for each code, for any other text, and for a missing value.

    Raises
    ------
    ConfigurationError
        The column is of a kind that cannot be exported.

    Examples
    --------
    >>> inputs(Flag("alone")).ravel().tolist()
    [0.0, 1.0, 0.5, 0.5]
    """
    if isinstance(column, Flag):
        return np.array([[column.low], [column.high], [column.other], [column.other]])
    if isinstance(column, Category):
        n = len(column.levels)
        return np.eye(n + 2)[:, [True] * n + [column.other, column.missing]]
    raise ConfigurationError(
        f"Columns of numbers, categories and yes/no can be exported. Column {column.name!r} is of kind "
        f"{column.kind!r}; export as .npz."
    )
