"""Some rows of a table on disk: of Parquet and Arrow only the blocks that hold them are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backstory.data.blocks import Blocks
from backstory.data.files import format_of, read
from backstory.data.frame import Frame
from backstory.data.opening import open_blocks
from backstory.errors import DataError


def read_rows(path: Path, rows: NDArray[np.int64], target: str | None = None) -> Frame:
    """Read some rows of a table, in their order.

    Of Parquet and of Arrow files only the blocks are read that hold them, piece by piece; other tables are read whole.

    Parameters
    ----------
    path : Path
    rows : ndarray (n,) of int64, ascending
    target : str, optional
        As for `read`.

    Returns
    -------
    Frame
        Whose `rows` are these.

    Raises
    ------
    DataError
        As for `read`; or the table has fewer rows.
    """
    if format_of(path)[0] in ("parquet", "arrow"):
        try:
            return _from_blocks(open_blocks(path), rows)
        except DataError:
            pass  # an Arrow stream has no blocks, and what else is wrong is said by who reads it whole
    frame = read(path, target)
    _require(frame.name, len(frame), rows)
    return frame.take(rows)


def _from_blocks(blocks: Blocks, rows: NDArray[np.int64]) -> Frame:
    import pyarrow as pa

    _require(blocks.name, len(blocks), rows)
    tables = []
    bounds = np.searchsorted(rows, blocks.firsts)
    for block in np.flatnonzero(np.diff(bounds)).tolist():
        wanted = rows[bounds[block] : bounds[block + 1]]
        for piece in blocks.frames(block, int(wanted[0] - blocks.firsts[block])):
            assert piece.rows is not None
            first, stop = np.searchsorted(wanted, [piece.rows[0], piece.rows[-1] + 1])
            if first < stop:
                tables.append(piece.data.take(wanted[first:stop] - piece.rows[0]))
            if stop == len(wanted):
                break
    return Frame(pa.concat_tables(tables), blocks.name, rows=rows)


def _require(name: str, n: int, rows: NDArray[np.int64]) -> None:
    if len(rows) and rows[-1] >= n:
        raise DataError(
            f"{name} must have at least {int(rows[-1]) + 1:,} rows. Got {n:,}; give all processes one file."
        )
