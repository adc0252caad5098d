"""What a figure shows: a story's scalar graph, its formulas as MathML trees, its picture, its samples; plain data.

Formulas are printed here, numbers are computed in the page. A formula is a tree, ``[tag, attributes?, ...children]``
with strings as texts, so that a page builds elements from it and never reads markup.

==============  =======================================================================================================
key             what it holds
==============  =======================================================================================================
graph           see `backstory.story.scalar`
trees           formulas; the numbers below are places in this list
symbols         by quantity: its name as a formula
names           by quantity: its name as a text
classes         by quantity: the class of its color
labels          by quantity: what stands on the line and what below it, for SVG
edges           by edge: formula, factor (the same, in parentheses where a product needs them), because (the formula of
                its target; null in large graphs)
drawing         columns (title, nodes, more), lines (source, target, carries), attached (quantity, target), unit (by
                quantity: the one that stands for it in the picture, or null); all places among the quantities
samples         told (which one the numbers are of), rows (by name, the leaves' values), join ("mean", "sum" or "");
                null where there is one
notes           sentences
==============  =======================================================================================================
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backstory.errors import ConfigurationError
from backstory.expressions import Expr, Name
from backstory.expressions.mathml import mathml_printer
from backstory.expressions.printing import PRODUCT
from backstory.expressions.symbols import read_symbol
from backstory.story.formula_graph import FormulaGraph
from backstory.story.program import aggregated
from backstory.story.scalar import ScalarGraph
from backstory.story.scalar_story import scalar_graph
from backstory.studio.figure_drawing import drawing
from backstory.studio.symbols import CLASSES

if TYPE_CHECKING:
    from backstory.story.story import Story

_MOST_REASONS = 2_000
"""Graphs with more edges carry no formulas of targets, which would make most of the file."""


def figure_data(story: Story, rows: Sequence[Mapping[str, float]] = ()) -> dict[str, Any]:
    """Return what a figure of a story shows; the module says what stands where.

    Parameters
    ----------
    story : Story
    rows : sequence of mappings from a leaf's name to its value, optional
        Samples to choose from. Formulas bring their own.

    Raises
    ------
    ConfigurationError
        The story's network is too large for a page (see `scalar_graph`), or a row has a name that is no leaf.
    """
    graph = scalar_graph(story)
    kinds = {quantity.name: quantity.kind for quantity in graph.quantities}
    classes = {name: CLASSES.get(kind, "") for name, kind in kinds.items()}
    trees = _Trees(story, classes)
    texts = [story.named(name) for name in kinds]
    return {
        "graph": graph.to_dict(),
        "symbols": [trees.of(Name(name)) for name in kinds],
        "names": texts,
        "classes": list(classes.values()),
        "labels": [_label(text) for text in texts],
        "edges": _edges(story, graph, trees),
        "drawing": drawing(story, graph),
        "samples": _samples(story, graph, rows),
        "notes": list(_notes(story, graph)),
        "trees": trees.found,
    }


class _Trees:
    """Formulas as trees, each once."""

    def __init__(self, story: Story, classes: Mapping[str, str]) -> None:
        self.printer = mathml_printer(story.named, lambda name: classes.get(name, ""))
        self.found: list[Any] = []
        self._places: dict[str, int] = {}

    def of(self, expr: Expr, at_least: int | None = None) -> int:
        """Return the place of a formula; in parentheses where it binds less tightly than asked."""
        text = self.printer(expr) if at_least is None else self.printer.unmarked(self.printer.within(expr, at_least))
        if text not in self._places:
            self._places[text] = len(self.found)
            self.found.append(_tree(ElementTree.fromstring(f"<mrow>{text}</mrow>")))
        return self._places[text]


def _tree(element: ElementTree.Element) -> list[Any]:
    text = [element.text] if element.text else []
    attributes = [dict(element.attrib)] if element.attrib else []
    return [element.tag, *attributes, *text, *map(_tree, element)]


def _label(name: str) -> list[str]:
    """Return a name's letter and what stands below it; the layer stands above the column and is left out."""
    symbol = read_symbol(name)
    below = ",".join(each.base + "".join(deeper.base for deeper in each.below) for each in symbol.below)
    return [symbol.base + symbol.accent, below]


def _edges(story: Story, graph: ScalarGraph, trees: _Trees) -> list[dict[str, int | None]]:
    reasons = len(graph.links) <= _MOST_REASONS
    found = []
    for link in graph.links:
        local = story.graph.local(link.source, link.target)
        because = story.graph.definition(link.target, around=link.source) if reasons else None
        found.append(
            {
                "formula": trees.of(local),
                "factor": trees.of(local, PRODUCT),
                "because": None if because is None else trees.of(because),
            }
        )
    return found


def _samples(story: Story, graph: ScalarGraph, rows: Sequence[Mapping[str, float]]) -> dict[str, Any] | None:
    told = story.batch.row if story.batch is not None else 0
    join = ""
    if isinstance(story.graph, FormulaGraph):
        program = story.graph.program
        columns = {name: column for name, column in program.samples.items() if name in graph.leaves}
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        told = _told(story.graph.values, rows)
        loss = program.formulas[program.loss]
        join = loss.function if aggregated(loss) == graph.of else ""  # type: ignore[attr-defined]  # aggregated: a call
    elif story.batch is not None:
        join = story.batch.combine
    for row in rows:
        if unknown := sorted(set(row) - graph.leaves):
            raise ConfigurationError(f"A row of a figure must give values of its leaves. Got {unknown[0]!r}.")
    return {"told": told, "rows": [dict(row) for row in rows], "join": join} if len(rows) > 1 else None


def _told(values: Mapping[str, float], rows: Sequence[Mapping[str, float]]) -> int:
    """Return which sample the values are of."""
    same = (place for place, row in enumerate(rows) if all(values[name] == value for name, value in row.items()))
    return next(same, 0)


def _notes(story: Story, graph: ScalarGraph) -> list[str]:
    found = []
    if story.told != story.of or graph.of != story.of:
        found.append(f"{graph.of} is the loss of one sample.")
    if story.penalty is not None:
        by, added = story.named(story.by), f"{story.penalty.value:.6g}"
        found.append(f"The penalty is left out here: it adds {added} to the derivative by {by}.")
    if story.retelling is not None:
        found += story.retelling.remarks
    return found
