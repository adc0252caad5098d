"""Which tables can be read in blocks, and which are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from backstory.data.blocks import ArrowBlocks, Blocks, ParquetBlocks
from backstory.data.files import COMPRESSIONS, format_of, read, require_file
from backstory.data.frame import Frame
from backstory.data.texts import TextBlocks
from backstory.errors import DataError

IN_MEMORY_BYTES = 1 << 30
"""A table of more decoded bytes is read in blocks. It is the same bound on every machine, as results depend on it."""

STREAM = b"\xff" * 4
"""How an Arrow stream begins: the mark before each of its messages."""

FORMATS: dict[str, Callable[[Path], Blocks]] = {"parquet": ParquetBlocks, "arrow": ArrowBlocks, "csv": TextBlocks}


def is_blocked(path: Path) -> bool:
    """Whether a file is of a format that can be read in blocks."""
    return format_of(path)[0] in FORMATS and not _is_compressed(path) and not _is_stream(path)


def _is_compressed(path: Path) -> bool:
    return path.suffix.lower() in COMPRESSIONS


def _is_stream(path: Path) -> bool:
    """Whether a file holds Arrow's format for streams, which no table of contents ends."""
    if format_of(path)[0] != "arrow" or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(STREAM)) == STREAM


def is_large(path: Path) -> bool:
    """Whether a table is one to be read in blocks; for text, not yet decoded, the file's size tells."""
    if not path.is_file() or not is_blocked(path):
        return False
    if format_of(path)[0] == "csv":
        return path.stat().st_size > IN_MEMORY_BYTES
    blocks = open_blocks(path)
    return len(blocks) * blocks.row_bytes > IN_MEMORY_BYTES


def open_blocks(path: Path) -> Blocks:
    """Open a table file to be read in blocks.

    Raises
    ------
    DataError
        The file is empty, damaged, or of a format that has no blocks.
    FileNotFoundError
        There is none.
    """
    import pyarrow as pa

    require_file(path)
    kind = format_of(path)[0]
    if kind not in FORMATS:
        raise DataError(
            f"A table that is read in blocks must be Parquet, Arrow or text. Got {path.name!r}; convert it."
        )
    if _is_compressed(path):
        raise DataError(
            f"Compressed text must be unpacked to be read in blocks, as it is read from anywhere. Got {path.name!r}; "
            "unpack it, or write it as Parquet."
        )
    try:
        return FORMATS[kind](path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path.name!r} must be a whole {kind.capitalize()} file. {reason}; take a copy of it."
        ) from None


def frames_of(path: Path, target: str) -> Iterator[Frame]:
    """A table's rows, piece by piece where its format allows; else, and of short text, as `read` gives them."""
    if path.is_file() and is_blocked(path) and (format_of(path)[0] != "csv" or is_large(path)):
        yield from open_blocks(path).all_frames()
    else:
        yield read(path, target)
