from __future__ import annotations

import itertools

import pytest

from benchmarks import sweeps
from benchmarks.shapes import sweeps_section
from benchmarks.sweeps import SWEEPS, RowsSwept, Sweep, grid, neighbors, problem, sweep_over, sweep_rows


def test_grids_are_dense_and_then_look_around_where_kernels_change() -> None:
    points = grid(200, dense=10, coarse=((32, 96), (64, 192)))
    assert points[:10] == tuple(range(1, 11))
    assert points[10:] == (31, 32, 33, 63, 64, 65, 95, 96, 97, 127, 128, 129, 191, 192, 193, 200)
    assert list(neighbors((1, 2, 3, 7, 9, 10))) == [(1, 2), (2, 3), (7,), (9, 10)]


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: str(sweep.key))
def test_arithmetic_alone_never_breaks_the_rule(sweep: Sweep) -> None:
    for before, after in itertools.pairwise(sweep.points):
        if after == before + 1:
            ratio = sweep.work(after).flops / sweep.work(before).flops
            limit = 2.6 if after <= 4 else sweeps.GROWTH_SMALL if after <= sweeps.SMALL else sweeps.GROWTH
            assert sweeps.FALL <= ratio <= limit


@pytest.mark.parametrize(
    ("key", "ratio", "wrong"),
    [
        (("growth", 1, 31, 32), 1.99, ""),
        (("growth", 1, 31, 32), 2.01, "grows too much"),
        (("growth", 2, 32, 33), 1.51, "grows too much"),
        (("growth", 2, 45, 46), 0.89, "falls too much"),
        (("growth", 2, 45, 46), 0.91, ""),
        (("threads", 2, 46, 46), 1.04, ""),
        (("threads", 2, 46, 46), 1.06, "two threads are slower than one"),
    ],
)
def test_the_rule(key: sweeps.Key, ratio: float, wrong: str) -> None:
    assert problem(key, ratio) == wrong


def test_a_jump_is_found_timed_again_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sampled: list[int] = []

    class Jumping:
        """Nine times as slow from width 46 on."""

        def __init__(self, work: sweeps.Work, threads: int, seconds: float) -> None:
            self.step = (9.0 if work.sizes[1] >= 46 else 1.0) / threads

        def sample(self, longer: int = 1) -> float:
            sampled.append(longer)
            return self.step

    monkeypatch.setattr(sweeps, "Runner", Jumping)
    sweep = Sweep("key", "title", "width", (44, 45, 46, 60), SWEEPS[0].work)
    found = sweep_over(sweep, threads=2, repeats=3, seconds=0.0)
    assert found.growth == {(1, 44, 45): 1, (2, 44, 45): 1, (1, 45, 46): 9, (2, 45, 46): 9}
    assert found.second_thread == dict.fromkeys(sweep.points, 0.5)
    assert found.seconds[2] == {44: 0.5, 45: 0.5, 46: 4.5, 60: 4.5}
    assert sampled.count(2) == 3 * 4
    assert sampled.count(4) == 3 * 4 * 2
    rows = RowsSwept(*(sweeps.np.array([1.0, 2.0]) for _ in range(3)))
    text = sweeps_section([found], rows, ["images/one.svg", "images/rows.svg"])
    assert "- title; width 45 to 46, 2 threads: grows too much, 9 ×" in text
    assert "![A step's time over the title](images/one.svg)" in text
    assert "| title | 4 pairs | 9 × (45 to 46, 1 thread) | 1 × (44 to 45, 1 thread) | 0.5 × (at 44) | 2 |" in text


def test_real_points_can_be_timed() -> None:
    sweep = Sweep("key", "title", "width", (1, 2), SWEEPS[0].work)
    found = sweep_over(sweep, threads=1, repeats=1, seconds=1e-4)
    assert set(found.seconds[1]) == {1, 2}
    assert not found.second_thread
    rows = sweep_rows(threads=1, repeats=1, seconds=1e-4, quick=True)
    assert (rows.epoch > 0).all()
    assert (rows.prediction > 0).all()
