"""Trees: built with Python's operators, equal by content, safe to pickle; names found, replaced and counted."""

from __future__ import annotations

import pickle
from fractions import Fraction

import pytest
from hypothesis import given

from backstory.expressions import (
    Add,
    Call,
    Div,
    Mul,
    Name,
    Neg,
    Number,
    Pow,
    Sub,
    call,
    expand_calls,
    names,
    parse,
    size,
    substitute,
    to_text,
    walk,
)
from tests.expressions.strategies import expressions

x, y = Name("x"), Name("y")


def test_python_operators_build_trees():
    assert 1 + x == Add(Number(1), x)
    assert x + 1 == Add(x, Number(1))
    assert 1 - x == Sub(Number(1), x)
    assert x - y == Sub(x, y)
    assert 2 * x == Mul(Number(2), x)
    assert x * Fraction(1, 2) == Mul(x, Number(Fraction(1, 2)))
    assert 1 / x == Div(Number(1), x)
    assert x / y == Div(x, y)
    assert 2**x == Pow(Number(2), x)
    assert x**y == Pow(x, y)
    assert -x == Neg(x)
    assert call("max", x, 0) == Call("max", (x, Number(0)))


def test_nodes_are_equal_by_what_they_say_not_by_where_they_stood():
    assert parse("x + y") == parse("  x+y") == x + y
    assert hash(parse("x + y")) == hash(x + y)
    assert x + y != y + x


def test_nodes_are_frozen():
    with pytest.raises(AttributeError):
        x.id = "y"


@given(expressions())
def test_pickle_keeps_a_tree(tree):
    assert pickle.loads(pickle.dumps(tree)) == tree


@given(expressions())
def test_putting_the_same_children_back_gives_the_same_object(tree):
    for node in walk(tree):
        assert node.with_children(*node.children) is node


def test_names_and_size():
    tree = parse("w*x + max(b, pi)")
    assert names(tree) == {"w", "x", "b", "pi"}
    assert size(tree) == 7


def test_substitution_is_simultaneous():
    assert to_text(substitute(parse("x - y"), {"x": y, "y": x})) == "y - x"


@given(expressions())
def test_substituting_nothing_gives_the_same_object(tree):
    assert substitute(tree, {"q": x}) is tree


def test_calls_are_written_out_from_the_inside():
    tree = parse("f(f(x)) + sin(x)", {"f": 1, "sin": 1})
    assert to_text(expand_calls(tree, {"f": lambda u: u * 2})) == "x*2*2 + sin(x)"
