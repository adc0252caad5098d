from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.referee import Verdict
from benchmarks.report import Measured, duration, figure, headline, ratio, section
from benchmarks.timing import Timed
from benchmarks.works import WORKS, Target, Work

OURS = Timed("backstory", "backstory", True, np.array([1.0, 2.0, 3.0]), 0.0, Verdict(0.5, 0.0))
PEER = Timed("peer", "torch", False, np.array([4.0, 4.0, 4.0]), 1.5, Verdict(0.5, 0.0))
QUICK_PEER = Timed("quick peer", "jax", False, np.array([1.0, 1.0, 1.0]), 0.0, Verdict(math.nan, 0.0), "a note")


def asking(*targets: Target) -> Work:
    return replace(WORKS[0], targets=targets)


def test_ratios_are_the_peers_time_over_ours() -> None:
    assert ratio(OURS, PEER) == "2 × (1.33 to 4)"
    result = Measured(asking(Target(2)), [OURS, PEER], {"other": "not installed"})
    assert result.fastest() is PEER
    assert "| 2 s per step | peer: 4 s | 2 × (1.33 to 4) | ≥ 2 × | yes |" in headline([result])
    assert "| peer | 4 s | 4 s to 4 s | 2 × | 1.50 s | 0.500000 | 0e+00 |" in section(result)
    assert "| other | – | – | – | – | not installed | – |" in section(result)


def test_what_is_not_reached_says_so() -> None:
    assert "| ≥ 2.1 × | **not reached** |" in headline([Measured(asking(Target(2.1)), [OURS, PEER], {})])


def test_each_target_names_its_peers_and_a_quicker_one_beside_them_is_shown() -> None:
    text = headline([Measured(asking(Target(2, ("torch",)), Target(5, ("sklearn",))), [OURS, PEER, QUICK_PEER], {})])
    assert "| peer: 4 s | 2 × (1.33 to 4) | ≥ 2 × PyTorch | yes |" in text
    assert "| not timed |  | ≥ 5 × scikit-learn | not measured |" in text
    assert "| quick peer: 1 s | 0.5 × (0.333 to 1) | – | – |" in text


def test_shares_of_the_peak_are_of_the_products_alone() -> None:
    work = replace(WORKS[0], peak_share=0.85)
    result = Measured(work, [OURS, PEER], {}, peak=work.flops / 2.0 / 0.8)
    assert result.peak_share == pytest.approx(0.8)
    assert "| 80% of it | ≥ 85% of the peak | **not reached** |" in headline([result])
    assert "80% of the peak" in section(result)
    assert "not measured" in headline([Measured(work, [OURS, PEER], {})])


def test_notes_and_missing_losses_are_shown() -> None:
    text = section(Measured(asking(), [OURS, QUICK_PEER], {}))
    assert "| quick peer (a note) | 1 s | 1 s to 1 s | 0.5 × | none | – | 0e+00 |" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (9.87e-5, "98.7 µs"), (7.5e-8, "75 ns"), (math.inf, "never")],
)
def test_durations_are_in_the_unit_that_suits_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_figures_have_three_digits() -> None:
    assert [figure(value) for value in (1234.5, 12.345, 0.01234)] == ["1,234", "12.3", "0.0123"]
