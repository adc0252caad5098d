"""Expressions as Python source: plain arithmetic, and functions of the standard library's `math`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from types import MappingProxyType

from backstory.expressions.printing import ATOM, POWER, PRODUCT, SUM, Bound, Printer, Rule
from backstory.expressions.text import RELATIONS, number_text
from backstory.expressions.tree import Add, Compare, Div, Expr, Mul, Neg, Pow, Scalar, Sub

_RULES = {
    Add: Rule("{} + {}", SUM, SUM, PRODUCT),
    Sub: Rule("{} - {}", SUM, SUM, PRODUCT),
    Mul: Rule("{} * {}", PRODUCT, PRODUCT, POWER),
    Div: Rule("{} / {}", PRODUCT, PRODUCT, POWER),
    Pow: Rule("{}**{}", POWER, ATOM, ATOM),
    Neg: Rule("-{}", SUM, PRODUCT),
    Compare: Rule("{0} {2} {1}", SUM, SUM, SUM),
}
_CALLS = {
    "abs": "abs({})",
    "arctan": "math.atan({})",
    "max": "max({}, {})",
    "min": "min({}, {})",
    "sign": "(({0} > 0) - ({0} < 0))",
    "where": "({1} if {0} else {2})",
}
_CONSTANTS = {"pi": "math.pi", "e": "math.e"}


def to_python(
    expr: Expr,
    *,
    name: Callable[[str], str] = lambda id: _CONSTANTS.get(id, id),
    calls: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return an expression as Python source that needs ``import math``.

    Parameters
    ----------
    expr : Expr
        Without calls of anything but the elementary functions.
    name : callable
        From a name to the Python expression that stands for it.
    calls : mapping of str to str
        How some functions are called, ``"f({})"``, in place of ``math``'s.

    Examples
    --------
    >>> from backstory.expressions import parse
    >>> to_python(parse("where(z > 0, z^2/2, exp(z) - pi)"))
    '(z**2 / 2 if z > 0 else math.exp(z) - math.pi)'
    """
    return Printer(
        rules=_RULES,
        number=_number,
        name=lambda id: (name(id), ATOM),
        partial=_no_value,
        call=partial(_call, {**_CALLS, **calls}),
        relations=RELATIONS,
    )(expr)


def _number(value: Scalar) -> Bound:
    if isinstance(value, Fraction):
        return f"{value.numerator} / {value.denominator}", SUM if value < 0 else PRODUCT
    return number_text(value), SUM if value < 0 else ATOM


def _no_value(of: str, by: str) -> Bound:
    raise TypeError(f"∂{of}/∂{by} has no value of its own; work it out first.")


def _call(calls: Mapping[str, str], function: str, args: tuple[Expr, ...], python: Printer) -> Bound:
    inside = [python.unmarked(python.within(arg, SUM)) for arg in args]
    return calls.get(function, f"math.{function}({', '.join(['{}'] * len(args))})").format(*inside), ATOM
