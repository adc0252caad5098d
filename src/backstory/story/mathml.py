"""A story as HTML with its formulas in MathML: what browsers show and screen readers read without a script."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from backstory.expressions import Expr, Name, Number
from backstory.expressions.mathml import mathml_printer
from backstory.expressions.printing import CLOSE, OPEN, broken
from backstory.story.chain import shown
from backstory.story.page import Block, Cell, Equation, Paragraph, Reasons, Section, Table, Ways, Words, percent

if TYPE_CHECKING:
    from backstory.story.story import Factor

ROOM = 64.0
"""Width of a line, in letters."""
_PARENTHESES = str.maketrans({OPEN: "<mo>(</mo>", CLOSE: "<mo>)</mo>"})
_LEFT, _RIGHT = 'class="after"', 'class="before"'


def page(
    sections: Sequence[Section], name: Callable[[str], str] = str, kind: Callable[[str], str] | None = None
) -> str:
    """Return parts of a story as a fragment of HTML, a section each.

    Parameters
    ----------
    sections : sequence of Section
    name : callable
        From a name to the name that is set in its place.
    kind : callable, optional
        From a name to the class of what it names: names and factors can then be found again in what is shown; see
        `mathml_printer`.
    """
    blocks = Blocks(name, kind)
    return "\n".join(line for section in sections for line in blocks.section(section)) + "\n"


def width(mathml: str) -> float:
    """Return about how wide mathematics is, in letters.

    >>> width("<mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mi>c</mi></mrow></mfrac>")
    4.0
    """
    return _width(ElementTree.fromstring(f"<mrow>{mathml.translate(_PARENTHESES)}</mrow>"))


def _width(element: ElementTree.Element) -> float:
    parts = [_width(child) for child in element]
    match element.tag:
        case "mfrac":
            return max(parts)
        case "msub" | "msup" | "msubsup":
            return parts[0] + 0.7 * max(parts[1:])
        case "mover" | "munder":
            return parts[0]
        case "mo":
            return 1.0 if element.text in ("(", ")", ",") else 2.0
    return sum(parts) + len(element.text or "")


class Blocks:
    """Writes blocks as lines of HTML."""

    def __init__(self, name: Callable[[str], str] = str, kind: Callable[[str], str] | None = None) -> None:
        self.printer = mathml_printer(name, kind)

    def section(self, section: Section) -> Iterator[str]:
        yield f'<section data-section="{section.key}">'
        if section.title:
            yield f"<h2>{escape(section.title)}</h2>"
        for block in section.blocks:
            yield from self.block(block)
        yield "</section>"

    def block(self, block: Block) -> Iterator[str]:
        match block:
            case Paragraph(words):
                yield f"<p>{self.words(words)}</p>"
            case Equation():
                yield from self.aligned(self.equation(block, ROOM))
            case Ways(paths):
                yield "<div><table>"
                yield _row(["path", "gives", "share"], head=True)
                for path in paths:
                    route = " → ".join(self.inline(Name(node)) for node in path.nodes)
                    yield _row([route, self.inline(path.value), escape(percent(path.share))])
                yield "</table></div>"
            case Reasons(factors):
                yield "<div><table>"
                yield _row(["factor", "kind", "because"], head=True)
                for factor in factors:
                    yield _row([self.factor(factor), factor.kind, self.because(factor)])
                yield "</table></div>"
            case Table(rows):
                yield "<div><table>"
                for place, row in enumerate(rows):
                    yield _row([self.cell(cell) for cell in row], head=place == 0)
                yield "</table></div>"

    def math(self, value: Expr | float | Equation) -> str:
        if isinstance(value, Equation):
            return "<mo>=</mo>".join(map(self.math, (value.left, *value.rights)))
        return self.printer(value) if isinstance(value, Expr) else _number(self.printer, value)

    def inline(self, value: Expr | float | Equation) -> str:
        return f"<math>{self.math(value)}</math>"

    def words(self, words: Words) -> str:
        return "".join(escape(piece) if isinstance(piece, str) else self.inline(piece) for piece in words)

    def cell(self, cell: Cell) -> str:
        return escape(cell) if isinstance(cell, str) else self.inline(cell)

    def factor(self, factor: Factor) -> str:
        same = () if shown(factor.number) == shown_number(factor.formula) else (factor.number,)
        return self.inline(Equation(factor.symbol, (factor.formula, *same)))

    def because(self, factor: Factor) -> str:
        rows = self.equation(Equation(Name(factor.target), (factor.definition,)), ROOM / 2)
        return "".join(self.aligned(rows))

    def equation(self, equation: Equation, room: float) -> Iterator[tuple[str, str, str]]:
        """Return the rows of an equation: left of the equals sign, the sign with what is right of it, which face."""
        left = self.math(equation.left)
        room -= width(left)
        faces = equation.faces or ("",) * len(equation.rights)
        for right, face in zip(equation.rights, faces, strict=True):
            first, *others = self.lines(right, room)
            yield left, f"<mo>=</mo>{first}", face
            for line in others:
                yield "", f'<mspace width="2em"/>{line}', face
            left = ""
        if equation.remark:
            yield "", f'<mspace width="2em"/><mtext>({escape(equation.remark)})</mtext>', ""

    def lines(self, value: Expr | float, room: float) -> list[str]:
        if not isinstance(value, Expr):
            return [_number(self.printer, value)]
        marked = self.printer.marked(value)[0]
        return [self.printer.unmarked(line) for line in broken(marked, room, width)]

    def aligned(self, rows: Iterator[tuple[str, str, str]]) -> Iterator[str]:
        yield '<div class="equation"><math><mtable displaystyle="true">'
        for left, right, face in rows:
            row = f'<mtr data-face="{face}">' if face and self.printer.link else "<mtr>"
            yield f"{row}<mtd {_RIGHT}>{left}</mtd><mtd {_LEFT}>{right}</mtd></mtr>"
        yield "</mtable></math></div>"


def _row(cells: Sequence[str], head: bool = False) -> str:
    """Return a row of a table: its first cell says what it is, those of the head what the columns are."""
    if head:
        found = [f'<th scope="col">{cell}</th>' for cell in cells]
    else:
        found = [f'<th scope="row">{cells[0]}</th>', *(f"<td>{cell}</td>" for cell in cells[1:])]
    return f"<tr>{''.join(found)}</tr>"


def shown_number(value: Expr) -> str:
    """Return a number as it is printed, nothing for other formulas."""
    return shown(float(value.value)) if isinstance(value, Number) else ""


def _number(printer: Callable[[Expr], str], value: float) -> str:
    text = shown(value)
    if text.lstrip("-") in ("inf", "nan"):
        return f"<mn>{text.replace('inf', '∞').replace('-', '−').replace('nan', 'NaN')}</mn>"
    return printer(Number(float(text) if any(each in text for each in ".e") else int(text)))
