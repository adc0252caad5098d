"""The scalar graph of a network or of formulas: nodes, local derivatives, total derivatives, paths.

An edge from u to v is there where the formula of v names u; it carries the local derivative ∂v/∂u, in three faces: the
symbol, the formula, the number. A derivative of one quantity by another is the sum over all paths of the products of
their edges (Bauer 1974, "Computational graphs and rounding error"; Werbos' ordered derivative). Nothing here lists all
paths: they are counted, summed and ranked by going through the edges once.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from backstory.expressions import Expr, Partial
from backstory.functions.activation import Activation

NodeKind: TypeAlias = Literal["input", "target", "weight", "bias", "constant", "sum", "activation", "loss", "quantity"]
EdgeKind: TypeAlias = Literal[
    "input", "weight", "activation derivative", "loss derivative", "average", "constant", "derivative"
]


@dataclass(frozen=True)
class Edge:
    """From one quantity to another whose formula names it, with the number of the local derivative."""

    source: str
    target: str
    number: float

    @property
    def symbol(self) -> Partial:
        """∂target/∂source."""
        return Partial(self.target, self.source)


@dataclass(frozen=True)
class Path:
    """One way from a quantity to another.

    Attributes
    ----------
    nodes : tuple of str
    numbers : tuple of float
        The local derivatives along it.
    value : float
        Their product.
    share : float in [0, 1]
        Its absolute value as a part of the sum of all paths' absolute values.
    """

    nodes: tuple[str, ...]
    numbers: tuple[float, ...]
    value: float
    share: float = 0.0


@dataclass(frozen=True, eq=False)
class Graph:
    """Quantities with their values, each after those it depends on, and the edges between them.

    Subclasses say what quantities and edges mean; they work that out only where it is asked for.

    Parameters
    ----------
    values : dict of str to float
        In an order in which each quantity follows those it depends on.
    out : dict of str to list of (str, float)
        From a quantity to those that depend on it, with the number of the local derivative.
    """

    values: dict[str, float]
    out: dict[str, list[tuple[str, float]]] = field(repr=False)

    def definition(self, name: str, around: str | None = None) -> Expr | None:
        """Return the formula of a quantity, or None for a leaf; of a long sum only the part around one of its names."""
        raise NotImplementedError

    def among(self, name: str, way: Collection[str]) -> Expr:
        """Return the formula of a quantity in the quantities of `way`; what many others add to it is one number."""
        found = self.definition(name)
        assert found is not None
        return found

    def value(self, name: str) -> float:
        """Return the value of a quantity that a formula names."""
        return self.values[name]

    def rows(self) -> Mapping[str, Activation]:
        """Return the functions that formulas call, by name."""
        return {}

    def local(self, source: str, target: str) -> Expr:
        """Return ∂target/∂source as a formula."""
        raise NotImplementedError

    def node_kind(self, name: str) -> NodeKind:
        """Say what a quantity is."""
        raise NotImplementedError

    def edge_kind(self, source: str, target: str) -> EdgeKind:
        """Say which kind of factor an edge is."""
        raise NotImplementedError

    def may_divide(self, target: str) -> bool:
        """Say whether a local derivative of a quantity may hold a division."""
        return True

    def activation(self, name: str) -> Activation | None:
        """Return the row of the function that a quantity applies to one other, or None where it does not."""
        return None

    def kink(self, source: str, target: str) -> str:
        """Return the convention for a local derivative where the function has none, as at relu's 0; else nothing."""
        row = self.activation(target)
        if row is None or self.values[source] not in row.kinks:
            return ""
        return f"{row.name} has no derivative at {source} = {self.values[source]:g}. By convention: {row.note}"

    @cached_property
    def _totals(self) -> dict[str, Mapping[str, float]]:
        return {}

    @cached_property
    def _between(self) -> dict[tuple[str, str], tuple[str, ...]]:
        return {}

    def edge(self, source: str, target: str) -> Edge:
        """Return an edge.

        Raises
        ------
        KeyError
            There is none.
        """
        for name, number in self.out.get(source, ()):
            if name == target:
                return Edge(source, target, number)
        raise KeyError((source, target))

    def between(self, by: str, of: str) -> tuple[str, ...]:
        """Return the quantities on paths from `by` to `of`, both included, in order; empty where there is no path."""
        if (by, of) not in self._between:
            leading = self.totals(of)
            reached = {by} if by in leading else set()
            found: list[str] = []
            for name in self.values if reached else ():
                if name in reached:
                    found.append(name)
                    reached.update(target for target, _ in self.out.get(name, ()) if target in leading)
            self._between[by, of] = tuple(found)
        return self._between[by, of]

    def totals(self, of: str) -> Mapping[str, float]:
        """Return the total derivative of `of` by everything it depends on, in one sweep backwards: backpropagation.

        Wiggle a quantity, recompute everything that depends on it, hold everything else.
        """
        if of not in self._totals:
            found: dict[str, float] = {of: 1.0} if of in self.values else {}
            for name in reversed(self.values):
                edges = [(target, number) for target, number in self.out.get(name, ()) if target in found]
                if edges and name != of:
                    found[name] = sum(number * found[target] for target, number in edges)
            self._totals[of] = found
        return self._totals[of]

    def derivative(self, by: str, of: str) -> float:
        """Return the total derivative of one quantity by another; 0 where there is no path."""
        return self.totals(of).get(by, 0.0)

    def through(self, by: str, of: str) -> dict[str, float]:
        """Return for each quantity between two others what all paths through it come to together."""
        totals = self.totals(of)
        reached: dict[str, float] = {by: 1.0}
        way = self.between(by, of)
        for name in way:
            for target, number in self.out.get(name, ()) if name != of else ():
                if target in totals:
                    reached[target] = reached.get(target, 0.0) + reached[name] * number
        return {name: reached[name] * totals[name] for name in way}

    def count_paths(self, by: str, of: str) -> int:
        """Return how many paths lead from one quantity to another: an exact integer, however large."""
        found = {of: 1}
        for name in reversed(self.between(by, of)):
            if name != of:
                found[name] = sum(found[target] for target, _ in self.out[name] if target in found)
        return found.get(by, 0) if by in self.values else 0

    def strongest(self, by: str, of: str, k: int) -> list[Path]:
        """Return the k paths with the largest absolute products, largest first; found without listing the others."""
        best: dict[str, list[tuple[float, tuple[str, ...], tuple[float, ...]]]] = {of: [(1.0, (of,), ())]}
        mass = {of: 1.0}
        for name in reversed(self.between(by, of)):
            if name == of:
                continue
            edges = [(target, number) for target, number in self.out[name] if target in best]
            mass[name] = sum(abs(number) * mass[target] for target, number in edges)
            heads = heapq.nlargest(k, edges, key=lambda edge: abs(edge[1] * best[edge[0]][0][0]))
            candidates = [
                (number * value, (name, *nodes), (number, *numbers))
                for target, number in heads
                for value, nodes, numbers in best[target]
            ]
            best[name] = heapq.nlargest(k, candidates, key=lambda path: abs(path[0]))
        whole = mass.get(by, 0.0)
        found = best.get(by, [])
        return [
            Path(nodes, numbers, value, abs(value) / whole if whole else 1 / max(len(found), 1))
            for value, nodes, numbers in found
        ]
