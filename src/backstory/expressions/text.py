"""Expressions as text that `parse` reads back, with no parenthesis more than needed."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from backstory.expressions.printing import ATOM, POWER, PRODUCT, PRODUCT_BREAK, SUM, SUM_BREAK, Bound, Printer, Rule
from backstory.expressions.tree import Add, Compare, Div, Expr, Mul, Neg, Pow, Scalar, Sub

RELATIONS = {">": ">", ">=": ">=", "<": "<", "<=": "<="}


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
    return text_printer(times, name)(expr)


def text_printer(times: str = "*", name: Callable[[str], str] = str) -> Printer:
    """Return the printer of text; see `to_text`."""
    return Printer(
        rules={
            Add: Rule(f"{{}} {SUM_BREAK}+ {{}}", SUM, SUM, PRODUCT),
            Sub: Rule(f"{{}} {SUM_BREAK}- {{}}", SUM, SUM, PRODUCT),
            Mul: Rule(f"{{}}{_broken(times)}{{}}", PRODUCT, PRODUCT, POWER),
            Div: Rule("{}/{}", PRODUCT, PRODUCT, POWER),
            Pow: Rule("{}^{}", POWER, ATOM, POWER),
            Neg: Rule("-{}", SUM, PRODUCT),
            Compare: Rule("{0} {2} {1}", SUM, SUM, SUM),
        },
        number=bound_number,
        name=lambda id: _bound_name(name(id)),
        partial=lambda of, by: (f"∂{of}/∂{by}", ATOM),
        call=_call,
        relations=RELATIONS,
    )


MATRIX_CALLS = {"matmul": "{} {}", "hadamard": "{} ⊙ {}", "transposed": "{}ᵀ"}
"""How operations on whole matrices are written."""


def _call(function: str, args: tuple[Expr, ...], text: Printer) -> Bound:
    if function in MATRIX_CALLS:
        inside = (text.unmarked(text.within(arg, ATOM if function == "transposed" else POWER)) for arg in args)
        return MATRIX_CALLS[function].format(*inside), ATOM if function == "transposed" else PRODUCT
    return f"{function}({', '.join(text.within(arg, SUM) for arg in args)})", ATOM


def _bound_name(name: str) -> Bound:
    """Return a name; one with something above it, as w^2_13, cannot be the base of a power."""
    return name, POWER if "^" in name else ATOM


def _broken(times: str) -> str:
    """A line may end before the sign of a product where that stands apart from its factors."""
    return f" {PRODUCT_BREAK}{times[1:]}" if times.startswith(" ") else times


def bound_number(value: Scalar) -> Bound:
    """Return a number on one line, and how tightly it binds."""
    return number_text(value), SUM if value < 0 else PRODUCT if isinstance(value, Fraction) else ATOM


def number_text(value: Scalar) -> str:
    """Return a number with as many digits as it takes to read the same number again."""
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    text = repr(value)
    return text[:-2] if text.endswith(".0") and len(text) > 17 else text
