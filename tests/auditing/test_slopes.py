"""Slopes by differences: the error that is claimed is one, rounding is measured, kinks are seen."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.auditing.causes import rational
from backstory.auditing.slopes import Slope, complex_slope, measured_noise, sweep

SMOOTH: list[tuple[Callable[[float], float], Callable[[float], float]]] = [
    (math.sin, math.cos),
    (math.exp, math.exp),
    (math.atan, lambda x: 1 / (1 + x * x)),
    (lambda x: x**5, lambda x: 5 * x**4),
    (lambda x: math.sin(300 * x), lambda x: 300 * math.cos(300 * x)),
    (lambda x: math.log(x) if x > 0 else math.nan, lambda x: 1 / x),
]


def slope_at(function: Callable[[float], float], x: float, grain: float = 0.0) -> Slope:
    def along(t: float) -> float:
        return function(x + t)

    return sweep(along, along(0.0), measured_noise([along], along(0.0), grain))


@given(st.sampled_from(SMOOTH), st.floats(0.01, 3.0))
def test_the_error_holds_and_is_small(pair: tuple[Callable[..., float], Callable[..., float]], x: float) -> None:
    function, slope = pair
    found = slope_at(function, x)
    assert abs(found.value - slope(x)) <= 10 * found.error
    assert found.error <= 1e-5 * max(1.0, abs(slope(x)), abs(function(x)) / 0.01)
    assert not found.kink


@given(st.floats(-2.0, 2.0), st.floats(0.1, 3.0))
def test_a_kink_is_one_whatever_else_bends(curve: float, jump: float) -> None:
    found = slope_at(lambda x: curve * x * x + math.sin(x) + jump * max(x, 0.0), 0.0)
    assert found.kink
    assert found.jump == pytest.approx(jump, rel=1e-6)
    assert found.error >= 0.9 * jump


@pytest.mark.parametrize("distance", [1e-2, 1e-4, 3e-6, -1e-3, -1e-5])
def test_a_kink_nearby_does_not_count(distance: float) -> None:
    found = slope_at(lambda x: x * x + 2 * max(x - 1 - distance, 0.0), 1.0)
    true = 2.0 + 2.0 * (distance < 0)
    assert not found.kink
    assert abs(found.value - true) <= 10 * found.error <= 1e-3


@pytest.mark.parametrize(("dtype", "low", "high"), [(np.float64, 1e-17, 1e-15), (np.float32, 1e-9, 1e-6)])
def test_rounding_is_measured(dtype: type, low: float, high: float) -> None:
    def function(t: float) -> float:
        return float(dtype(math.sin(1.0 + t)))

    assert low < measured_noise([function], function(0.0)) < high


def test_what_cannot_be_computed_on_both_sides_has_no_slope() -> None:
    found = slope_at(lambda x: math.sqrt(x) if x >= 0 else math.nan, 0.0)
    assert math.isnan(found.value)
    assert found.error == math.inf


def test_complex_steps_are_exact_where_they_are_taken() -> None:
    assert complex_slope(lambda t: np.exp(2.0 + t)) == pytest.approx(math.exp(2.0), rel=1e-15)
    assert math.isnan(complex_slope(lambda t: math.exp(2.0 + t)))  # type: ignore[arg-type]  # refuses complex numbers


@pytest.mark.parametrize(
    ("ratio", "sizes", "exact", "words"),
    [
        (0.5, {}, "1/2", "lacks the 2 of a square"),
        (2.0, {}, "2", "a term is counted twice"),
        (2.0, {"outputs": 2}, "2", "2 is the number of outputs"),
        (1 / 150, {"rows": 150}, "1/150", "1 over the number of rows"),
        (6.0, {"rows": 2}, "6", "a mean over 6"),
        (1 / 7, {}, "1/7", "a division by 7"),
        (-3.0, {"outputs": 3}, "-3", "Its sign is wrong too. 3 is the number of outputs"),
        (0.7312345, {}, "None", "only one of loss and gradient has"),
    ],
)
def test_ratios_are_read_as_fractions(ratio: float, sizes: dict[str, int], exact: str, words: str) -> None:
    found, meaning = rational(ratio * (1 + 1e-9), sizes)
    assert str(found) == exact
    assert words in meaning
