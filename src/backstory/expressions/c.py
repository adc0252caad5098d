"""Expressions as C99 source: plain arithmetic, and functions of ``math.h``."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

from backstory.expressions.printing import ATOM, FREE, POWER, PRODUCT, SUM, Bound, Printer, Rule
from backstory.expressions.text import RELATIONS
from backstory.expressions.tree import Add, Compare, Div, Expr, Mul, Neg, Pow, Scalar, Sub

SINGLE, DOUBLE = "f", ""
"""What the functions of ``math.h`` and the numbers of a type end with."""

_CALLS = {
    "abs": "fabs{s}({0})",
    "arctan": "atan{s}({0})",
    "max": "{p}maximum({0}, {1})",
    "min": "{p}minimum({0}, {1})",
    "sign": "{p}sign({0})",
    "where": "({0} ? {1} : {2})",
}

HELPERS = {
    "max": ("maximum", "real x, real y", "x >= y || x != x ? x : y"),
    "min": ("minimum", "real x, real y", "x <= y || x != x ? x : y"),
    "sign": ("sign", "real x", "x != x ? x : (real)((x > 0) - (x < 0))"),
}
"""Functions that ``math.h`` lacks (its fmax drops a NaN): name, parameters and value, of a type called ``real``."""


def to_c(expr: Expr, suffix: str = DOUBLE, *, prefix: str = "") -> str:
    """Return an expression as C99 source that needs ``math.h`` and, for max, min and sign, `HELPERS`.

    Parameters
    ----------
    expr : Expr
        Without calls of anything but the elementary functions.
    suffix : {DOUBLE, SINGLE}
        Whether it computes in double or in float.
    prefix : str
        What the names of the `HELPERS` begin with.

    Examples
    --------
    >>> from backstory.expressions import parse
    >>> to_c(parse("where(z > 0, z^2/2, exp(z) - 1)"), SINGLE)
    '(z > 0.0f ? powf(z, 2.0f) / 2.0f : expf(z) - 1.0f)'
    """

    def number(value: Scalar) -> Bound:
        if isinstance(value, Fraction):
            text = f"{c_number(value.numerator, suffix)} / {c_number(value.denominator, suffix)}"
            return text, SUM if value < 0 else PRODUCT
        return c_number(value, suffix), SUM if value < 0 else ATOM

    def call(function: str, args: tuple[Expr, ...], printer: Printer) -> Bound:
        inside = [printer.unmarked(printer.within(arg, SUM)) for arg in args]
        pattern = _CALLS.get(function, f"{function}{{s}}({', '.join(f'{{{i}}}' for i in range(len(args)))})")
        return pattern.format(*inside, s=suffix, p=prefix), ATOM

    return Printer(
        rules={
            Add: Rule("{} + {}", SUM, SUM, PRODUCT),
            Sub: Rule("{} - {}", SUM, SUM, PRODUCT),
            Mul: Rule("{} * {}", PRODUCT, PRODUCT, POWER),
            Div: Rule("{} / {}", PRODUCT, PRODUCT, POWER),
            Pow: Rule(f"pow{suffix}({{}}, {{}})", ATOM, FREE, FREE),
            Neg: Rule("-{}", SUM, PRODUCT),
            Compare: Rule("{0} {2} {1}", SUM, SUM, SUM),
        },
        number=number,
        name=lambda id: (id, ATOM),
        partial=_no_value,
        call=call,
        relations=RELATIONS,
    )(expr)


def c_number(value: Scalar, suffix: str = DOUBLE) -> str:
    """Return a number as a C constant of that type, with as few digits as give it exactly.

    >>> c_number(3), c_number(0.1, SINGLE), c_number(1e300, SINGLE)
    ('3.0', '0.1f', 'INFINITY')
    """
    number = float(value) if suffix == DOUBLE else _single(float(value))
    if math.isinf(number):
        return "INFINITY" if number > 0 else "-INFINITY"
    text = repr(number) if suffix == DOUBLE else _shortest_single(number)
    return text + suffix


def _single(value: float) -> float:
    """The nearest float32."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _shortest_single(value: float) -> str:
    """The fewest digits that give the float32 again."""
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if _single(float(text)) == value:
            break
    return text if "." in text or "e" in text else f"{text}.0"


def _no_value(of: str, by: str) -> Bound:
    raise TypeError(f"∂{of}/∂{by} has no value of its own; work it out first.")
