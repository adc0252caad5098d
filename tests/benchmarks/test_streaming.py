"""The benchmark of tables larger than memory, on tiny ones: processes are watched, and figures are what they say."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks import mixing, streaming, streams
from benchmarks.memory import is_possible
from benchmarks.page import update


@pytest.mark.parametrize("kind", ["parquet", "arrow", "npy", "csv"])
def test_files_are_of_the_size_asked_for_and_hold_the_same_numbers(tmp_path, kind):
    path = streams.generate(tmp_path, kind, 1_000_000)
    assert path.stat().st_size >= 1_000_000
    X, _ = next(streams.opened(path).pieces(0))
    (first, _) = next(streams.parts(1))
    tall = 1.4826 if kind != "npy" else 1.0
    assert np.corrcoef(X[:1, :].ravel() * tall, first.ravel())[0, 1] > 0.98  # but for what the encoding presses in


@pytest.mark.skipif(not is_possible(), reason="the system does not say what memory a process has")
def test_a_process_is_watched(tmp_path):
    path = streams.generate(tmp_path, "npy", 4_000_000)
    seen = streaming.watched("show", path, "25-64-1")
    assert seen.found["rows"] == seen.found["trained"] == 40_000
    assert 20e6 < seen.own < seen.resident < streaming.BOUND


def test_the_shuffle_is_told_beside_a_full_one(tmp_path):
    text = mixing.measured(tmp_path, 30_000)
    figures = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ")[1:] for line in text.splitlines()[-4:]}
    lies, full, npy, parquet = (float(figures[name][0]) for name in figures)
    assert lies > 10 > 1.2 > max(full, npy, parquet)
    correlations = [abs(float(figures[name][1])) for name in figures]
    assert correlations[0] == 1 and max(correlations[1:]) < 0.05  # noqa: PT018 - one thought
    assert float(figures["as the file lies"][3].rstrip("%")) < float(figures[".npy in blocks"][3].rstrip("%"))


def test_parts_of_the_page_stay_where_others_are_written(tmp_path):
    update(tmp_path / "page.md", {"memory": "| a |", "machine": "m"}, streaming.TEXT)
    update(tmp_path / "page.md", {"speed": "| b |"}, streaming.TEXT)
    text = (tmp_path / "page.md").read_text()
    assert re.findall(r"^\| . \|$|^Not measured yet\.$", text, flags=re.MULTILINE) == [
        "| a |", "| b |", "Not measured yet."
    ]  # fmt: skip
