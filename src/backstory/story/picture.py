"""The network of a story as a picture: which units stand in which column, which lines lie on the paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from backstory.expressions import names
from backstory.story.address import Address, read_address
from backstory.story.formula_graph import FormulaGraph
from backstory.story.network_graph import NetworkGraph

if TYPE_CHECKING:
    from backstory.story.story import Story

_MOST_UNITS = 8
"""A column of more units shows only those on the paths, and of these so many at most."""


@dataclass(frozen=True)
class Node:
    """A unit, an input or the loss; square where it is the weight or bias that is asked about."""

    name: str
    value: float | None
    lit: bool
    square: bool = False


@dataclass(frozen=True)
class Column:
    """A layer, or what lies equally deep.

    Attributes
    ----------
    title : str
    nodes : tuple of Node
    more : int
        How many units are not shown.
    """

    title: str
    nodes: tuple[Node, ...]
    more: int = 0


@dataclass(frozen=True)
class Line:
    """From one node to another, by name; with what is written on it."""

    source: str
    target: str
    lit: bool
    label: str = ""


@dataclass(frozen=True)
class Picture:
    """Columns from left to right, and the lines between them."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


def picture(story: Story) -> Picture | None:
    """Draw up the picture of a story, or None where there is nothing to draw."""
    graph = story.graph
    if isinstance(graph, NetworkGraph):
        return _of_layers(story, graph)
    return _of_formulas(story, graph) if isinstance(graph, FormulaGraph) else None


def _of_layers(story: Story, graph: NetworkGraph) -> Picture:
    row = graph.row
    lit: dict[int, dict[int, None]] = {layer: {} for layer in range(row.n_layers + 1)}
    steps: dict[tuple[str, str], str] = {}
    start = read_address(story.by)
    for path in story.paths:
        units = [*dict.fromkeys(_steps(path.nodes, graph))]
        steps.update(dict.fromkeys(pairwise(units), ""))
        for address in map(read_address, units):
            if address is not None:
                lit[address.layer][address.unit] = None
    extra: Node | None = None
    if start is not None and start.letter in ("w", "b", "alpha"):
        if start.source is not None:
            source = row.name(start.layer - 1, start.source)
            lit[start.layer - 1][start.source] = None
            steps[source, str(Address("a", start.layer, start.unit))] = story.by
        else:
            extra = Node(story.by, graph.values[story.by], True, square=True)
            steps[story.by, str(Address("a", start.layer, start.unit))] = ""
    columns = [_layer(graph, layer, tuple(lit[layer])) for layer in range(row.n_layers + 1)]
    if extra is not None and start is not None:
        before = columns[start.layer - 1]
        columns[start.layer - 1] = Column(before.title, (*before.nodes, extra), before.more)
    loss = Node(graph.loss_name, row.loss_value, True)
    columns.append(Column(row.loss.name.replace("_", " "), (loss,)))
    return Picture(tuple(columns), tuple(_all_lines(columns, steps)))


def _steps(nodes: Sequence[str], graph: NetworkGraph) -> Iterator[str]:
    """Go through the units of a path."""
    for node in nodes:
        if node == graph.loss_name:
            yield node
        elif (unit := _unit(node, graph)) is not None:
            yield unit


def _unit(name: str, graph: NetworkGraph) -> str | None:
    """Return the unit that a weighted sum or activation belongs to, as its activation's address."""
    address = read_address(name)
    if address is None:
        return None
    if address.letter in ("z", "a"):
        return str(Address("a", address.layer, address.unit))
    return name if name == graph.row.name(0, address.unit) else None


def _layer(graph: NetworkGraph, layer: int, lit: tuple[int, ...]) -> Column:
    row = graph.row
    n = row.sizes[layer]
    shown = range(n) if n <= _MOST_UNITS else sorted(lit[:_MOST_UNITS] or range(min(n, 3)))
    nodes = tuple(Node(row.name(layer, unit), float(row.a[layer][unit]), unit in lit) for unit in shown)
    title = f"layer {layer}: {row.activations[layer - 1].name}" if layer else "inputs"
    return Column(title, nodes, n - len(nodes))


def _all_lines(columns: Sequence[Column], lit: dict[tuple[str, str], str]) -> Iterator[Line]:
    """Go through the lines between neighboring columns, those on the paths last, so that they lie on top."""
    pairs = [
        (source.name, target.name)
        for before, after in pairwise(columns)
        for source in before.nodes
        for target in after.nodes
        if not source.square or (source.name, target.name) in lit
    ]
    yield from (Line(*pair, lit=False) for pair in pairs if pair not in lit)
    yield from (Line(*pair, lit=True, label=lit[pair]) for pair in pairs if pair in lit)


def _of_formulas(story: Story, graph: FormulaGraph) -> Picture:
    """Draw formulas by their depth; a weighted sum that only one activation uses is drawn as that unit."""
    program = graph.program
    unit = {
        name: users[0] if graph.node_kind(name) == "sum" and len(users) == 1 and graph.activation(users[0]) else name
        for name, users in program.users.items()
    }
    drawn = [name for name in graph.values if unit.get(name) == name and _is_drawn(story, graph, name)]
    reached = {name for path in story.paths for name in path.nodes}
    lit_pairs = {(unit[a], unit[b]) for path in story.paths for a, b in pairwise(path.nodes) if unit[a] != unit[b]}
    lines: dict[tuple[str, str], str] = {}
    for target, used in program.uses.items():
        for source in used:
            if target in graph.values and unit[source] in drawn and unit[target] in drawn:
                lines.setdefault((unit[source], unit[target]), "")
    for target in [name for path in story.paths for name in path.nodes[1:2]]:
        for source in names(graph.local(story.by, target)) & set(drawn):
            if story.by not in drawn and source != target:
                lines[unit[source], unit[target]] = story.by
                lit_pairs.add((unit[source], unit[target]))
                reached.add(source)
    lines = {pair: label for pair, label in lines.items() if pair[0] != pair[1]}
    if story.by not in drawn and not any(label == story.by for label in lines.values()):
        drawn.insert(0, story.by)
        for target in [name for path in story.paths for name in path.nodes[1:2]]:
            lines[story.by, unit[target]] = ""
    depth = _depths(drawn, lines)
    columns = []
    for level in range(max(depth.values(), default=0) + 1):
        here = [name for name in drawn if depth[name] == level]
        on_way = [name for name in here if name in reached or name == story.by]
        shown = here if len(here) <= _MOST_UNITS else on_way[:_MOST_UNITS] or here[:3]
        nodes = tuple(
            Node(name, graph.values[name], name in on_way, graph.node_kind(name) in ("weight", "bias"))
            for name in shown
        )
        columns.append(Column("", nodes, len(here) - len(shown)))
    visible = {node.name for column in columns for node in column.nodes}
    order = sorted(lines, key=lambda pair: pair in lit_pairs)
    found = (Line(*pair, pair in lit_pairs, lines[pair]) for pair in order if visible.issuperset(pair))
    return Picture(tuple(columns), tuple(found))


def _is_drawn(story: Story, graph: FormulaGraph, name: str) -> bool:
    return name == story.of or graph.node_kind(name) not in ("weight", "bias", "constant", "target")


def _depths(drawn: Sequence[str], lines: dict[tuple[str, str], str]) -> dict[str, int]:
    """Return how many lines lead to each node at most; a leaf stands right before what first uses it."""
    depth: dict[str, int] = {}
    for name in drawn:
        depth[name] = max((depth.get(source, 0) + 1 for source, target in lines if target == name), default=0)
    for name in drawn:
        users = [depth[target] for source, target in lines if source == name]
        if depth[name] == 0 and users:
            depth[name] = min(users) - 1
    return depth
