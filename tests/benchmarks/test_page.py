from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks import limits, peak
from benchmarks.page import sweep_charts, update, works_parts
from benchmarks.report import Measured
from benchmarks.sweeps import SWEEPS, RowsSwept, Swept, np
from benchmarks.timing import Timed
from benchmarks.works import WORKS, Work


def test_parts_are_replaced_one_by_one(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    update(page, {"headline": "ratios are here", "machine": "- a machine"})
    update(page, {"memory": "little \\1"})
    text = page.read_text(encoding="utf-8")
    assert all(part in text for part in ("ratios are here", "- a machine", "little \\1", "## What is not claimed"))
    assert text.count("Not measured yet.") == 2
    update(page, {"headline": "another"})
    assert "ratios are here" not in page.read_text(encoding="utf-8")


def test_works_and_their_chart_are_written(tiny: list[Timed], tmp_path: Path) -> None:
    parts = works_parts([Measured(WORKS[1], tiny, {})], ["a machine"], tmp_path / "page.md")
    assert WORKS[1].name in parts["headline"]
    assert "images/benchmarks.svg" in parts["headline"]
    assert (tmp_path / "images" / "benchmarks.svg").read_text(encoding="utf-8").startswith("<svg")
    assert parts["machine"] == "- a machine"


def test_every_sweep_has_a_chart_and_rows_have_one(tmp_path: Path) -> None:
    swept = Swept(SWEEPS[0], {1: {1: 1e-6, 2: 2e-6}}, {}, {}, [])
    rows = RowsSwept(*(np.array([1.0, 2.0]) for _ in range(3)))
    paths = sweep_charts([swept], rows, tmp_path / "page.md")
    assert paths == ["images/sweep-width-batch-1.svg", "images/sweep-rows.svg"]
    assert all((tmp_path / path).exists() for path in paths)


def test_peak_is_measured_or_said_not_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    if peak.program() is not None:
        assert peak.measured(1, 0.01) > 1e8
        assert peak.bandwidth(1, 1 << 16, 0.01) > 1e8
    monkeypatch.setattr(peak, "program", lambda: None)
    assert math.isnan(peak.measured(1, 0.01))
    assert math.isnan(peak.bandwidth(1, 1 << 16, 0.01))


def test_traffic_counts_every_byte_that_must_move() -> None:
    training = Work((3, 4, 5), "tanh", "identity", "half_squared_error", 7, "sgd")
    weights = 12 + 20
    assert limits.traffic(training) == 4 * (2 * 21 + 4 * 63 + weights + 20 + 2 * weights)
    prediction = Work((3, 4, 5), "tanh", "identity", "half_squared_error", 7, kind="prediction")
    assert limits.traffic(prediction) == 4 * (21 + 2 * 63 + weights)
    assert limits.operations(prediction) == 2 * 7 * weights
