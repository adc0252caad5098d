"""The tables that the best are compared on, small ones first: those of `sets`, and some more of other kinds.

Most of them our defaults were chosen on; the others only tell how good the choice was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from backstory.data.frame import Frame
from benchmarks.accuracy.sets import SETS, Set, _frame, _table


def _bundled(name: str) -> Callable[[Path], tuple[Frame, None]]:
    """A loader of a data set that scikit-learn brings."""

    def load(path: Path) -> tuple[Frame, None]:
        from sklearn import datasets

        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        return _frame(np.asarray(X, dtype=np.float64), y), None

    return load


def _titanic(path: Path) -> tuple[Frame, None]:
    frame, _ = _table(path)
    return Frame(frame.data.drop_columns(["alive", "deck"])), None  # alive is the answer; deck is mostly missing


_BY_NAME = {set.name: set for set in SETS}
_MORE = {
    "diabetes": Set("diabetes", "", "y", "number", _bundled("diabetes")),
    "digits": Set("digits", "", "y", "classes", _bundled("digits")),
    "Titanic": Set("Titanic", "seaborn_titanic.csv.gz", "survived", "classes", _titanic),
    "wine, red and white": Set("wine, red and white", "wine_quality.csv.gz", "quality", "number", _table),
}
_REPORTED_ON = ("wine, red and white", "UCI protein", "Adult", "diamonds")
_ORDER = (
    "UCI yacht", "UCI energy", "UCI concrete", "UCI bostonHousing", "diabetes", "Titanic", "UCI wine", "digits",
    "UCI kin8nm", "UCI power", "wine, red and white", "HIGGS, 7,500 rows", "Covertype, first 15,120 rows",
    "California housing", "UCI protein", "Adult", "diamonds",
)  # fmt: skip
TABLES: tuple[Set, ...] = tuple((_BY_NAME | _MORE)[name] for name in _ORDER)
CHOSEN_ON: tuple[Set, ...] = tuple(set for set in TABLES if set.name not in _REPORTED_ON)
