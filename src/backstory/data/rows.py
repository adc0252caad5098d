"""Rows of inputs and targets that are read in blocks, for training on more of them than memory holds.

Here is what a block's rows are; in which order blocks are read and rows are mixed, `backstory.training.streaming` says.
"""

from __future__ import annotations

import copy
import mmap
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.blocks import FORGET_BYTES, PIECE_BYTES, STRETCH_BYTES, Blocks, forget
from backstory.data.learning import Mask, learn
from backstory.data.opening import open_blocks
from backstory.data.table import Table
from backstory.data.texts import cached
from backstory.errors import ConfigurationError, DataError

Array = NDArray[Any]


class Rows(ABC):
    """Inputs and targets in blocks; made by `open_rows`, and taken by `Network.fit`, `predict` and `loss`.

    Attributes
    ----------
    name : str
        What messages call them.
    counts : tuple of int
        Rows of each block.
    firsts : ndarray of int64 (blocks + 1,)
        The row that each block begins with, and the number of all rows.
    n_in : int
        Inputs of a row.
    open_bytes : int
        What a block that is being read takes, at most and about.
    table : Table or None
        The encoding of raw columns, where they are a table's.
    """

    name: str
    counts: tuple[int, ...]
    firsts: NDArray[np.int64]
    n_in: int
    open_bytes: int
    table: Table | None = None
    which: Mask | None = None
    """Which of the rows are trained on; None: all."""

    def only(self, which: Mask) -> Rows:
        """The same rows, of which some are trained on."""
        some = copy.copy(self)
        some.which = which
        return some

    def __len__(self) -> int:
        return int(self.firsts[-1])

    @abstractmethod
    def pieces(self, block: int, start: int = 0, dtype: str = "float64") -> Iterator[tuple[Array, Array]]:
        """Inputs (m, n_in) of a dtype and targets (m, ...) from a block's row `start` on, piece by piece.

        Raises
        ------
        DataError
            They cannot be read or encoded; block or row are named.
        """

    def __repr__(self) -> str:
        return f"Rows({self.name}: {len(self):,} rows of {self.n_in} inputs in {len(self.counts):,} blocks)"


class TableRows(Rows):
    """The rows of a table file, encoded as they are read."""

    def __init__(self, blocks: Blocks, table: Table) -> None:
        self.blocks, self.table = blocks, table
        self.name, self.counts, self.firsts = blocks.name, blocks.counts, blocks.firsts
        self.n_in, self.open_bytes = len(table.input_names), blocks.open_bytes
        self._columns = (*table.features, table.target)
        absent = [name for name in self._columns if name not in blocks.columns]
        if absent:
            table.require(next(blocks.frames(0)))
            raise DataError(f"{self.name} must have the column {absent[0]!r}, the target.")

    def pieces(self, block: int, start: int = 0, dtype: str = "float64") -> Iterator[tuple[Array, Array]]:
        assert self.table is not None
        for frame in self.blocks.frames(block, start, self._columns):
            yield self.table.inputs(frame, dtype), self.table.targets(frame)


class ArrayRows(Rows):
    """The rows of two arrays, mapped from files as a rule; a block is a stretch of them."""

    open_bytes = PIECE_BYTES

    def __init__(self, X: Array, y: Array, name: str) -> None:
        self.X, self.y, self.name = X, y, name
        self._read = 0
        self.n_in = X.shape[1]
        stretch = max(STRETCH_BYTES // max(X.itemsize * self.n_in, 1), 1)
        bounds = np.arange(0, len(X) + stretch, stretch).clip(max=len(X))
        self.firsts = np.unique(bounds).astype(np.int64)
        self.counts = tuple(np.diff(self.firsts).tolist())

    def pieces(self, block: int, start: int = 0, dtype: str = "float64") -> Iterator[tuple[Array, Array]]:
        begin, end = int(self.firsts[block]) + start, int(self.firsts[block + 1])
        if begin == end:
            return
        part = np.array(self.X[begin:end]), np.array(self.y[begin:end])
        self._read += part[0].nbytes + part[1].nbytes
        if self._read > FORGET_BYTES:
            _let_go(self.X)
            _let_go(self.y)
            self._read = 0
        yield part


def _let_go(array: Array) -> None:
    """Let go of a mapped array's pages; what was written into a map of one's own would be lost, so those stay."""
    mapped = getattr(array, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and getattr(array, "mode", "c") != "c":
        forget(mapped)


def open_rows(
    data: Any,
    target: Any,
    *,
    table: Table | None = None,
    task: str | None = None,
    drop: Sequence[str] | Mapping[str, str] = (),
    cache: str | os.PathLike[str] | None = None,
) -> Rows:
    """Open rows on disk, to train on them block by block in bounded memory.

    Parameters
    ----------
    data : path, or array_like (n, n_in)
        A table (Parquet, Arrow, or text that is not compressed), an array file (.npy), or an array, as a rule a mapped
        one (``np.load(path, mmap_mode="r")``).
    target : str, path or array_like
        A table's column; or the targets as `Network.fit` takes them, of whichever kind `data` is.
    table : Table, optional
        The encoding of a table's columns; by default it is learned, in one more pass over the file.
    task, drop
        As for `Table.fit`, where the encoding is learned.
    cache : path, optional
        A folder that text is written to as Parquet, once, which is read many times faster.

    Returns
    -------
    Rows
        For `Network.fit`, `predict` and `loss`; has `table` (the encoding), `n_in` and a length.

    Raises
    ------
    DataError, ConfigurationError, FileNotFoundError
        No such file or column, a format that has no blocks, arrays of other shapes.

    Examples
    --------
    >>> import tempfile
    >>> from backstory.model.network import Network
    >>> folder = tempfile.TemporaryDirectory()
    >>> np.save(f"{folder.name}/X.npy", np.arange(20.0).reshape(10, 2))
    >>> np.save(f"{folder.name}/y.npy", np.arange(10.0))
    >>> rows = open_rows(f"{folder.name}/X.npy", f"{folder.name}/y.npy")
    >>> rows.n_in, len(rows)
    (2, 10)
    >>> history = Network([2, 1], seed=0).fit(rows, epochs=3, progress=False)
    >>> folder.cleanup()
    """
    is_path = isinstance(data, str | os.PathLike)
    if is_path and Path(data).suffix.lower() != ".npy":
        if not isinstance(target, str):
            raise ConfigurationError(f"The target of a table must be a column's name. Got {type(target).__name__}.")
        blocks = open_blocks(cached(Path(data), cache))
        return TableRows(blocks, learn(blocks, target, task, drop).table if table is None else table)
    name = repr(Path(data).name) if is_path else "the array"
    X, y = _array(data, "X"), _array(target, "y")
    if X.ndim != 2 or not X.size:
        raise DataError(f"X must have shape (n, n_in), with rows and columns. Got {X.shape}.")
    if len(y) != len(X):
        raise DataError(f"y must have {len(X):,} rows, one per row of X. Got {len(y):,}.")
    return ArrayRows(X, y, name)


def _array(source: Any, name: str) -> Array:
    """An array, mapped where it is a file's."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if not path.is_file():
            raise FileNotFoundError(f"{name} must be a file. {str(path)!r} does not exist; check the path.")
        try:
            source = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise DataError(
                f"{path.name!r} must be a whole .npy file of numbers. {error}; take a copy of it."
            ) from None
        if not isinstance(source, np.ndarray):
            raise DataError(
                f"{path.name!r} must be a .npy file with one array in it; take the arrays apart with np.save."
            )
    array = source if isinstance(source, np.ndarray) else np.asarray(source)
    if array.dtype.kind not in "fiub" or array.ndim < 1:
        raise DataError(f"{name} must be an array of real numbers. Got dtype {array.dtype} of shape {array.shape}.")
    if array.ndim == 2 and array.flags.f_contiguous and not array.flags.c_contiguous and array.nbytes > PIECE_BYTES:
        raise DataError(
            f"{name} must hold its numbers row after row to be read in blocks. Got columns one after the other; "
            "save np.ascontiguousarray of it."
        )
    return array
