r"""Expressions as LaTeX: fractions, powers of e, Greek letters, cases; to be read by people, not to be parsed again."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

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
from backstory.expressions.symbols import ACCENTS, GREEK, Symbol, read_symbol
from backstory.expressions.text import number_text
from backstory.expressions.tree import Add, Compare, Div, Expr, Mul, Neg, Pow, Scalar, Sub

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
_MATRIX_CALLS = {"matmul": r"{} \, {}", "hadamard": r"{} \odot {}", "transposed": r"{{{}}}^{{\mathsf{{T}}}}"}
_ESCAPED = {**{each: "\\" + each for each in "_%&#${}"}, "\\": r"\backslash{}", "^": r"\hat{}", "~": r"\tilde{}"}
_SPECIAL = {"…": r"\cdots", "∞": r"\infty"}


def to_latex(expr: Expr, *, name: Callable[[str], str] = str) -> str:
    r"""Return an expression as LaTeX, without dollar signs.

    Parameters
    ----------
    expr : Expr
    name : callable
        From a name to the name that is set in its place.

    Examples
    --------
    >>> from backstory.expressions import parse
    >>> print(to_latex(parse("1/(1 + exp(-z))")))
    \frac{1}{1 + e^{-z}}
    >>> print(to_latex(parse("where(z > 0, z, slope*z)")))
    \begin{cases} z & \text{if } z > 0 \\ \mathrm{slope} \, z & \text{otherwise} \end{cases}
    """
    return latex_printer(name)(expr)


def latex_printer(name: Callable[[str], str] = str) -> Printer:
    """Return the printer of LaTeX; see `to_latex`."""
    return _LatexPrinter(
        rules=_RULES,
        number=_number,
        name=lambda id: _symbol(read_symbol(name(id))),
        partial=lambda of, by: (rf"\frac{{\partial {of}}}{{\partial {by}}}", POWER),
        call=_call,
        relations=_RELATIONS,
        parentheses=(r"\left(", r"\right)"),
    )


_RULES = {
    Add: Rule(f"{{}} {SUM_BREAK}+ {{}}", SUM, SUM, PRODUCT),
    Sub: Rule(f"{{}} {SUM_BREAK}- {{}}", SUM, SUM, PRODUCT),
    Mul: Rule(f"{{0}} {PRODUCT_BREAK}{{2}} {{1}}", PRODUCT, PRODUCT, POWER),
    Div: Rule(r"\frac{{{}}}{{{}}}", POWER, FREE, FREE),
    Pow: Rule("{}^{{{}}}", POWER, ATOM, FREE),
    Neg: Rule("-{}", SUM, PRODUCT),
    Compare: Rule("{0} {2} {1}", SUM, FREE, FREE),
}


class _LatexPrinter(Printer):
    def operator(self, rule: Rule, left: Expr, right: Expr, sign: str = "") -> Bound:
        r"""Return a product side by side, with a dot only where the right side begins with a digit or a fraction."""
        if rule is _RULES[Mul]:
            second = self.within(right, rule.right)
            sign = r"\cdot" if second[0].isdigit() or second.startswith(r"\frac{\partial") else r"\,"
        return super().operator(rule, left, right, sign)


def name_latex(name: str) -> str:
    r"""Return a name as LaTeX: Greek where it is Greek, digits and what follows an underscore as a subscript.

    >>> print(name_latex("w12"), name_latex("n_out"), name_latex("delta"), name_latex("w1[2->0]"))
    w_{12} n_{\mathrm{out}} \delta w^{(1)}_{0,2}
    """
    return _symbol(read_symbol(name))[0]


def _symbol(symbol: Symbol) -> Bound:
    """Return a symbol; what has something above it cannot be the base of a power."""
    word = _word(symbol.base)
    if symbol.accent:
        word = rf"\{ACCENTS[symbol.accent]}{{{word}}}"
    if symbol.argument is not None:
        return rf"{word}\left({_symbol(symbol.argument)[0]}\right)", ATOM
    above = f"^{{{symbol.above.replace('′', chr(92) + 'prime ').rstrip()}}}" if symbol.above else ""
    below = f"_{{{','.join(_symbol(each)[0] for each in symbol.below)}}}" if symbol.below else ""
    return word + above + below, POWER if above else ATOM


def _word(word: str) -> str:
    """Return a letter as it is, Greek by its name, a word upright; what LaTeX has no letter for by its code."""
    if word in GREEK:
        return "\\" + GREEK[word]
    if word in _SPECIAL:
        return _SPECIAL[word]
    safe = "".join(_character(each) for each in word)
    return safe if (len(word) == 1 and safe == word) or word.isdigit() else rf"\mathrm{{{safe}}}"


def _character(character: str) -> str:
    if character in GREEK:
        return rf"\{GREEK[character]} "
    if character.isascii() and character.isprintable():
        return _ESCAPED.get(character, character)
    return f"U{ord(character):04X}"


def _number(value: Scalar) -> Bound:
    if isinstance(value, Fraction):
        sign = "-" if value < 0 else ""
        return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}", SUM if value < 0 else POWER
    text, _, exponent = number_text(value).partition("e")
    if exponent:
        mantissa = "" if text == "1" else rf"{text} \cdot "
        return rf"{mantissa}10^{{{int(exponent)}}}", SUM if value < 0 else PRODUCT
    return text, SUM if value < 0 else ATOM


def _call(function: str, args: tuple[Expr, ...], latex: Printer) -> Bound:
    """Return a call, in the form textbooks give each function."""
    inside = [latex(arg) for arg in args]
    match function:
        case "exp":
            return f"e^{{{inside[0]}}}", POWER
        case "expm1":
            return f"e^{{{inside[0]}}} - 1", SUM
        case "log1p":
            return rf"\log\left(1 + {latex.unmarked(latex.within(args[0], PRODUCT))}\right)", ATOM
        case "sqrt":
            return rf"\sqrt{{{inside[0]}}}", ATOM
        case "abs":
            return rf"\left|{inside[0]}\right|", ATOM
        case "where":
            yes = rf"{inside[1]} & \text{{if }} {inside[0]}"
            return rf"\begin{{cases}} {yes} \\ {inside[2]} & \text{{otherwise}} \end{{cases}}", ATOM
    if function in _MATRIX_CALLS:
        parts = (latex.unmarked(latex.within(arg, POWER)) for arg in args)
        return _MATRIX_CALLS[function].format(*parts), POWER if function == "transposed" else PRODUCT
    if function.startswith("Σ_"):
        return rf"\sum_{{{function[2:]}}} {latex.unmarked(latex.within(args[0], PRODUCT))}", POWER
    if function.endswith("'"):
        return rf"{_word(function[:-1])}'\left({inside[0]}\right)", ATOM
    operator = (
        _OPERATORS.get(function)
        or (function if len(function) == 1 else "")
        or rf"\operatorname{{{''.join(map(_character, function))}}}"
    )
    return rf"{operator}\left({', '.join(inside)}\right)", ATOM


_IN_TEXT = {
    **{each: "\\" + each for each in "_%&#${}"},
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "…": r"\dots{}",
    "“": "``",
    "”": "''",
    "’": "'",
    "–": "--",
    **{each: f"${each}$" for each in "<>|"},
    **{
        each: f"${latex}$"
        for each, latex in {
            "∂": r"\partial ",
            "·": r"\cdot ",
            "×": r"\times ",
            "−": "-",
            "→": r"\to ",
            "²": "^{2}",
            "⁺": "^{+}",
            "½": r"\frac{1}{2}",
            "Σ": r"\sum ",
            "∞": r"\infty ",
        }.items()
    },
}


def text_latex(text: str) -> str:
    r"""Return plain words as LaTeX text, whatever stands in them.

    >>> print(text_latex("50 % of n_out, by ∂L/∂w"))
    50 \% of n\_out, by $\partial $L/$\partial $w
    """
    return "".join(_IN_TEXT.get(each) or _letter(each) for each in text)


def _letter(character: str) -> str:
    if character in GREEK:
        return rf"$\{GREEK[character]}$"
    return character if character.isascii() and character.isprintable() else f"U{ord(character):04X}"
