"""Penalties: value and slope per weight, in numbers and in formulas alike."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backstory.errors import ConfigurationError
from backstory.expressions import evaluate, names, to_latex
from backstory.functions import L1, L2, PENALTIES, Elastic, Penalty, penalty

ROWS = [*PENALTIES.values(), L1(0.5), L2(0.3), Elastic(0.2, 0.7), L2(0)]
every_row = pytest.mark.parametrize("row", ROWS, ids=str)


@every_row
@given(w=st.floats(-100, 100))
def test_the_numbers_say_what_the_formula_says(row, w):
    value = row.l1 * abs(w) + row.l2 / 2 * w**2
    assert evaluate(row.value, {"w": w}) == pytest.approx(value, rel=1e-14, abs=1e-300)
    assert names(row.value) <= {"w"}


@every_row
@given(w=st.floats(-100, 100))
def test_the_slope_is_the_derivative(row, w):
    assume(abs(w) > 1e-3)
    h = 1e-4
    difference = (evaluate(row.value, {"w": w + h}) - evaluate(row.value, {"w": w - h})) / (2 * h)
    assert evaluate(row.slope, {"w": w}) == pytest.approx(difference, rel=1e-6, abs=1e-9)


@every_row
def test_at_zero_nothing_pulls(row):
    assert evaluate(row.slope, {"w": 0.0}) == 0.0


@every_row
def test_a_row_survives_pickling_and_the_model_file(row):
    for again in (pickle.loads(pickle.dumps(row)), Penalty.from_dict(row.to_dict())):
        assert again == row
        assert hash(again) == hash(row)
    assert eval(repr(row)) == row
    assert to_latex(row.expression)


def test_names():
    assert penalty("l2") is PENALTIES["l2"] == L2(1e-4)
    assert penalty(L1(0.1)) == L1(0.1)
    assert str(Elastic(0.5, 0.25)) == "elastic(l1=0.5, l2=0.25)"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L2(-1), r"The 'strength' parameter of L2 must be a number in \[0, inf\). Got -1 instead."),
        (lambda: L1("a"), r"The 'strength' parameter of L1 must be a number in \[0, inf\). Got 'a' instead."),
        (lambda: Elastic(l2=-2.0), r"The 'l2' parameter of Elastic must be a number in \[0, inf\). Got -2.0 instead."),
        (lambda: penalty("ridge"), "Unknown penalty 'ridge'. Known: l1, l2, elastic."),
        (lambda: penalty(0.1), "A penalty must be a name or a Penalty. Got 0.1 instead."),
        (lambda: Penalty.from_dict({"name": "l3"}), "Unknown penalty 'l3'."),
        (
            lambda: Penalty.from_dict({"name": "l2", "parameters": {"l1": 1.0}}),
            r"The penalty 'l2' has no parameter 'l1'. It has: strength.",
        ),
    ],
)
def test_messages(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()
