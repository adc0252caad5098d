"""A story as a page of plain text, at most 80 columns wide where formulas allow it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from backstory.expressions import Expr
from backstory.expressions.printing import SUM_BREAK, broken
from backstory.expressions.text import text_printer
from backstory.story.chain import shown
from backstory.story.page import Block, Equation, Paragraph, Reasons, Section, Table, Ways, Words, percent

WIDTH = 80


def page(sections: Sequence[Section], name: Callable[[str], str] = str) -> str:
    """Return parts of a story, each under its title.

    Parameters
    ----------
    sections : sequence of Section
    name : callable
        How a name is written.
    """
    text = Lines(name)
    return "\n\n".join("\n".join(text.section(section)) for section in sections)


class Lines:
    """Writes blocks as lines of at most 78 columns."""

    def __init__(self, name: Callable[[str], str] = str) -> None:
        self.name = name
        self.short, self.wide = text_printer(name=name), text_printer(" * ", name)

    def section(self, section: Section) -> Iterator[str]:
        indent = "  " if section.title else ""
        if section.title:
            yield section.title
        for before, block in pairwise((None, *section.blocks)):
            assert block is not None
            if before is not None and (isinstance(block, Table) or not section.title):
                yield ""
            for line in self.block(block):
                yield f"{indent}{line}".rstrip()

    def block(self, block: Block) -> Iterator[str]:
        match block:
            case Paragraph(words):
                yield from self.paragraph(self.words(words))
            case Equation():
                yield from self.equation(block)
            case Ways(paths):
                for path in paths:
                    route = f" {SUM_BREAK}→ ".join(map(self.name, path.nodes))
                    yield from self.remarked(route, f"{shown(path.value):>12}  {percent(path.share):>6}")
            case Reasons(factors):
                for factor in factors:
                    formula = self.short.marked(factor.formula)[0]
                    left = self.equal(self.short(factor.symbol), formula, shown(factor.number))
                    yield from self.remarked(left, f"[{factor.kind}]")
                    yield from self.hanging(f"    because {self.name(factor.target)} = ", factor.definition)
            case Table(rows):
                yield from self.table(rows)

    def paragraph(self, text: str) -> list[str]:
        return textwrap.wrap(text, WIDTH - 2, break_long_words=False, break_on_hyphens=False)

    def equal(self, symbol: str, formula: str, number: str) -> str:
        """Return symbol = formula = number with places for breaks; the number only where the formula is another."""
        same = "" if self.short.unmarked(formula) == number else f" {SUM_BREAK}= {number}"
        return f"{symbol} = {formula}{same}"

    def words(self, words: Words) -> str:
        return "".join(piece if isinstance(piece, str) else self.inline(piece) for piece in words)

    def inline(self, piece: Expr | float | Equation) -> str:
        if isinstance(piece, Equation):
            return " = ".join(map(self.inline, (piece.left, *piece.rights)))
        return self.short(piece) if isinstance(piece, Expr) else shown(piece)

    def equation(self, equation: Equation) -> Iterator[str]:
        """Write each right side below the other."""
        left = self.short(equation.left)
        for right in equation.rights:
            last = right is equation.rights[-1] and equation.remark
            yield from self.hanging(f"{left} = ", right, f"   ({equation.remark})" if last else "")
            left = " " * len(left)

    def hanging(self, before: str, value: Expr | float, remark: str = "") -> Iterator[str]:
        """Write a formula on as many lines as it takes, below one another."""
        yield from self.broken(before, self.wide.marked(value)[0] if isinstance(value, Expr) else shown(value), remark)

    def broken(self, before: str, marked: str, remark: str = "") -> Iterator[str]:
        """Break a formula; lines after the first stand a little to the right."""
        first, *others = self.lines(marked, max(WIDTH - 2 - len(before), 24))
        yield f"{before}{first}{remark}"
        for line in others:
            yield " " * len(before) + line

    def lines(self, marked: str, room: int) -> list[str]:
        whole = self.wide.unmarked(marked)
        if len(whole) <= room:
            return [whole]
        first, *others = (self.wide.unmarked(line) for line in broken(marked, room - 2))
        return [first, *("  " + line for line in others)]

    def remarked(self, marked: str, remark: str) -> Iterator[str]:
        """Put a remark at the right margin, on a line of its own where there is no room."""
        room = WIDTH - 2
        *others, last = self.lines(marked, room)
        yield from others
        if len(last) + 2 + len(remark) <= room:
            yield f"{last}{remark:>{room - len(last)}}"
        else:
            yield last
            yield f"{remark:>{room}}"

    def table(self, rows: Sequence[Sequence[str | Expr | float]]) -> Iterator[str]:
        """Write a table: the first column to the left where it has no head, all else to the right."""
        cells = [[cell if isinstance(cell, str) else self.inline(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            padded = [f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)]
            yield "   ".join(padded if rows[0][0] else [f"{row[0]:<{widths[0]}}", *padded[1:]])
