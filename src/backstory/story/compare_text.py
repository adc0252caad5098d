"""Two stories side by side, as a page of plain text and as data for other printers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from backstory.expressions import to_text
from backstory.story.chain import shown
from backstory.story.page import Cell, Paragraph, Section, Table, with_formulas
from backstory.story.text import Lines

if TYPE_CHECKING:
    from backstory.story.compare import Comparison, Side

_DIFFERENCES = {"": "equal", "number": "another value", "formula": "another formula", "missing": "on one side only"}


def comparison_page(comparison: Comparison) -> str:
    """Return two stories side by side."""
    return "\n\n".join(
        "\n".join(block) for block in (_compared(comparison), _factors(comparison), _verdict(comparison))
    )


def comparison_sections(comparison: Comparison) -> tuple[Section, ...]:
    """Return two stories side by side as data for printers that have wider pages than text."""
    left, right = comparison.left, comparison.right
    values: list[tuple[Cell, ...]] = [("", "left", "right"), ("gradient", left.symbol, right.symbol)]
    values.append(("value", left.value, right.value))
    factors: list[tuple[Cell, ...]] = [("kind", "left", "", "", "right", "", "", "difference")]
    for row in comparison.rows:
        sides = (cell for side in (row.left, row.right) for cell in _cells(side))
        factors.append((row.kind, *sides, _DIFFERENCES[row.difference]))
    title = "What differs" if comparison.first_difference else "What follows"
    return (
        Section("values", "", (Table(tuple(values)),)),
        Section("factors", "Factor by factor", (Table(tuple(factors)),)),
        Section("sentence", title, (Paragraph(with_formulas(comparison.sentence)),)),
    )


def _cells(side: Side | None) -> tuple[Cell, ...]:
    return ("(none)", "", "") if side is None else (side.symbol, side.formula, side.number)


def _compared(comparison: Comparison) -> Iterator[str]:
    """Name both values and their ratio."""
    for where, story in (("left", comparison.left), ("right", comparison.right)):
        yield f"{where:<7}{to_text(story.symbol)} = {shown(story.value)}"
    if comparison.ratio == 1:
        yield "Both are equal."
    elif comparison.ratio is not None:
        yield f"The right one is {shown(comparison.ratio)} times the left one."


def _factors(comparison: Comparison) -> Iterator[str]:
    """Every pair of factors: one line where they are the same, else two."""
    yield "Factor by factor"
    for row in comparison.rows:
        for line in Lines().remarked(f"[{row.kind}]", _DIFFERENCES[row.difference]):
            yield "  " + line
        if row.left is not None and row.right is not None and not row.difference and str(row.left) == str(row.right):
            yield from _side("", row.left)
            continue
        for where, side in (("left", row.left), ("right", row.right)):
            yield from _side(f"{where:<7}", side)


def _side(before: str, side: Side | None) -> Iterator[str]:
    lines = Lines()
    marked = "(none)"
    if side is not None:
        formula, number = lines.short.marked(side.formula)[0], shown(side.number)
        marked = lines.equal(to_text(side.symbol), formula, number)
    yield from lines.broken(f"      {before}", marked)


def _verdict(comparison: Comparison) -> Iterator[str]:
    yield "What differs" if comparison.first_difference else "What follows"
    for line in Lines().paragraph(comparison.sentence):
        yield "  " + line
