"""The picture of a network: which units stand in which column, and which parameter lies on which line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backstory.expressions import Number, names
from backstory.expressions.symbols import Symbol, read_symbol
from backstory.story.address import Address, read_address

if TYPE_CHECKING:
    from backstory.model.network import Network
    from backstory.story.formula_graph import FormulaGraph
    from backstory.story.story import Story

MOST_UNITS = 12
"""A column of more units is cut to those that the asked quantity's strongest paths go through, and a few others."""
OF_MANY = 8
"""How many units such a column shows."""

Kept = Mapping[int, Sequence[int]]
"""From a layer to the units of it that are to be seen, the most important first."""


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
        Parameters, and given numbers that are added like a bias, that join no two units.
    targets : list of {"name", "target"}
        What the loss compares with, beside the node that does so.
    kinds : dict of str to {"input", "unit", "loss", "target"}
    labels : dict of str to {"base", "below", "above"} or {"text"}
        How a name is set; `text` is a column's own name.
    sums : dict of str to str
        From a unit to the weighted sum whose derivative is its delta, where that has a name of its own.
    whole : bool
        Whether every parameter is shown.
    """

    columns: list[dict[str, Any]]
    lines: list[dict[str, str]]
    biases: list[dict[str, str]]
    targets: list[dict[str, str]]
    kinds: dict[str, str]
    labels: dict[str, dict[str, str]]
    sums: dict[str, str] = field(default_factory=dict)
    whole: bool = True


def network_drawing(net: Network, kept: Kept | None = None, columns: Sequence[str] = ()) -> Drawing:
    """Return the picture of a network, its widest layers cut.

    Parameters
    ----------
    net : Network
    kept : mapping from a layer to units that must be seen
    columns : names of the inputs, where they have any
    """
    spec = net.spec
    shown = [_shown(size, (kept or {}).get(layer, ())) for layer, size in enumerate(spec.sizes)]
    titles = ["inputs", *(f"layer {layer}: {row.name}" for layer, row in enumerate(spec.activations, 1))]
    found: list[dict[str, Any]] = [
        {
            "title": titles[layer],
            "nodes": [str(Address("a" if layer else "x", layer, unit)) for unit in units],
            "more": spec.sizes[layer] - len(units),
        }
        for layer, units in enumerate(shown)
    ]
    found.append({"title": spec.loss.name.replace("_", " "), "nodes": ["L"], "more": 0})
    lines = [
        {
            "source": found[layer - 1]["nodes"][place],
            "target": found[layer]["nodes"][where],
            "address": str(Address("w", layer, j, i)),
        }
        for layer in range(1, spec.n_layers + 1)
        for place, i in enumerate(shown[layer - 1])
        for where, j in enumerate(shown[layer])
    ]
    lines += [{"source": unit, "target": "L", "address": ""} for unit in found[-2]["nodes"]]
    biases = [
        {"address": str(Address("b", layer, j)), "target": found[layer]["nodes"][where]}
        for layer in range(1, spec.n_layers + 1 if spec.biases else 0)
        for where, j in enumerate(shown[layer])
    ]
    targets = [{"name": f"y[{unit}]", "target": "L"} for unit in shown[-1]]
    kinds = {name: "unit" for column in found[1:-1] for name in column["nodes"]}
    kinds |= dict.fromkeys(found[0]["nodes"], "input") | {"L": "loss"}
    kinds |= {each["name"]: "target" for each in targets}
    own = {f"x[{unit}]": {"text": columns[unit]} for unit in shown[0] if unit < len(columns)}
    labels = {name: _label(name) for name in [*kinds, *(bias["address"] for bias in biases)]} | own
    whole = all(len(units) == size for units, size in zip(shown, spec.sizes, strict=True))
    return Drawing(found, lines, biases, targets, kinds, labels, whole=whole)


def kept_units(story: Story) -> dict[int, list[int]]:
    """Return the units that a story's paths go through, by layer, those of the strongest path first."""
    found: dict[int, dict[int, None]] = {}
    start = read_address(story.by)
    if start is not None and start.source is not None:
        found.setdefault(start.layer - 1, {})[start.source] = None
    for path in story.paths:
        for address in map(read_address, path.nodes):
            if address is not None:
                found.setdefault(address.layer, {})[address.unit] = None
    return {layer: list(units) for layer, units in found.items()}


def _shown(size: int, kept: Iterable[int]) -> list[int]:
    """Return the units of a layer that are drawn, in order: all, or the kept ones filled up with the first."""
    if size <= MOST_UNITS:
        return list(range(size))
    return sorted([*dict.fromkeys([*kept, *range(OF_MANY)])][:OF_MANY])


def formulas_drawing(graph: FormulaGraph) -> Drawing:
    """Return the picture of formulas by their depth; a weighted sum that only one activation uses is that unit."""
    program = graph.program
    unit = {
        name: users[0] if graph.node_kind(name) == "sum" and len(users) == 1 and graph.activation(users[0]) else name
        for name, users in program.users.items()
    }
    added = [name for name in graph.values if _is_added(graph, name)]
    aside = [name for name in graph.values if graph.node_kind(name) == "target"]
    parameters = {*program.parameters, *added}
    drawn = [name for name in graph.values if unit[name] == name and name not in {*parameters, *aside}]
    lines: dict[tuple[str, str], str] = {}
    biases = []
    for target, used in program.uses.items():
        sources = [unit[name] for name in used if unit[name] in drawn]
        lines |= {(source, unit[target]): "" for source in sources if source != unit[target]}
    for parameter in [*program.parameters, *(name for name in added if name not in program.parameters)]:
        for target in program.users[parameter]:
            carried = names(graph.local(parameter, target)) & set(drawn) - {unit[target]}
            for source in carried:
                lines[unit[source], unit[target]] = parameter
            if not carried:
                biases.append({"address": parameter, "target": unit[target]})
    depth: dict[str, int] = {}
    for name in drawn:
        depth[name] = max((depth.get(source, 0) + 1 for source, target in lines if target == name), default=0)
    columns: list[dict[str, Any]] = [
        {"title": "", "nodes": [name for name in drawn if depth[name] == level], "more": 0}
        for level in range(max(depth.values(), default=0) + 1)
    ]
    found = [{"source": source, "target": target, "address": address} for (source, target), address in lines.items()]
    targets = [{"name": name, "target": unit[program.users[name][0]]} for name in aside]
    kinds = {name: _kind(graph, name) for name in drawn} | dict.fromkeys(aside, "target")
    labels = {name: _label(name) for name in [*kinds, *parameters]}
    sums = {target: name for name, target in unit.items() if name != target and target in kinds}
    return Drawing(columns, found, biases, targets, kinds, labels, sums)


def _is_added(graph: FormulaGraph, name: str) -> bool:
    """Whether a given number is added wherever it is used, as a bias is."""
    users = graph.program.users[name]
    given = name not in graph.program.formulas and graph.node_kind(name) in ("input", "bias")
    return given and name.startswith("b") and all(graph.local(name, user) == Number(1) for user in users)


def _kind(graph: FormulaGraph, name: str) -> str:
    kind = graph.node_kind(name)
    return kind if kind in ("input", "loss") else "unit"


def _label(name: str) -> dict[str, str]:
    """Return how a name is set; the layer of an address stands above its column and is left out."""
    symbol = read_symbol(name)
    is_address = read_address(name) is not None
    argument = f"({_flat(symbol.argument)})" if symbol.argument else ""
    below = ",".join(_flat(each) for each in symbol.below)
    return {"base": symbol.base + symbol.accent + argument, "below": below, "above": "" if is_address else symbol.above}


def _flat(symbol: Symbol) -> str:
    argument = f"({_flat(symbol.argument)})" if symbol.argument else ""
    return symbol.base + symbol.accent + argument + "".join(_flat(each) for each in symbol.below)
