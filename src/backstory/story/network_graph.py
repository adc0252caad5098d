"""The graph of a network of layers for one row, built only as far as the asked quantity reaches."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from backstory.errors import ConfigurationError
from backstory.expressions import Call, Expr, Name, Number, evaluate, names, parse, simplify, substitute
from backstory.functions.activation import Activation
from backstory.functions.front import BLENDED, written
from backstory.functions.loss import Loss
from backstory.functions.rows import constants
from backstory.story.address import Address, read_address
from backstory.story.chain import ELLIPSIS, added
from backstory.story.front import FRONT_PARAMETERS, ORDER, FrontPart
from backstory.story.graph import EdgeKind, Graph, NodeKind

LOSS, LOSS_OF_A_ROW = "L", "L_n"
"""What the loss is called: of the one row there is, or of one row of many."""
_SHOWN_TERMS = 6
"""Up to how many terms of a sum are written out."""

Values = Sequence[float]


@dataclass(frozen=True)
class Row:
    """A network with the values of one row: plain sequences of floats.

    Attributes
    ----------
    sizes : sequence of int
        n_0 ... n_L.
    activations : sequence of Activation
        Of layers 1 ... L.
    loss : Loss
    weights : callable from l to the rows of W_l, lists of (n_l,)
    biases : callable from l to b_l, a list of (n_l,), or None for a network without biases
    z, a : sequence of the values of every layer
        z[0] is not used; a[0] are the inputs.
    y : targets (n_out,)
    loss_value : float
        The loss of this row, without penalty.
    scale : Fraction
        What the loss's formula is multiplied by, for the constants of another convention.
    """

    sizes: Sequence[int]
    activations: Sequence[Activation]
    loss: Loss
    weights: Callable[[int], Sequence[Values]] = field(repr=False)
    biases: Callable[[int], Values] | None = field(repr=False)
    z: Sequence[Values] = field(repr=False)
    a: Sequence[Values] = field(repr=False)
    y: Values = field(repr=False)
    loss_value: float
    scale: Fraction = Fraction(1)
    front: FrontPart | None = None
    alphas: Callable[[int], Values] | None = field(default=None, repr=False)

    def name(self, layer: int, unit: int) -> str:
        """Return what a unit's value is called; of layer 0 what the first layer reads."""
        if layer:
            return f"a{layer}[{unit}]"
        return f"{'x' if self.front is None else self.front.letter}[{unit}]"

    def alpha(self, layer: int, unit: int) -> float | None:
        """Return the alpha of a hidden unit with a parametric activation."""
        if self.alphas is None or not 1 <= layer < self.n_layers:
            return None
        return float(self.alphas(layer)[unit])

    @property
    def n_layers(self) -> int:
        """L, the number of layers with weights."""
        return len(self.sizes) - 1

    def value(self, address: Address) -> float:
        """Return what stands at an address."""
        match address.letter:
            case "w":
                assert address.source is not None
                return float(self.weights(address.layer)[address.source][address.unit])
            case "b":
                assert self.biases is not None
                return float(self.biases(address.layer)[address.unit])
            case "z":
                return float(self.z[address.layer][address.unit])
            case "a":
                return float(self.a[address.layer][address.unit])
            case "alpha":
                assert self.alphas is not None
                return float(self.alphas(address.layer)[address.unit])
            case "y":
                return float(self.y[address.unit])
        return float(self.a[0][address.unit]) if self.front is None else self.front.value(address)

    def check(self, text: str) -> Address:
        """Read an address and see that the network has it.

        Raises
        ------
        ConfigurationError
            It cannot be read, or there is no such layer or unit.
        """
        address = read_address(text)
        if address is None:
            raise ConfigurationError(
                f"{text!r} is no quantity of this network. Write w1[2->0] for the weight of layer 1 from unit 2 to "
                "unit 0, b1[0] for a bias, z1[0] or a1[0] for a unit, x[0] for an input, y[0] for a target, L for the "
                "loss."
            )
        if address.letter in ORDER:
            return self._check_first(text, address)
        if address.letter == "alpha" and (self.alphas is None or address.layer >= self.n_layers):
            raise ConfigurationError(f"{text!r}: only hidden units of a network with parametric=True have an alpha.")
        first = 0 if address.letter == "y" else 1
        if not first <= address.layer <= self.n_layers:
            layers = "1" if self.n_layers == 1 else f"1 to {self.n_layers}"
            raise ConfigurationError(f"{text!r}: the network has layers {layers}, the input being layer 0.")
        if address.letter == "b" and self.biases is None:
            raise ConfigurationError(f"{text!r}: the network has no biases.")
        units = self.sizes[-1] if address.letter == "y" else self.sizes[address.layer]
        if address.unit >= units:
            raise ConfigurationError(f"{text!r}: layer {address.layer} has units 0 to {units - 1}.")
        if address.source is not None and address.source >= self.sizes[address.layer - 1]:
            last = self.sizes[address.layer - 1] - 1
            raise ConfigurationError(f"{text!r}: layer {address.layer - 1} has units 0 to {last}.")
        return address

    def _check_first(self, text: str, address: Address) -> Address:
        """See that there is such an input, or such a quantity before the first layer."""
        if address.letter == "x" and self.front is None:
            if address.unit >= self.sizes[0]:
                raise ConfigurationError(f"{text!r}: layer 0 has units 0 to {self.sizes[0] - 1}.")
            return address
        shape = () if self.front is None else self.front.shape(address.letter)
        if not shape:
            raise ConfigurationError(f"{text!r}: the network has no {address.letter}.")
        if any(index >= most for index, most in zip(address.indices, shape, strict=True)):
            ranges = ", ".join(f"0 to {most - 1}" for most in shape)
            raise ConfigurationError(f"{text!r}: the indices of {address.letter} go from {ranges}.")
        return address


def _z(layer: int, unit: int) -> str:
    return f"z{layer}[{unit}]"


@dataclass(frozen=True, eq=False)
class NetworkGraph(Graph):
    """The graph of one row of a network, from one quantity onwards; made by `network_graph`.

    Attributes
    ----------
    row : Row
    collapsed : bool
        Whether the output's weighted sums lead straight to the loss: the output activation's derivative and the loss's
        are then one edge, as their product is simpler (softmax with cross-entropy) or the only one that floats can
        hold.
    """

    row: Row = field(repr=False, kw_only=True)
    collapsed: bool = field(default=False, kw_only=True)

    def definition(self, name: str, around: str | None = None) -> Expr | None:
        address = read_address(name)
        if address is None:
            return self._loss_definition(around)
        match address.letter:
            case "z":
                return self._sum_definition(address, around)
            case "a":
                row = self.row.activations[address.layer - 1]
                if row.couples:
                    return _softmax_definition(address.layer, address.unit, self.row.sizes[address.layer])
                return self._parametric(address, BLENDED.expression) or self._plain(address)
        return None if self.row.front is None else self.row.front.definition(address)

    def _plain(self, address: Address) -> Expr:
        """Return f(z) of a unit."""
        return Call(self.row.activations[address.layer - 1].name, (Name(_z(address.layer, address.unit)),))

    def _parametric(self, address: Address, expr: Expr) -> Expr | None:
        """Return a formula of parametric activations for one unit; None for a unit without an alpha."""
        layer, unit = address.layer, address.unit
        if self.row.alpha(layer, unit) is None:
            return None
        return written(expr, alpha=f"alpha{layer}[{unit}]", z=_z(layer, unit), f=self._plain(address))

    def among(self, name: str, way: Collection[str]) -> Expr:
        address = read_address(name)
        here = [unit for unit in map(read_address, way) if unit is not None]
        if address is None:
            if self.row.sizes[-1] > _SHOWN_TERMS:
                last = [unit.unit for unit in here if unit.layer == self.row.n_layers and unit.letter == "a"]
                return self._with_rest([self._loss_term(j) for j in last], self.row.loss_value)
        elif address.letter == "z" and self.row.sizes[address.layer - 1] > _SHOWN_TERMS:
            sources = [source for source in way if any(target == name for target, _ in self.out.get(source, ()))]
            return self._with_rest([self.local(source, name) * Name(source) for source in sources], self.value(name))
        elif address.letter == "a" and self.row.sizes[address.layer] > _SHOWN_TERMS and self._couples(address.layer):
            units = [unit.unit for unit in here if unit.layer == address.layer and unit.letter == "z"]
            exponentials = [Call("exp", (Name(_z(address.layer, k)),)) for k in units]
            whole = math.fsum(math.exp(z) for z in self.row.z[address.layer])
            return Call("exp", (Name(_z(address.layer, address.unit)),)) / self._with_rest(exponentials, whole)
        return super().among(name, way)

    def value(self, name: str) -> float:
        address = read_address(name)
        return self.values[name] if address is None else self.row.value(address)

    def rows(self) -> Mapping[str, Activation]:
        return {row.name: row for row in self.row.activations if not row.couples}

    def _couples(self, layer: int) -> bool:
        return self.row.activations[layer - 1].couples

    def _with_rest(self, terms: Sequence[Expr], whole: float) -> Expr:
        """Return a sum of terms, and as a number what others add to it."""
        values = {name: self.value(name) for term in terms for name in names(term)}
        rest = whole - math.fsum(float(evaluate(term, values)) for term in terms)
        return added(terms) if abs(rest) < 1e-15 * abs(whole) else added([*terms, Number(rest)])

    def local(self, source: str, target: str) -> Expr:
        start, end = read_address(source), read_address(target)
        assert start is not None
        if end is None:
            return self._loss_slope(start)
        if end.letter == "a":
            return self._activation_slope(start, end)
        if end.letter in ORDER:
            assert self.row.front is not None
            return self.row.front.local(source, end)
        match start.letter:
            case "b":
                return Number(1)
            case "w":
                assert start.source is not None
                return Name(self.row.name(start.layer - 1, start.source))
        return Name(str(Address("w", end.layer, end.unit, start.unit)))

    def node_kind(self, name: str) -> NodeKind:
        address = read_address(name)
        if address is None:
            return "loss"
        return _NODE_KINDS[address.letter]

    def edge_kind(self, source: str, target: str) -> EdgeKind:
        start, end = read_address(source), read_address(target)
        assert start is not None
        if end is None:
            return "loss derivative"
        if end.letter == "a" and start.letter != "alpha":
            return "activation derivative"
        if end.letter in ORDER or start.letter == "alpha":
            return "derivative"
        return {"b": "constant", "w": "input"}.get(start.letter, "weight")  # type: ignore[return-value]

    def may_divide(self, target: str) -> bool:
        return self.node_kind(target) != "sum"

    def activation(self, name: str) -> Activation | None:
        address = read_address(name)
        if address is None or address.letter != "a":
            return None
        row = self.row.activations[address.layer - 1]
        return None if row.couples or self.row.alpha(address.layer, address.unit) is not None else row

    def kink(self, source: str, target: str) -> str:
        start, loss = read_address(source), self.row.loss
        if target != self.loss_name or start is None or start.letter != "a":
            return super().kink(source, target)
        output, aim = self.row.value(start), {"y": float(self.row.y[start.unit])}
        if not any(evaluate(parse(kink), aim) == output for kink in loss.kinks):
            return ""
        return f"{loss.name} has no derivative at {source} = {output:g}. By convention: {loss.note}"

    @property
    def couples(self) -> bool:
        """Whether each output depends on all units of the last layer."""
        return self.row.activations[-1].couples

    @property
    def loss_name(self) -> str:
        """What the loss of the row is called."""
        return next(reversed(self.values))

    @cached_property
    def fused_slope(self) -> Expr:
        """∂L/∂z of an output where loss and activation are taken together, in a, y and sum_y."""
        fused = self.row.loss.fused_with(self.row.activations[-1], self.row.sizes[-1])
        assert fused is not None
        return simplify(substitute(fused.slope, {"sum_y": _number(math.fsum(self.row.y))}))

    def _sum_definition(self, address: Address, around: str | None) -> Expr:
        """Return z = sum of w a + b; of a long sum the term of `around` between ellipses."""
        layer, unit, n_in = address.layer, address.unit, self.row.sizes[address.layer - 1]

        def term(k: int) -> Expr:
            return Name(str(Address("w", layer, unit, k))) * Name(self.row.name(layer - 1, k))

        asked = read_address(around) if around else None
        if n_in <= _SHOWN_TERMS:
            terms: list[Expr] = [term(k) for k in range(n_in)]
        else:
            shown = 0 if asked is None else asked.source if asked.letter == "w" else asked.unit
            shown = 0 if asked is not None and asked.letter == "b" else shown
            assert shown is not None
            terms = [*([ELLIPSIS] if shown > 0 else []), term(shown), *([ELLIPSIS] if shown < n_in - 1 else [])]
        if self.row.biases is not None:
            terms.append(Name(str(Address("b", layer, unit))))
        return added(terms)

    def _loss_term(self, j: int) -> Expr:
        """Return what one output adds to the loss."""
        loss, n_out, layer = self.row.loss, self.row.sizes[-1], self.row.n_layers
        formula = substitute(loss.expression, {"y": loss.smoothed(n_out)})
        formula = scaled(substitute(formula, constants(loss.parameters, n_out=n_out)), self.row.scale)
        return substitute(formula, {"a": Name(self.row.name(layer, j)), "y": Name(f"y[{j}]")})

    def _loss_definition(self, around: str | None) -> Expr:
        """Return the loss as a sum over the outputs; of a long sum the term of `around` between ellipses."""
        n_out = self.row.sizes[-1]
        if n_out <= _SHOWN_TERMS:
            return added([self._loss_term(j) for j in range(n_out)])
        asked = read_address(around) if around else None
        shown = asked.unit if asked is not None else 0
        before, after = [ELLIPSIS] if shown else [], [ELLIPSIS] if shown < n_out - 1 else []
        return added([*before, self._loss_term(shown), *after])

    def _loss_slope(self, start: Address) -> Expr:
        unit, layer = start.unit, self.row.n_layers
        here: dict[str, Expr] = {
            "a": Name(self.row.name(layer, unit)),
            "z": Name(_z(layer, unit)),
            "y": Name(f"y[{unit}]"),
        }
        slope = self.fused_slope if start.letter == "z" else self.row.loss.slope(self.row.sizes[-1])
        return substitute(scaled(slope, self.row.scale), here)

    def _activation_slope(self, start: Address, end: Address) -> Expr:
        row = self.row.activations[end.layer - 1]
        a = Name(self.row.name(end.layer, end.unit))
        if row.couples:
            return a * (1 - a) if start.unit == end.unit else -(a * Name(self.row.name(end.layer, start.unit)))
        if start.letter == "alpha" and (slope := self._parametric(end, BLENDED.slope("alpha"))) is not None:
            return slope
        whole = BLENDED.slope("z") + BLENDED.slope("f") * row.slope
        if (slope := self._parametric(end, written(whole, a="f"))) is not None:
            return slope
        return substitute(row.slope, {"a": a, "z": Name(_z(start.layer, start.unit))})


_NODE_KINDS: dict[str, NodeKind] = {
    **dict.fromkeys((*FRONT_PARAMETERS, "alpha"), "weight"),
    **dict.fromkeys(("angle", "wave", "e", "s"), "quantity"),
    "w": "weight",
    "b": "bias",
    "x": "input",
    "y": "target",
    "z": "sum",
    "a": "activation",
}


def scaled(expr: Expr, scale: Fraction) -> Expr:
    """Return a formula times a constant; itself where that is 1."""
    return expr if scale == 1 else simplify(Number(scale) * expr)


def _number(value: float) -> Number:
    return Number(int(value)) if value == int(value) else Number(value)


def _softmax_definition(layer: int, unit: int, n_out: int) -> Expr:
    """Return a_j = exp(z_j) / sum of exp(z_k); of many units only the first and the last are written."""

    def exponential(k: int) -> Expr:
        return Call("exp", (Name(_z(layer, k)),))

    if n_out <= _SHOWN_TERMS:
        return exponential(unit) / added([exponential(k) for k in range(n_out)])
    return exponential(unit) / added([exponential(0), ELLIPSIS, exponential(n_out - 1)])


def network_graph(row: Row, by: str, of: str = LOSS, loss: str = LOSS) -> NetworkGraph:
    """Build the graph of one row from the quantity `by` onwards.

    Parameters
    ----------
    row : Row
    by : str
        The address of a weight, a bias, an input or a unit.
    of : str
        What is differentiated: the loss, or a unit.
    loss : {"L", "L_n"}
        What the loss of this row is called.

    Raises
    ------
    ConfigurationError
        An address that the network does not have.
    """
    start = row.check(by)
    if start.letter == "y":
        raise ConfigurationError(f"{by!r} is a target: it is given. Ask for a weight, a bias, an input or a unit.")
    if of != loss:
        row.check(of)
    starts_between = (start.letter, start.layer) == ("a", row.n_layers)
    return _Builder(row, loss, of == loss and not starts_between and _must_collapse(row)).built(start)


class _Builder:
    """Puts down values and edges layer by layer, from one quantity to the loss."""

    def __init__(self, row: Row, loss: str, collapsed: bool) -> None:
        self.row, self.loss, self.collapsed = row, loss, collapsed
        self.values: dict[str, float] = {}
        self.out: dict[str, list[tuple[str, float]]] = {}

    def built(self, start: Address) -> NetworkGraph:
        row = self.row
        self.values[str(start)] = row.value(start)
        units: Sequence[int] = [start.unit]
        layer = start.layer
        if row.front is not None and start.letter in ORDER:
            units = self.through_front(row.front, start)
        if start.letter == "alpha":
            z = float(row.z[layer][start.unit])
            f = float(evaluate(row.activations[layer - 1].value, {"z": z}))
            self.put(_z(layer, start.unit), z)
            here = {"alpha": float(self.values[str(start)]), "z": z, "f": f}
            self.out[str(start)] = [(row.name(layer, start.unit), float(evaluate(BLENDED.slope("alpha"), here)))]
            self.put(row.name(layer, start.unit), float(row.a[layer][start.unit]))
        if start.letter in ("w", "b"):
            number = 1.0 if start.source is None else float(row.a[layer - 1][start.source])
            self.out[str(start)] = [(_z(layer, start.unit), number)]
            self.values[_z(layer, start.unit)] = float(row.z[layer][start.unit])
        if start.letter in ("w", "b", "z"):
            units = self.through_activation(layer, units)
        for later in range(layer + 1, row.n_layers + 1):
            units = self.through_activation(later, self.through_weights(later, units))
        graph = NetworkGraph(self.values, self.out, row=row, collapsed=self.collapsed)
        self.to_loss(units, graph)
        return graph

    def put(self, name: str, value: float) -> None:
        """Put down a quantity."""
        self.values[name] = value

    def through_front(self, front: FrontPart, start: Address) -> list[int]:
        """Go from a quantity before the first layer to what that reads; return which of it are reached."""
        reached = {start}
        for letter in ORDER[ORDER.index(start.letter) :]:
            for address in sorted((each for each in reached if each.letter == letter), key=lambda each: each.indices):
                self.put(str(address), front.value(address))
                users = list(front.users(address))
                reached.update(users)
                self.out[str(address)] = [(str(user), self._front_number(front, address, user)) for user in users]
        return sorted(each.unit for each in reached if each.letter == front.letter)

    def _front_number(self, front: FrontPart, source: Address, target: Address) -> float:
        local = front.local(str(source), target)
        found = {name: address for name in names(local) if (address := read_address(name)) is not None}
        return float(evaluate(local, {name: self.row.value(address) for name, address in found.items()}))

    def through_weights(self, layer: int, units: Sequence[int]) -> Sequence[int]:
        """Go from units of the layer before to all weighted sums of a layer."""
        weights, targets = self.row.weights(layer), [_z(layer, j) for j in range(self.row.sizes[layer])]
        for k in units:
            self.out[self.row.name(layer - 1, k)] = list(zip(targets, map(float, weights[k]), strict=True))
        self.values.update(zip(targets, map(float, self.row.z[layer]), strict=True))
        return range(len(targets))

    def through_activation(self, layer: int, units: Sequence[int]) -> Sequence[int]:
        """Go from weighted sums to the activations of the same layer; return the units reached."""
        row = self.row
        activation, a = row.activations[layer - 1], row.a[layer]
        if layer == row.n_layers and self.collapsed:
            return units
        if activation.couples:
            everything = range(row.sizes[layer])
            for k in units:
                self.out[_z(layer, k)] = [
                    (row.name(layer, j), float(a[j]) * ((j == k) - float(a[k]))) for j in everything
                ]
            units = everything
        else:
            for j in units:
                self.out[_z(layer, j)] = [(row.name(layer, j), self.slope(layer, j))]
        self.values.update((row.name(layer, j), float(a[j])) for j in units)
        return units

    def slope(self, layer: int, unit: int) -> float:
        """Return da/dz of a unit, with its alpha where it has one."""
        row, activation, alpha = self.row, self.row.activations[layer - 1], self.row.alpha(layer, unit)
        z, a = float(row.z[layer][unit]), float(row.a[layer][unit])
        if alpha is None:
            return float(evaluate(activation.slope, {"z": z, "a": a}))
        here = {"alpha": alpha, "z": z, "f": float(evaluate(activation.value, {"z": z}))}
        of_f = float(evaluate(activation.slope, {"z": z, "a": here["f"]}))
        return float(evaluate(BLENDED.slope("z"), here) + evaluate(BLENDED.slope("f"), here) * of_f)

    def to_loss(self, units: Sequence[int], graph: NetworkGraph) -> None:
        """Go from the outputs, or from their weighted sums where the graph is collapsed, to the loss."""
        row, layer = self.row, self.row.n_layers
        slope = scaled(graph.fused_slope if self.collapsed else row.loss.slope(row.sizes[-1]), row.scale)
        for j in units:
            here = {"a": float(row.a[layer][j]), "y": float(row.y[j]), "z": float(row.z[layer][j])}
            name = _z(layer, j) if self.collapsed else row.name(layer, j)
            self.out[name] = [(self.loss, float(evaluate(slope, here)))]
        self.values[self.loss] = row.loss_value


def _must_collapse(row: Row) -> bool:
    """Say whether output activation and loss are to be one edge: always for softmax, else where floats need it."""
    fused = row.loss.fused_with(row.activations[-1], row.sizes[-1])
    if fused is None or fused.rowwise:
        return fused is not None
    slope, f_slope = row.loss.slope(row.sizes[-1]), row.activations[-1].slope
    for z, a, y in zip(row.z[-1], row.a[-1], row.y, strict=True):
        here = {"z": float(z), "a": float(a), "y": float(y)}
        apart, together = evaluate(slope, here) * evaluate(f_slope, here), evaluate(fused.slope, here)
        if not math.isclose(apart, together, rel_tol=1e-6, abs_tol=1e-12):
            return True
    return False
