"""Delimited text in blocks: the rows and types that reading it whole gives, wherever it is cut."""

from __future__ import annotations

import csv
import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.data import texts
from backstory.data.files import read
from backstory.data.opening import is_blocked, open_blocks
from backstory.data.texts import TextBlocks, cuts, to_parquet
from backstory.errors import DataError

TEXT = st.text(st.sampled_from('ab ,;"\n\r1.x'), max_size=6)


@given(rows=st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=30), size=st.integers(1, 60))
def test_no_record_is_cut(tmp_path_factory, rows, size):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path = tmp_path_factory.mktemp("cuts") / "t.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    content, found, at = path.read_bytes().decode(), [], 0
    for end in cuts(path, size):
        found += list(csv.reader(io.StringIO(content[at:end], newline="")))
        at = end
    assert at == len(content)
    assert found == list(csv.reader(io.StringIO(content, newline="")))


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A table whose later rows widen its types, hold line breaks in quotes, and missing values."""
    monkeypatch.setattr(texts, "BLOCK_BYTES", 700)
    random = np.random.default_rng(2)
    lines = ["whole, fraction ,text,late,note"]
    for row in range(400):
        note = '"two\nlines, ""quoted"""' if row % 50 == 7 else "plain"
        late = "" if row < 300 else str(row)
        whole = row if row < 350 else row + 0.5
        text = row if row < 200 else f"t{row % 7}"
        lines.append(f"{whole},{random.standard_normal():.6f},{text},{late},{note}")
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def whole(blocks):
    return pa.concat_tables([frame.data for frame in blocks.all_frames()])


def test_in_blocks_it_is_what_it_is_whole(table):
    blocks = TextBlocks(table)
    assert len(blocks.counts) > 10
    assert len(blocks) == 400
    assert whole(blocks).equals(read(table).data.combine_chunks())


def test_columns_may_be_chosen_and_blocks_read_from_anywhere(table):
    blocks = TextBlocks(table)
    found = list(blocks.frames(3, 2, ["note", "fraction"]))
    expected = read(table).data.select(["note", "fraction"]).slice(int(blocks.firsts[3]) + 2, blocks.counts[3] - 2)
    assert pa.concat_tables([frame.data for frame in found]).equals(expected.combine_chunks())


def test_lines_are_named(table):
    content = table.read_text(encoding="utf-8").splitlines()
    content[380] = content[380].replace("plain", "inf").replace("t", "u")
    frames = list(TextBlocks(table).all_frames())
    assert frames[-1].place(0).startswith("row 3")
    row = int(frames[-1].rows[0])
    assert frames[-1].place(0) == read(table).place(row)


def test_broken_lines_are_named(table):
    content = table.read_text(encoding="utf-8") + "1,2,3\n"
    table.write_text(content, encoding="utf-8")
    with pytest.raises(
        DataError, match=r"Every line of 'table.csv' must have 5 fields, as the first has. Got 3 in line"
    ):
        TextBlocks(table)


def test_compressed_text_is_not_read_in_blocks(tmp_path):
    path = tmp_path / "t.csv.gz"
    with pa.output_stream(str(path), compression="detect") as file:
        file.write(b"a,b\n1,2\n")
    assert not is_blocked(path)
    with pytest.raises(DataError, match=r"must be unpacked to be read in blocks, as it is read from anywhere"):
        open_blocks(path)


def test_a_cache_is_written_once(table, tmp_path):
    path = to_parquet(table, tmp_path / "cache")
    written = path.stat().st_mtime_ns
    assert to_parquet(table, tmp_path / "cache") == path
    assert path.stat().st_mtime_ns == written
    assert whole(open_blocks(path)).equals(read(table).data.combine_chunks())
    table.write_text("a,y\n1,2\n", encoding="utf-8")
    assert to_parquet(table, tmp_path / "cache") != path
    assert [each.suffix for each in (tmp_path / "cache").iterdir()] == [".parquet"] * 2
