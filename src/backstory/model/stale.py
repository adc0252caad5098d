"""A network's step with deltas that go through weights already updated, beside the step of gradient descent."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backstory.engine.reference import activate, dense, layer_arrays, loss_of_rows, penalty_slope
from backstory.expressions import names
from backstory.model.updates import require_stepwise, updated
from backstory.story.address import Address, read_address
from backstory.story.network_graph import NetworkGraph, network_graph
from backstory.story.stale import Stale, Updated
from backstory.story.story import Story
from backstory.training.optimizers import Optimizer

if TYPE_CHECKING:
    from backstory.model.stories import Floats, Rows


@dataclass(frozen=True)
class Sweep:
    """What comes of going backwards through the layers, each updated before the one in front of it.

    Attributes
    ----------
    parameters, gradients : ndarray, float64
        Flat: after the step, and what the step was made from.
    deltas, activations : sequences of ndarray (n, n_l)
        Of each row's own loss, layers 1 ... L; and of layers 0 ... L.
    """

    parameters: Floats
    gradients: Floats
    deltas: Sequence[Floats]
    activations: Sequence[Floats]


def sweep(rows: Rows, optimizer: Optimizer) -> Sweep:
    """Take a step on all rows, each delta going through the weights of the next layer as they are after it."""
    spec, share = rows.net.spec, 1 / len(rows.X) if rows.net.spec.reduction == "mean" else 1.0
    new, gradients = rows.parameters.copy(), penalty_slope(spec, rows.parameters)
    a, through = [rows.X], []
    with np.errstate(all="ignore"):
        for row, (W, b) in zip(spec.activations, rows.layers, strict=True):
            z, _ = dense(a[-1], W, b)
            value, backward = activate(row, z)
            a.append(value)
            through.append(backward)
        deltas = [loss_of_rows(spec, z, rows.y)[1]()]
        for layer in range(spec.n_layers, 0, -1):
            for name, start, shape in spec.layout:
                if int(name[1:]) == layer:
                    here = slice(start, start + int(np.prod(shape)))
                    data = a[layer - 1].T @ deltas[0] if name[0] == "w" else deltas[0].sum(axis=0)
                    gradients[here] += share * data.ravel()
                    new[here] = stepped(rows, optimizer, gradients, here, name[0] == "w")
            if layer > 1:
                deltas.insert(0, through[layer - 2](deltas[0] @ layer_arrays(spec, new)[layer - 1][0].T))
    return Sweep(new, gradients, deltas, a)


def stepped(rows: Rows, optimizer: Optimizer, gradients: Floats, here: slice, are_weights: bool) -> Floats:
    """Return a part of the parameters after a step of an optimizer, from its state on."""
    state, steps = rows.state(optimizer)
    slots = {name: slot[here] for name, slot in state.items()}
    return np.asarray(updated(optimizer, slots, steps, rows.parameters[here], gradients[here], are_weights))


def stale(rows: Rows, address: Address, story: Story, optimizer: Optimizer | None) -> Stale:
    """Tell the step of a story's parameter once more, with weights already updated.

    Raises
    ------
    ConfigurationError
        There is no optimizer, or none that can step layer by layer.
    """
    chosen = require_stepwise(optimizer)
    graph = story.graph
    assert isinstance(graph, NetworkGraph)
    wrong = sweep(rows, chosen)
    new_layers = layer_arrays(rows.net.spec, wrong.parameters)

    def weights(layer: int) -> Sequence[Sequence[float]]:
        return new_layers[layer - 1][0].tolist() if layer > address.layer else graph.row.weights(layer)

    row = dataclasses.replace(graph.row, weights=weights)
    told = dataclasses.replace(
        story,
        graph=network_graph(row, story.by, story.told, story.told),
        batch=story.batch and dataclasses.replace(story.batch, gradients=_of_rows(wrong, address)),
        loss_at=None,
    )
    old = dict(zip(used := _used(story, graph), map(graph.row.value, used), strict=True))
    return Stale(
        dataclasses.replace(told, update=rows.told_update(address, told.value, chosen)),
        tuple(Updated(str(each), value, row.value(each)) for each, value in old.items()),
        story.of,
        rows.engine.loss(_right(rows, chosen), rows.X, rows.y),
        rows.engine.loss(wrong.parameters, rows.X, rows.y),
    )


def _of_rows(wrong: Sweep, address: Address) -> tuple[float, ...]:
    """What each row's own loss gives, with the deltas of the sweep."""
    delta = wrong.deltas[address.layer - 1][:, address.unit]
    if address.source is None:
        return tuple(delta.tolist())
    return tuple((delta * wrong.activations[address.layer - 1][:, address.source]).tolist())


def _used(story: Story, graph: NetworkGraph) -> list[Address]:
    """The weights of later layers on the paths that the story shows."""
    edges = dict.fromkeys(pair for path in story.paths for pair in zip(path.nodes[1:], path.nodes[2:], strict=False))
    found = (read_address(name) for pair in edges for name in sorted(names(graph.local(*pair))))
    return [each for each in dict.fromkeys(found) if each is not None and each.letter == "w"]


def _right(rows: Rows, optimizer: Optimizer) -> Floats:
    """The parameters after a step of gradient descent."""
    gradients = rows.engine.loss_and_gradient(rows.parameters, rows.X, rows.y)[1]
    new = rows.parameters.copy()
    for name, start, shape in rows.net.spec.layout:
        here = slice(start, start + int(np.prod(shape)))
        new[here] = stepped(rows, optimizer, gradients, here, name[0] == "w")
    return new
