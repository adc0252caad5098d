"""Which kind a raw column is, and what its encoding learns from the training rows; or why it is left out.

Numbers are scaled by quantiles, so that outliers neither set the scale nor reach the network as such.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backstory.data.columns import NO, YES, Category, Column, Flag, Number
from backstory.data.frame import Frame, is_text
from backstory.data.wording import is_number, shown
from backstory.errors import DataError

LIMIT = 3.0
"""Numbers are pressed into ± this many scales."""

MOST_LEVELS = 64
"""Levels of a category with an input of their own; the rest share one."""

FEWEST_OF_A_LEVEL = 2
"""A level in fewer rows than this is one of the rest."""

IDENTIFIES = 0.7
"""Texts of which more than this share of the rows are different from all others name the rows, and tell nothing."""

MOST_LEVELS_BESIDE_NUMBERS = 20
"""Texts most of which are numbers are a column of numbers with a mistake in it, unless they are so few."""

DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))([ T]\d{1,2}:\d{2}.*)?\s*")
_NAMES_ROWS = re.compile(r"(.*[_\W])?(id|index|idx|uuid|guid|key)|unnamed: \d+|", re.IGNORECASE)


@dataclass(frozen=True)
class LeftOut:
    """A column that the network is not given, and why."""

    name: str
    reason: str


def infer(frame: Frame, name: str) -> Column | LeftOut:
    """The encoding of a column, learned from all rows of the frame.

    Raises
    ------
    DataError
        Dates, lists and the like, and numbers with another text among them; each with what to do.
    """
    import pyarrow as pa

    column = frame.column(name, "an input")
    missing = frame.missing(name)
    if missing.all():
        return LeftOut(name, "all its values are missing")
    kind = column.type
    if is_text(kind) or pa.types.is_boolean(kind):
        return _of_texts(frame, name, missing)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _of_numbers(frame, name, missing)
    if pa.types.is_temporal(kind):
        raise _dates(frame, name, column[int(np.argmin(missing))].as_py())
    raise DataError(
        f"Column {name!r} of {frame.name} must hold numbers, texts, or true and false. It holds {kind}; "
        f"make columns of these, or leave it out with drop (--drop {name})."
    )


def _dates(frame: Frame, name: str, value: object) -> DataError:
    """The refusal of dates, with what to do instead."""
    row = int(np.argmin(frame.missing(name)))
    return DataError(
        f"Column {name!r} of {frame.name} must not hold dates or times. Got {shown(value)} in {frame.place(row)}; "
        f"make numbers of what matters in them (year, month, weekday, days since a day), or leave the column out with "
        f"drop (--drop {name})."
    )


def _of_texts(frame: Frame, name: str, missing: NDArray[np.bool_]) -> Column | LeftOut:
    """A column of texts, or of true and false."""
    import pyarrow as pa

    codes, levels = frame.coded(name)
    sizes = np.bincount(codes[codes >= 0], minlength=len(levels))
    n = int(sizes.sum())
    if len(levels) == 1 and not missing.any():
        return LeftOut(name, f"it is {shown(levels[0])} in every row")
    if is_flag(levels) or pa.types.is_boolean(frame.column(name, "an input").type):
        return Flag(name)
    numeric = np.array([is_number(level) for level in levels])
    if numeric.all():
        return _of_numbers(frame, name, missing)
    if 2 * sizes[numeric].sum() > n and len(levels) > MOST_LEVELS_BESIDE_NUMBERS:
        frame.quantities(name)  # raises, naming the first that is none
    if sum(sizes[place] for place, level in enumerate(levels) if DATE.fullmatch(level)) > 0.9 * n:
        raise _dates(frame, name, levels[0])
    if len(levels) > max(IDENTIFIES * n, 2):
        return LeftOut(name, f"its texts tell rows apart and no more: {len(levels):,} different ones in {n:,} rows")
    order = sorted(range(len(levels)), key=lambda place: (-sizes[place], levels[place]))
    kept = [levels[place] for place in order if sizes[place] >= FEWEST_OF_A_LEVEL][:MOST_LEVELS]
    return Category(name, tuple(kept), other=len(kept) < len(levels), missing=bool(missing.any()))


def is_flag(levels: list[str]) -> bool:
    """Whether these texts are yes and no in one spelling, as 0 and 1 are too.

    >>> is_flag(["Yes", "no"]), is_flag(["yes", "0"]), is_flag(["yes"])
    (True, False, False)
    """
    words = {level.lower() for level in levels}
    return any(words == set(pair) for pair in zip(NO, YES, strict=True))


def _of_numbers(frame: Frame, name: str, missing: NDArray[np.bool_]) -> Column | LeftOut:
    """A column of numbers, or of texts that all are numbers."""
    values = frame.quantities(name)[~missing]
    low, high = float(values.min()), float(values.max())
    if low == high and not missing.any():
        return LeftOut(name, f"it is {low + 0.0:g} in every row")
    if np.isin(values, (0.0, 1.0)).all() and low < high:
        return Flag(name)
    if _NAMES_ROWS.fullmatch(name) and (values == np.round(values)).all() and len(np.unique(values)) == len(values) > 2:
        return LeftOut(name, f"it numbers the rows: {len(values):,} different whole numbers in a column of this name")
    center, scale = scaling(values)
    return Number(name, center, scale, LIMIT, center, bool(missing.any()))


def scaling(values: NDArray[np.float64]) -> tuple[float, float]:
    """Median, and the distance between the quartiles; half the whole range where these are one; 1 for a constant.

    >>> scaling(np.array([1.0, 2.0, 3.0, 4.0, 1e9]))
    (3.0, 2.0)
    """
    largest = float(np.abs(values).max())
    if largest > 1e150:  # differences of such numbers may have no place in a float
        center, scale = scaling(values / largest)
        return center * largest, min(scale * largest, sys.float_info.max)
    low, first, center, third, high = (float(part) for part in np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    scales = (third - first, (high - low) / 2)
    return center, next((scale for scale in scales if scale > 1e-12 * abs(center)), 1.0)
