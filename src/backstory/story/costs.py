"""What a derivative costs: path by path, with every product stored and used again, and with reciprocals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from backstory.expressions import Div, Expr, Number, walk
from backstory.story.graph import Graph


@dataclass(frozen=True)
class Operations:
    """How many of each are needed."""

    additions: int
    multiplications: int
    divisions: int


@dataclass(frozen=True)
class Costs:
    """The operations of the sum over paths, done in three ways; the local derivatives' own formulas are left aside.

    Attributes
    ----------
    path_by_path : Operations
        Every path multiplied out by itself, every division done where it stands.
    stored : Operations
        One sweep backwards, each product stored and used by all that lead into it: backpropagation.
    reciprocals : Operations
        The same, one division for each different denominator and multiplications by what it gives.
    """

    path_by_path: Operations
    stored: Operations
    reciprocals: Operations


def costs(graph: Graph, by: str, of: str) -> Costs:
    """Count additions, multiplications and divisions of the derivative of `of` by `by`."""
    there = graph.between(by, of)
    inside = set(there)
    count, lengths, divided = {of: 1}, {of: 0}, {of: 0}
    additions = multiplications = divisions = 0
    denominators: set[Expr] = set()
    divides = cache(graph.may_divide)
    for name in reversed(there):
        if name == of:
            continue
        edges = [target for target, _ in graph.out[name] if target in inside]
        here = [_denominators(graph, name, target) if divides(target) else [] for target in edges]
        count[name] = sum(count[target] for target in edges)
        lengths[name] = sum(lengths[target] + count[target] for target in edges)
        divided[name] = sum(
            divided[target] + len(below) * count[target] for target, below in zip(edges, here, strict=True)
        )
        additions += len(edges) - 1
        multiplications += sum(target != of for target in edges)
        divisions += sum(map(len, here))
        denominators.update(*here)
    paths = count.get(by, 0)
    return Costs(
        Operations(max(paths - 1, 0), max(lengths.get(by, 0) - paths, 0), divided.get(by, 0)),
        Operations(additions, multiplications, divisions),
        Operations(additions, multiplications + divisions, len(denominators)),
    )


def _denominators(graph: Graph, source: str, target: str) -> list[Expr]:
    """Return what the formula of a local derivative divides by, numbers aside."""
    return [
        node.right
        for node in walk(graph.local(source, target))
        if isinstance(node, Div) and not isinstance(node.right, Number)
    ]
