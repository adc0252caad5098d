"""Sets of numbers: what lies in them, which holds which, how they are written and read."""

from __future__ import annotations

import itertools
import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.errors import ConfigurationError, ExpressionError
from backstory.functions import REALS, SIMPLEX, Interval, Values
from backstory.functions.domains import domain_from_dict, domain_to_dict

ENDS = st.floats(allow_nan=False)
INTERVALS = st.builds(
    lambda ends, low_open, high_open: Interval(min(ends), max(ends), low_open, high_open),
    st.tuples(ENDS, ENDS),
    st.booleans(),
    st.booleans(),
)


@given(INTERVALS)
def test_what_is_written_is_read_back(interval):
    assert domain_from_dict(domain_to_dict(interval)) == interval
    assert pickle.loads(pickle.dumps(interval)) == interval


@given(INTERVALS, INTERVALS, ENDS)
def test_an_interval_that_holds_another_holds_its_numbers(outer, inner, x):
    if outer.holds(inner) and x in inner:
        assert x in outer


@pytest.mark.parametrize(
    ("outer", "inner", "holds"),
    [
        ("(0, 1)", "(0, 1)", True),
        ("(0, 1)", "[0, 1)", False),
        ("(0, 1)", "(0, 1]", False),
        ("[0, 1]", "(0, 1)", True),
        ("[0, 1]", "[0, 1]", True),
        ("(0, inf)", "(0, 1]", True),
        ("(0, inf)", "[0, 1]", False),
        ("(0, inf)", "(-inf, inf)", False),
        ("(-inf, inf)", "(-inf, inf)", True),
    ],
)
def test_open_and_closed_ends(outer, inner, holds):
    assert Interval.read(outer).holds(Interval.read(inner)) is holds


def test_the_simplex_and_single_values():
    assert Interval.read("(0, 1)").holds(SIMPLEX)
    assert not Interval.read("(0.1, 1)").holds(SIMPLEX)
    assert SIMPLEX.holds(SIMPLEX)
    assert not SIMPLEX.holds(Interval.read("(0, 1)"))
    assert pickle.loads(pickle.dumps(SIMPLEX)) is SIMPLEX
    assert domain_from_dict(domain_to_dict(SIMPLEX)) is SIMPLEX
    signs = Values((-1.0, 1.0))
    assert signs.holds(Values((1.0,)))
    assert not signs.holds(REALS)
    assert REALS.holds(signs)
    assert 1.0 in signs
    assert 0.0 not in signs
    assert domain_from_dict(domain_to_dict(signs)) == signs


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("[0, inf)", Interval(0.0, low_open=False)),
        (" ( -pi/2 , pi/2 ) ", Interval(-math.pi / 2, math.pi / 2)),
        ("[-inf, 3]", Interval(high=3.0, high_open=False)),
    ],
)
def test_reading(text, interval):
    assert Interval.read(text) == interval


def test_reading_with_names():
    assert Interval.read("(-2*c, c]", {"c": 1.5}) == Interval(-3.0, 1.5, high_open=False)


@pytest.mark.parametrize("text", ["0, 1", "(0; 1)", "(0, 1, 2)", "", "{0, 1}"])
def test_a_text_that_is_no_interval_is_refused(text):
    with pytest.raises(ConfigurationError, match="An interval must be written like"):
        Interval.read(text)


def test_ends_that_cannot_be_are_refused():
    with pytest.raises(ConfigurationError, match=r"must go from the lower to the higher end. Got 2.0 to 1.0"):
        Interval.read("(2, 1)")
    with pytest.raises(ConfigurationError, match=r"must go from the lower to the higher end\. Got nan"):
        Interval(math.nan, 1.0)
    with pytest.raises(ExpressionError, match="Unknown name 'q'"):
        Interval.read("(0, q)")


def test_as_text():
    assert [str(each) for each in (REALS, SIMPLEX, Values((0.0, 1.0)), Interval(0.0, 0.5))] == [
        "all numbers",
        "probabilities that sum to 1",
        "0 or 1",
        "(0, 0.5)",
    ]


@pytest.mark.parametrize(("low_open", "high_open"), list(itertools.product([False, True], repeat=2)))
def test_bounded_and_membership(low_open, high_open):
    interval = Interval(0.0, 1.0, low_open, high_open)
    assert (0.0 in interval, 1.0 in interval) == (not low_open, not high_open)
    assert 0.5 in interval
    assert math.nan not in interval
