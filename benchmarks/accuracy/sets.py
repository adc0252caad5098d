"""The tables that contenders are measured on, each with the splits that all of them get.

They are files in a folder that the caller names; which, and where they are from, is said in docs/accuracy.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backstory.data.files import read
from backstory.data.frame import Frame, as_frame

Rows = NDArray[np.int64]
Split = tuple[Rows, Rows]
"""Rows to train on, rows to measure on."""

SPLITS = 5
"""Of tables that bring none."""

TEST_SHARE = 0.2


@dataclass(frozen=True)
class Set:
    """A table with its splits; read when first used.

    Parameters
    ----------
    name : str
    file : str
    target : str
    task : "classes" or "number"
        Measured by accuracy, or by the root mean squared error in the target's units.
    load : callable taking the path
        Returns the frame and the splits (None: `SPLITS` drawn ones).
    tuned : float, optional
        What a tuned plain network reaches on these splits, as published with the data.
    """

    name: str
    file: str
    target: str
    task: str
    load: Callable[[Path], tuple[Frame, list[Split] | None]]
    tuned: float | None = None

    def open(self, folder: Path) -> Opened:
        """Read it."""
        frame, splits = self.load(folder / self.file)
        return Opened(self, frame, splits or drawn_splits(len(frame)))


@dataclass(frozen=True, eq=False)
class Opened:
    """A table that was read, without columns that only say how it is split."""

    set: Set
    frame: Frame
    splits: list[Split]

    @cached_property
    def labels(self) -> NDArray[Any]:
        """The target as it came, (n,)."""
        return np.asarray(self.frame.column(self.set.target, "the target").to_pylist())


def drawn_splits(n: int) -> list[Split]:
    """`SPLITS` times a fifth of the rows to measure on, from seeds 0, 1, ..."""
    orders = [np.random.default_rng(seed).permutation(n) for seed in range(SPLITS)]
    test = round(n * TEST_SHARE)
    return [(np.sort(order[test:]), np.sort(order[:test])) for order in orders]


def _adult(path: Path) -> tuple[Frame, list[Split]]:
    frame = read(path)
    test = np.asarray(frame.data["split"].to_pylist()) == "test"
    return Frame(frame.data.drop_columns(["split"])), [(np.flatnonzero(~test), np.flatnonzero(test))]


def _table(path: Path) -> tuple[Frame, None]:
    return Frame(read(path).data), None


def _covertype(path: Path) -> tuple[Frame, None]:
    with np.load(path) as file:
        return _frame(file["X_first15120"], file["y_first15120"], file["feature_names"]), None


def _higgs(path: Path) -> tuple[Frame, None]:
    with np.load(path) as file:
        X, y = (np.concatenate([file[f"{name}_train"], file[f"{name}_test"]]) for name in "Xy")
    return _frame(X, y), None


def _uci(path: Path) -> tuple[Frame, list[Split]]:
    with np.load(path) as file:
        X, y, test = file["X"], file["y"], file["test_index"].astype(np.int64)
    return _frame(X, y), [(np.setdiff1d(np.arange(len(y)), rows), rows) for rows in test]


def _frame(X: NDArray[Any], y: NDArray[Any], names: Any = None) -> Frame:
    names = [f"x{place}" for place in range(X.shape[1])] if names is None else names
    columns = {str(name): column for name, column in zip(names, np.ascontiguousarray(X.T), strict=True)}
    return as_frame(pa.table({**columns, "y": y}))


_TUNED = {
    "bostonHousing": 3.61, "concrete": 5.45, "energy": 0.967, "kin8nm": 0.0916, "power-plant": 4.18,
    "protein-tertiary-structure": 4.39, "wine-quality-red": 0.657, "yacht": 1.23,
}  # fmt: skip

SETS: tuple[Set, ...] = (
    Set("Adult", "adult.csv.gz", "income", "classes", _adult),
    Set("California housing", "california_housing.npz", "y", "number", _table),
    Set("Covertype, first 15,120 rows", "covertype.npz", "y", "classes", _covertype),
    Set("HIGGS, 7,500 rows", "higgs_7500.npz", "y", "classes", _higgs),
    Set("diamonds", "seaborn_diamonds.csv.gz", "price", "number", _table),
    *(
        Set(f"UCI {name.split('-')[0]}", f"uci_pbp_{name}.npz", "y", "number", _uci, best)
        for name, best in _TUNED.items()
    ),
)
