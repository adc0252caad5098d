"""The tree of an equation back to text: ASCII, Unicode or LaTeX, as one of the many ways in which people write."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from fractions import Fraction

from backstory.checking.equation import Applied, Ratio, Written
from backstory.expressions import Add, Call, Div, Expr, Mul, Name, Neg, Number, Pow, Sub
from backstory.expressions.symbols import GREEK

_LETTERS = {word: letter for letter, word in GREEK.items()}
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUM, _PRODUCT, _POWER = 1, 2, 3


@dataclass(frozen=True)
class Spelling:
    r"""One way to write equations.

    Attributes
    ----------
    kind : str
        "ascii", "unicode" or "latex".
    times : str
        What stands between factors: "*", "·", a space, "\cdot".
    sum_word : str
        What the weighted sum of the unit h1 is called: "z", "net".
    sigma : str
        What the logistic function is called: "sigma", "sigmoid", or "f" for any unit's activation.
    lowered : bool
        Whether w1 is written with its number below.
    """

    kind: str = "ascii"
    times: str = "*"
    sum_word: str = "z"
    sigma: str = "sigma"
    lowered: bool = False

    def equation(self, left: Expr, right: Expr) -> str:
        """Return the text of an equation."""
        return f"{self.text(left)} = {self.text(right)}"

    def text(self, node: Expr) -> str:
        """Return the text of one side."""
        return self._text(node)[0]

    def _text(self, node: Expr) -> tuple[str, int]:
        match node:
            case Number(value):
                return self.number(value)
            case Written():
                return self.name(node), 4
            case Ratio():
                return self.ratio(node), 4 if self.kind == "latex" else _PRODUCT + 1
            case Applied():
                return f"{self.function(node.function.base)}{chr(39) * node.primes}({self.text(node.arg)})", 4
            case Neg(operand):
                return f"-{self.within(operand, _PRODUCT)}", _SUM
            case Add(left, right):
                return f"{self.within(left, _SUM)} + {self.within(right, _PRODUCT)}", _SUM
            case Sub(left, right):
                return f"{self.within(left, _SUM)} - {self.within(right, _PRODUCT)}", _SUM
            case Mul(left, right):
                return self.product(self.within(left, _PRODUCT), self.within(right, _POWER)), _PRODUCT
            case Div(left, right) if self.kind == "latex":
                return rf"\frac{{{self.text(left)}}}{{{self.text(right)}}}", 4
            case Div(left, right):
                return f"{self.within(left, _PRODUCT)}/{self.within(right, 4)}", _PRODUCT
            case Pow(left, right):
                return self.within(left, 4) + self.power(right), _POWER
            case Call(function, args):
                word = f"\\{function}" if self.kind == "latex" else function
                return f"{word}({', '.join(self.text(arg) for arg in args)})", 4
        raise TypeError(f"No spelling for {type(node).__name__}.")

    def within(self, node: Expr, least: int) -> str:
        """Return a part's text, in parentheses where it binds less than `least`."""
        text, binds = self._text(node)
        if binds >= least:
            return text
        return rf"\left({text}\right)" if self.kind == "latex" else f"({text})"

    def product(self, left: str, right: str) -> str:
        """Return two factors side by side, never so that they would be read as one."""
        if self.times == " " and right[:1].isdigit():
            return rf"{left} \cdot {right}" if self.kind == "latex" else f"{left} * {right}"
        return f"{left}{self.times}{right}" if self.times in ("*", "·", " ") else f"{left} {self.times} {right}"

    def power(self, exponent: Expr) -> str:
        """Return the raised text of an exponent."""
        text = self.text(exponent)
        if self.kind == "unicode" and text.isdigit():
            return text.translate(_RAISED)
        return f"^{{{text}}}" if self.kind == "latex" else f"^{text}" if text.isalnum() else f"^({text})"

    def number(self, value: float | Fraction) -> tuple[str, int]:
        """Return a number's text and how strongly it binds."""
        fraction = Fraction(value).limit_denominator(1000)
        if fraction.denominator == 1:
            return str(fraction.numerator), _SUM if fraction < 0 else 4
        if abs(float(fraction) - float(value)) > 1e-12:
            return repr(float(value)), 4
        if self.kind == "latex":
            return rf"\frac{{{fraction.numerator}}}{{{fraction.denominator}}}", 4
        if self.kind == "unicode" and fraction == Fraction(1, 2):
            return "½", 4
        return str(fraction), _PRODUCT

    def function(self, name: str) -> str:
        """Return a function's name."""
        if self.sigma == "f":
            return "f"
        if name in ("sigmoid", "sigma"):
            return {"ascii": self.sigma, "unicode": "σ", "latex": r"\sigma"}[self.kind]
        if self.kind != "latex" or len(name) == 1:
            return name
        return rf"\mathrm{{{name}}}".replace("_", r"\_")

    def name(self, name: Written) -> str:
        """Return a name's text."""
        base, below = name.base, name.below
        if base == "z" and below and not below[0].isdigit():
            base = self.sum_word
        if (match := re.fullmatch(r"([A-Za-z]+)(\d+)", base)) and not below and (self.lowered or self.kind == "latex"):
            base, below = match[1], match[2]
        word = self.word(base)
        if not below:
            return word
        if self.kind == "unicode" and below.isdigit():
            return word + below.translate(_LOWERED)
        if self.kind == "latex":
            return f"{word}_{{{below}}}" if len(below) > 1 else f"{word}_{below}"
        return f"{word}_{below}"

    def word(self, word: str) -> str:
        """Return one word: Greek letters and hats as this spelling has them."""
        if word.endswith("hat") and len(word) == 4 and self.kind != "ascii":
            return rf"\hat{{{word[0]}}}" if self.kind == "latex" else word[0] + "̂"
        if word in _LETTERS and self.kind != "ascii":
            return f"\\{word}" if self.kind == "latex" else _LETTERS[word]
        return word

    def ratio(self, ratio: Ratio) -> str:
        """Return a derivative by name."""
        of, by = self.name(ratio.of), self.name(ratio.by)
        if self.kind == "latex":
            return rf"\frac{{\partial {of}}}{{\partial {by}}}"
        return f"∂{of}/∂{by}" if self.kind == "unicode" else f"d{of}/d{by}"


def random_spelling(generator: random.Random, one_activation: bool) -> Spelling:
    """Return a way to write.

    Parameters
    ----------
    generator : random.Random
    one_activation : bool
        Whether all units have the same, so that f may stand for it.
    """
    kind = generator.choice(("ascii", "ascii", "unicode", "latex"))
    times = {"ascii": ("*", "*", " "), "unicode": ("·", " "), "latex": (r"\cdot", " ", r"\times")}[kind]
    sigma = generator.choice(("sigma", "sigmoid", "f") if one_activation else ("sigma", "sigmoid"))
    return Spelling(kind, generator.choice(times), generator.choice(("z", "z", "net")), sigma, generator.random() < 0.4)


def written(name: str) -> Written:
    """Return a name of the network as it is written: z_h1 is z with h1 below."""
    base, _, below = name.partition("_")
    return Written(base, below)


def as_written(expr: Expr) -> Expr:
    """Return a formula with its names written."""
    if isinstance(expr, Name):
        return written(expr.id)
    return expr.with_children(*(as_written(child) for child in expr.children)) if expr.children else expr


def spelling_of(text: str) -> Spelling:
    r"""Return the spelling that an equation is written in, for what is added to it.

    Examples
    --------
    >>> spelling_of(r"\frac{\partial L}{\partial w_1} = \delta_{h1} \cdot x").kind
    'latex'
    """
    if "\\" in text:
        times = next((sign for sign in (r"\cdot", r"\times") if sign in text), " ")
        return Spelling("latex", times, "net" if "net" in text else "z")
    is_unicode = any(sign in text for sign in "∂δσ·") or any(ord(each) > 0x2000 for each in text)
    times = "·" if "·" in text else "*" if "*" in text or not is_unicode else " "
    lowered = re.search(r"[a-z]_\d", text) is not None or any(digit in text for digit in "₀₁₂₃₄₅₆₇₈₉")
    sum_word = "net" if re.search(r"\bd?net_", text) else "z"
    return Spelling("unicode" if is_unicode else "ascii", times, sum_word, lowered=lowered)
