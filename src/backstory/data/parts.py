"""Which rows are trained on, which tell when to stop, and which are kept for the test.

A column may say it in words (train, validation, test), a table of its own may hold the rows to validate with, and else
some rows are drawn, spread alike over the target's values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from backstory.data.frame import Frame, is_text
from backstory.data.wording import listed, shown
from backstory.errors import DataError

Rows = NDArray[np.int64]

USES = ("train", "validation", "test")

WORDS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("train", "training", "learn", "fit"), "train")
    | dict.fromkeys(("validation", "valid", "validate", "val", "dev"), "validation")
    | dict.fromkeys(("test", "testing", "holdout", "eval", "evaluation"), "test")
)
"""What a column that splits a table may hold, upper and lower case alike."""

FEWEST_ROWS = 10
"""A table of fewer rows cannot be trained on and validated with."""


@dataclass(frozen=True, eq=False)
class Parts:
    """A table's rows by use.

    Parameters
    ----------
    train, validation : ndarray of int64
        Rows of the table; no row to validate with where a table of its own is used, and none to train on where that is
        read in blocks.
    test : ndarray of int64
        Rows that training does not see; none where no column says so.
    origin : str
        Where the rows to validate with come from, for people.
    column : str, optional
        The column that says which rows are for what.
    """

    train: Rows
    validation: Rows
    test: Rows
    origin: str
    column: str | None = None


def split_column(frame: Frame, target: str, dropped: frozenset[str]) -> str | None:
    """The one column, if any, that holds nothing but words that split a table, those for training among them."""
    head = frame.take(np.arange(min(len(frame), 100)))
    found = []
    for name in frame.columns:
        if name == target or name in dropped or not is_text(frame.column(name, "an input").type):
            continue
        if (_uses(head, name) >= 0).all():
            uses = np.unique(_uses(frame, name)).tolist()
            found += [name] if uses[0] == 0 and len(uses) > 1 else []
    return found[0] if len(found) == 1 else None


def _uses(frame: Frame, name: str) -> NDArray[np.int64]:
    """The place in `USES` of what each row of a column is for; -1 for another word."""
    codes, texts = frame.coded(name)
    uses = [USES.index(WORDS[text.lower()]) if text.lower() in WORDS else -1 for text in texts]
    return np.array([*uses, -1])[codes]


def rows_by_column(frame: Frame, name: str) -> dict[str, Rows]:
    """The rows that a column assigns to each of `USES`.

    Raises
    ------
    DataError
        No such column, another word in it, or no rows to train on.
    """
    column = frame.column(name, "which splits the rows")
    uses = _uses(frame, name)
    if (uses < 0).any():
        row = int(np.argmin(uses))
        raise DataError(
            f"Column {name!r} of {frame.name} must hold words that split the table: train, validation or test. "
            f"Got {shown(column[row].as_py())} in {frame.place(row)}; correct it, or name another column."
        )
    found = {use: np.flatnonzero(uses == place) for place, use in enumerate(USES)}
    if not len(found["train"]):
        rest = [use for use, rows in found.items() if len(rows)]
        raise DataError(f"Column {name!r} of {frame.name} must hold 'train' in some rows. Got {listed(rest)} only.")
    return found


def drawn(y: NDArray[np.generic], seed: int, classes: bool) -> tuple[Rows, Rows]:
    """(rows to train on, rows held out), both sorted, with targets spread alike: a fifth of few rows, a tenth of many.

    The rows, shuffled and then sorted by target, give every so many-th; no class is held out whole.

    Parameters
    ----------
    y : ndarray (n,)
        Encoded targets.
    seed : int
    classes : bool
    """
    n = len(y)
    count = max(1, round(n * min(0.2, max(0.1, 500 / n))))
    order = np.random.default_rng([seed, n]).permutation(n)
    order = order[np.argsort(y[order], kind="stable")]
    held = order[(np.arange(count) * 2 + 1) * n // (2 * count)]
    rest = np.setdiff1d(order, held)
    if classes:
        whole = ~np.isin(y[held], y[rest])
        rest, held = np.union1d(rest, held[whole]), held[~whole]
    return rest.astype(np.int64), np.sort(held).astype(np.int64)
