"""Some rows of a table on disk: the same as those of the whole table, and of blocks only those that are needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

import backstory as bs
from backstory.data import blocks
from backstory.data.files import read
from backstory.data.some_rows import read_rows

TABLE = pa.table({"x": np.arange(1000.0), "name": [f"n{i % 7}" for i in range(1000)], "y": np.arange(1000) % 3})
WRITE = {
    "t.parquet": lambda path: parquet.write_table(TABLE, path, row_group_size=100),
    "t.csv": lambda path: csv.write_csv(TABLE, path),
    "t.npz": lambda path: np.savez(path, X=np.arange(1000.0)[:, None], y=np.arange(1000) % 3),
}


def write_arrow(path: Path, kind: object) -> None:
    with kind(path, TABLE.schema) as writer:  # type: ignore[operator]  # one of pyarrow's writers
        for batch in TABLE.to_batches(max_chunksize=100):
            writer.write_batch(batch)


WRITE["file.arrow"] = lambda path: write_arrow(path, pa.ipc.new_file)
WRITE["stream.arrow"] = lambda path: write_arrow(path, pa.ipc.new_stream)


@pytest.mark.parametrize("name", WRITE)
@pytest.mark.parametrize("rows", [[0], [999], [5, 99, 100, 101, 350, 777], range(1000), range(250, 620)])
def test_rows_are_those_of_the_whole_table(name: str, rows: object, tmp_path: Path) -> None:
    WRITE[name](tmp_path / name)
    wanted = np.array(rows, dtype=np.int64)
    found, whole = read_rows(tmp_path / name, wanted), read(tmp_path / name).take(wanted)
    assert found.data.equals(whole.data)
    assert found.name == whole.name
    np.testing.assert_array_equal(found.rows, wanted)


def test_other_blocks_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    WRITE["t.parquet"](tmp_path / "t.parquet")
    read, frames = [], blocks.ParquetBlocks.frames
    monkeypatch.setattr(
        blocks.ParquetBlocks, "frames", lambda self, block, *more: read.append(block) or frames(self, block, *more)
    )
    read_rows(tmp_path / "t.parquet", np.arange(250, 401))
    assert read == [2, 3, 4]


@pytest.mark.parametrize("name", WRITE)
def test_a_shorter_table_is_refused(name: str, tmp_path: Path) -> None:
    WRITE[name](tmp_path / name)
    with pytest.raises(bs.errors.DataError, match=rf"'{name}' must have at least 1,001 rows\. Got 1,000; give all"):
        read_rows(tmp_path / name, np.array([3, 1000]))
