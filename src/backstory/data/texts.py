"""Delimited text as blocks, stretches of whole lines: a large file is parsed piece by piece and in any order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from backstory.data.blocks import Blocks
from backstory.data.files import (
    DELIMITERS,
    broken_text,
    first_record,
    format_of,
    guess_delimiter,
    text_options,
    widened,
)
from backstory.data.frame import Frame
from backstory.errors import DataError

if TYPE_CHECKING:
    import pyarrow

BLOCK_BYTES = 1 << 21


class TextBlocks(Blocks):
    """CSV and TSV by stretches of whole records; the columns' types suit all of them, as `files.read` finds them."""

    kind = "stretch"

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, repr(path.name)
        self._delimiter = DELIMITERS.get(format_of(path)[1]) or guess_delimiter(path, self.name)
        try:
            self._record = first_record(path, self._delimiter)
        except UnicodeDecodeError:
            raise DataError(f"{self.name} must be UTF-8 text. Its first line is not; save the file as UTF-8.") from None
        self._types: dict[str, pyarrow.DataType] = {}
        begin = self._first(path)
        self._ends = [end for end in cuts(path, BLOCK_BYTES) if end > begin]
        self._starts = [begin, *self._ends[:-1]]
        counts, size = [], 0
        for place in range(len(self._ends)):
            table = self._parsed(place, None)
            counts.append(table.num_rows)
            size += table.nbytes
        names = [column.strip() for column in self._record]
        super().__init__(path, names, counts, size, 4 * BLOCK_BYTES)
        self._require_texts()

    def _first(self, path: Path) -> int:
        """Where the first record after the header begins."""
        with path.open("rb") as file:
            text = b""
            while line := file.readline():
                text += line
                if text.strip(b"\r\n\xef\xbb\xbf") and not text.count(b'"') % 2:
                    break
            return file.tell()

    def _bytes(self, place: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self._starts[place])
            return file.read(self._ends[place] - self._starts[place])

    def _parsed(self, place: int, columns: Sequence[str] | None) -> pyarrow.Table:
        """A stretch as a table; a column's type is that of the first, widened where a later value has no place."""
        import pyarrow as pa
        from pyarrow import csv

        content = self._bytes(place)
        if not content.strip():
            return pa.table({name: pa.array([], self._types.get(name, pa.null())) for name in self._record})
        read = csv.ReadOptions(column_names=self._record, block_size=max(len(content), 1), use_threads=False)
        while True:
            parse, convert = text_options(self._delimiter, self._types)
            if columns is not None:
                convert.include_columns = [self._record[self.columns.index(name)] for name in columns]
            try:
                table = csv.read_csv(pa.BufferReader(content), read, parse, convert)
            except pa.ArrowInvalid as error:
                if columns is not None or not widened(error, self._types, self._record):
                    raise DataError(self._broken(error)) from None
            else:
                if columns is None:
                    found = zip(self._record, table.schema.types, strict=True)
                    self._types = {name: kind for name, kind in found if kind != pa.null()} | self._types
                return table

    def _broken(self, error: Exception) -> str:
        reason = str(error).rstrip(".")
        return broken_text(self.path, self.name, self._delimiter) or f"{self.name} must be a readable table. {reason}."

    def _require_texts(self) -> None:
        import pyarrow as pa

        for column, kind in self._types.items():
            if pa.types.is_binary(kind):
                raise DataError(f"{self.name} must be UTF-8 text. Column {column!r} is not; save the file as UTF-8.")

    def _tables(self, block: int, start: int, columns: Sequence[str] | None) -> Iterator[pyarrow.Table]:
        table = self._parsed(block, self.columns if columns is None else columns)
        table = table.rename_columns([name.strip() for name in table.column_names])
        for at in range(start, table.num_rows, self.piece_rows):
            yield table.slice(at, self.piece_rows)

    def _frame(self, table: pyarrow.Table, first: int) -> Frame:
        frame = super()._frame(table, first)
        return replace(frame, text=self.path, delimiter=self._delimiter)


def cuts(path: Path, size: int) -> Iterator[int]:
    """Where stretches of about so many bytes end: after a line break that is in no quotes, and at the file's end.

    A quote that belongs to a field's text without quotes around it is counted as one; where fields also hold line
    breaks in quotes, such a file may be cut within a record, which its number of fields betrays.
    """
    with path.open("rb") as file:
        at, rest = 0, b""
        while more := file.read(size):
            text = rest + more
            end = _last_break(text)
            rest = text[end:]
            if end:
                at += end
                yield at
        if rest:
            yield at + len(rest)


def _last_break(text: bytes) -> int:
    """How long the whole records are that a text begins with; 0 where there is none."""
    end = text.rfind(b"\n") + 1
    quotes = text.count(b'"', 0, end)
    while end and quotes % 2:
        before = text.rfind(b"\n", 0, end - 1) + 1
        quotes -= text.count(b'"', before, end)
        end = before
    return end


def cached(path: Path, folder: str | os.PathLike[str] | None) -> Path:
    """The Parquet file that a folder keeps of a text; any other file itself."""
    return path if folder is None or format_of(path)[0] != "csv" else to_parquet(path, Path(folder))


def to_parquet(path: Path, folder: Path) -> Path:
    """Text written as Parquet into a folder, once: a later call finds it, as long as the text is the same file.

    Raises
    ------
    DataError
        It is no readable table.
    OSError
        The folder cannot be written to.
    """
    from pyarrow import parquet

    state = path.stat()
    out = folder / f"{path.name}.{state.st_size}.{state.st_mtime_ns}.parquet"
    if out.exists():
        return out
    folder.mkdir(parents=True, exist_ok=True)
    blocks = TextBlocks(path)
    part = out.with_suffix(".part")
    try:
        schema = next(blocks.all_frames()).data.schema
        with parquet.ParquetWriter(part, schema) as writer:
            for frame in blocks.all_frames():
                writer.write_table(frame.data)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return out
