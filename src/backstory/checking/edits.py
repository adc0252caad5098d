"""Changes of an equation's text at given places: a factor or a term more, less or another, in the writer's style."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from backstory.checking.slots import factors_of
from backstory.checking.vectors import fraction
from backstory.expressions import Expr, Number
from backstory.expressions.tree import Span

_OPENING = re.compile(r"(?:\\left\s*)?[(\[]\s*$")
_CLOSING = re.compile(r"\s*(?:\\right\s*)?[)\]]")
_TIMES_BEFORE = re.compile(r"\s*(?:\*|·|×|⋅|\\cdot|\\times)\s*$")
_TIMES_AFTER = re.compile(r"\s*(?:\*|·|×|⋅|\\cdot|\\times)\s*")
_SIGN_BEFORE = re.compile(r"\s*([+\-−])\s*$")


@dataclass(frozen=True)
class Edit:
    """New text in the place of a span."""

    span: Span
    text: str


def applied(text: str, edits: Iterable[Edit]) -> str:
    """Return a text with all edits made."""
    for edit in sorted(edits, key=lambda edit: edit.span, reverse=True):
        text = text[: edit.span[0]] + edit.text + text[edit.span[1] :]
    return text


def outer(text: str, span: Span) -> Span:
    """Return a span with the parentheses right around it, but for those of a function's argument.

    >>> outer("x*(a - b)*y", (3, 8)), outer("f(a - b)", (2, 7))
    ((2, 9), (2, 7))
    """
    start, end = span
    while (before := _OPENING.search(text[:start])) and (after := _CLOSING.match(text, end)):
        at = before.start()
        if at and (text[at - 1].isalnum() or text[at - 1] in "'}_"):
            break
        start, end = at, after.end()
    return start, end


def without_factor(text: str, span: Span) -> Edit:
    """Remove a factor and one sign of multiplication beside it."""
    start, end = outer(text, span)
    if before := _TIMES_BEFORE.search(text[:start]):
        return Edit((before.start(), end), "")
    if after := _TIMES_AFTER.match(text, end):
        return Edit((start, after.end()), "")
    before_is_space, after_is_space = text[:start].endswith(" "), text[end:].startswith(" ")
    return Edit((start - 1 if before_is_space and (after_is_space or end == len(text)) else start, end), "")


def rescaled(text: str, node: Expr, times: float) -> Edit:
    """Make a term that is so many times too large the right size: by its own number where it has one in front."""
    numbers = [factor for factor, below in factors_of(node) if isinstance(factor, Number) and not below]
    if len(numbers) == 1 and (span := numbers[0].span) and math.isclose(float(numbers[0].value), times):
        return without_factor(text, span)
    start, end = outer(text, node.span or (0, len(text)))
    return Edit((start, end), f"{fraction(1 / times)}*({text[start:end]})")


def without_term(text: str, span: Span) -> Edit:
    """Remove a term and the sign before it; that of the next, if it was a plus, where it was the first."""
    start, end = outer(text, span)
    sign = _SIGN_BEFORE.search(text[:start])
    if sign and not _is_first(text, sign.start()):
        return Edit((sign.start(), end), "")
    after = re.compile(r"\s*\+\s*").match(text, end)
    return Edit((sign.start(1) if sign else start, after.end() if after else end), "")


def with_other_sign(text: str, span: Span) -> Edit:
    """Change the sign before a term."""
    start = outer(text, span)[0]
    sign = _SIGN_BEFORE.search(text[:start])
    if sign is None:
        return Edit((start, start), "-")
    if _is_first(text, sign.start()):
        return Edit((sign.start(1), start), "")
    return Edit((sign.start(1), sign.end(1)), "+" if sign[1] != "+" else "-")


def _is_first(text: str, at: int) -> bool:
    """Whether nothing of the same sum stands before a place."""
    return text[:at].rstrip()[-1:] in ("", "=", "(", "[", "{")
