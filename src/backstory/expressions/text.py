"""Expressions as text that `parse` reads back, with no parenthesis more than needed."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from backstory.expressions.tree import Add, Call, Compare, Div, Expr, Mul, Name, Neg, Number, Partial, Pow, Scalar, Sub

SUM, PRODUCT, POWER, ATOM = range(4)
"""How tightly a piece of text binds."""


def to_text(expr: Expr, *, times: str = "*", name: Callable[[str], str] = str) -> str:
    """Return an expression as text.

    Parameters
    ----------
    expr : Expr
    times : str
        What stands between factors; derivations are easier to read with " * ".
    name : callable
        How a name is written; as it is, unless given.

    Examples
    --------
    >>> from backstory.expressions import parse
    >>> to_text(parse("((a*(1 - a))*(z^2)) / (2)"))
    'a*(1 - a)*z^2/2'
    """
    return _text(expr, times, name)[0]


def precedence(expr: Expr) -> int:
    """Say how tightly an expression binds when it is written on one line."""
    match expr:
        case Add() | Sub() | Neg() | Compare():
            return SUM
        case Mul() | Div():
            return PRODUCT
        case Pow():
            return POWER
        case Number(value):
            return SUM if value < 0 else PRODUCT if isinstance(value, Fraction) else ATOM
    return ATOM


def number_text(value: Scalar) -> str:
    """Return a number with as many digits as it takes to read the same number again."""
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    text = repr(value)
    return text[:-2] if text.endswith(".0") and len(text) > 17 else text


def _text(expr: Expr, times: str, name: Callable[[str], str]) -> tuple[str, int]:
    """Return the text of an expression and how tightly it binds."""

    def within(part: Expr, at_least: int) -> str:
        """Return the text of a part, in parentheses where it binds less tightly than its place asks."""
        text, binding = _text(part, times, name)
        return text if binding >= at_least else f"({text})"

    match expr:
        case Number(value):
            text = number_text(value)
        case Name(id):
            text = name(id)
        case Partial(of, by):
            text = f"∂{name(of)}/∂{name(by)}"
        case Neg(operand):
            text = "-" + within(operand, PRODUCT)
        case Add(left, right):
            text = f"{within(left, SUM)} + {within(right, PRODUCT)}"
        case Sub(left, right):
            text = f"{within(left, SUM)} - {within(right, PRODUCT)}"
        case Mul(left, right):
            text = f"{within(left, PRODUCT)}{times}{within(right, POWER)}"
        case Div(left, right):
            text = f"{within(left, PRODUCT)}/{within(right, POWER)}"
        case Pow(left, right):
            text = f"{within(left, ATOM)}^{within(right, POWER)}"
        case Compare(op, left, right):
            text = f"{within(left, SUM)} {op} {within(right, SUM)}"
        case Call(function, args):
            text = f"{function}({', '.join(within(arg, SUM) for arg in args)})"
        case _:
            raise TypeError(f"A {type(expr).__name__} cannot be printed.")
    return text, precedence(expr)
