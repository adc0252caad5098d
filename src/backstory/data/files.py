"""Tables on disk: CSV and TSV (compressed too), Parquet, Arrow and .npz in; the same out."""

from __future__ import annotations

import csv
import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.frame import MISSING, Frame, as_frame, checked
from backstory.data.wording import line_of, listed
from backstory.errors import DataError, fits_memory, nearest

if TYPE_CHECKING:
    import pyarrow

FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow", ".npz": "npz",
}  # fmt: skip
COMPRESSIONS = (".gz", ".bz2", ".zst", ".lz4")
DELIMITERS = {".tsv": "\t", ".tab": "\t"}


def format_of(path: Path) -> tuple[str, str]:
    """(format, suffix) by the file's name, a compression's suffix aside.

    >>> format_of(Path("adult.csv.gz"))
    ('csv', '.csv')

    Raises
    ------
    DataError
        A suffix of no known format.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in FORMATS:
        endings, packed = ", ".join(FORMATS), ", ".join(COMPRESSIONS)
        raise DataError(
            f"A table's file name must end in {endings} (text may be compressed: {packed}). Got {str(path)!r}."
        )
    return FORMATS[suffixes[-1]], suffixes[-1]


def read(path: Path, target: str | None = None) -> Frame:
    """Read a table; its types are inferred.

    Parameters
    ----------
    path : Path
    target : str, optional
        For .npz: the array of targets (default ``y``). Inputs are the array ``X``, or for a target ``y_train`` the
        array ``X_train``, with columns named by an array ``feature_names`` or else x0, x1, ...; or the other arrays
        (n,), each a column.

    Raises
    ------
    DataError
        The file is empty, broken (the line is named) or of an unknown format.
    FileNotFoundError
        There is none.
    """
    require_file(path)
    kind, suffix = format_of(path)
    name = repr(path.name)
    if kind == "csv":
        frame = _read_text(path, name, suffix)
    elif kind == "npz":
        frame = _read_npz(path, name, target)
    else:
        frame = Frame(_read_binary(path, name, kind), name)
    frame = checked(frame)
    if not len(frame):
        raise DataError(f"{name} must have at least one row. It has {len(frame.columns)} columns and no rows.")
    return frame


def require_file(path: Path) -> None:
    """Raise FileNotFoundError where there is none, DataError for another format or an empty file."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"The table must be a file. {str(path)!r} {what}; check the path.")
    format_of(path)
    if path.stat().st_size == 0:
        raise DataError(f"{path.name!r} must hold a table. The file is empty.")


def _read_text(path: Path, name: str, suffix: str) -> Frame:
    import pyarrow as pa

    delimiter = DELIMITERS.get(suffix) or guess_delimiter(path, name)
    try:
        table = _parse_text(path, delimiter)
    except pa.ArrowInvalid as error:
        raise DataError(broken_text(path, name, delimiter) or f"{name} must be a readable table. {error}.") from None
    except OSError as error:
        raise DataError(f"{name} must be a readable file. {error}; take a copy of it.") from None
    try:
        table = table.rename_columns([column.strip() for column in table.column_names])
    except UnicodeDecodeError:
        raise DataError(f"{name} must be UTF-8 text. Its first line is not; save the file as UTF-8.") from None
    for column, field in zip(table.column_names, table.schema, strict=True):
        if pa.types.is_binary(field.type):
            raise DataError(f"{name} must be UTF-8 text. Column {column!r} is not; save the file as UTF-8.")
    return Frame(table, name, path, delimiter)


def _parse_text(path: Path, delimiter: str) -> pyarrow.Table:
    """Parse it; a column has the type of its first megabyte, widened where a later value has no place in it."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    types: dict[str, pyarrow.DataType] = {}
    while True:
        parse, convert = text_options(delimiter, types)
        try:
            return arrow_csv.read_csv(str(path), parse_options=parse, convert_options=convert)
        except pa.ArrowInvalid as error:
            if not widened(error, types, first_record(path, delimiter)):
                raise


def text_options(delimiter: str, types: dict[str, pyarrow.DataType]) -> tuple[Any, Any]:
    """How text is parsed, and its fields are converted."""
    from pyarrow import csv as arrow_csv

    parse = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    return parse, arrow_csv.ConvertOptions(null_values=sorted(MISSING), column_types=types)


def widened(error: Exception, types: dict[str, pyarrow.DataType], columns: Sequence[str]) -> bool:
    """Whether a conversion failed because a type was too narrow, which is then widened."""
    import pyarrow as pa

    found = re.match(r"In CSV column #(\d+): (?:Row #\d+: )?CSV conversion error to (\S+): invalid value", str(error))
    column = "" if found is None else columns[int(found[1])]
    if found is None or types.get(column) == pa.string():
        return False
    types[column] = pa.float64() if found[2] == "int64" else pa.string()
    return True


def first_record(path: Path, delimiter: str) -> list[str]:
    """The fields of the first line with text."""
    with _open_text(path) as file:
        return next(record for record in csv.reader(file, delimiter=delimiter) if record)


def _open_text(path: Path) -> io.TextIOWrapper:
    import pyarrow as pa

    return io.TextIOWrapper(
        pa.input_stream(str(path), compression="detect"), encoding="utf-8-sig", errors="replace", newline=""
    )


def guess_delimiter(path: Path, name: str) -> str:
    """The one of comma, semicolon and tab that is most frequent in the header line."""
    try:
        with _open_text(path) as file:
            header = next((line for line in file if line.strip()), "")
    except OSError as error:
        raise DataError(f"{name} must be a readable file. {error}; take a copy of it.") from None
    if not header:
        raise DataError(f"{name} must hold a table. The file has no lines with text.")
    return max(",;\t", key=header.count)


def broken_text(path: Path, name: str, delimiter: str) -> str | None:
    """Which line has another number of fields than the header, as a message."""
    with _open_text(path) as file:
        reader = csv.reader(file, delimiter=delimiter)
        wanted, row = None, -2
        try:
            for record in reader:
                row += bool(record)
                wanted = wanted or len(record)
                if record and len(record) != wanted:
                    line = line_of(path, delimiter, row)
                    return (
                        f"Every line of {name} must have {wanted} fields, as the first has. "
                        f"Got {len(record)} in line {line}; correct that line."
                    )
        except csv.Error:
            return None
    return None


def _read_binary(path: Path, name: str, kind: str) -> pyarrow.Table:
    import pyarrow as pa

    try:
        table = _read_parquet(path, name) if kind == "parquet" else _read_arrow(path)
        table.validate(full=True)  # offsets that point out of a column would end the process later on
        return table.rename_columns(table.column_names)  # which must be UTF-8 too
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{name} must be a whole {kind.capitalize()} file. {reason}; take a copy of it.") from None


def _read_parquet(path: Path, name: str) -> pyarrow.Table:
    from pyarrow import parquet

    found = parquet.read_metadata(path)
    size = max(
        found.num_rows * found.num_columns, sum(found.row_group(g).total_byte_size for g in range(found.num_row_groups))
    )
    if not fits_memory(size):
        raise DataError(
            f"{name} must fit in memory. It has {found.num_rows:,} rows of {found.num_columns:,} columns; "
            "take some of its rows or columns."
        )
    return parquet.read_table(path)


def _read_arrow(path: Path) -> pyarrow.Table:
    import pyarrow as pa

    try:
        return pa.ipc.open_file(str(path)).read_all()
    except pa.ArrowInvalid:
        with pa.OSFile(str(path)) as file:
            return pa.ipc.open_stream(file).read_all()


def _read_npz(path: Path, name: str, target: str | None) -> Frame:
    stored = stored_arrays(path)
    target = "y" if target is None else target
    matrix = inputs_key(stored, target)
    if matrix is None:
        columns = {key: value for key, value in stored.items() if value.ndim == 1}
        _check_npz_columns(columns, stored, name, target)
        return as_frame(columns, name)
    X = stored[matrix]
    X = X[:, None] if X.ndim == 1 else X
    if X.ndim != 2:
        raise DataError(
            f"The array {matrix!r} of {name} must have shape (n, columns). Got {X.shape}; "
            "reshape it to one row per sample."
        )
    names = _feature_names(stored, X.shape[1])
    columns = dict(zip(names, np.ascontiguousarray(X.T), strict=True))
    if target in stored:
        y = stored[target]
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        if y.shape != (len(X),):
            raise DataError(
                f"The array {target!r} of {name} must have shape ({len(X)},), a target for each row of {matrix!r}. "
                f"Got {y.shape}."
            )
        if target in columns:
            raise DataError(f"The target {target!r} of {name} must not be one of its feature_names too; rename it.")
        columns[target] = y
    return as_frame(columns, name)


def stored_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file by name. No code is run from it.

    Raises
    ------
    DataError
        It is damaged, holds objects, or says that it holds more than the machine has memory for.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if not fits_memory(size):
            raise MemoryError(f"It holds {size:,} bytes, more than there is memory")
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except Exception as error:  # damaged bytes make the readers below raise nearly everything
        raise DataError(
            f"{path.name!r} must be a whole .npz file of plain arrays. {error}; take a copy of it."
        ) from None


def inputs_key(stored: dict[str, NDArray[Any]], target: str) -> str | None:
    """Which array holds the inputs: ``X``, or the twin of a target such as ``y_train``; None when columns are apart.

    >>> inputs_key({"X_train": np.ones((2, 1)), "y_train": np.ones(2)}, "y_train")
    'X_train'
    """
    twin = re.sub(r"^[yY]", "X", target)
    return next((key for key in (twin, twin.lower(), "X", "x") if key in stored and key != target), None)


def _feature_names(stored: dict[str, NDArray[Any]], n: int) -> list[str]:
    names = stored.get("feature_names")
    if names is not None and names.shape == (n,):
        return [str(name) for name in names]
    return [f"x{index}" for index in range(n)]


def _check_npz_columns(
    columns: dict[str, NDArray[Any]], stored: dict[str, NDArray[Any]], name: str, target: str
) -> None:
    """Raise DataError unless the arrays are columns of one length and more than the target is there."""
    lengths = {len(column) for column in columns.values()}
    if len(columns) < 2 or len(columns) < len(stored) or len(lengths) != 1:
        guess = nearest(target, stored)
        hint = f" Did you mean --target {guess}?" if guess not in (None, target) else ""
        arrays = listed(f"{key} {value.shape}" for key, value in stored.items())
        raise DataError(
            f"{name} must hold arrays X (n, columns) and y (n,), or X_... for a target y_..., or one array (n,) per "
            f"column. Got {arrays}.{hint}"
        )


def write(path: Path, columns: dict[str, Any]) -> None:
    """Write columns in the format that the path's suffix names; an older file is replaced at once or left as it was.

    Raises
    ------
    DataError
        A suffix of no known format.
    OSError
        The place cannot be written.
    """
    with writing(path) as add:
        add(columns)


@contextmanager
def writing(path: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Write columns that come in parts, each with more rows; raises as `write`, and replaces a file at the end."""
    part = path.with_name(f".{os.getpid()}.{path.name}")  # the same suffixes, which name the format
    kind, suffix = format_of(path)
    try:
        with _WRITERS[kind](part, suffix) as add:
            yield add
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _writing_npz(path: Path, suffix: str) -> Iterator[Callable[[dict[str, Any]], None]]:
    parts: list[dict[str, Any]] = []
    yield parts.append
    whole: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    np.savez(path, **whole)


@contextmanager
def _writing_binary(path: Path, suffix: str) -> Iterator[Callable[[dict[str, Any]], None]]:
    import pyarrow as pa
    from pyarrow import parquet

    with ExitStack() as opened:
        writer: Any = None

        def add(columns: dict[str, Any]) -> None:
            nonlocal writer
            table = pa.table(columns)
            if writer is None and FORMATS[suffix] == "parquet":
                writer = opened.enter_context(parquet.ParquetWriter(path, table.schema))
            elif writer is None:
                writer = opened.enter_context(
                    pa.ipc.new_file(opened.enter_context(pa.OSFile(str(path), "wb")), table.schema)
                )
            writer.write_table(table)

        yield add


@contextmanager
def _writing_text(path: Path, suffix: str) -> Iterator[Callable[[dict[str, Any]], None]]:
    import pyarrow as pa

    with pa.output_stream(str(path), compression="detect") as stream:
        yield text_writer(stream.write, DELIMITERS.get(suffix, ","))


def text_writer(write: Callable[[bytes], object], delimiter: str = ",") -> Callable[[dict[str, Any]], None]:
    """What writes columns that come in parts as delimited text, the header once."""
    begun = False

    def add(columns: dict[str, Any]) -> None:
        nonlocal begun
        write(to_text(columns, delimiter, header=not begun))
        begun = True

    return add


_WRITERS = {"npz": _writing_npz, "parquet": _writing_binary, "arrow": _writing_binary, "csv": _writing_text}


def to_text(columns: dict[str, Any], delimiter: str = ",", header: bool = True) -> bytes:
    r"""Columns as delimited text with a header, quoted only where needed.

    >>> to_text({"a": np.array([1, 2]), "b": np.array(["x", "y, z"])})
    b'a,b\n1,x\n2,"y, z"\n'
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    if header:
        writer.writerow(columns)
    writer.writerows(zip(*(_plain(column) for column in columns.values()), strict=True))
    return text.getvalue().encode()


def _plain(column: Any) -> list[Any]:
    """Values as Python writes them: float32 in its own few digits, not float64's."""
    array = np.asarray(column)
    return [str(value) for value in array] if array.dtype.kind == "f" else array.tolist()
