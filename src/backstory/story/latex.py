r"""A story as a fragment of LaTeX for a paper: it needs amsmath and nothing else, and fits the lines of an article."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from backstory.expressions import Expr, Name, Number
from backstory.expressions.latex import latex_printer, text_latex
from backstory.expressions.printing import CLOSE, OPEN, broken
from backstory.story.chain import shown
from backstory.story.page import Block, Cell, Equation, Paragraph, Reasons, Section, Table, Ways, Words, percent

if TYPE_CHECKING:
    from backstory.story.story import Factor

ROOM = 340.0
r"""Width of a line in points: ``\textwidth`` of an article at 10 pt is 345."""
_INDENT = 20.0
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
_WIDTHS = {
    **dict.fromkeys((r"\left", r"\right", r"\mathrm", r"\text", r"\operatorname", "{", "}", " ", "&"), 0.0),
    **dict.fromkeys((r"\cdot", r"\to", r"\ge", r"\le", "+", "-", "=", "<", ">"), 12.6),
    r"\,": 1.7,
    r"\quad": 10.0,
    r"\cdots": 14.0,
    **dict.fromkeys((r"\log", r"\sin", r"\cos", r"\tan", r"\max", r"\min"), 16.0),
    **dict.fromkeys((r"\arctan", r"\sinh", r"\cosh", r"\tanh"), 26.0),
    **dict.fromkeys((OPEN, CLOSE, "(", ")"), 6.0),
    **dict.fromkeys(",.", 3.5),
}
_WIDTH = 5.9
"""Of a letter, a digit or a Greek letter."""


def page(sections: Sequence[Section], name: Callable[[str], str] = str) -> str:
    """Return parts of a story, each under its title.

    Parameters
    ----------
    sections : sequence of Section
    name : callable
        From a name to the name that is set in its place.
    """
    latex = _Latex(name)
    return "\n".join(line for section in sections for line in latex.section(section)) + "\n"


def width(latex: str) -> float:
    r"""Return about how wide mathematics is when it is set at 10 pt, in points.

    >>> width("x") < width(r"\frac{x}{y}") < width("x + y")
    True
    """
    return _width(iter(_TOKEN.findall(latex)))


def _width(tokens: Iterator[str]) -> float:
    total = script = 0.0
    for token in tokens:
        if token == "}":
            break
        if token in "^_":  # what stands above and below at once is as wide as the wider of them
            found = 0.75 * _next_width(tokens)
            total += max(found - script, 0.0)
            script = found
            continue
        script = 0.0
        if token == "{":
            total += _width(tokens)
        elif token == r"\frac":
            total += max(_next_width(tokens), _next_width(tokens)) + 3.0
        else:
            total += _WIDTHS.get(token, _WIDTH)
    return total


def _next_width(tokens: Iterator[str]) -> float:
    token = next(tokens, "}")
    return _width(tokens) if token == "{" else _WIDTHS.get(token, _WIDTH)


class _Latex:
    """Writes blocks as lines of LaTeX."""

    def __init__(self, name: Callable[[str], str]) -> None:
        self.printer = latex_printer(name)

    def section(self, section: Section) -> Iterator[str]:
        if section.title:
            yield rf"\subsubsection*{{{text_latex(section.title)}}}"
        for equations, blocks in groupby(section.blocks, key=lambda block: isinstance(block, Equation)):
            if equations:
                group = [block for block in blocks if isinstance(block, Equation)]
                room = self.room(equation.left for equation in group)
                yield from _aligned([self.equation(equation, room) for equation in group])
            else:
                for block in blocks:
                    yield from self.block(block)

    def block(self, block: Block) -> Iterator[str]:
        match block:
            case Paragraph(words):
                yield rf"{{\noindent\raggedright {self.words(words)}\par}}"
            case Ways(paths):
                for path in paths:
                    route = r" \to ".join(self.name(node) for node in path.nodes)
                    share = text_latex(percent(path.share))
                    yield rf"{{\noindent\raggedright\lineskiplimit=2pt\lineskip=3pt ${route}$"
                    yield rf"\hspace*{{\fill}}\quad ${self.math(path.value)}$"
                    yield rf"\makebox[4em][r]{{{share}}}\par}}"
            case Reasons(factors):
                room = self.room(factor.symbol for factor in factors)
                yield from _aligned([self.reason(factor, room) for factor in factors])
            case Table(rows=cells):
                yield from self.table(cells)

    def name(self, name: str) -> str:
        return self.printer.unmarked(self.printer.name(name)[0])

    def math(self, value: Expr | float | Equation) -> str:
        """Return mathematics on one line, without dollar signs."""
        if isinstance(value, Equation):
            return " = ".join(map(self.math, (value.left, *value.rights)))
        return self.printer(value) if isinstance(value, Expr) else _number(self.printer, value)

    def words(self, words: Words) -> str:
        return "".join(text_latex(piece) if isinstance(piece, str) else f"${self.math(piece)}$" for piece in words)

    def room(self, lefts: Iterable[Expr]) -> float:
        """Return how much is left to the right of the equals sign where these are aligned on it."""
        return ROOM - 15 - max(width(self.math(left)) for left in lefts)

    def equation(self, equation: Equation, room: float) -> Iterator[str]:
        """Return the rows of an aligned equation."""
        left = self.math(equation.left)
        for right in equation.rights:
            first, *others = self.lines(right, room)
            yield f"{left} &= {first}"
            for line in others:
                yield rf"&\quad {{}}{line}"
            left = ""
        if equation.remark:
            yield rf"&\quad \text{{({text_latex(equation.remark)})}}"

    def lines(self, value: Expr | float, room: float) -> list[str]:
        """Break a formula into lines; a parenthesis that is open at the end of one is closed by nothing."""
        if not isinstance(value, Expr):
            return [_number(self.printer, value)]
        marked = self.printer.marked(value)[0]
        lines = [marked] if width(marked) <= room else broken(marked, room - _INDENT, width)
        return [_balanced(self.printer.unmarked(line), line) for line in lines]

    def reason(self, factor: Factor, room: float) -> Iterator[str]:
        """Return a formula and its derivative, with its kind where there is room."""
        yield from self.equation(Equation(Name(factor.target), (factor.definition,)), room)
        rights: tuple[Expr | float, ...] = (factor.formula, factor.number)
        if shown(factor.number) == self.printer(factor.formula):
            rights = (factor.number,)
        on_one = " = ".join(map(self.math, rights))
        if width(on_one) < room:
            rows = [f"{self.math(factor.symbol)} &= {on_one}"]
        else:
            rows = [*self.equation(Equation(factor.symbol, rights), room)]
        remark = rf"\quad \text{{({factor.kind})}}"
        fits = width(rows[-1].partition("&")[2] + remark) < room
        yield from [*rows[:-1], rows[-1] + remark] if fits else [*rows, f"&{remark}"]

    def table(self, rows: tuple[tuple[Cell, ...], ...]) -> Iterator[str]:
        columns = "l" + "r" * (len(rows[0]) - 1)
        yield rf"\begin{{center}}\begin{{tabular}}{{{columns}}}"
        for place, row in enumerate(rows):
            strut = r"\rule{0pt}{2.6ex}" if place == 1 else ""
            yield strut + " & ".join(self.words((cell,)) for cell in row) + (r" \\" if place else r" \\[2pt] \hline")
        yield r"\end{tabular}\end{center}"


def _aligned(groups: Sequence[Iterable[str]]) -> Iterator[str]:
    """Return groups of rows aligned with one another; a page may end between rows."""
    yield r"{\allowdisplaybreaks\begin{align*}"
    yield " \\\\[4pt]\n".join(" \\\\\n".join(rows) for rows in groups)
    yield r"\end{align*}}"


def _balanced(line: str, marked: str) -> str:
    depth = least = 0
    for character in marked:
        depth += (character == OPEN) - (character == CLOSE)
        least = min(least, depth)
    return r"\left." * -least + line + r"\right." * (depth - least)


def _number(printer: Callable[[Expr], str], value: float) -> str:
    text = shown(value)
    if text.lstrip("-") in ("inf", "nan"):
        return text.replace("inf", r"\infty").replace("nan", r"\mathrm{NaN}")
    return printer(Number(float(text) if any(each in text for each in ".e") else int(text)))
