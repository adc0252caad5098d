"""The nudge test: the four things it can find, each from a function for which it must."""

from __future__ import annotations

import math

import pytest

from backstory.story.nudge import nudge


def test_fourfold() -> None:
    found = nudge(lambda w: math.exp(w), 0.3, math.exp(0.3))
    assert found.verdict == "fourfold"
    h, half, quarter = found.trials
    assert (half.h, quarter.h) == pytest.approx((h.h / 2, h.h / 4))
    assert h.error / half.error == pytest.approx(4, rel=0.1)
    assert found.sentence.startswith("The error falls fourfold")


def test_a_wrong_gradient_is_not_called_right() -> None:
    assert nudge(lambda w: math.exp(w), 0.3, 1.01 * math.exp(0.3)).verdict == "kink"


def test_no_second_derivative() -> None:
    assert nudge(lambda w: 3 * w + 1, 0.7, 3.0).verdict == "straight"
    assert nudge(lambda w: 5.0, 0.7, 0.0).verdict == "straight"


def test_eightfold_at_an_inflection() -> None:
    assert nudge(lambda w: w**3 + w, 0.0, 1.0).verdict == "eightfold"


def test_a_kink() -> None:
    assert nudge(abs, 0.0, 0.0).verdict == "kink"


def test_rounding() -> None:
    assert nudge(lambda w: 1e12 + 1e-6 * w**2, 0.5, 1e-6).verdict == "rounding"


def test_a_small_nudge_where_a_large_one_meets_a_kink() -> None:
    found = nudge(lambda w: w * w if w < 1.005 else 50.0, 1.0, 2.0)
    assert found.verdict == "fourfold"
    assert found.trials[0].h < 0.005
