"""Expressions as MathML Core: what browsers set as mathematics without a script, and screen readers read aloud."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from html import escape

from backstory.expressions.printing import (
    ATOM,
    FREE,
    POWER,
    PRODUCT,
    PRODUCT_BREAK,
    SUM,
    SUM_BREAK,
    Bound,
    Printer,
    Rule,
)
from backstory.expressions.symbols import Symbol, read_symbol
from backstory.expressions.text import number_text
from backstory.expressions.tree import Add, Compare, Div, Expr, Mul, Neg, Pow, Scalar, Sub

_RELATIONS = {">": "&gt;", ">=": "≥", "<": "&lt;", "<=": "≤"}
_FUNCTIONS = {"sigmoid": "σ"}
_MINUS = '<mo form="prefix">−</mo>'

_RULES = {
    Add: Rule(f"{{}}{SUM_BREAK}<mo>+</mo>{{}}", SUM, SUM, PRODUCT),
    Sub: Rule(f"{{}}{SUM_BREAK}<mo>−</mo>{{}}", SUM, SUM, PRODUCT),
    Mul: Rule(f"{{}}{PRODUCT_BREAK}<mo>·</mo>{{}}", PRODUCT, PRODUCT, POWER),
    Div: Rule("<mfrac><mrow>{}</mrow><mrow>{}</mrow></mfrac>", POWER, FREE, FREE),
    Pow: Rule("<msup><mrow>{}</mrow><mrow>{}</mrow></msup>", POWER, ATOM, FREE, whole=True),
    Neg: Rule(f"{_MINUS}{{}}", SUM, PRODUCT),
    Compare: Rule("{0}<mo>{2}</mo>{1}", SUM, FREE, FREE),
}


def to_mathml(expr: Expr, *, name: Callable[[str], str] = str) -> str:
    """Return an expression as the contents of a ``<math>`` element; whatever stands in a name is escaped.

    Parameters
    ----------
    expr : Expr
    name : callable
        From a name to the name that is set in its place.

    Examples
    --------
    >>> from backstory.expressions import parse
    >>> to_mathml(parse("a*(1 - w1)"))
    '<mi>a</mi><mo>·</mo><mo>(</mo><mn>1</mn><mo>−</mo><msub><mi>w</mi><mn>1</mn></msub><mo>)</mo>'
    """
    return mathml_printer(name)(expr)


def mathml_printer(name: Callable[[str], str] = str, kind: Callable[[str], str] | None = None) -> Printer:
    """Return the printer of MathML; see `to_mathml`.

    Parameters
    ----------
    name : callable
    kind : callable, optional
        From a name to the class of what it names. Names are then found again by ``data-name``, and derivatives and
        factors by ``data-source`` and ``data-target``.

    Examples
    --------
    >>> from backstory.expressions import Name
    >>> mathml_printer(kind=lambda name: "sym-weight")(Name("w"))
    '<mrow class="sym-weight" data-name="w"><mi>w</mi></mrow>'
    """

    def named(id: str) -> Bound:
        text, binding = _symbol(read_symbol(name(id)))
        return (
            text if kind is None else f'<mrow class="{escape(kind(id))}" data-name="{escape(id)}">{text}</mrow>',
            binding,
        )

    return Printer(
        rules=_RULES,
        number=_number,
        name=named,
        partial=lambda of, by: (f"<mfrac><mrow><mo>∂</mo>{of}</mrow><mrow><mo>∂</mo>{by}</mrow></mfrac>", POWER),
        call=_call,
        relations=_RELATIONS,
        parentheses=("<mo>(</mo>", "<mo>)</mo>"),
        link=None if kind is None else _link,
    )


def _link(source: str, target: str, text: str) -> str:
    return f'<mrow class="factor" data-source="{escape(source)}" data-target="{escape(target)}">{text}</mrow>'


def _symbol(symbol: Symbol) -> Bound:
    """Return a symbol; what has something above it cannot be the base of a power."""
    tag = "mn" if symbol.base.isdecimal() else "mo" if symbol.base == "…" else "mi"
    word = f"<{tag}>{escape(symbol.base)}</{tag}>"
    if symbol.accent:
        accent = {"\u0302": "^", "\u0303": "~", "\u0304": "¯", "\u0307": "˙", "\u0308": "¨", "\u0301": "´"}
        word = f'<mover accent="true">{word}<mo>{accent[symbol.accent]}</mo></mover>'
    if symbol.argument is not None:
        return f"<mrow>{word}<mo>(</mo>{_symbol(symbol.argument)[0]}<mo>)</mo></mrow>", ATOM
    below = "<mo>,</mo>".join(_symbol(each)[0] for each in symbol.below)
    if len(symbol.below) > 1:
        below = f"<mrow>{below}</mrow>"
    above = f"<mi>{escape(symbol.above)}</mi>"
    if symbol.above:
        return f"<msubsup>{word}{below}{above}</msubsup>" if below else f"<msup>{word}{above}</msup>", POWER
    return f"<msub>{word}{below}</msub>" if below else word, ATOM


def _number(value: Scalar) -> Bound:
    sign, binding = (_MINUS, SUM) if value < 0 else ("", ATOM)
    if isinstance(value, Fraction):
        over = f"<mfrac><mn>{abs(value.numerator)}</mn><mn>{value.denominator}</mn></mfrac>"
        return sign + over, min(binding, POWER)
    text, _, exponent = number_text(abs(value)).partition("e")
    if exponent:
        power = f"<msup><mn>10</mn><mrow>{_number(int(exponent))[0]}</mrow></msup>"
        return sign + (power if text == "1" else f"<mn>{text}</mn><mo>·</mo>{power}"), min(binding, PRODUCT)
    return f"{sign}<mn>{text}</mn>", binding


def _call(function: str, args: tuple[Expr, ...], mathml: Printer) -> Bound:
    """Return a call, in the form textbooks give each function."""
    inside = [f"<mrow>{mathml(arg)}</mrow>" for arg in args]
    match function:
        case "exp":
            return f"<msup><mi>e</mi>{inside[0]}</msup>", POWER
        case "sqrt":
            return f"<msqrt>{inside[0]}</msqrt>", ATOM
        case "abs":
            return f"<mrow><mo>|</mo>{inside[0]}<mo>|</mo></mrow>", ATOM
        case "where":
            yes = f"<mtr><mtd>{inside[1]}</mtd><mtd><mtext>if&#xa0;</mtext>{inside[0]}</mtd></mtr>"
            no = f"<mtr><mtd>{inside[2]}</mtd><mtd><mtext>otherwise</mtext></mtd></mtr>"
            return f"<mrow><mo>{{</mo><mtable>{yes}{no}</mtable></mrow>", ATOM
    if function.startswith("Σ_"):
        under = f"<munder><mo>∑</mo><mi>{escape(function[2:])}</mi></munder>"
        return f"<mrow>{under}{mathml.unmarked(mathml.within(args[0], PRODUCT))}</mrow>", POWER
    name = escape(_FUNCTIONS.get(function, function))
    return f"<mrow><mi>{name}</mi><mo>(</mo>{'<mo>,</mo>'.join(inside)}<mo>)</mo></mrow>", ATOM
