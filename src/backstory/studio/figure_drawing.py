"""The picture of a scalar graph: which quantities stand in which column, which parameter lies on which line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backstory.expressions import names
from backstory.story.address import read_address
from backstory.story.network_graph import NetworkGraph
from backstory.story.scalar import ScalarGraph

if TYPE_CHECKING:
    from backstory.story.story import Story

MOST_UNITS = 12
"""A column of more units shows those on the story's paths, or the first of them."""
_NOT_DRAWN = ("weight", "bias", "constant", "target")


def drawing(story: Story, graph: ScalarGraph) -> dict[str, Any]:
    """Return columns, lines, what is attached to units, and which unit stands for each quantity; as places."""
    place = {quantity.name: number for number, quantity in enumerate(graph.quantities)}
    kinds = {quantity.name: quantity.kind for quantity in graph.quantities}
    unit = _units(graph, kinds)
    drawn = [name for name in kinds if unit[name] == name and (kinds[name] not in _NOT_DRAWN or name == graph.of)]
    lines, attached = _lines(graph, kinds, unit, drawn)
    columns = _columns(story, graph, drawn, lines)
    shown = {name for column in columns for name in column["nodes"]}
    return {
        "columns": [{**column, "nodes": [place[name] for name in column["nodes"]]} for column in columns],
        "lines": [
            {"source": place[source], "target": place[target], "carries": None if not carried else place[carried]}
            for (source, target), carried in lines.items()
            if {source, target} <= shown
        ],
        "attached": [
            {"quantity": place[name], "target": place[target]} for name, target in attached if target in shown
        ],
        "unit": [place[unit[name]] if unit[name] in shown else None for name in kinds],
    }


def _units(graph: ScalarGraph, kinds: Mapping[str, str]) -> dict[str, str]:
    """Return by quantity the one that stands for it: a weighted sum is drawn as the one activation that takes it."""
    users: dict[str, list[str]] = {}
    for link in graph.links:
        users.setdefault(link.source, []).append(link.target)
    found = {}
    for name, kind in kinds.items():
        address = read_address(name)
        taken = users.get(name, [])
        if address is not None and address.letter == "z" and f"a{name[1:]}" in kinds:
            found[name] = f"a{name[1:]}"
        else:
            is_taken = kind == "sum" and len(taken) == 1 and kinds[taken[0]] == "activation" and name != graph.of
            found[name] = taken[0] if is_taken else name
    return found


def _lines(
    graph: ScalarGraph, kinds: Mapping[str, str], unit: Mapping[str, str], drawn: Sequence[str]
) -> tuple[dict[tuple[str, str], str], list[tuple[str, str]]]:
    """Return the lines between units, each with the parameter it carries, and the parameters that lie on none."""
    lines: dict[tuple[str, str], str] = {}
    attached: list[tuple[str, str]] = []
    for link in graph.links:
        pair = unit[link.source], unit[link.target]
        if pair[0] != pair[1] and set(pair) <= set(drawn):
            lines.setdefault(pair, "")
    for link in graph.links:
        target = unit[link.target]
        if kinds[link.source] not in ("weight", "bias") or target not in drawn:
            continue
        between = [name for name in names(link.local) if name in unit and unit[name] in drawn and unit[name] != target]
        pair = (unit[between[0]], target) if len(between) == 1 else ("", "")
        if pair[0] and not lines.get(pair):
            lines[pair] = link.source
        elif (link.source, target) not in attached:
            attached.append((link.source, target))
    return lines, attached


def _columns(
    story: Story, graph: ScalarGraph, drawn: Sequence[str], lines: Mapping[tuple[str, str], str]
) -> list[dict[str, Any]]:
    depth, titles = _depths(drawn, lines), {}
    if isinstance(story.graph, NetworkGraph):
        row = story.graph.row
        addresses = {name: read_address(name) for name in drawn}
        depth = {name: row.n_layers + 1 if at is None else at.layer for name, at in addresses.items()}
        titles = {0: "inputs", row.n_layers + 1: row.loss.name.replace("_", " ")}
        titles |= {layer: f"layer {layer}: {each.name}" for layer, each in enumerate(row.activations, start=1)}
    on_way = {name for path in story.paths for name in path.nodes}
    on_way |= {f"a{name[1:]}" for name in on_way}
    columns = []
    for level in sorted(set(depth.values())):
        here = [name for name in drawn if depth[name] == level]
        shown = here if len(here) <= MOST_UNITS else [name for name in here if name in on_way] or here
        nodes = shown[:MOST_UNITS]
        all_there = len(here)
        if isinstance(story.graph, NetworkGraph) and level <= story.graph.row.n_layers:
            all_there = story.graph.row.sizes[level]
        columns.append({"title": titles.get(level, ""), "nodes": nodes, "more": all_there - len(nodes)})
    return columns


def _depths(drawn: Sequence[str], lines: Mapping[tuple[str, str], str]) -> dict[str, int]:
    """Return how many lines lead to each unit at most; what no line leads to stands right before what takes it."""
    depth: dict[str, int] = {}
    for name in drawn:
        depth[name] = max((depth.get(source, 0) + 1 for source, target in lines if target == name), default=0)
    for name in drawn:
        users = [depth[target] for source, target in lines if source == name]
        if depth[name] == 0 and users:
            depth[name] = min(users) - 1
    return depth
