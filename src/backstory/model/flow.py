"""How a gradient fares on its way back: what weights and activations make of it, and which units are stuck."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backstory.engine.reference import NUMPY, activate, dense, loss_of_rows
from backstory.errors import ConfigurationError
from backstory.expressions import evaluate
from backstory.functions import Activation
from backstory.model.stories import PARAMETERS, Rows, read_rows
from backstory.story.address import read_address
from backstory.story.chain import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from backstory.model.network import Network

Floats = NDArray[np.float64]

SATURATED = 0.05
"""A unit is called saturated in a row where |f'(z)| is below this part of the largest that its activation has."""
_MOST_SHOWN = 12
_THROUGH_SLOPES = "through f'"
_SHRINKS, _GROWS = 0.1, 10.0
"""From the last layer to the first: beyond these the gradient is said to vanish or to explode."""


@dataclass(frozen=True, eq=False)
class LayerFlow:
    """One layer on the way back. Sizes are root mean squares over the rows of the norm over the units.

    Attributes
    ----------
    layer : int
        1 ... L.
    activation : str
    delta : float
        Size of δ = ∂L/∂z of each row's own loss.
    weight_factor : float
        What the weights to the next layer make of its δ: size of ∂L/∂a over size of the next δ. For the last layer the
        size of ∂L/∂a itself.
    activation_factor : float
        What the activation's derivative makes of that: size of δ over size of ∂L/∂a.
    gradient : float
        Norm of the gradient of the layer's weights over the whole batch, without the penalty.
    dead, saturated : ndarray (n_l,)
        By unit, the share of rows in which its derivative is 0 on a flat side, or next to nothing.
    """

    layer: int
    activation: str
    delta: float
    weight_factor: float
    activation_factor: float
    gradient: float
    dead: Floats
    saturated: Floats

    @property
    def dead_units(self) -> list[int]:
        """The units that are dead in every row: no row of these moves their weights."""
        return [int(unit) for unit in np.flatnonzero(self.dead == 1.0)]

    @property
    def saturated_units(self) -> list[int]:
        """The units that are saturated in more than half of the rows."""
        return [int(unit) for unit in np.flatnonzero(self.saturated > 0.5)]


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """What becomes of δ from the last layer to the first; made by `Network.gradient_flow`.

    Attributes
    ----------
    layers : tuple of LayerFlow
        1 ... L.
    n_rows : int
    others : dict of str to float
        By array of parameters that is not of a dense layer, such as "scale": norm of its gradient over the batch.
    """

    layers: tuple[LayerFlow, ...]
    n_rows: int
    others: Mapping[str, float] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What happens to the gradient, and which factor does it."""
        first, last = self.layers[0], self.layers[-1]
        if len(self.layers) == 1:
            return "There is one layer: the gradient reaches it straight from the loss."
        if last.delta == 0:
            return "The loss has no gradient at the output: every row is fitted exactly, or every output is flat."
        if first.delta == 0:
            dead = max(layer.layer for layer in self.layers if layer.delta == 0)
            return f"No gradient reaches layer {dead}: all its units have a derivative of 0 in every row."
        ratio, steps = first.delta / last.delta, len(self.layers) - 1
        hidden = self.layers[:-1]
        weights = float(np.exp(np.mean([np.log(layer.weight_factor) for layer in hidden])))
        slopes = float(np.exp(np.mean([np.log(layer.activation_factor) for layer in hidden])))
        factors = f"per layer the weights give a factor of {weights:.3g}, the activations' derivatives {slopes:.3g}"
        if ratio < _SHRINKS:
            cause = "the activations' derivatives" if slopes < weights else "the weights"
            return f"δ shrinks {1 / ratio:.3g}-fold over {steps} layers, chiefly through {cause}: {factors}."
        if ratio > _GROWS:
            return f"δ grows {ratio:.3g}-fold over {steps} layers, through the weights: {factors}."
        return f"δ keeps its size ({ratio:.3g} of the last layer's in the first): {factors}."

    def to_dict(self) -> dict[str, Any]:
        """Plain data: one entry per layer."""
        return {
            "rows": self.n_rows,
            "sentence": self.sentence,
            "layers": [
                {
                    "layer": layer.layer,
                    "activation": layer.activation,
                    "delta": layer.delta,
                    "weight_factor": layer.weight_factor,
                    "activation_factor": layer.activation_factor,
                    "gradient": layer.gradient,
                    "dead": layer.dead.tolist(),
                    "saturated": layer.saturated.tolist(),
                }
                for layer in self.layers
            ],
            **({"others": dict(self.others)} if self.others else {}),
        }

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the size of δ by layer on a logarithmic scale, and the two factors that make it (extra ``plot``).

        Parameters
        ----------
        axes : matplotlib Axes, optional
            Drawn into; a new figure without.
        """
        if axes is None:
            from matplotlib import pyplot

            axes = pyplot.figure().add_subplot()
        numbers = [layer.layer for layer in self.layers]
        axes.plot(numbers, [layer.delta for layer in self.layers], marker="o", label="δ")
        hidden = self.layers[:-1]
        axes.plot(numbers[:-1], [layer.weight_factor for layer in hidden], "--", marker="s", label="through W")
        axes.plot(numbers[:-1], [layer.activation_factor for layer in hidden], ":", marker="^", label=_THROUGH_SLOPES)
        if all(layer.delta > 0 for layer in self.layers):
            axes.set_yscale("log")
        axes.set_xticks(numbers)
        axes.set_xlabel("layer")
        axes.set_ylabel("size, or factor from the next layer")
        axes.legend()
        return axes

    def __str__(self) -> str:
        lines = [
            *textwrap.wrap(self.sentence, 80),
            "",
            (
                f"{'layer':>5}  {'activation':<12}{'|δ|':>11}{'through W':>11}{_THROUGH_SLOPES:>11}{'|∂L/∂W|':>11}"
                "  dead  saturated"
            ),
        ]
        for layer in reversed(self.layers):
            by_weights = "" if layer is self.layers[-1] else f"{layer.weight_factor:.3g}"
            by_slopes = f"{layer.activation_factor:.3g}"
            lines.append(
                f"{layer.layer:>5}  {layer.activation:<12}{layer.delta:>11.3g}{by_weights:>11}{by_slopes:>11}"
                f"{layer.gradient:>11.3g}  {len(layer.dead_units):>4}  {len(layer.saturated_units):>9}"
            )
        for layer in self.layers:
            stuck = {
                f"dead in all {self.n_rows} rows": layer.dead_units,
                "saturated in more than half of the rows": layer.saturated_units,
            }
            for words, units in stuck.items():
                if units:
                    named = f"unit{'s' if len(units) > 1 else ''} {_listed(units)}"
                    lines += textwrap.wrap(f"{words}: {named} of layer {layer.layer}", 80)
        if self.others:
            told = ", ".join(f"|∂L/∂{name}| = {norm:.3g}" for name, norm in self.others.items())
            lines += ["", *textwrap.wrap(told, 80)]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class SampleGradients:
    """Which rows push a weight: the derivative of each row's own loss by it; made by `Network.sample_gradients`.

    Attributes
    ----------
    weight : str
    gradients : ndarray (n,)
        By row.
    order : ndarray (n,) of int
        The rows, that with the largest absolute gradient first.
    """

    weight: str
    gradients: Floats
    order: NDArray[np.int64]

    def __str__(self) -> str:
        total = np.abs(self.gradients).sum()
        lines = [f"∂L_n/∂{self.weight} of {len(self.gradients)} rows, the strongest first:", ""]
        lines.append(f"{'row':>8}  {'gradient':>14}  share")
        for row in self.order[:_MOST_SHOWN]:
            share = abs(self.gradients[row]) / total if total else 0.0
            lines.append(f"{row:>8}  {shown(float(self.gradients[row])):>14}  {share:.1%}")
        if len(self.gradients) > _MOST_SHOWN:
            lines.append(f"     ...  {len(self.gradients) - _MOST_SHOWN} more, each with less")
        lines.append(f"    mean  {shown(float(self.gradients.mean())):>14}")
        return "\n".join(lines)


def gradient_flow(net: Network, X: Any, y: Any) -> GradientFlow:
    """Follow δ from the loss back to the first layer; see `Network.gradient_flow`."""
    rows = read_rows(net, X, y)
    spec, layers = net.spec, rows.layers
    with np.errstate(all="ignore"):
        inputs, zs, activations = [rows.first], [], []
        for layer, (W, b) in enumerate(layers, start=1):
            zs.append(dense(inputs[-1], W, b)[0])
            activations.append(rows.activate(layer, zs[-1]))
            inputs.append(activations[-1][0])
        _, from_loss = loss_of_rows(spec, zs[-1], rows.y)
        delta = from_loss()
        slopes = _loss_slopes(rows, inputs[-1])
        before = _size(slopes) if slopes is not None else _size(delta)
        found: list[LayerFlow] = []
        next_size = 1.0
        for layer in range(spec.n_layers, 0, -1):
            row = spec.activations[layer - 1]
            if layer < spec.n_layers:
                through_weights = delta @ layers[layer][0].T
                next_size, before = _size(delta), _size(through_weights)
                delta = activations[layer - 1][1](through_weights)
            size = _size(delta)
            dead, saturated = _stuck(row, activations[layer - 1][1], zs[layer - 1])
            gradient = inputs[layer - 1].T @ delta / (len(delta) if spec.reduction == "mean" else 1)
            found.append(
                LayerFlow(
                    layer=layer,
                    activation=row.name,
                    delta=size,
                    weight_factor=before / next_size if next_size else 0.0,
                    activation_factor=size / before if before else 0.0,
                    gradient=float(np.linalg.norm(gradient)),
                    dead=dead,
                    saturated=saturated,
                )
            )
        flat = rows.engine.loss_and_gradient(rows.parameters, rows.X, rows.y)[1]
    others = {name: flat[at : at + math.prod(shape)] for name, at, shape in spec.layout if at >= spec.n_dense}
    norms = {name: float(np.linalg.norm(values)) for name, values in others.items()}
    return GradientFlow(tuple(reversed(found)), len(rows.X), norms)


def sample_gradients(net: Network, X: Any, y: Any, weight: str) -> SampleGradients:
    """Work out the derivative of each row's own loss by one parameter; see `Network.sample_gradients`."""
    rows = read_rows(net, X, y)
    address = rows.row(0).check(weight)
    if address.letter not in PARAMETERS:
        raise ConfigurationError(f"{weight!r} is no parameter. Write w1[2->0] for a weight, b1[0] for a bias.")
    gradients = rows.gradients_of_rows(address)
    order = np.argsort(-np.abs(gradients), kind="stable")
    return SampleGradients(str(read_address(weight)), gradients, order)


def _loss_slopes(rows: Rows, outputs: Floats) -> Floats | None:
    """Return ∂L/∂a of every output, or None where loss and activation are taken as one and floats cannot hold it."""
    slope = rows.net.spec.loss.slope(rows.net.spec.n_out)
    values = np.broadcast_to(evaluate(slope, {"a": outputs, "y": rows.y}, NUMPY), outputs.shape)
    return values if np.isfinite(values).all() and np.abs(values).max(initial=0.0) < 1e12 else None


def _size(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.sum(values**2, axis=1))))


def _stuck(row: Activation, through: Callable[[Floats], Floats], z: Floats) -> tuple[Floats, Floats]:
    """Return by unit the share of rows in which it is dead, and in which it is saturated."""
    if row.couples:
        return np.zeros(z.shape[1]), np.zeros(z.shape[1])
    slopes = np.abs(through(np.ones_like(z)))
    dead = (slopes == 0) & (len(row.kinks) > 0)
    saturated = (slopes < SATURATED * _steepest(row)) & ~dead
    return dead.mean(axis=0), saturated.mean(axis=0)


@cache
def _steepest(row: Activation) -> float:
    """Return the largest absolute derivative of an activation near 0."""
    z = np.linspace(-8.0, 8.0, 1001)[None]
    return float(np.abs(activate(row, z)[1](np.ones_like(z))).max())


def _listed(units: list[int]) -> str:
    shown_units = ", ".join(map(str, units[:_MOST_SHOWN]))
    return f"{shown_units} and {len(units) - _MOST_SHOWN} more" if len(units) > _MOST_SHOWN else shown_units
