"""Changes of an equation's text: signs, parentheses and spaces come out as a person would write them."""

from __future__ import annotations

import pytest

from backstory.checking.edits import Edit, applied, outer, rescaled, with_other_sign, without_factor, without_term
from backstory.expressions import parse


def spanned(text: str, part: str) -> tuple[int, int]:
    start = text.index(part)
    return start, start + len(part)


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("x*(a - b)*y", "a - b", "(a - b)"),
        ("x ((a - b))", "a - b", "((a - b))"),
        (r"x \left(a - b\right) y", "a - b", r"\left(a - b\right)"),
        ("sigma'(a - b)", "a - b", "a - b"),
        ("x1(a - b)", "a - b", "a - b"),
        ("(a - b", "a - b", "a - b"),
        ("a*b", "a", "a"),
    ],
)
def test_parentheses_right_around_a_part_belong_to_it(text: str, part: str, expected: str) -> None:
    assert text[slice(*outer(text, spanned(text, part)))] == expected


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("L = a*b*c", "b", "L = a*c"),
        ("L = a*b*c", "a", "L = b*c"),
        ("L = a*b", "b", "L = a"),
        ("L = a b c", "b", "L = a c"),
        ("L = a b", "b", "L = a"),
        ("L = a * (1 - b) * c", "1 - b", "L = a * c"),
        (r"L = a \cdot b", "b", "L = a"),
        (r"L = a \times b", "a", "L = b"),
        ("L = a·b", "a", "L = b"),
    ],
)
def test_a_factor_goes_with_one_sign(text: str, part: str, expected: str) -> None:
    assert applied(text, [without_factor(text, spanned(text, part))]) == expected


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("L = a + b", "b", "L = a"),
        ("L = a - b + c", "b", "L = a + c"),
        ("L = a + b", "a", "L = b"),
        ("L = -a + b", "a", "L = b"),
        ("L = x*(a - b)", "b", "L = x*(a)"),
        ("L = x*(a + b)", "a", "L = x*(b)"),
    ],
)
def test_a_term_goes_with_its_sign(text: str, part: str, expected: str) -> None:
    assert applied(text, [without_term(text, spanned(text, part))]) == expected


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("L = a + b", "b", "L = a - b"),
        ("L = a - b", "b", "L = a + b"),
        ("L = a − b", "b", "L = a + b"),
        ("L = -a + b", "a", "L = a + b"),
        ("L = a + b", "a", "L = -a + b"),
        ("L = x*(-a + b)", "a", "L = x*(a + b)"),
    ],
)
def test_a_term_gets_the_other_sign(text: str, part: str, expected: str) -> None:
    assert applied(text, [with_other_sign(text, spanned(text, part))]) == expected


def test_a_term_gets_another_size() -> None:
    for text, times, expected in (("2*a*b", 2, "a*b"), ("a*b", 2, "1/2*(a*b)"), ("a*b", 0.5, "2*(a*b)")):
        assert applied(text, [rescaled(text, parse(text), times)]) == expected


def test_edits_do_not_move_each_other() -> None:
    assert applied("abc", [Edit((0, 1), "xyz"), Edit((2, 3), ""), Edit((1, 2), "-")]) == "xyz-"
