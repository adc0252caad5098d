"""A network of layers as formulas of single quantities, shrunk to a few units per layer: what equations are judged on.

Equations are judged over all values of the weights, so only the units that are named matter, and that there are others
beside them: 784 inputs shrink to four.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from backstory.expressions import Call, Expr, Name, Number, derivative, substitute, walk
from backstory.functions.activation import Activation, callable_rows
from backstory.functions.domains import Interval, Simplex
from backstory.functions.front import BLENDED, written
from backstory.functions.loss import Loss
from backstory.functions.penalties import Penalty
from backstory.functions.rows import constants
from backstory.story.address import Address, read_address
from backstory.story.chain import added
from backstory.story.front import FRONT_PARAMETERS, ORDER, FrontPart
from backstory.story.program import Program

LOSS = "L"
_WIDTHS = (4, 3, 2)
_DEEP = 5
"""A network of more layers is shrunk to narrower ones."""

Units = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Layers:
    """What is known of a network of layers without its parameters.

    Attributes
    ----------
    sizes : tuple of int
        n_0 ... n_L.
    activations : tuple of Activation
        Of layers 1 ... L.
    loss : Loss
    biases : bool
    penalty : Penalty, optional
    is_mean : bool
        Whether the loss of a batch is the mean over its rows; else it is their sum.
    parametric : bool
        Whether hidden units have a parameter alpha.
    reads : {"x", "e", "s"}
        What the first layer reads: inputs, embedded numbers, or scaled ones. Its units are those of layer 0.
    front : FrontPart, optional
        What they are made of; without it they are given as inputs are.
    """

    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    loss: Loss
    biases: bool = True
    penalty: Penalty | None = None
    is_mean: bool = True
    parametric: bool = False
    reads: str = "x"
    front: FrontPart | None = None

    @property
    def n_layers(self) -> int:
        """L, the number of layers with weights."""
        return len(self.sizes) - 1

    def shrunk(self, named: Mapping[int, set[int]], generic: bool = False) -> Units:
        """Choose the units to be kept of every layer.

        Parameters
        ----------
        named : mapping of int to set of int
            By layer, units that must stay.
        generic : bool
            Whether layers none of whose units are named may be made wider than they are, so that neighbors differ in
            width and no sum has one term.

        Returns
        -------
        tuple of tuple of int
            By layer 0 ... L, at least one unit beside the named ones where the layer has others.
        """
        widths = _WIDTHS if self.n_layers <= _DEEP else _WIDTHS[1:]
        kept: list[tuple[int, ...]] = []
        for layer, size in enumerate(self.sizes):
            own = sorted(named.get(layer, ()))
            width = next(width for width in widths if not kept or width != len(kept[-1]))
            if own or not generic:
                width = min(size, max(width, len(own) + 1))
            others = [unit for unit in range(width + len(own)) if unit not in own and (unit < size or generic)]
            kept.append(tuple(sorted([*own, *others[: width - len(own)]])))
        return tuple(kept)

    def program(self, units: Units, values: Mapping[str, float] | None = None) -> Program:
        """Write the network of these units as formulas, named by addresses.

        Parameters
        ----------
        units : tuple of tuple of int
        values : mapping of str to float, optional
            Of leaves, by address; 1 for others.
        """
        formulas, first = self._first(units[0])
        for layer in range(1, self.n_layers + 1):
            for unit in units[layer]:
                formulas[_z(layer, unit)] = self._sum(units, layer, unit)
            for unit in units[layer]:
                formulas[self.a(layer, unit)] = self._value(units, layer, unit)
        formulas[LOSS] = self._loss(units)
        learned = [name for name in first if name.partition("[")[0] in FRONT_PARAMETERS]
        leaves = [*self._weights(units), *self._biases(units), *self._alphas(units), *learned]
        given = [*(name for name in first if name not in learned), *(f"y[{unit}]" for unit in units[-1])]
        known = values or {}
        return Program(
            text="",
            leaves={name: known.get(name, 1.0) for name in [*leaves, *given]},
            formulas=formulas,
            parameters=tuple(leaves),
            samples={},
            loss=LOSS,
            hidden=frozenset(),
            rows=self._rows,
        )

    @cached_property
    def _rows(self) -> dict[str, Activation]:
        own = {self.row_name(layer): row for layer, row in enumerate(self.activations, start=1) if not row.couples}
        own.pop("tanh", None)  # it is an elementary function
        return {**callable_rows(), **own}

    def row_name(self, layer: int) -> str:
        """Return what the activation of a layer is called: its name, unless another one of that name is used too."""
        row = self.activations[layer - 1]
        if any(other.name == row.name and other != row for other in self.activations):
            return f"{row.name}_{layer}"
        return row.name

    def _weights(self, units: Units) -> list[str]:
        return [
            str(Address("w", layer, unit, source))
            for layer in range(1, self.n_layers + 1)
            for unit in units[layer]
            for source in units[layer - 1]
        ]

    def _biases(self, units: Units) -> list[str]:
        layers = range(1, self.n_layers + 1) if self.biases else ()
        return [str(Address("b", layer, unit)) for layer in layers for unit in units[layer]]

    def _alphas(self, units: Units) -> list[str]:
        layers = range(1, self.n_layers) if self.parametric else ()
        return [str(Address("alpha", layer, unit)) for layer in layers for unit in units[layer]]

    def _first(self, units: tuple[int, ...]) -> tuple[dict[str, Expr], list[str]]:
        """Return the formulas of what the first layer reads, and the names that these begin with."""
        asked, formulas = [self.a(0, unit) for unit in units], dict[str, Expr]()
        if self.front is None:
            return formulas, asked
        found: dict[str, None] = {}

        def visit(name: str) -> None:
            address = read_address(name)
            assert address is not None
            assert self.front is not None
            if name in found:
                return
            formula = self.front.definition(address)
            for node in () if formula is None else walk(formula):
                if isinstance(node, Name) and node.id != "pi":
                    visit(node.id)
            found[name] = None
            if formula is not None:
                formulas[name] = formula

        for name in asked:
            visit(name)
        return formulas, [name for name in found if name not in formulas]

    def reached(self, address: Address) -> set[int]:
        """Return the units of layer 0 that a quantity of the front reaches."""
        if address.letter == self.reads:
            return {address.unit}
        users = () if self.front is None else self.front.users(address)
        return {unit for user in users for unit in self.reached(user)}

    def a(self, layer: int, unit: int) -> str:
        """Return what a unit's value is called; of layer 0, what the first layer reads."""
        return f"a{layer}[{unit}]" if layer else f"{self.reads}[{unit}]"

    def _sum(self, units: Units, layer: int, unit: int) -> Expr:
        sources = units[layer - 1]
        terms: list[Expr] = [
            Name(str(Address("w", layer, unit, source))) * Name(self.a(layer - 1, source)) for source in sources
        ]
        return added([*terms, Name(str(Address("b", layer, unit)))] if self.biases else terms)

    def _value(self, units: Units, layer: int, unit: int) -> Expr:
        if self.activations[layer - 1].couples:
            exponentials: list[Expr] = [Call("exp", (Name(_z(layer, other)),)) for other in units[layer]]
            return Call("exp", (Name(_z(layer, unit)),)) / added(exponentials)
        plain = Call(self.row_name(layer), (Name(_z(layer, unit)),))
        return self._blended(BLENDED.expression, layer, unit, plain) if self._has_alpha(layer) else plain

    def _has_alpha(self, layer: int) -> bool:
        return self.parametric and layer < self.n_layers

    def _blended(self, formula: Expr, layer: int, unit: int, plain: Expr) -> Expr:
        return written(formula, alpha=str(Address("alpha", layer, unit)), z=_z(layer, unit), f=plain)

    def _loss(self, units: Units) -> Expr:
        """Return the loss of one row and the penalty; constants of the number of outputs are those of all outputs."""
        n_out = self.sizes[-1]
        formula = substitute(self.loss.expression, {"y": self.loss.smoothed(n_out)})
        formula = substitute(formula, constants(self.loss.parameters, n_out=n_out))
        terms = [
            substitute(formula, {"a": Name(self.a(self.n_layers, unit)), "y": Name(f"y[{unit}]")}) for unit in units[-1]
        ]
        if self.penalty is not None and (self.penalty.l1 or self.penalty.l2):
            terms += [substitute(self.penalty.value, {"w": Name(name)}) for name in self._weights(units)]
        return added(terms)

    def derivative(self, source: str, target: str) -> Expr:
        """Return ∂target/∂source of two neighbors in a program of this network, as a formula."""
        start, end = read_address(source), read_address(target)
        assert start is not None
        if end is None:
            return self._loss_slope(start)
        if end.letter in ORDER:
            assert self.front is not None
            return self.front.local(source, end)
        if end.letter == "a":
            return self._slope(start, end)
        if start.letter == "b":
            return Number(1)
        if start.letter == "w":
            assert start.source is not None
            return Name(self.a(start.layer - 1, start.source))
        return Name(str(Address("w", end.layer, end.unit, start.unit)))

    def _slope(self, start: Address, end: Address) -> Expr:
        row, a = self.activations[end.layer - 1], Name(str(end))
        if row.couples:
            return a * (1 - a) if start.unit == end.unit else -(a * Name(self.a(end.layer, start.unit)))
        if not self._has_alpha(end.layer):
            return substitute(row.slope, {"a": a, "z": Name(str(start))})
        z = Name(_z(end.layer, end.unit))
        plain = Call(self.row_name(end.layer), (z,))
        if start.letter == "alpha":
            return self._blended(BLENDED.slope("alpha"), end.layer, end.unit, plain)
        by_z, by_f = (self._blended(BLENDED.slope(name), end.layer, end.unit, plain) for name in ("z", "f"))
        return by_z + by_f * substitute(row.slope, {"a": plain, "z": z})

    def _loss_slope(self, start: Address) -> Expr:
        if start.letter == "w":
            assert self.penalty is not None
            return substitute(self.penalty.slope, {"w": Name(str(start))})
        slope = self.loss.slope(self.sizes[-1])
        if start.letter == "y":
            formula = substitute(self.loss.value(self.sizes[-1]), {"a": Name(self.a(self.n_layers, start.unit))})
            return substitute(derivative(formula, "y"), {"y": Name(str(start))})
        return substitute(slope, {"a": Name(str(start)), "y": Name(f"y[{start.unit}]")})

    def prepare(self, leaves: dict[str, float], generator: random.Random) -> None:
        """Bring drawn targets to where the loss takes them; changes `leaves`."""
        targets = [name for name in leaves if name.startswith("y[")]
        domain = self.loss.targets
        if isinstance(domain, Simplex):
            total = sum(abs(leaves[name]) for name in targets)
            leaves.update({name: abs(leaves[name]) / total for name in targets})
        elif not isinstance(domain, Interval):
            leaves.update({name: generator.choice(tuple(domain.values)) for name in targets})


def _z(layer: int, unit: int) -> str:
    return f"z{layer}[{unit}]"


def named_units(addresses: Sequence[Address], layers: Layers) -> dict[int, set[int]]:
    """Return by layer the units that addresses name."""
    found: dict[int, set[int]] = {}
    for address in addresses:
        if address.letter in ORDER:
            found.setdefault(0, set()).update(layers.reached(address))
            continue
        layer = layers.n_layers if address.letter == "y" else address.layer
        found.setdefault(layer, set()).add(address.unit)
        if address.source is not None:
            found.setdefault(layer - 1, set()).add(address.source)
    return found
