from __future__ import annotations

import pytest

from benchmarks.memory import CASES, SLACK, Case, Weighed, is_possible, weigh
from benchmarks.shapes import memory_section
from benchmarks.works import Work

SMALL = Case(Work((4, 3, 2), "relu", "identity", "half_squared_error", 10, "adam", 1e-3, 100), best=True, shuffle=True)


def test_what_is_allowed_is_counted() -> None:
    n = (5 * 3 + 4 * 2) * 4
    assert SMALL.parts == {
        "one batch's activations": 4 * 10 * 5,
        "optimizer's state": 2 * n,
        "two packed copies of the weights": 2 * 4 * (12 + 6),
        "last good weights": n,
        "best weights": n,
        "order of the rows": 800,
    }


def test_more_than_that_and_a_little_is_told() -> None:
    text = memory_section([Weighed(SMALL, SMALL.allowed + SLACK), Weighed(SMALL, SMALL.allowed + SLACK + 1)])
    assert text.count("| yes |") == 1
    assert text.count("| **no** |") == 1


def test_names_tell_cases_apart() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.skipif(not is_possible(), reason="the system does not say how much memory a process took at most")
def test_a_case_is_measured_in_a_process_of_its_own() -> None:
    weighed = weigh(CASES[0])
    assert 0 <= weighed.found < 10 * SLACK
