r"""Expressions as LaTeX: fractions, powers of e, Greek letters, cases; to be read by people, not to be parsed again."""

from __future__ import annotations

import re
from fractions import Fraction

from backstory.expressions.text import ATOM, POWER, PRODUCT, SUM, number_text
from backstory.expressions.tree import Add, Call, Compare, Div, Expr, Mul, Name, Neg, Number, Pow, Scalar, Sub

_GREEK = re.compile(
    "alpha|beta|[gG]amma|[dD]elta|epsilon|zeta|eta|[tT]heta|iota|kappa|[lL]ambda|mu|nu|[xX]i|[pP]i|rho|[sS]igma|tau"
    "|[uU]psilon|[pP]hi|chi|[pP]si|[oO]mega"
)
_RELATIONS = {">": ">", ">=": r"\ge", "<": "<", "<=": r"\le"}
_OPERATORS = {
    "log": r"\log",
    "sin": r"\sin",
    "cos": r"\cos",
    "tan": r"\tan",
    "arctan": r"\arctan",
    "sinh": r"\sinh",
    "cosh": r"\cosh",
    "tanh": r"\tanh",
    "max": r"\max",
    "min": r"\min",
    "sigmoid": r"\sigma",
}
_INDEXED = re.compile(r"([A-Za-z]+)_?(\d+)|([A-Za-z]+)_(\w+)", re.ASCII)


def to_latex(expr: Expr) -> str:
    r"""Return an expression as LaTeX, without dollar signs.

    >>> from backstory.expressions import parse
    >>> print(to_latex(parse("1/(1 + exp(-z))")))
    \frac{1}{1 + e^{-z}}
    >>> print(to_latex(parse("where(z > 0, z, slope*z)")))
    \begin{cases} z & \text{if } z > 0 \\ \mathrm{slope} \, z & \text{otherwise} \end{cases}
    """
    return _latex(expr)[0]


def name_latex(name: str) -> str:
    r"""Return a name as LaTeX: Greek where it is Greek, digits and what follows an underscore as a subscript.

    >>> print(name_latex("w12"), name_latex("n_out"), name_latex("delta"))
    w_{12} n_{\mathrm{out}} \delta
    """
    if match := _INDEXED.fullmatch(name):
        base, digits, word, rest = match.groups()
        return f"{_word(base)}_{{{digits}}}" if base else f"{_word(word)}_{{{_word(rest)}}}"
    return _word(name)


def _word(word: str) -> str:
    if _GREEK.fullmatch(word):
        return "\\" + word
    return word if len(word) == 1 or word.isdigit() else rf"\mathrm{{{word.replace('_', chr(92) + '_')}}}"


def _number(value: Scalar) -> tuple[str, int]:
    if isinstance(value, Fraction):
        sign = "-" if value < 0 else ""
        return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}", SUM if value < 0 else PRODUCT
    text, _, exponent = number_text(value).partition("e")
    if exponent:
        mantissa = "" if text == "1" else rf"{text} \cdot "
        return rf"{mantissa}10^{{{int(exponent)}}}", SUM if value < 0 else PRODUCT
    return text, SUM if value < 0 else ATOM


def _latex(expr: Expr) -> tuple[str, int]:
    """Return the LaTeX of an expression and how tightly it binds."""
    match expr:
        case Number(value):
            return _number(value)
        case Name(id):
            return name_latex(id), ATOM
        case Neg(operand):
            return "-" + _within(operand, PRODUCT), SUM
        case Add(left, right):
            return f"{_within(left, SUM)} + {_within(right, PRODUCT)}", SUM
        case Sub(left, right):
            return f"{_within(left, SUM)} - {_within(right, PRODUCT)}", SUM
        case Mul(left, right):
            return _product(left, right), PRODUCT
        case Div(left, right):
            return rf"\frac{{{to_latex(left)}}}{{{to_latex(right)}}}", PRODUCT
        case Pow(left, right):
            return f"{_within(left, ATOM)}^{{{to_latex(right)}}}", POWER
        case Compare(op, left, right):
            return f"{to_latex(left)} {_RELATIONS[op]} {to_latex(right)}", SUM
        case Call(function, args):
            return _call(function, args)
    raise TypeError(f"A {type(expr).__name__} cannot be printed.")


def _product(left: Expr, right: Expr) -> str:
    r"""Return a product: side by side, with a dot only where the right side begins with a digit."""
    first, second = _within(left, PRODUCT), _within(right, PRODUCT if isinstance(right, Div) else POWER)
    return rf"{first} \cdot {second}" if second[0].isdigit() else rf"{first} \, {second}"


def _call(function: str, args: tuple[Expr, ...]) -> tuple[str, int]:
    """Return a call, in the form textbooks give each function."""
    inside = [to_latex(arg) for arg in args]
    match function:
        case "exp":
            return f"e^{{{inside[0]}}}", POWER
        case "expm1":
            return f"e^{{{inside[0]}}} - 1", SUM
        case "log1p":
            return rf"\log\left(1 + {_within(args[0], PRODUCT)}\right)", ATOM
        case "sqrt":
            return rf"\sqrt{{{inside[0]}}}", ATOM
        case "abs":
            return rf"\left|{inside[0]}\right|", ATOM
        case "where":
            yes = rf"{inside[1]} & \text{{if }} {inside[0]}"
            return rf"\begin{{cases}} {yes} \\ {inside[2]} & \text{{otherwise}} \end{{cases}}", ATOM
    operator = _OPERATORS.get(function, rf"\operatorname{{{function.replace('_', chr(92) + '_')}}}")
    return rf"{operator}\left({', '.join(inside)}\right)", ATOM


def _within(expr: Expr, at_least: int) -> str:
    """Return the LaTeX of an expression, in parentheses where it binds less tightly than its place asks."""
    latex, binding = _latex(expr)
    return latex if binding >= at_least else rf"\left({latex}\right)"
