"""Places of a side and what belongs there: put in, it makes the side right."""

from __future__ import annotations

import random

import pytest

from backstory.checking.slots import Slots, addends, factors_of, spine
from backstory.expressions import Add, Expr, Name, Neg, Number, evaluate, parse, to_text

POINTS = [
    {name: random.Random(seed).uniform(0.3, 1.7) for seed, name in enumerate("abcdxy", place)} for place in range(5)
]


def values(node: Expr) -> list[float]:
    return [float(evaluate(node, point)) for point in POINTS]


def slots(right: str, left: str) -> Slots:
    return Slots(parse(right), values(parse(left)), values, lambda node: False)


@pytest.mark.parametrize(
    ("right", "wrong", "wanted"),
    [
        ("a*b*c", "a*b*x", "c"),
        ("a*(b + c*d)", "a*(b + c*x)", "d"),
        ("a*(b - c*d) + y", "a*(b - x*d) + y", "c"),
        ("-a*b/d", "-x*b/d", "a"),
        ("a*b - (c + d)", "a*b - (c + x)", "d"),
    ],
)
def test_what_is_wanted_in_the_place_of_x_is_what_stood_there(right: str, wrong: str, wanted: str) -> None:
    found = slots(wrong, right)
    places = [slot for slot in found.all() if slot.nodes == (Name("x"),)]
    assert places
    for place in places:
        assert place.wanted == pytest.approx(values(Name(wanted)))
        assert place.mends(values(Name(wanted)), found.left)
        assert not place.mends(place.value, found.left)


def test_a_part_that_does_not_matter_anywhere_is_no_place() -> None:
    shown = [to_text(slot.node) for slot in slots("a + 0*b", "a").all()]
    assert "0*b" in shown
    assert "b" not in shown


def test_factors_side_by_side_are_one_place_too() -> None:
    pairs = {tuple(map(to_text, slot.nodes)) for slot in slots("a*b*c", "a").all() if slot.is_factor}
    assert {("a", "b"), ("b", "c")} <= pairs


def test_all_terms_but_one_are_a_place() -> None:
    groups = {tuple(map(to_text, slot.nodes)) for slot in slots("a*b + c*d + x*y", "a").all() if len(slot.nodes) == 2}
    assert {("c*d", "x*y"), ("a*b", "x*y"), ("a*b", "c*d")} <= groups


def test_a_factor_that_several_terms_share_is_one_place_with_its_copies() -> None:
    found = slots("a*x*b + a*x*c + d*y", "a*x*x*b + a*x*x*c + d*y")
    shared = [slot for slot in found.all() if slot.copies and slot.nodes == (Name("x"),)]
    assert [slot.copies for slot in shared] == [(Name("x"),)]
    assert shared[0].wanted == pytest.approx([point["x"] ** 2 for point in POINTS])


def test_terms_with_their_signs() -> None:
    assert [(sign, to_text(term)) for sign, term in addends(parse("a - (b - c) + d"))] == [
        (1, "a"),
        (-1, "b"),
        (1, "c"),
        (1, "d"),
    ]
    assert addends(Neg(Name("a"))) == [(-1, Name("a"))]


def test_terms_as_written_keep_their_parentheses() -> None:
    assert [to_text(term) for term in spine(parse("a - b + (c - d)"))] == ["a", "b", "c - d"]
    assert spine(Neg(Name("a"))) == [Name("a")]


def test_factors_above_and_below_the_line() -> None:
    assert [(to_text(factor), below) for factor, below in factors_of(parse("a*b/(c*d)"))] == [
        ("a", False),
        ("b", False),
        ("c", True),
        ("d", True),
    ]
    assert list(factors_of(Add(Name("a"), Number(1)))) == [(Add(Name("a"), Number(1)), False)]
