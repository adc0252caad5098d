"""Tables larger than memory on the command line: trained on, measured and predicted for block by block."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from backstory.data import opening

N = 4_000


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    random = np.random.default_rng(1)
    width, color = random.standard_normal(N), random.choice(["red", "green", "blue"], N)
    kind = np.where((width > 0) ^ (color == "red"), "large", "small")
    kind[::500] = "odd"
    path = tmp_path_factory.mktemp("blocks") / "table.parquet"
    parquet.write_table(pa.table({"width": width, "color": color, "kind": kind}), path, row_group_size=300)
    return path


@pytest.fixture(scope="module")
def model(table, tmp_path_factory):
    import backstory as bs

    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    bs.train(table, "kind", stream=True, epochs=5, seed=2, progress=False).save(path)
    return path


def test_a_large_table_is_streamed_by_itself(run, table, tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "IN_MEMORY_BYTES", 1_000)
    words = ["train", table, "--target", "kind", "--epochs", 5]
    by_itself = run(*words, "--out", tmp_path / "a.safetensors")
    asked = run(*words, "--stream", "--out", tmp_path / "b.safetensors")
    in_memory = run(*words, "--no-stream", "--out", tmp_path / "c.safetensors")
    assert (by_itself.code, asked.code, in_memory.code) == (0, 0, 0), by_itself.err + asked.err + in_memory.err
    one, two, three = ((tmp_path / f"{name}.safetensors").read_bytes() for name in "abc")
    assert one == two != three
    assert "4,000 rows" in by_itself.out or "3,6" in by_itself.out
    figures = json.loads(run("evaluate", tmp_path / "a.safetensors", table, "--format", "json").out)
    assert figures["rows"] == N
    assert figures["accuracy"] > 0.95


def test_a_stopped_run_goes_on(run, table, tmp_path):
    words = ["train", table, "--target", "kind", "--stream", "--checkpoint", tmp_path / "run"]
    assert run(*words, "--epochs", 3, "--out", tmp_path / "a.safetensors").code == 0
    again = run(*words, "--epochs", 3, "--resume", "--out", tmp_path / "b.safetensors")
    assert again.code == 0, again.err
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".arrow", ".npz"])
def test_predictions_in_pieces_are_those_of_the_whole(run, table, model, tmp_path, suffix):
    import backstory as bs
    from backstory.data.files import read

    done = run("predict", model, table, "--out", tmp_path / f"found{suffix}")
    assert done.code == 0, done.err
    assert "Wrote 4,000 predictions" in done.err
    net = bs.load(model)
    outputs = net.predict(net.table.inputs(read(table)))
    if suffix == ".npz":
        with np.load(tmp_path / "found.npz") as found:
            large = found["probability_large"]
    else:
        large = read(tmp_path / f"found{suffix}").numbers("probability_large")
    np.testing.assert_array_equal(np.float32(large), outputs[:, net.classes.index("large")])


def test_predictions_on_stdout_have_one_header(run, table, model):
    lines = run("predict", model, table).out.splitlines()
    assert len(lines) == N + 1
    assert lines[0] == "kind,probability_large,probability_odd,probability_small"


def test_figures_in_pieces_are_those_of_the_whole(run, table, model, tmp_path):
    whole = tmp_path / "whole.parquet"
    parquet.write_table(parquet.read_table(table), whole)
    one, other = (json.loads(run("evaluate", model, path, "--format", "json").out) for path in (table, whole))
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value == (pytest.approx(other[name], 1e-12) if isinstance(value, float) else other[name])


def test_what_is_not_done_in_blocks_is_said(run, table, tmp_path):
    split = tmp_path / "split.parquet"
    whole = parquet.read_table(table)
    parquet.write_table(whole.append_column("part", pa.array(["train", "test"] * (N // 2))), split, row_group_size=300)
    done = run("train", split, "--target", "kind", "--stream", "--out", tmp_path / "m.safetensors")
    assert done.code == 2
    assert "A table that is read in blocks is not split by a column. Column 'part'" in done.err
    text = tmp_path / "table.npz"
    np.savez(text, X=np.ones((20, 2)), y=np.arange(20))
    done = run("train", text, "--target", "y", "--stream", "--out", tmp_path / "m.safetensors")
    assert done.code == 2
    assert "A table that is read in blocks must be Parquet, Arrow or text" in done.err


def test_text_is_streamed_and_kept_as_parquet(run, table, tmp_path):
    from backstory.data.files import read, write

    path = tmp_path / "table.csv"
    frame = read(table).data
    write(path, {name: frame[name].to_numpy() for name in frame.column_names})
    words = ["train", path, "--target", "kind", "--stream", "--epochs", 2]
    for name, more in {"a": [], "b": ["--cache", tmp_path / "cache"], "c": ["--cache", tmp_path / "cache"]}.items():
        done = run(*words, *more, "--out", tmp_path / f"{name}.safetensors")
        assert done.code == 0, done.err
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert (tmp_path / "b.safetensors").read_bytes() == (tmp_path / "c.safetensors").read_bytes()
