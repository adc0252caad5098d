"""From the text of a formula to tokens with their places; knows no grammar."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from backstory.errors import ExpressionError
from backstory.expressions.tree import Span

Kind: TypeAlias = Literal["number", "name", "operator", "end"]

_NUMBER = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_NAME = re.compile(r"[^\W\d]\w*")
_OPERATORS = ("**", ">=", "<=", "+", "-", "*", "/", "^", "(", ")", ",", ">", "<")
_SAME = {"**": "^", "−": "-", "·": "*", "×": "*", "⋅": "*", "÷": "/", "≤": "<=", "≥": ">="}


@dataclass(frozen=True)
class Token:
    """One word of a formula: its kind, its text (operators in one spelling) and its place."""

    kind: Kind
    text: str
    span: Span


def tokens(text: str) -> list[Token]:
    """Split a formula into tokens, the last one of kind "end".

    Raises
    ------
    ExpressionError
        At a character that begins no token, and at a number too large for a float.

    Examples
    --------
    >>> [token.text for token in tokens("2*z**3")]
    ['2', '*', 'z', '^', '3', '']
    """
    found: list[Token] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        token = _token(text, position)
        found.append(token)
        position = token.span[1]
    return [*found, Token("end", "", (len(text), len(text)))]


def _token(text: str, start: int) -> Token:
    """Read the token that begins at `start`."""
    if match := _NUMBER.match(text, start):
        if not math.isfinite(float(match.group())):
            raise ExpressionError(
                f"The number {_shortened(match.group())} is too large.", text, start, "Numbers must be below 1.8e308."
            )
        return Token("number", match.group(), match.span())
    if match := _NAME.match(text, start):
        return Token("name", match.group(), match.span())
    for operator in (*_OPERATORS, *_SAME):
        if text.startswith(operator, start):
            return Token("operator", _SAME.get(operator, operator), (start, start + len(operator)))
    raise ExpressionError(f"Cannot read {text[start]!r} in a formula.", text, start, _hint(text[start]))


def _hint(character: str) -> str:
    """Say what to write instead of a character that begins no token."""
    if character in "=!":
        return "A formula is one expression, without '='; conditions in where(...) use >, >=, < or <=."
    if character in "[]{}":
        return "Use round parentheses."
    return "A formula holds numbers, names, + - * / ^, parentheses and function calls."


def _shortened(word: str) -> str:
    return word if len(word) <= 24 else word[:20] + "..."
