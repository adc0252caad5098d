from __future__ import annotations

import numpy as np
import pytest

from benchmarks.peers.contender import Parameters
from benchmarks.peers.with_backstory import Backstory
from benchmarks.peers.with_sklearn import ScikitLearn
from benchmarks.report import Measured, duration, figure, headline, markdown, ratio, section
from benchmarks.timing import Disagreement, Timed, Verdict, measure
from benchmarks.works import WORKS, Work, make


@pytest.fixture
def tiny() -> list[Timed]:
    return measure(make(WORKS[1].quick()), [Backstory, ScikitLearn], threads=1, repeats=3, seconds=0.001)


@pytest.mark.parametrize("work", WORKS, ids=lambda work: str(work.name))
def test_tasks_are_the_same_every_time_and_fill_their_batches(work: Work) -> None:
    assert work.rows % work.batch == 0
    first, second = make(work.quick()), make(work.quick())
    assert np.array_equal(first.X, second.X)
    assert np.array_equal(first.y, second.y)
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))
    assert first.X.dtype == np.float32


def test_contenders_are_timed_after_they_agree(tiny: list[Timed]) -> None:
    ours, peer = tiny
    assert ours.ours
    assert not peer.ours
    assert ours.verdict.loss == pytest.approx(peer.verdict.loss, rel=1e-5)
    assert all(timed.seconds.shape == (3,) and (timed.seconds > 0).all() for timed in tiny)
    assert ours.quartiles[0] <= ours.median <= ours.quartiles[1]


class Cheat(Backstory):
    """Skips the work."""

    name = "a cheat"

    def train(self, epochs: int) -> None:
        pass


class Scaled(Backstory):
    """Steps a tenth too far."""

    name = "a wrong scale"

    def parameters(self) -> Parameters:
        first = zip(self.task.weights, self.task.biases, strict=True)
        return [
            (W0 + 1.1 * (W - W0), b0 + 1.1 * (b - b0))
            for (W, b), (W0, b0) in zip(super().parameters(), first, strict=True)
        ]


@pytest.mark.parametrize("wrong", [Cheat, Scaled])
def test_one_that_does_not_do_the_work_is_not_timed(wrong: type[Backstory]) -> None:
    task = make(WORKS[1].quick())
    with pytest.raises(
        Disagreement, match=f"{wrong.name} on 2-8-8-1 tanh, batch 10, SGD: after one epoch the loss must"
    ):
        measure(task, [wrong], threads=1, repeats=1, seconds=0.001)


def test_ratios_are_the_peers_time_over_ours() -> None:
    ours = Timed("backstory", True, np.array([1.0, 2.0, 3.0]), 0.0, Verdict(0.5, 0.0))
    peer = Timed("peer", False, np.array([4.0, 4.0, 4.0]), 1.5, Verdict(0.5, 0.0))
    assert ratio(ours, peer) == "2 × (1.33 to 4)"
    result = Measured(WORKS[0], [ours, peer], {"other": "not installed"})
    assert result.fastest_peer is peer
    assert "| peer | 4 s | 2 × (1.33 to 4) |" in headline([result])
    assert "| peer | 4 s | 4 s to 4 s | 2 × | 1.50 s |" in section(result)
    assert "| other | – | – | – | – | not installed | – |" in section(result)


def test_page_names_machine_and_what_is_not_claimed(tiny: list[Timed]) -> None:
    page = markdown([Measured(WORKS[1], tiny, {})], machine=["a machine"], threads=1, repeats=3, seconds=0.001)
    assert "- a machine" in page
    assert "## What is not claimed" in page
    assert WORKS[1].name in page


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (9.87e-5, "98.7 µs"), (7.5e-8, "75 ns")]
)
def test_durations_are_in_the_unit_that_suits_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_figures_have_three_digits() -> None:
    assert [figure(value) for value in (1234.5, 12.345, 0.01234)] == ["1,234", "12.3", "0.0123"]
