"""What one unit computes, on the way forward and on the way back: its formulas with their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from backstory.expressions import Expr, Name, Partial, names, substitute, to_text
from backstory.story.chain import ELLIPSIS, chain, rounded, shown
from backstory.story.graph import Graph
from backstory.story.mathml import page
from backstory.story.page import Block, Equation, Paragraph, Section
from backstory.story.story import delta_name
from backstory.studio.symbols import symbol_class

if TYPE_CHECKING:
    from backstory.studio.subject import Subject


def told_unit(subject: Subject, name: str, row: int) -> dict[str, Any]:
    """Return the card of one unit: what it computes, and where its delta comes from.

    Raises
    ------
    ConfigurationError
        There is no such unit.
    """
    graph = subject.graph(row, name)
    parts = (("forward", "Forward", forward(graph, name)), ("backward", "Backward", backward(graph, name)))
    told = [Section(key, title, tuple(blocks)) for key, title, blocks in parts]
    html = page([section for section in told if section.blocks], kind=symbol_class(graph))
    return {"name": name, "step": subject.steps, "row": row, "html": html}


def forward(graph: Graph, name: str) -> Iterator[Block]:
    """Write the formulas of a unit: its weighted sum, then its activation, each with numbers and value."""
    found = graph.definition(name)
    if found is None:
        yield Paragraph((Equation(Name(name), (graph.value(name),)), " is given."))
        return
    weighted = sum_of(graph, name)
    if weighted is not None:
        yield _computed(graph, weighted)
    yield _computed(graph, name)


def backward(graph: Graph, name: str) -> Iterator[Block]:
    """Write the delta of a unit in terms of the deltas after it; of the loss and of what is given nothing."""
    loss = next(reversed(graph.values))
    start = sum_of(graph, name) or name
    if graph.definition(name) is None or name == loss or start not in graph.totals(loss):
        return
    told = chain(graph, start, loss, lambda each: Name(delta_name(each)) if graph.node_kind(each) == "sum" else None)
    left: Expr = Name(delta_name(start)) if graph.node_kind(start) == "sum" else Partial(loss, start)
    symbol = () if isinstance(left, Partial) else (Partial(loss, start),)
    yield Equation(left, once(*symbol, told.formulas, told.numbers, told.value))


def sum_of(graph: Graph, name: str) -> str | None:
    """Return the weighted sum that an activation is taken of, or None where a quantity is no activation."""
    if graph.node_kind(name) != "activation":
        return None
    if graph.activation(name) is None:
        return "z" + name[1:]  # softmax is taken of all; its own sum is the one of the same place
    found = graph.definition(name)
    assert found is not None
    return next((each for each in sorted(names(found)) if graph.node_kind(each) == "sum"), None)


def _computed(graph: Graph, name: str) -> Equation:
    formula = graph.definition(name)
    assert formula is not None
    return Equation(Name(name), (formula, *with_numbers(graph, formula), graph.value(name)))


def with_numbers(graph: Graph, formula: Expr) -> tuple[Expr, ...]:
    """Return a formula with the numbers in the place of its names; nothing where it leaves terms out."""
    used = names(formula)
    if ELLIPSIS.id in used:
        return ()
    return (substitute(formula, {each: rounded(graph.value(each)) for each in used}),)


def once(*values: Expr | float) -> tuple[Expr | float, ...]:
    """Leave out what would be printed a second time."""
    texts = [shown(value) if isinstance(value, float | int) else to_text(value) for value in values]
    return tuple(value for place, value in enumerate(values) if texts[place] not in texts[:place])
