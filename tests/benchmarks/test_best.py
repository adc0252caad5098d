"""The comparison with the best of other libraries, from made-up results: who is how far, and what is said of it."""

from __future__ import annotations

import pytest

from benchmarks.accuracy import best_page
from benchmarks.accuracy.best import Result
from benchmarks.accuracy.rivals import OURS, SEVERAL, THEIRS


def results(*errors: float, seconds: float) -> dict[int, Result]:
    return {split: Result(error, seconds, 1.0, 1, 100, "1") for split, error in enumerate(errors)}


FOUND = {
    "UCI yacht": {OURS: results(1.0, 1.0, seconds=2.0), THEIRS: results(2.0, 2.0, seconds=40.0)},
    "Adult": {OURS: results(0.2, seconds=2.0), THEIRS: results(0.1, 0.5, seconds=40.0)},
}


def test_errors_are_compared_on_the_splits_that_both_have() -> None:
    assert best_page.ratios(FOUND, OURS) == {"UCI yacht": 0.5, "Adult": 2.0}
    assert best_page.ranks(FOUND)[OURS] == pytest.approx((1 + 1 + 2) / 3)
    assert best_page.seconds(FOUND, THEIRS) / best_page.seconds(FOUND, OURS) == pytest.approx(20)


def test_the_page_says_what_is_reached_and_what_is_not() -> None:
    text = best_page.markdown(FOUND)
    assert "the geometric mean of the errors is 1.000 of RealMLP-TD's (reached)" in text
    assert "worse than it by more than 3 % on Adult (100 %) (not reached); a fit takes 1/20 of its time" in text
    assert "| UCI yacht | 2 | RMSE | **1** | 2 |" in text
    assert best_page.chart(FOUND).startswith("<svg")


def test_a_table_without_our_single_network_ranks_nobody() -> None:
    found = {"diabetes": {SEVERAL: results(1.0, seconds=2.0), THEIRS: results(2.0, seconds=40.0)}}
    assert f"| {SEVERAL} | 1 |  | 0.500 |" in best_page.markdown(found)
