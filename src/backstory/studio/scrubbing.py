"""One pass in slow motion: forward, loss, backward and update, one unit or one layer lit at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backstory.expressions import Name
from backstory.story.graph import Graph
from backstory.story.mathml import page
from backstory.story.page import Block, Equation, Paragraph, Section, Table
from backstory.studio.symbols import symbol_class
from backstory.studio.units import backward, forward, once

if TYPE_CHECKING:
    from backstory.story.story import Story
    from backstory.studio.drawing import Drawing
    from backstory.studio.subject import NetworkSubject, Subject

MOST_PARAMETERS = 60
"""A network of more parameters is gone through layer by layer."""


@dataclass(frozen=True)
class Stage:
    """One moment of a pass.

    Attributes
    ----------
    phase : {"forward", "loss", "backward", "update"}
    title : str
    nodes, lines : list of str
        What is lit: units by name, parameters by address.
    html : str
        The formulas, with their numbers.
    fresh : dict of str to float
        What an update makes of parameters, by address.
    """

    phase: str
    title: str
    nodes: list[str]
    lines: list[str] = field(default_factory=list)
    html: str = ""
    fresh: dict[str, float] = field(default_factory=dict)


def stages(subject: Subject, row: int) -> dict[str, Any]:
    """Return all moments of a pass over one sample, as the key `scrub` holds them."""
    drawing = subject.drawing()
    small = drawing.whole and len(parameters(drawing)) <= MOST_PARAMETERS
    found = by_units(subject, drawing, row) if small else by_layers(subject, drawing)  # type: ignore[arg-type]
    return {"step": subject.steps, "row": row, "stages": [vars(stage) for stage in found]}


def parameters(drawing: Drawing) -> list[str]:
    """Return the addresses in a picture, each once."""
    return [*dict.fromkeys(each["address"] for each in (*drawing.lines, *drawing.biases) if each["address"])]


def by_units(subject: Subject, drawing: Drawing, row: int) -> Iterator[Stage]:
    """Go through a small network unit by unit."""
    graph = subject.graph(row)
    inputs = [name for name, kind in drawing.kinds.items() if kind == "input"]
    order = [name for column in drawing.columns for name in column["nodes"] if drawing.kinds[name] != "input"]
    if inputs:
        given: list[Block] = [Paragraph((Equation(Name(name), (graph.value(name),)),)) for name in inputs]
        yield Stage("forward", "The inputs are given", inputs, [], _html(given, graph))
    for name in order:
        loss = drawing.kinds[name] == "loss"
        into = [line["address"] for line in drawing.lines if line["target"] == name and line["address"]]
        title = "The loss is computed" if loss else f"Forward: {name}"
        yield Stage("loss" if loss else "forward", title, [name], into, _html(forward(graph, name), graph))
    units = [name for name in order if drawing.kinds[name] == "unit"]
    for name in reversed(units):
        blocks = tuple(backward(graph, name))
        if blocks:
            out = [line["address"] for line in drawing.lines if line["source"] == name and line["address"]]
            yield Stage("backward", f"Backward: {name}", [name], out, _html(blocks, graph))
    yield from _updates(subject, drawing, graph, row, order)


def _updates(subject: Subject, drawing: Drawing, graph: Graph, row: int, order: list[str]) -> Iterator[Stage]:
    """Go through the parameters by the unit they lead to; one that is shared is told where it comes first."""
    told: set[str] = set()
    for name in order:
        here = [each["address"] for each in (*drawing.lines, *drawing.biases) if each["target"] == name]
        here = [each for each in dict.fromkeys(here) if each and each not in told]
        told.update(here)
        stories = [story for address in here if (story := _of_a_step(subject, address, row)).update is not None]
        if stories:
            fresh = {story.by: story.update.new for story in stories if story.update is not None}
            title = f"Update: what leads to {name}"
            yield Stage("update", title, [name], list(fresh), _html(_update(stories), graph), fresh)


def _of_a_step(subject: Subject, address: str, row: int) -> Story:
    """Return the story of a parameter with its update: of this sample alone, or where none is taken alone of all."""
    story = subject.explain(address, row)
    return story if story.update is not None else subject.explain(address, row, whole=True)


def _update(stories: list[Story]) -> Iterator[Block]:
    """Tell the first of some updates line by line, and of all the old and the new value."""
    if (batch := stories[0].batch) is not None:
        yield Paragraph((f"A step is taken with all {len(batch.gradients)} samples, of which this is one.",))
    for story in stories[:1]:
        chained = story.by_deltas or story.chain
        if story.path_count and story.batch is None and story.penalty is None:
            yield Equation(story.symbol, once(chained.symbols, chained.formulas, chained.numbers, chained.value))
        assert story.update is not None
        for line in story.update.lines:
            yield Equation(Name(line.name), (line.formula, line.numbers, line.value))
    head = ("", "gradient", "old", "new")
    rows = [(Name(s.by), s.value, s.update.old, s.update.new) for s in stories if s.update is not None]
    yield Table((head, *rows))


def by_layers(subject: NetworkSubject, drawing: Drawing) -> Iterator[Stage]:
    """Go through a large network layer by layer, in the general formulas of each."""
    net = subject.net
    columns = drawing.columns
    graph = subject.graph(0, columns[-2]["nodes"][0])
    layers = [net.explain_layer(layer) for layer in range(1, net.spec.n_layers + 1)]
    yield Stage("forward", f"The {net.spec.n_in:,} inputs are given", columns[0]["nodes"])
    for told, column in zip(layers, columns[1:], strict=False):
        lines = [line["address"] for line in drawing.lines if line["target"] in column["nodes"] and line["address"]]
        shown = _equations(told, ("z", "a"))
        yield Stage("forward", f"Forward: layer {told.layer}", column["nodes"], lines, _html(shown, graph))
    formula = graph.definition("L")
    assert formula is not None
    yield Stage("loss", "The loss is computed", ["L"], [], _html([Equation(Name("L"), (formula,))], graph))
    for told, column in reversed([*zip(layers, columns[1:], strict=False)]):
        lines = [line["address"] for line in drawing.lines if line["source"] in column["nodes"] and line["address"]]
        shown = _equations(told, ("slope", "delta"))
        yield Stage("backward", f"Backward: layer {told.layer}", column["nodes"], lines, _html(shown, graph))
    for told, column in zip(layers, columns[1:], strict=False):
        lines = [line["address"] for line in drawing.lines if line["target"] in column["nodes"] and line["address"]]
        shown = [*_equations(told, ("weight", "bias", "update")), Paragraph((repr(subject.optimizer),))]
        yield Stage("update", f"Update: layer {told.layer}", column["nodes"], lines, _html(shown, graph))


def _equations(told: Any, keys: tuple[str, ...]) -> list[Block]:
    return [Equation(each.left, (each.right,)) for each in told.equations if each.key in keys]


def _html(blocks: Iterable[Block], graph: Graph) -> str:
    return page([Section("stage", "", tuple(blocks))], kind=symbol_class(graph))
