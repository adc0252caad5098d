"""The scalar graph of one row of a network of layers: of all of it, or of what lies between two quantities."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise

from backstory.errors import ConfigurationError
from backstory.expressions import Call, Expr, Name, Number, call, substitute
from backstory.expressions import names as names_of
from backstory.story.address import Address, read_address
from backstory.story.chain import added
from backstory.story.network_graph import NetworkGraph
from backstory.story.scalar import Link, Quantity, ScalarGraph

MOST_WHOLE = 400
"""Networks with at most so many weights are taken whole."""
MOST_EDGES = 20_000
"""How many edges a graph may have; a page with more would be slow."""


def of_layers(graph: NetworkGraph, of: str, by: str) -> ScalarGraph:
    """Return the scalar graph of a network's row; of one with more than 400 weights the part from `by` to `of`.

    Raises
    ------
    ConfigurationError
        That part has more than 20,000 edges, or there is none.
    """
    sizes = graph.row.sizes
    n_weights = sum(n_in * n_out for n_in, n_out in pairwise(sizes))
    way = frozenset(graph.between(by, of)) if n_weights > MOST_WHOLE else None
    if way is not None and not way:
        raise ConfigurationError(
            f"No path leads from {by} to {of}, and a figure of a network with {n_weights:,} weights shows only paths. "
            "Ask for another derivative."
        )
    part = _Part(graph, way, by)
    links = tuple(islice(part.links(), MOST_EDGES + 1))
    refuse_many(len(links))
    computed = {quantity.name: quantity for quantity in part.computed()}
    used = set().union(*(quantity.uses for quantity in computed.values()), *(names_of(link.local) for link in links))
    given = sorted((used | {by}) - set(computed), key=_order)
    leaves = (Quantity(name, graph.node_kind(name), graph.value(name)) for name in given if read_address(name))
    return ScalarGraph(of, by, (*leaves, *computed.values()), links)


def refuse_many(n_edges: int) -> None:
    """Refuse a graph that is too large for a page.

    Raises
    ------
    ConfigurationError
        It has more than 20,000 edges.
    """
    if n_edges > MOST_EDGES:
        raise ConfigurationError(
            f"A figure can hold {MOST_EDGES:,} edges, and this question reaches more. Ask for a quantity of a later "
            "layer, or print the story."
        )


def _order(name: str) -> tuple[int, str, int, int]:
    address = read_address(name)
    return (address.layer, address.letter, address.unit, address.source or 0) if address else (0, "", 0, 0)


def _name(letter: str, layer: int, unit: int) -> str:
    return str(Address(letter if layer else "x", layer, unit))


@dataclass(frozen=True)
class _Part:
    """What is taken of a network.

    Attributes
    ----------
    graph : NetworkGraph
    way : frozenset of str or None
        The quantities that it is confined to; None for the whole network.
    by : str
        A part begins here; it is given.
    """

    graph: NetworkGraph
    way: frozenset[str] | None
    by: str

    @property
    def last(self) -> int:
        """L, the number of layers."""
        return self.graph.row.n_layers

    def has(self, name: str) -> bool:
        """Whether a weighted sum or a unit is in this part, computed or given."""
        return self.way is None or name in self.way

    def units(self, letter: str, layer: int) -> list[int]:
        """Return the units of a layer whose value of that letter is computed here."""
        beside = letter == "a" and layer == self.last and self.graph.collapsed  # read, but no path leads through it
        names = [(j, _name("z" if beside else letter, layer, j)) for j in range(self.graph.row.sizes[layer])]
        return [j for j, name in names if self.has(name) and (self.way is None or beside or name != self.by)]

    def sources(self, layer: int) -> list[int]:
        """Return the units that weighted sums of a layer are written with; the others' part is a number."""
        start = read_address(self.by)
        if self.way is not None and start is not None and (start.letter, start.layer) == ("w", layer):
            return [] if start.source is None else [start.source]
        return [k for k in range(self.graph.row.sizes[layer - 1]) if self.has(_name("a", layer - 1, k))]

    def computed(self) -> Iterator[Quantity]:
        """Go through what is computed, layer by layer."""
        row = self.graph.row
        for layer in range(1, self.last + 1):
            for j in self.units("z", layer):
                yield Quantity(_name("z", layer, j), "sum", row.z[layer][j], self.weighted_sum(layer, j))
            for j in self.units("a", layer):
                yield self.activation(layer, j)
        yield self.loss()

    def links(self) -> Iterator[Link]:
        """Go through the edges."""
        for layer in range(1, self.last + 1):
            for j in self.units("z", layer):
                z = _name("z", layer, j)
                for k in self.sources(layer):
                    yield self.link(str(Address("w", layer, j, k)), z)
                    yield self.link(_name("a", layer - 1, k), z)
                if self.graph.row.biases is not None:
                    yield self.link(_name("b", layer, j), z)
            if layer < self.last or not self.graph.collapsed:
                yield from self.through_activation(layer)
        letter = "z" if self.graph.collapsed else "a"
        for j in range(self.graph.row.sizes[-1]):
            if self.has(_name(letter, self.last, j)):
                yield self.link(_name(letter, self.last, j), self.graph.loss_name)

    def through_activation(self, layer: int) -> Iterator[Link]:
        couples = self.graph.row.activations[layer - 1].couples
        for j in self.units("a", layer):
            for k in range(self.graph.row.sizes[layer]) if couples else (j,):
                if self.has(_name("z", layer, k)):
                    yield self.link(_name("z", layer, k), _name("a", layer, j))

    def link(self, source: str, target: str) -> Link:
        local = self.graph.local(source, target)
        return Link(source, target, local, self.graph.edge_kind(source, target))

    def value_of(self, letter: str, layer: int, unit: int) -> Expr:
        """Return a name that is in this part, or the number in its place."""
        name = _name(letter, layer, unit)
        inside = unit in self.units(letter, layer) or self.has(name)
        return Name(name) if inside else Number(self.graph.value(name))

    def weighted_sum(self, layer: int, j: int) -> Expr:
        row, sources = self.graph.row, self.sources(layer)
        weights = [Address("w", layer, j, k) for k in sources]
        terms: list[Expr] = [
            Name(str(weight)) * Name(_name("a", layer - 1, k)) for weight, k in zip(weights, sources, strict=True)
        ]
        known = [row.value(weight) * float(row.a[layer - 1][k]) for weight, k in zip(weights, sources, strict=True)]
        if row.biases is not None:
            bias = Address("b", layer, j)
            terms.append(Name(str(bias)))
            known.append(row.value(bias))
        if len(sources) < row.sizes[layer - 1]:
            terms.append(Number(math.fsum([row.z[layer][j], *(-value for value in known)])))
        return added(terms)

    def activation(self, layer: int, j: int) -> Quantity:
        row = self.graph.row.activations[layer - 1]
        name, value = _name("a", layer, j), self.graph.row.a[layer][j]
        if not row.couples:
            return Quantity(name, "activation", value, substitute(row.value, {"z": Name(_name("z", layer, j))}))
        exponential = call("exp", Name(_name("z", layer, j)) - Name("largest"))
        return Quantity(name, "activation", value, exponential / Name("total"), self.exponentials(layer))

    @cached_property
    def _exponentials(self) -> dict[int, dict[str, Expr]]:
        return {}

    def exponentials(self, layer: int) -> dict[str, Expr]:
        """Return the largest weighted sum of a layer, and the sum of exp(z - largest), which does not overflow."""
        if layer not in self._exponentials:
            sums = [self.value_of("z", layer, k) for k in range(self.graph.row.sizes[layer])]
            total = added([call("exp", z - Name("largest")) for z in sums])
            self._exponentials[layer] = {"largest": _maximum(sums), "total": total}
        return self._exponentials[layer]

    def loss(self) -> Quantity:
        row, outputs = self.graph.row, range(self.graph.row.sizes[-1])
        helpers: dict[str, Expr] = {}
        value = row.loss.value(row.sizes[-1])
        if self.graph.collapsed:
            fused = row.loss.fused_with(row.activations[-1], row.sizes[-1])
            assert fused is not None
            value = fused.value
            if fused.rowwise:
                summed = Name("largest") + Call("log", (Name("total"),))
                helpers = {**self.exponentials(self.last), "logsumexp_z": summed}
        terms = [substitute(value, {**self.output(j), "y": Name(f"y[{j}]")}) for j in outputs]
        formula = added(terms) if row.scale == 1 else Number(row.scale) * added(terms)
        return Quantity(self.graph.loss_name, "loss", row.loss_value, formula, helpers)

    def output(self, j: int) -> dict[str, Expr]:
        """Return what stands for a or z in the loss."""
        letter = "z" if self.graph.collapsed else "a"
        return {letter: self.value_of(letter, self.last, j)}


def _maximum(values: Sequence[Expr]) -> Expr:
    """Return the largest of some values, nested as little as can be."""
    if len(values) == 1:
        return values[0]
    middle = len(values) // 2
    return call("max", _maximum(values[:middle]), _maximum(values[middle:]))
