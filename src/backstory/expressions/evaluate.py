"""The value of an expression: over floats, or over arrays and whatever else has arithmetic."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from backstory.expressions.elementary import CONSTANTS, MATH
from backstory.expressions.tree import Add, Call, Compare, Div, Expr, Mul, Name, Neg, Number, Pow, Sub

Functions = Mapping[str, Callable[..., Any]]


def evaluate(expr: Expr, values: Mapping[str, Any], functions: Functions = MATH) -> Any:
    """Return the value of an expression.

    Parameters
    ----------
    expr : Expr
    values : mapping of str to float or array
        The value of each name; `pi` and `e` have theirs unless given here.
    functions : mapping of str to callable
        How to compute each function; with Python floats unless given. `where` gets a bool or an array of them.

    Returns
    -------
    float or array
        An infinity or NaN, as IEEE 754 says, where floats overflow, divide by zero or leave a function's domain.

    Raises
    ------
    KeyError
        A name without a value, or a function that is not in the table.

    Examples
    --------
    >>> from backstory.expressions import parse
    >>> evaluate(parse("1/(1 + exp(-z))"), {"z": 0.0})
    0.5
    >>> evaluate(parse("1/z"), {"z": 0.0})
    inf
    """
    kind = type(expr)
    if kind is Name:
        name = expr.id  # type: ignore[attr-defined]  # kind is Name
        return values[name] if name in values else CONSTANTS[name]
    if kind is Number:
        return float(expr.value)  # type: ignore[attr-defined]  # kind is Number
    if kind is Call:
        args = [evaluate(arg, values, functions) for arg in expr.args]  # type: ignore[attr-defined]  # kind is Call
        return functions[expr.function](*args)  # type: ignore[attr-defined]  # kind is Call
    if kind is Neg:
        return -evaluate(expr.operand, values, functions)  # type: ignore[attr-defined]  # kind is Neg
    left, right = expr.children
    compute = _COMPARE[expr.op] if kind is Compare else _BINARY[kind]  # type: ignore[attr-defined]  # kind is Compare
    return compute(evaluate(left, values, functions), evaluate(right, values, functions))


def _divide(left: Any, right: Any) -> Any:
    """Return left / right; where Python's floats would raise, what IEEE 754 says."""
    try:
        return left / right
    except ZeroDivisionError:
        if left == 0 or left != left:
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _power(base: Any, exponent: Any) -> Any:
    """Return base ^ exponent; where Python's floats would raise or turn complex, what IEEE 754 says."""
    try:
        result = base**exponent
    except OverflowError:
        if base < 0 and exponent % 1 != 0:
            return math.nan
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ZeroDivisionError:
        return math.copysign(math.inf, base) if exponent % 2 == 1 else math.inf
    return math.nan if isinstance(result, complex) else result


_BINARY: dict[type[Expr], Callable[[Any, Any], Any]] = {
    Add: operator.add,
    Sub: operator.sub,
    Mul: operator.mul,
    Div: _divide,
    Pow: _power,
}
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
