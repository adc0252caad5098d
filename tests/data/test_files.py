"""Tables on disk: every format read and written, broken files refused with the line."""

from __future__ import annotations

import bz2
import gzip
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from backstory.data.files import read, to_text, write
from backstory.errors import DataError

TEXT = "a,b,t\n1,0.5,x\n2,1.5,y\n"
COLUMNS = {"a": [1, 2], "b": [0.5, 1.5], "t": ["x", "y"]}


def refused(path: Path, target: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read(path, target)
    return str(caught.value)


def file(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "t.npz", **arrays)
    return folder / "t.npz"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", TEXT.encode()),
        ("t.CSV", TEXT.encode()),
        ("t.csv", b"\xef\xbb\xbf" + TEXT.encode()),
        ("t.csv", TEXT.replace("\n", "\r\n").encode()),
        ("t.csv", TEXT.replace(",", ";").encode()),
        ("t.csv", TEXT.replace(",", " , ", 2).encode()),
        ("t.tsv", TEXT.replace(",", "\t").encode()),
        ("t.txt", TEXT.replace(",", "\t").encode()),
        ("t.csv.gz", gzip.compress(TEXT.encode())),
        ("t.csv.bz2", bz2.compress(TEXT.encode())),
    ],
    ids=["csv", "upper-case", "byte-order-mark", "crlf", "semicolons", "spaces", "tsv", "txt", "gz", "bz2"],
)
def test_text_is_read(tmp_path: Path, name: str, content: bytes) -> None:
    frame = read(file(tmp_path, content, name))
    assert frame.data.to_pydict() == COLUMNS


@pytest.mark.parametrize(
    ("last", "first_value", "last_value"),
    [("7", 2, 7), ("1.5", 2.0, 1.5), ("3+", "2", "3+"), ("?", 2, None), ("2026-01-31", "2", "2026-01-31")],
)
def test_a_type_that_shows_late_is_that_of_the_whole_column(
    tmp_path: Path, last: str, first_value: Any, last_value: Any
) -> None:
    """Types are guessed from the first megabyte; what comes after it may be of another."""
    column = read(file(tmp_path, "a,b\n" + "1,2\n" * 300_000 + f"1,{last}\n")).data["b"]
    assert (column[0].as_py(), column[-1].as_py()) == (first_value, last_value)


@pytest.mark.parametrize(
    "suffix",
    [".csv", ".csv.gz", ".csv.bz2", ".csv.zst", ".csv.lz4", ".tsv.gz", ".tsv", ".parquet", ".arrow", ".feather"],
)
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    write(path, {name: np.array(values) for name, values in COLUMNS.items()})
    assert read(path).data.to_pydict() == COLUMNS
    assert list(tmp_path.iterdir()) == [path]


def test_an_arrow_stream_is_read(tmp_path: Path) -> None:
    table = pa.table(COLUMNS)
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    assert read(tmp_path / "t.arrow").data.to_pydict() == COLUMNS


def test_an_npz_is_written_as_arrays(tmp_path: Path) -> None:
    write(tmp_path / "t.npz", {"y": np.array([1.0, 2.0])})
    with np.load(tmp_path / "t.npz") as arrays:
        assert arrays["y"].tolist() == [1.0, 2.0]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = file(tmp_path, TEXT)
    with pytest.raises(ValueError, match="is longer than"):
        write(path, {"a": [1], "b": [1, 2]})
    assert path.read_text(encoding="utf-8") == TEXT
    assert list(tmp_path.iterdir()) == [path]


def test_numbers_are_written_in_their_own_digits() -> None:
    columns = {"p": np.array([0.1], dtype=np.float32), "q": np.array([True])}
    assert to_text(columns) == b"p,q\n0.1,True\n"


X, Y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 1])


@pytest.mark.parametrize(
    ("arrays", "target", "columns"),
    [
        ({"X": X, "y": Y}, None, ("x0", "x1", "y")),
        ({"X": X, "y": Y[:, None]}, None, ("x0", "x1", "y")),
        ({"X": X, "y": Y, "feature_names": np.array(["u", "v"])}, None, ("u", "v", "y")),
        ({"X": X, "z": Y}, "z", ("x0", "x1", "z")),
        ({"X_train": X, "y_train": Y, "X_test": X[:1], "y_test": Y[:1]}, "y_train", ("x0", "x1", "y_train")),
        ({"X": X[:, 0], "y": Y}, None, ("x0", "y")),
        ({"X": X}, None, ("x0", "x1")),
        ({"u": X[:, 0], "v": X[:, 1], "z": Y}, "z", ("u", "v", "z")),
    ],
)
def test_npz_layouts(tmp_path: Path, arrays: Any, target: str | None, columns: tuple[str, ...]) -> None:
    frame = read(npz(tmp_path, **arrays), target)
    assert frame.columns == columns
    np.testing.assert_array_equal(frame.numbers(columns[0]), X[:, 0])


@pytest.mark.parametrize(
    ("arrays", "target", "text"),
    [
        (
            {"X": X, "y": Y[:2]},
            None,
            "The array 'y' of 't.npz' must have shape (3,), a target for each row of 'X'. Got (2,).",
        ),
        ({"X": X[None], "y": Y}, None, "The array 'X' of 't.npz' must have shape (n, columns). Got (1, 3, 2);"),
        ({"X_train": X, "y_train": Y}, "y_trian", "Got X_train (3, 2), y_train (3,). Did you mean --target y_train?"),
        ({"X": X, "y": Y, "feature_names": np.array(["y", "v"])}, None, "must not be one of its feature_names too"),
        ({"X": np.array([None])}, None, "'t.npz' must be a whole .npz file of plain arrays."),
    ],
)
def test_npz_refused(tmp_path: Path, arrays: Any, target: str | None, text: str) -> None:
    assert text in refused(npz(tmp_path, **arrays), target)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "'t.csv' must hold a table. The file is empty."),
        ("\n\n", "'t.csv' must hold a table. The file has no lines with text."),
        ("a,b,t\n", "'t.csv' must have at least one row. It has 3 columns and no rows."),
        (
            "a,b\n1,2\n\n3\n",
            "Every line of 't.csv' must have 2 fields, as the first has. Got 1 in line 4; correct that line.",
        ),
        ("a,b,a\n1,2,3\n", "The columns of 't.csv' must have different names. 'a' comes twice; rename one."),
        (b"a,b\n1,\xe9\n", "'t.csv' must be UTF-8 text. Column 'b' is not; save the file as UTF-8."),
        (b"gr\xf6sse,b\n1,2\n", "'t.csv' must be UTF-8 text. Its first line is not; save the file as UTF-8."),
    ],
)
def test_text_refused(tmp_path: Path, content: str | bytes, text: str) -> None:
    assert refused(file(tmp_path, content)) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.parquet", "'t.parquet' must be a whole Parquet file."),
        ("t.arrow", "'t.arrow' must be a whole Arrow file."),
        ("t.npz", "'t.npz' must be a whole .npz file of plain arrays."),
        ("t.csv.gz", "'t.csv.gz' must be a readable file."),
        ("t.xlsx", "A table's file name must end in .csv, .tsv, .tab, .txt, .parquet"),
    ],
)
def test_foreign_files_are_refused(tmp_path: Path, name: str, text: str) -> None:
    assert refused(file(tmp_path, b"\x00\x01 this is none", name)).startswith(text)


@pytest.mark.parametrize("name", ["t.parquet", "t.npz", "t.arrow", "t.csv.gz"])
def test_files_cut_short_are_refused(tmp_path: Path, name: str) -> None:
    many = {"a": np.random.default_rng(0).normal(size=20_000)}
    write(tmp_path / name, many)
    file(tmp_path, (tmp_path / name).read_bytes()[:50_000], name)
    assert refused(tmp_path / name).endswith("; take a copy of it.")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=re.escape("The table must be a file.") + ".*does not exist"):
        read(tmp_path / "no.csv")
    with pytest.raises(FileNotFoundError, match="is a folder"):
        read(tmp_path)


def test_real_files(shared: Path) -> None:
    frame = read(shared / "data" / "wine_quality.csv.gz")
    assert (len(frame), frame.columns[-2:]) == (6497, ("quality", "color"))
    frame = read(shared / "data" / "california_housing.npz")
    assert (len(frame), frame.columns[0]) == (20640, "MedInc")


def test_parquet_metadata_is_no_column(tmp_path: Path) -> None:
    parquet.write_table(pa.table(COLUMNS).replace_schema_metadata({"pandas": "{}"}), tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet").columns == ("a", "b", "t")
