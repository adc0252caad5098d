"""The picture of a network: which units stand in which column, and which parameter lies on which line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backstory.expressions import names
from backstory.story.address import Address

if TYPE_CHECKING:
    from backstory.model.network import Network
    from backstory.story.formula_graph import FormulaGraph

MOST_UNITS = 12
"""A column of more units shows only the first of them."""


@dataclass(frozen=True)
class Drawing:
    """Units in columns from left to right, by name, and what joins them.

    Attributes
    ----------
    columns : list of {"title", "nodes": names, "more": int}
        `more` units are not shown.
    lines : list of {"source", "target", "address"}
        `address` is empty where the line carries no parameter.
    biases : list of {"address", "target"}
        Parameters that join no two units.
    whole : bool
        Whether every parameter is shown.
    """

    columns: list[dict[str, Any]]
    lines: list[dict[str, str]]
    biases: list[dict[str, str]]
    whole: bool


def network_drawing(net: Network) -> Drawing:
    """Return the picture of a network, its widest layers cut to their first units."""
    spec = net.spec
    shown = [range(min(size, MOST_UNITS)) for size in spec.sizes]
    titles = ["inputs", *(f"layer {layer}: {row.name}" for layer, row in enumerate(spec.activations, 1))]
    columns: list[dict[str, Any]] = [
        {
            "title": titles[layer],
            "nodes": [str(Address("a" if layer else "x", layer, unit)) for unit in units],
            "more": spec.sizes[layer] - len(units),
        }
        for layer, units in enumerate(shown)
    ]
    columns.append({"title": spec.loss.name.replace("_", " "), "nodes": ["L"], "more": 0})
    lines = [
        {
            "source": columns[layer - 1]["nodes"][i],
            "target": columns[layer]["nodes"][j],
            "address": str(Address("w", layer, j, i)),
        }
        for layer in range(1, spec.n_layers + 1)
        for i in shown[layer - 1]
        for j in shown[layer]
    ]
    lines += [{"source": unit, "target": "L", "address": ""} for unit in columns[-2]["nodes"]]
    biases = [
        {"address": str(Address("b", layer, j)), "target": columns[layer]["nodes"][j]}
        for layer in range(1, spec.n_layers + 1 if spec.biases else 0)
        for j in shown[layer]
    ]
    return Drawing(
        columns, lines, biases, all(len(units) == size for units, size in zip(shown, spec.sizes, strict=True))
    )


def formulas_drawing(graph: FormulaGraph) -> Drawing:
    """Return the picture of formulas by their depth; a weighted sum that only one activation uses is that unit."""
    program = graph.program
    unit = {
        name: users[0] if graph.node_kind(name) == "sum" and len(users) == 1 and graph.activation(users[0]) else name
        for name, users in program.users.items()
    }
    drawn = [
        name
        for name in graph.values
        if unit[name] == name and graph.node_kind(name) not in ("weight", "bias", "constant")
    ]
    lines: dict[tuple[str, str], str] = {}
    biases = []
    for target, used in program.uses.items():
        sources = [unit[name] for name in used if unit[name] in drawn]
        lines |= {(source, unit[target]): "" for source in sources if source != unit[target]}
    for parameter in program.parameters:
        for target in program.users[parameter]:
            carried = names(graph.local(parameter, target)) & set(drawn) - {unit[target]}
            for source in carried:
                lines[unit[source], unit[target]] = parameter
            if not carried:
                biases.append({"address": parameter, "target": unit[target]})
    depth: dict[str, int] = {}
    for name in drawn:
        depth[name] = max((depth.get(source, 0) + 1 for source, target in lines if target == name), default=0)
    for name in drawn:
        users = [depth[target] for source, target in lines if source == name]
        if depth[name] == 0 and users and graph.node_kind(name) == "target":
            depth[name] = min(users) - 1
    columns: list[dict[str, Any]] = [
        {"title": "", "nodes": [name for name in drawn if depth[name] == level], "more": 0}
        for level in range(max(depth.values(), default=0) + 1)
    ]
    found = [{"source": source, "target": target, "address": address} for (source, target), address in lines.items()]
    return Drawing(columns, found, biases, True)
