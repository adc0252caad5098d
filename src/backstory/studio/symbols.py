"""Which color a name has: one for each kind of quantity, in the picture, in formulas and in text alike."""

from __future__ import annotations

from collections.abc import Callable

from backstory.story.address import read_address
from backstory.story.formula_graph import FormulaGraph
from backstory.story.graph import Graph

CLASSES = {
    "input": "sym-input",
    "target": "sym-loss",
    "loss": "sym-loss",
    "weight": "sym-weight",
    "bias": "sym-weight",
    "sum": "sym-unit",
    "activation": "sym-unit",
    "quantity": "sym-unit",
}
"""From the kind of a node to the class that colors it; deltas and gradients are ``sym-gradient``."""


def symbol_class(graph: Graph) -> Callable[[str], str]:
    """Return the function from a name in a formula to its class; "" for what is no quantity of the graph."""

    def found(name: str) -> str:
        if name.startswith(("δ", "delta")) or name == "g":
            return "sym-gradient"
        known = name in graph.program.users if isinstance(graph, FormulaGraph) else _is_of_layers(graph, name)
        return CLASSES.get(graph.node_kind(name), "") if known else "sym-weight" if name == "w" else ""

    return found


def _is_of_layers(graph: Graph, name: str) -> bool:
    return name in graph.values or read_address(name) is not None
