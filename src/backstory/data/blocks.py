"""Tables on disk as blocks of rows: read piece by piece and in any order, never whole.

What a block is, the format says: a row group of Parquet, a record batch of Arrow or a stretch of one.
"""

from __future__ import annotations

import mmap
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from backstory.data.frame import Frame, checked, require_names
from backstory.errors import DataError

if TYPE_CHECKING:
    import pyarrow

PIECE_BYTES = 1 << 22
"""Decoded rows come in pieces of about so many bytes."""

STRETCH_BYTES = 1 << 18
"""What may be read from anywhere is read by stretches of about so many bytes: small ones mix well."""

FORGET_BYTES = 1 << 22
"""The pages of a mapped file are let go of after so many bytes."""

AROUND_BYTES = 1 << 16
"""Where a mapped file is touched, the system takes in what lies around, up to about so many bytes."""

MOST_PIECE_ROWS = 1 << 15
PAGE_BYTES = 1 << 20
"""What the usual writers of Parquet put into a page, which is what a reader holds of each column."""

READ_BYTES = 1 << 16
"""A column of a row group is read so many bytes at a time."""


class Blocks(ABC):
    """A table file in blocks.

    Attributes
    ----------
    path : Path
    name : str
        What messages call it.
    columns : tuple of str
    counts : tuple of int
        Rows of each block.
    firsts : ndarray of int64 (blocks + 1,)
        The file's row that each block begins with, and the number of all rows.
    row_bytes : int
        What a decoded row takes, about.
    open_bytes : int
        What a block that is being read takes, at most and about.
    """

    kind: ClassVar[str]
    """What a block is called in messages."""

    def __init__(self, path: Path, columns: Sequence[str], counts: Sequence[int], size: int, open_bytes: int) -> None:
        self.path, self.name = path, repr(path.name)
        self.columns = tuple(columns)
        require_names(self.name, self.columns)
        self.counts = tuple(counts)
        self.firsts = np.concatenate([[0], np.cumsum(self.counts, dtype=np.int64)])
        if not len(self):
            raise DataError(f"{self.name} must have at least one row. It has {len(self.columns)} columns and no rows.")
        self.row_bytes = max(1, -(-size // len(self)))
        self.open_bytes = open_bytes

    def __len__(self) -> int:
        return int(self.firsts[-1])

    @property
    def piece_rows(self) -> int:
        """How many rows are decoded at a time."""
        return min(max(PIECE_BYTES // self.row_bytes, 64), MOST_PIECE_ROWS)

    @abstractmethod
    def _tables(self, block: int, start: int, columns: Sequence[str] | None) -> Iterator[pyarrow.Table]:
        """A block's rows from `start` on, piece by piece."""

    def frames(self, block: int, start: int = 0, columns: Sequence[str] | None = None) -> Iterator[Frame]:
        """A block's rows from its row `start` on, piece by piece; a frame's rows are counted in the file.

        Raises
        ------
        DataError
            The block cannot be read; it is named.
        """
        import pyarrow as pa

        at = int(self.firsts[block]) + start
        try:
            for table in self._tables(block, start, columns):
                table.validate(full=True)  # as `backstory.data.files` does
                yield self._frame(table, at)
                at += table.num_rows
        except (pa.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())
            raise DataError(
                f"{self.name} must be a whole file. Its {self.kind} {block} (from row {self.firsts[block]:,} on) "
                f"could not be read: {reason.rstrip('.')}; take a copy of it."
            ) from None

    def _frame(self, table: pyarrow.Table, first: int) -> Frame:
        return checked(Frame(table, self.name, rows=np.arange(first, first + table.num_rows)))

    def all_frames(self, columns: Sequence[str] | None = None) -> Iterator[Frame]:
        """All rows in the file's order."""
        for block in range(len(self.counts)):
            yield from self.frames(block, 0, columns)


class ParquetBlocks(Blocks):
    """Parquet by row groups; of a large one only the pages that are being decoded are held."""

    kind = "row group"

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self._file = parquet.ParquetFile(path, buffer_size=READ_BYTES, pre_buffer=False)
        metadata = self._file.metadata
        groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
        size = sum(group.total_byte_size for group in groups)
        schema = self._file.schema_arrow
        super().__init__(path, schema.names, [group.num_rows for group in groups], size, 0)
        widest = max(groups, key=lambda group: group.total_byte_size)
        # What the file says of single columns is not asked for: where it is damaged, pyarrow ends the process.
        self.open_bytes = min(widest.total_byte_size, 2 * PAGE_BYTES * widest.num_columns) + PIECE_BYTES

    def _tables(self, block: int, start: int, columns: Sequence[str] | None) -> Iterator[pyarrow.Table]:
        import pyarrow as pa

        chosen = None if columns is None else list(columns)
        skipped = 0
        for batch in self._file.iter_batches(self.piece_rows, [block], columns=chosen, use_threads=False):
            rest = max(start - skipped, 0)
            skipped += batch.num_rows
            if rest < batch.num_rows:
                yield pa.Table.from_batches([batch.slice(rest)])


class ArrowBlocks(Blocks):
    """Arrow files by record batches; one that is not compressed is read where it lies, by stretches."""

    kind = "record batch"

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self._readers: dict[tuple[str, ...] | None, Any] = {}
        self._read = 0
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            reader = self._reader(None)
        except pa.ArrowInvalid:
            raise DataError(
                f"{path.name!r} must be an Arrow file to be read in blocks, not a stream; write it with "
                "pyarrow.ipc.new_file, or as Parquet."
            ) from None
        names, n = reader.schema.names, reader.num_record_batches
        self._in_place = all(self._lies_in_the_file(reader.get_batch(place)) for place in range(min(n, 1)))
        counting = reader if self._in_place else self._reader(names[:1])
        sizes = [counting.get_batch(place).num_rows for place in range(n)]
        self._places: list[tuple[int, int]] = []  # of each block: its record batch, and its first row there
        counts, size, held = [], 0, PIECE_BYTES
        if any(sizes):
            largest = reader.get_batch(int(np.argmax(sizes)))
            row_bytes = -(-largest.nbytes // largest.num_rows)
            size = row_bytes * sum(sizes)
            held = PIECE_BYTES if self._in_place else largest.nbytes
            stretch = max(4 * STRETCH_BYTES // row_bytes, 64) if self._in_place else largest.num_rows
            for place, rows in enumerate(sizes):
                for first in range(0, rows, stretch):
                    self._places.append((place, first))
                    counts.append(min(stretch, rows - first))
        super().__init__(path, names, counts, size, held)

    def _reader(self, columns: Sequence[str] | None) -> Any:
        import pyarrow as pa

        source = pa.BufferReader(pa.py_buffer(self._map))
        if columns is None:
            return pa.ipc.open_file(source)
        names = pa.ipc.open_file(source).schema.names
        chosen = [names.index(name) for name in columns]
        return pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(included_fields=chosen, use_threads=False))

    def _lies_in_the_file(self, batch: Any) -> bool:
        import pyarrow as pa

        begin = pa.py_buffer(self._map).address
        held = [buffer for column in batch.columns for buffer in column.buffers() if buffer is not None and buffer.size]
        return all(begin <= buffer.address < begin + len(self._map) for buffer in held)

    def _tables(self, block: int, start: int, columns: Sequence[str] | None) -> Iterator[pyarrow.Table]:
        import pyarrow as pa

        place, first = self._places[block]
        key = None if columns is None or self._in_place else tuple(columns)  # a reader of some columns copies them
        reader = self._readers.get(key) or self._readers.setdefault(key, self._reader(key))
        batch, end = reader.get_batch(place), first + self.counts[block]
        batch = batch if columns is None else batch.select(list(columns))
        for at in range(first + start, end, self.piece_rows):
            if self._read > FORGET_BYTES:  # here, where all that was read before is encoded, or let go of
                forget(self._map)
                self._read = 0
            piece = batch.slice(at, min(self.piece_rows, end - at))
            self._read += piece.nbytes + len(piece.columns) * AROUND_BYTES
            yield pa.Table.from_batches([piece])


def forget(mapped: mmap.mmap) -> None:
    """Let go of the pages of a mapped file that were read; they stay in the system's cache, and are not lost."""
    mapped.madvise(mmap.MADV_DONTNEED)
