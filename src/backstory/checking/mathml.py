"""A person's equation as MathML, as it is read: each name and derivative with its place in the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape

from backstory.checking.equation import (
    Applied,
    Elementwise,
    Equation,
    MatrixProduct,
    Ratio,
    SumOver,
    Transposed,
    Written,
)
from backstory.expressions import Expr, Name
from backstory.expressions.mathml import mathml_printer
from backstory.expressions.printing import ATOM, POWER, PRODUCT, PRODUCT_BREAK, SUM, Bound, Printer

_PRODUCTS = {Elementwise: "<mo>⊙</mo>", MatrixProduct: "<mo>&#x2062;</mo>"}


def equation_mathml(equation: Equation, kind: Callable[[Written], str] = lambda name: "") -> str:
    """Return an equation as the contents of a ``<math>`` element; whatever stands in a name is escaped.

    Parameters
    ----------
    equation : Equation
    kind : callable
        From a name to the class of what it names.

    Examples
    --------
    >>> from backstory.expressions import Number
    >>> equation_mathml(Equation("w=2", (Written("w", span=(0, 1)), Number(2))))
    '<mrow class="" data-span="0 1"><mi>w</mi></mrow><mo>=</mo><mn>2</mn>'
    """
    writer = _Writer(kind)
    return f"<mo>{'←' if equation.is_update else '='}</mo>".join(map(writer.math, equation.sides))


class _Writer:
    """Prints trees whose further nodes are set first and stand in them as names."""

    def __init__(self, kind: Callable[[Written], str]) -> None:
        self.kind = kind
        self.word = mathml_printer()
        self.done: list[Bound] = []
        self.printer: Printer = replace(self.word, name=lambda id: self.done[int(id)])

    def math(self, node: Expr) -> str:
        return self.printer(self.tree(node))

    def tree(self, node: Expr) -> Expr:
        """Return a tree of the nodes that a printer knows."""
        match node:
            case Written():
                return self.put(self.placed(node, self.name(node), self.kind(node)), ATOM)
            case Ratio(of, by, held):
                return self.put(self.placed(node, self.ratio(of, by, held), "sym-gradient"), POWER)
            case Applied(function, arg, primes):
                inside = f"<mo>(</mo><mrow>{self.math(arg)}</mrow><mo>)</mo>"
                word = self.name(function)
                word = f"<msup>{word}<mo>{'′' * primes}</mo></msup>" if primes else word
                return self.put(self.placed(node, word + inside, ""), ATOM)
            case SumOver(index, body):
                sign = f'<munder><mo movablelimits="false">∑</mo><mi>{escape(index)}</mi></munder>'
                return self.put(sign + self.within(body, PRODUCT), SUM)
            case Transposed(matrix):
                return self.put(f"<msup><mrow>{self.within(matrix, ATOM)}</mrow><mi>T</mi></msup>", POWER)
            case Elementwise(left, right) | MatrixProduct(left, right):
                sign = _PRODUCTS[type(node)]
                sides = self.within(left, PRODUCT), self.within(right, POWER)
                return self.put(f"{sides[0]}{PRODUCT_BREAK}{sign}{sides[1]}", PRODUCT)
        return node.with_children(*map(self.tree, node.children))

    def within(self, node: Expr, at_least: int) -> str:
        return self.printer.unmarked(self.printer.within(self.tree(node), at_least))

    def put(self, text: str, binding: int) -> Name:
        self.done.append((text, binding))
        return Name(str(len(self.done) - 1))

    def name(self, name: Written) -> str:
        word = self.word(Name(name.base))
        below = f"<mrow>{self.script(name.below)}</mrow>"
        above = f"<mrow><mo>(</mo>{self.script(name.above)}<mo>)</mo></mrow>"
        if name.below and name.above:
            return f"<msubsup><mrow>{word}</mrow>{below}{above}</msubsup>"
        if name.above:
            return f"<msup><mrow>{word}</mrow>{above}</msup>"
        return f"<msub><mrow>{word}</mrow>{below}</msub>" if name.below else word

    def script(self, text: str) -> str:
        tag = "mn" if text.isdecimal() else "mi"
        return f"<{tag}>{escape(text)}</{tag}>" if text.isalnum() else f"<mtext>{escape(text)}</mtext>"

    def ratio(self, of: Written, by: Written, held: Sequence[Written]) -> str:
        above, below = (f"<mrow><mo>∂</mo>{self.named(name)}</mrow>" for name in (of, by))
        fraction = f"<mfrac>{above}{below}</mfrac>"
        if not held:
            return fraction
        names = "<mo>,</mo>".join(map(self.named, held))
        return f"<msub><mrow>{fraction}<mo>|</mo></mrow><mrow>{names}</mrow></msub>"

    def named(self, name: Written) -> str:
        return f'<mrow class="{escape(self.kind(name))}">{self.name(name)}</mrow>'

    def placed(self, node: Expr, text: str, kind: str) -> str:
        """Return what is set, so that it is found by its place in the text."""
        place = f' data-span="{node.span[0]} {node.span[1]}"' if node.span else ""
        return f'<mrow class="{escape(kind)}"{place}>{text}</mrow>'
