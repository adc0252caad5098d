"""From a `Network` and rows of data to a story: values in float64, per-row gradients, the optimizer's state."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backstory.engine.parts import blend, through_front
from backstory.engine.reference import NUMPY, Engine, activate, dense, layer_arrays, loss_of_rows, named_arrays
from backstory.errors import ConfigurationError
from backstory.expressions import Name, evaluate, substitute
from backstory.model.front import first_values, front_part
from backstory.model.stale import stale as stale_step
from backstory.model.updates import STALE_OF_WHAT, told_update
from backstory.network.parameters import Others, other_views
from backstory.story.address import Address, read_address
from backstory.story.front import FRONT_PARAMETERS
from backstory.story.network_graph import LOSS, LOSS_OF_A_ROW, Row, network_graph
from backstory.story.quantity import read_quantity
from backstory.story.story import Batch, PenaltyTerm, Story, Update, strongest_row
from backstory.training.groups import factors
from backstory.training.optimizers import Optimizer

if TYPE_CHECKING:
    from backstory.model.network import Network

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """A network's float64 twin with the rows that are asked about.

    Attributes
    ----------
    net : Network
    X : ndarray (n, n_in), float64
    y : ndarray (n, n_out), float64
    """

    net: Network
    X: Floats
    y: Floats

    @cached_property
    def engine(self) -> Engine:
        return Engine(dataclasses.replace(self.net.spec, dtype="float64"))

    @cached_property
    def parameters(self) -> Floats:
        return self.net.parameters.astype(np.float64)

    @cached_property
    def layers(self) -> list[tuple[Any, Any]]:
        return layer_arrays(self.net.spec, self.parameters)

    def forward(self, row: int, held: tuple[Address, float] | None = None) -> tuple[list[Floats], list[Floats]]:
        """z and a of every layer for one row, (n_l,) each; one value of them may be held at another number."""

        def put(letter: str, layer: int, values: Floats) -> Floats:
            if held is not None and (held[0].letter, held[0].layer) == (letter, layer):
                values = values.copy()
                values[0, held[0].unit] = held[1]
            return values

        alphas = self.others.alphas
        with np.errstate(all="ignore"):
            a = put("x", 0, self.X[row : row + 1])
            if self.net.spec.front is not None:
                a = first_values(self.net.spec.front, self.others, a[0], held)["out"][None]
            zs, activations = [a[0]], [a[0]]
            for layer, (W, b) in enumerate(self.layers, start=1):
                if held is not None and held[0].layer == layer and held[0].letter in ("w", "b"):
                    W, b = _with_parameter(W, b, *held)
                z = put("z", layer, dense(a, W, b)[0])
                share = put("alpha", layer, alphas[layer - 1][None]) if layer <= len(alphas) else None
                f, _ = self.activate(layer, z, share)
                a = put("a", layer, f)
                zs.append(z[0])
                activations.append(a[0])
        return zs, activations

    def loss_of(self, z: Floats, a: Floats, row: int) -> float:
        """The loss of one row from the last layer's values."""
        spec = self.net.spec
        if np.array_equal(activate(spec.output, z[None])[0][0], a):
            return float(loss_of_rows(spec, z[None], self.y[row : row + 1])[0][0])
        terms = [
            float(evaluate(spec.loss.value(spec.n_out), {"a": float(value), "y": float(target)}))
            for value, target in zip(a, self.y[row], strict=True)
        ]
        return sum(terms)

    def row(self, row: int) -> Row:
        """The values of one row, as the graph takes them."""
        spec = self.net.spec
        z, a = self.forward(row)

        @cache
        def weights(layer: int) -> list[list[float]]:
            return self.layers[layer - 1][0].tolist()  # type: ignore[no-any-return]  # of NumPy

        def biases(layer: int) -> list[float]:
            return self.layers[layer - 1][1].tolist()  # type: ignore[no-any-return]  # of NumPy

        return Row(
            sizes=spec.widths,
            activations=spec.activations,
            loss=spec.loss,
            weights=weights,
            biases=biases if spec.biases else None,
            z=[values.tolist() for values in z],
            a=[values.tolist() for values in a],
            y=self.y[row].tolist(),
            loss_value=self.loss_of(z[-1], a[-1], row),
            front=None if spec.front is None else front_part(spec.front, self.others, self.X[row]),
            alphas=(lambda layer: self.others.alphas[layer - 1].tolist()) if spec.parametric else None,
        )

    def gradients_of_rows(self, address: Address) -> Floats:
        """The derivative of each row's own loss by a parameter, (n,)."""
        if address.letter not in ("w", "b"):
            return self._others_of_rows(address)
        delta = self.engine.deltas(self.parameters, self.X, self.y)[address.layer - 1][:, address.unit]
        if address.source is None:
            return np.asarray(delta)
        before = self.first if address.layer == 1 else self._activations[address.layer - 2]
        return np.asarray(delta * before[:, address.source])

    def activate(self, layer: int, z: Floats, alpha: Floats | None = None) -> tuple[Floats, Callable[[Floats], Floats]]:
        """A layer's activation, with its alphas (or others) where it has any; and the way back through it."""
        f, through_f = activate(self.net.spec.activations[layer - 1], z)
        if layer > len(self.others.alphas):
            return f, through_f
        a, through = blend(self.others.alphas[layer - 1] if alpha is None else alpha, z, f, through_f, NUMPY)
        return a, lambda da: through(da)[0]

    @cached_property
    def others(self) -> Others:
        return other_views(self.net.spec, self.parameters)

    @cached_property
    def first(self) -> Floats:
        """What the first layer reads, (n, n_0)."""
        front = self.net.spec.front
        if front is None:
            return self.X
        return through_front(front, named_arrays(self.net.spec, self.parameters), self.X, NUMPY)[0]

    def _others_of_rows(self, address: Address) -> Floats:
        """The derivative of each row's own loss by a parameter that is not of a dense layer: row by row."""
        index = flat_index(self.net, address)
        gradients = (
            self.engine.loss_and_gradient(self.parameters, self.X[n : n + 1], self.y[n : n + 1])[1][index]
            for n in range(len(self.X))
        )
        found = np.fromiter(gradients, dtype=np.float64, count=len(self.X))
        return found

    @cached_property
    def _activations(self) -> tuple[Any, ...]:
        return self.engine.activations(self.parameters, self.X)

    def loss_at(self, address: Address, value: float) -> float:
        """The loss of the batch, penalty included, with one parameter at another value."""
        moved = self.parameters.copy()
        moved[flat_index(self.net, address)] = value
        return self.engine.loss(moved, self.X, self.y)

    def state(self, optimizer: Optimizer) -> tuple[Mapping[str, Any], int]:
        """The slots of all parameters where the last training used an equal optimizer, and how many steps it took."""
        memory = self.net._memory
        same = memory.suits(optimizer, self.net.parameters) and bool(memory.state or not optimizer.rule().slots)
        return (memory.state, memory.steps) if same else ({}, 0)

    def told_update(self, address: Address, gradient: float, optimizer: Optimizer) -> Update:
        """What an optimizer makes of the gradient of one parameter."""
        index = flat_index(self.net, address)
        loss, flat = self.engine.loss_and_gradient(self.parameters, self.X, self.y)
        whole = {"gradient_norm_squared": float(flat @ flat), "gradient_max": float(np.abs(flat).max())}
        slots, steps = self.state(optimizer)
        state = {name: float(slot[index]) for name, slot in slots.items()}
        value = float(self.parameters[index])
        is_weight = address.letter == "w"
        return told_update(
            optimizer, state, steps, value, gradient, loss, whole, is_weight, self._factors(address, optimizer)
        )

    def _factors(self, address: Address, optimizer: Optimizer) -> tuple[float, float] | None:
        """What the network's parametrization multiplies a parameter's rate and decay by."""
        rates, decays = factors(self.net.spec, optimizer.rule())
        names = [name for name, _, _ in self.net.spec.layout]
        array = names.index(f"{address.letter}{address.layer or ''}")
        return (rates[array], decays[array]) if rates else None


def explain(
    net: Network,
    quantity: str,
    X: Any,
    y: Any,
    row: int | None = None,
    optimizer: Optimizer | None = None,
    stale: bool = False,
) -> Story:
    """Tell where one derivative of a network comes from; see `Network.explain`."""
    rows = read_rows(net, X, y)
    n = len(rows.X)
    if row is not None and not 0 <= row < n:
        raise ConfigurationError(f"row= must be one of the rows 0 to {n - 1}. Got {row!r}.")
    of, by = read_quantity(quantity, LOSS, _is_name)
    by, of = str(read_address(by) or by), str(read_address(of) or of)
    address = read_address(by)
    is_parameter = of == LOSS and address is not None and address.letter in PARAMETERS
    if is_parameter and n > 1:
        network_graph(rows.row(0), by)  # the address is one of this network's
    batch = _batch(rows, address, row) if is_parameter and n > 1 and address is not None else None
    told = batch.row if batch is not None else row or 0
    values = rows.row(told)
    loss = LOSS_OF_A_ROW if batch is not None else LOSS
    graph = network_graph(values, by, loss if of == LOSS else of, loss)
    penalty = _penalty(net, address, values) if is_parameter and address is not None else None
    story = Story(graph, of, by, loss_at=_moved(rows, address, of, told, is_parameter), penalty=penalty, batch=batch)
    used = optimizer or net._memory.optimizer
    chosen = used if isinstance(used, Optimizer) else None
    if not is_parameter or address is None:
        if stale:
            raise ConfigurationError(STALE_OF_WHAT)
        return story
    if stale:
        net._refuse_parts("A step with weights already updated")
    if chosen is not None:
        story = dataclasses.replace(story, update=rows.told_update(address, story.value, chosen))
    return dataclasses.replace(story, stale=stale_step(rows, address, story, chosen)) if stale else story


PARAMETERS = ("w", "b", "alpha", *FRONT_PARAMETERS)
"""The letters of addresses that are parameters."""


def read_rows(net: Network, X: Any, y: Any) -> Rows:
    """One row may be given as a plain list of numbers, and its target as a number or a list."""
    if np.ndim(X) == 1:
        X, y = np.asarray(X)[None], np.asarray(y)[None]
    rows, aims, _ = net._batch(X, y, None)
    dense_aims = np.eye(net.spec.n_out)[aims] if aims.ndim == 1 else aims.astype(np.float64)
    return Rows(net, rows.astype(np.float64), dense_aims)


def _is_name(text: str) -> bool:
    return text == LOSS or read_address(text) is not None


def _with_parameter(W: Any, b: Any, address: Address, value: float) -> tuple[Any, Any]:
    W, b = W.copy(), None if b is None else b.copy()
    if address.source is None:
        b[address.unit] = value
    else:
        W[address.source, address.unit] = value
    return W, b


def flat_index(net: Network, address: Address) -> int:
    """Where a parameter stands in the flat array."""
    offsets = {name: (start, shape) for name, start, shape in net.spec.layout}
    start, shape = offsets[f"{address.letter}{address.layer or ''}"]
    return start + int(np.ravel_multi_index(address.indices, shape))


def _batch(rows: Rows, address: Address, row: int | None) -> Batch:
    gradients = tuple(rows.gradients_of_rows(address).tolist())
    combine = rows.net.spec.reduction
    factor = 1 / len(gradients) if combine == "mean" else 1.0
    return Batch(LOSS_OF_A_ROW, combine, gradients, factor, 0.0, strongest_row(gradients) if row is None else row)


def _penalty(net: Network, address: Address, values: Row) -> PenaltyTerm | None:
    penalty = net.spec.penalty
    if penalty is None or address.letter != "w":
        return None
    here = {"w": Name(str(address))}
    value = float(evaluate(penalty.slope, {"w": values.value(address)}))
    return PenaltyTerm(substitute(penalty.value, here), substitute(penalty.slope, here), value)


def _moved(
    rows: Rows, address: Address | None, of: str, row: int, is_parameter: bool
) -> Callable[[float], float] | None:
    """What is differentiated, as a function of the value of what it is differentiated by."""
    if address is None:
        return None
    if is_parameter:
        return lambda value: rows.loss_at(address, value)
    target = read_address(of)

    def moved(value: float) -> float:
        z, a = rows.forward(row, (address, value))
        if target is None:
            return rows.loss_of(z[-1], a[-1], row)
        return float((z if target.letter == "z" else a)[target.layer][target.unit])

    return moved if target is None or target.letter in ("z", "a") else None
