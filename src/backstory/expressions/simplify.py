"""Smaller expressions of the same value: constants folded, zeros and ones gone, like terms and factors together.

Nothing is multiplied out and no quotients are merged, so a form chosen because it neither overflows nor cancels stays
that form. Rational arithmetic is exact. As usual in algebra, 0*x is 0 and x/x is 1 whatever x.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import cast

from backstory.expressions.elementary import MATH
from backstory.expressions.tree import Add, Binary, Call, Compare, Div, Expr, Mul, Neg, Number, Pow, Scalar, Sub

_MAX_POWER = 64


def simplify(expr: Expr) -> Expr:
    """Simplify an expression from the leaves up.

    >>> from backstory.expressions import parse, to_text
    >>> to_text(simplify(parse("0*x + 1*y + 2*3*z - 0")))
    'y + 6*z'
    """
    if not expr.children:
        return expr
    node = expr.with_children(*(simplify(child) for child in expr.children))
    return tidy(node)


def tidy(node: Expr) -> Expr:
    """Simplify one node whose children are simple already."""
    rule = _RULES.get(type(node))
    return rule(node) if rule else node


def add(left: Expr, right: Expr) -> Expr:
    """Return left + right, simple where both are."""
    if _is(left, 0):
        return right
    if _is(right, 0):
        return left
    if isinstance(right, Neg):
        return subtract(left, right.operand)
    if isinstance(right, Number) and right.value < 0:
        return subtract(left, _number(-right.value))
    if isinstance(left, Neg):
        return subtract(right, left.operand)
    return _collected(left, right, 1) or Add(left, right)


def subtract(left: Expr, right: Expr) -> Expr:
    """Return left - right, simple where both are."""
    if _is(right, 0):
        return left
    if _is(left, 0):
        return negative(right)
    if isinstance(right, Neg):
        return add(left, right.operand)
    if isinstance(right, Number) and right.value < 0:
        return add(left, _number(-right.value))
    if isinstance(left, Neg):
        return negative(add(left.operand, right))
    return _collected(left, right, -1) or Sub(left, right)


def _collected(left: Expr, right: Expr, sign: int) -> Expr | None:
    """Return left + sign*right where both are multiples of one expression or the constants fold; else None."""
    (p, x), (q, y) = _coefficient(left), _coefficient(right)
    if x == y:
        return _scaled(p + sign * q, x) if _fits(p + sign * q) else None
    if isinstance(right, Number):
        if isinstance(left, Add | Sub) and isinstance(left.right, Number):
            total = _sign(left) * left.right.value + sign * right.value
            return add(left.left, _number(total)) if _fits(total) else None
        if isinstance(left, Add | Sub) and isinstance(left.left, Number):
            total = left.left.value + sign * right.value
            return type(left)(_number(total), left.right) if _fits(total) else None
    return None


def _sign(node: Add | Sub) -> int:
    return 1 if isinstance(node, Add) else -1


def negative(operand: Expr) -> Expr:
    """Return -operand, simple where the operand is."""
    if isinstance(operand, Number):
        return _number(-operand.value)
    if isinstance(operand, Neg):
        return operand.operand
    if isinstance(operand, Sub):
        return Sub(operand.right, operand.left)
    if isinstance(operand, Mul | Div) and isinstance(operand.left, Number) and operand.left.value < 0:
        return tidy(type(operand)(_number(-operand.left.value), operand.right))
    return Neg(operand)


def multiply(left: Expr, right: Expr) -> Expr:
    """Return left * right, simple where both are: one number in front, equal bases as one power."""
    (p, x), (q, y) = _coefficient(left), _coefficient(right)
    if not (_is_one(p) and _is_one(q)):
        return _scaled(p * q, multiply(x, y)) if _fits(p * q) else Mul(left, right)
    if isinstance(x, Number) or isinstance(y, Number):  # a coefficient of one is the number one itself
        return y if isinstance(x, Number) else x
    if isinstance(x, Div) and _is(x.left, 1):
        return divide(y, x.right)
    if isinstance(y, Div) and _is(y.left, 1):
        return divide(x, y.right)
    (u, m), (v, n) = _power_of(x), _power_of(y)
    if u == v:
        return power(u, Number(m + n))
    if isinstance(x, Mul):
        (w, k) = _power_of(x.right)
        if w == v:
            return multiply(x.left, power(w, Number(k + n)))
    return Mul(x, y)


def divide(left: Expr, right: Expr) -> Expr:
    """Return left / right, simple where both are: no number in the denominator's front, a common factor gone."""
    if _is(right, 1):
        return left
    if _is(left, 0) and not _is(right, 0):
        return Number(0)
    if isinstance(right, Number) and right.value != 0:
        if isinstance(left, Number):
            return _quotient(left.value, right.value)
        if isinstance(left, Mul) and isinstance(left.left, Number):
            factor = _quotient(left.left.value, right.value)
            return multiply(factor, left.right)
    if isinstance(left, Neg):
        return negative(divide(left.operand, right))
    if isinstance(right, Neg):
        return negative(divide(left, right.operand))
    if left == right and not isinstance(right, Number):
        return Number(1)
    if isinstance(left, Mul):
        if left.left == right:
            return left.right
        if left.right == right:
            return left.left
    if isinstance(left, Div) and isinstance(left.right, Number) and isinstance(right, Number):
        return divide(left.left, multiply(left.right, right))
    (u, m), (v, n) = _power_of(left), _power_of(right)
    if u == v and not isinstance(u, Number):
        return power(u, Number(m - n)) if m > n else divide(Number(1), power(u, Number(n - m)))
    return Div(left, right)


def power(base: Expr, exponent: Expr) -> Expr:
    """Return base ^ exponent, simple where both are."""
    if _is(exponent, 1):
        return base
    if _is(exponent, 0):
        return Number(1)
    if _is(base, 1):
        return base
    if not isinstance(exponent, Number) or not isinstance(exponent.value, int):
        return Pow(base, exponent)
    if isinstance(base, Number) and _small(base.value) and abs(exponent.value) <= _MAX_POWER:
        result = Fraction(base.value) ** exponent.value
        return _number(result) if _fits(result) else Pow(base, exponent)
    if isinstance(base, Pow) and isinstance(base.right, Number) and isinstance(base.right.value, int):
        return power(base.left, Number(base.right.value * exponent.value))
    if isinstance(base, Neg):
        inner = power(base.operand, exponent)
        return inner if exponent.value % 2 == 0 else negative(inner)
    return Pow(base, exponent)


def call(node: Call) -> Expr:
    """Return a call with simple arguments, simplified: a function of numbers becomes its value."""
    if node.function == "where":
        return _where(node)
    if all(isinstance(arg, Number) for arg in node.args):
        return _computed(node)
    first = node.args[0]
    if node.function in ("max", "min") and first == node.args[1]:
        return first
    if node.function in ("abs", "cos", "cosh") and isinstance(first, Neg):
        return Call(node.function, (first.operand,))
    return node


def _where(node: Call) -> Expr:
    """Choose where the condition or the choice does not matter."""
    condition, yes, no = node.args
    if yes == no:
        return yes
    if isinstance(condition, Compare) and isinstance(condition.left, Number) and isinstance(condition.right, Number):
        return yes if holds(condition.op, condition.left.value, condition.right.value) else no
    return node


def holds(op: str, left: Scalar, right: Scalar) -> bool:
    """Say whether a comparison of two numbers is true."""
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[op]


def _computed(node: Call) -> Expr:
    """Return the value of a call of numbers where it is finite."""
    if node.function not in MATH:
        return node
    value = MATH[node.function](*(float(cast(Number, arg).value) for arg in node.args))
    if not math.isfinite(value):
        return node
    return Number(int(value)) if value == int(value) and abs(value) < 2**53 else Number(value)


def _coefficient(node: Expr) -> tuple[Scalar, Expr]:
    """Split a node into a number and the rest: 3*x into 3 and x."""
    if isinstance(node, Number):
        return node.value, Number(1)
    if isinstance(node, Neg):
        number, rest = _coefficient(node.operand)
        return -number, rest
    if isinstance(node, Mul) and isinstance(node.left, Number):
        return node.left.value, node.right
    if isinstance(node, Div) and isinstance(node.right, Number) and node.right.value != 0:
        number, rest = _coefficient(node.left)
        if isinstance(number, float) or isinstance(node.right.value, float):
            return 1, node
        return Fraction(number) / Fraction(node.right.value), rest
    if isinstance(node, Div):
        number, rest = _coefficient(node.left)
        return number, node if _is_one(number) else Div(rest, node.right)
    return 1, node


def _scaled(number: Scalar, rest: Expr) -> Expr:
    """Return number * rest with the number in front, a quotient as a quotient, a sign as a sign."""
    if number == 0:
        return Number(0)
    if _is(rest, 1):
        return _number(number)
    if number < 0 and isinstance(rest, Sub):
        return _scaled(-number, Sub(rest.right, rest.left))
    if number < 0:
        return negative(_scaled(-number, rest))
    if _is_one(number):
        return rest
    if isinstance(number, Fraction) and number.denominator != 1:
        return Div(_scaled(number.numerator, rest), Number(number.denominator))
    if isinstance(rest, Div):
        return Div(_scaled(number, rest.left), rest.right)
    return Mul(_number(number), rest)


def _power_of(node: Expr) -> tuple[Expr, int]:
    """Split a node into a base and a whole exponent: x^3 into x and 3."""
    if isinstance(node, Pow) and isinstance(node.right, Number):
        exponent = node.right.value
        if isinstance(exponent, int) and exponent > 0:
            return node.left, exponent
    return node, 1


def _quotient(left: Scalar, right: Scalar) -> Expr:
    """Return left / right for right other than 0: exact for exact numbers, the float's quotient otherwise."""
    inexact = isinstance(left, float) or isinstance(right, float)
    quotient = float(left) / float(right) if inexact else Fraction(left) / Fraction(right)
    return _number(quotient) if _fits(quotient) else Div(Number(left), Number(right))


def _fits(value: Scalar) -> bool:
    """Say whether a number is finite as a float."""
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _number(value: Scalar) -> Number:
    """Return a number node, a whole Fraction as an int."""
    if isinstance(value, Fraction) and value.denominator == 1:
        return Number(value.numerator)
    return Number(value)


def _small(value: Scalar) -> bool:
    """Say whether powers of an exact number other than zero stay of a sensible length."""
    if isinstance(value, float) or value == 0:
        return False
    exact = Fraction(value)
    return max(exact.numerator.bit_length(), exact.denominator.bit_length()) <= 64


def _is(node: Expr, value: int) -> bool:
    return isinstance(node, Number) and node.value == value


def _is_one(number: Scalar) -> bool:
    return number == 1


def _binary(rule: Callable[[Expr, Expr], Expr]) -> Callable[[Expr], Expr]:
    """Make a rule for a node of one that takes its two sides."""

    def apply(node: Expr) -> Expr:
        assert isinstance(node, Binary)
        return rule(node.left, node.right)

    return apply


def _neg(node: Expr) -> Expr:
    assert isinstance(node, Neg)
    return negative(node.operand)


def _call(node: Expr) -> Expr:
    assert isinstance(node, Call)
    return call(node)


_RULES: dict[type[Expr], Callable[[Expr], Expr]] = {
    Add: _binary(add),
    Sub: _binary(subtract),
    Mul: _binary(multiply),
    Div: _binary(divide),
    Pow: _binary(power),
    Neg: _neg,
    Call: _call,
}
