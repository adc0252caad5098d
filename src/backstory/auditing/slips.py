"""The slips of backpropagation in a network of layers: the gradient that each of them would have given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from backstory.auditing.problem import Floats
from backstory.engine.parts import blend, through_front
from backstory.engine.reference import (
    NUMPY,
    Backward,
    activate,
    dense,
    layer_arrays,
    loss_of_rows,
    named_arrays,
    penalty_slope,
)
from backstory.expressions import evaluate
from backstory.network.spec import Spec


@dataclass(frozen=True)
class Slip:
    """A mistake and the flat gradient (laid out as the spec's parameters) that it leads to."""

    kind: str
    gradient: Floats
    cause: str


class Pass:
    """One pass of rows through the layers, whose way back can be spoiled on purpose.

    Parameters
    ----------
    spec : Spec
    parameters : ndarray (n_parameters,), float64
    X : ndarray (n, n_in)
    y : ndarray (n, n_out)
    share : ndarray (n,)
        What each row's own loss counts.
    """

    def __init__(self, spec: Spec, parameters: Floats, X: Floats, y: Floats, share: Floats) -> None:
        self.spec, self.parameters, self.share = spec, parameters, share
        self.layers = layer_arrays(spec, parameters)
        self.arrays = named_arrays(spec, parameters)
        self.X = X
        first, self.through_front = X, None
        if spec.front is not None:
            first, self.through_front = through_front(spec.front, self.arrays, X, NUMPY)
        self.z: list[Floats] = []
        self.a: list[Floats] = [first]
        for layer, (W, b) in enumerate(self.layers, start=1):
            self.z.append(dense(self.a[-1], W, b)[0])
            self.a.append(self.activated(layer, self.z[-1])[0])
        self.y = y
        self.dz = loss_of_rows(spec, self.z[-1], y)[1]()
        self.penalty = penalty_slope(spec, parameters)

    def activated(self, layer: int, z: Floats) -> tuple[Floats, Backward]:
        """A layer's activation at z, its alphas included, and the way back from its da to dz."""
        f, through = activate(self.spec.activations[layer - 1], z)
        alpha = self.arrays.get(f"alpha{layer}")
        if alpha is None:
            return f, through
        a, through_blend = blend(alpha, z, f, through, NUMPY)
        return a, lambda da: through_blend(da)[0]

    def through(self, layer: int, da: Floats) -> Floats:
        """dz of a layer from its da, by the right rule."""
        return self.activated(layer, self.z[layer - 1])[1](da)

    def alpha_gradient(self, layer: int, da: Floats) -> Floats:
        """The gradient of a layer's alphas, (n_l,)."""
        f, through = activate(self.spec.activations[layer - 1], self.z[layer - 1])
        return blend(self.arrays[f"alpha{layer}"], self.z[layer - 1], f, through, NUMPY)[1](da)[1]

    def gradient(
        self,
        dz: Floats,
        *,
        skip: Sequence[int] = (),
        at_a: Sequence[int] = (),
        weights: Sequence[Floats] | None = None,
        penalty: bool = True,
    ) -> Floats:
        """Go back from dz of the outputs.

        Parameters
        ----------
        dz : ndarray (n, n_out)
            Of each row's own loss.
        skip : sequence of int
            Layers whose activation's derivative is taken to be 1.
        at_a : sequence of int
            Layers whose activation's derivative is taken at a, not z.
        weights : sequence of ndarray (n_in, n_out), optional
            What deltas go back through; the network's own by default.
        """
        found: dict[str, Floats] = {}
        dz = self.share[:, None] * dz
        with np.errstate(all="ignore"):
            for layer in range(self.spec.n_layers, 0, -1):
                found[f"w{layer}"], found[f"b{layer}"] = self.a[layer - 1].T @ dz, dz.sum(axis=0)
                W = self.layers[layer - 1][0] if weights is None else weights[layer - 1]
                da = dz @ W.T
                if layer == 1:
                    break
                if f"alpha{layer - 1}" in self.arrays:
                    found[f"alpha{layer - 1}"] = self.alpha_gradient(layer - 1, da)
                if layer - 1 in skip:
                    dz = da
                elif layer - 1 in at_a:
                    dz = self.activated(layer - 1, self.a[layer - 1])[1](da)
                else:
                    dz = self.through(layer - 1, da)
            if self.through_front is not None:
                found |= self.through_front(da)[1]
        return np.concatenate([found[name].ravel() for name, _, _ in self.spec.layout]) + (
            self.penalty if penalty else 0.0
        )


def slips(spec: Spec, parameters: Floats, X: Floats, y: Floats, share: Floats, claimed: Floats) -> Iterator[Slip]:
    """Every slip with what it would have given, the simplest first; `claimed` is only used to find a learning rate."""
    run = Pass(spec, parameters, X, y, share)
    yield from _activations(run)
    yield from _outputs(run)
    yield from _stale(run, claimed)


def _activations(run: Pass) -> Iterator[Slip]:
    """Activations' derivatives left out, taken at the wrong place, or taken twice."""
    spec = run.spec
    curved = [layer for layer in range(1, spec.n_layers) if spec.activations[layer - 1].name != "identity"]
    chosen = [[layer] for layer in curved] + ([curved] if len(curved) > 1 else [])
    for layers in chosen:
        told = _told(spec, layers)
        yield Slip(
            "missing_activation_derivative",
            run.gradient(run.dz, skip=layers),
            f"The activation's derivative is missing in {told}: its dL/da was handed on as if it were dL/dz. Multiply "
            "by f'(z) there.",
        )
        yield Slip(
            "wrong_argument",
            run.gradient(run.dz, at_a=layers),
            f"The activation's derivative in {told} is taken at a = f(z) instead of at z. A rule written in terms of "
            "a, such as a(1 - a), must not be applied to f'(z) again.",
        )
    output = spec.output
    if output.name != "identity" or output.couples:
        with np.errstate(all="ignore"):
            da = _da(run)
            again = run.through(spec.n_layers, run.dz)
        what = f"{output.name}'s derivative"
        yield Slip(
            "missing_activation_derivative",
            run.gradient(da),
            "The activation's derivative is missing in the output layer: dL/da was taken for dL/dz. Multiply by "
            f"{what}.",
        )
        yield Slip(
            "missing_activation_derivative",
            run.gradient(run.a[-1] - run.y),
            f"The output's delta is taken to be a - y, which holds only for a loss that {what} cancels in "
            "(cross-entropy with sigmoid or softmax). For this loss multiply dL/da by f'(z).",
        )
        yield Slip(
            "extra_activation_derivative",
            run.gradient(again),
            f"The output's delta has {what} once too often: in this loss it has already canceled, as in a - y. Leave "
            "it out.",
        )


def _told(spec: Spec, layers: Sequence[int]) -> str:
    if len(layers) > 1:
        return "all hidden layers"
    return f"hidden layer {layers[0]} ({spec.activations[layers[0] - 1].name})"


def _da(run: Pass) -> Floats:
    """dL/da of the outputs, of each row's own loss."""
    spec = run.spec
    found = evaluate(spec.loss.slope(spec.n_out), {"a": run.a[-1], "y": run.y}, NUMPY)
    return np.broadcast_to(np.asarray(found, dtype=np.float64), run.a[-1].shape)


def _outputs(run: Pass) -> Iterator[Slip]:
    """The output differentiated instead of the loss."""
    spec = run.spec
    ones = run.through(spec.n_layers, np.ones_like(run.dz))
    total = np.ones(len(ones))
    for share, mean in ((total, "sum"), (total / len(ones), "mean over rows"), (total / ones.size, "mean")):
        other = Pass(spec, run.parameters, run.X, run.y, share)
        yield Slip(
            "wrong_function",
            other.gradient(ones, penalty=False),
            f"The output was differentiated instead of the loss: this is the gradient of the outputs' {mean}. The way "
            "back begins with dL/da, not with 1.",
        )


def _stale(run: Pass, claimed: Floats) -> Iterator[Slip]:
    """Weights that had been updated already: in every layer on the way back, or before the gradient was taken."""
    spec = run.spec
    true = run.gradient(run.dz)
    if spec.n_layers > 1:
        yield from _stale_on_the_way(run, true, claimed)
    yield from _stale_before(run, true, claimed)


def _stale_on_the_way(run: Pass, true: Floats, claimed: Floats) -> Iterator[Slip]:
    """Deltas that go back through weights after their step; the learning rate from the layer before the last."""
    spec = run.spec
    last, before = spec.n_layers, spec.n_layers - 1
    dW = layer_arrays(spec, true)[last - 1][0]
    weights = [W for W, _ in run.layers]
    changed = [*weights[:-1], weights[-1] - dW]
    here = _part(spec, before)
    change = run.gradient(run.dz, weights=changed)[here] - true[here]
    size = float(change @ change)
    rate = float((claimed[here] - true[here]) @ change) / size if size else 0.0
    if rate <= 0:
        return
    weights[-1] = weights[-1] - rate * dW
    found = run.gradient(run.dz, weights=weights)
    for layer in range(before, 1, -1):
        weights[layer - 1] = weights[layer - 1] - rate * layer_arrays(spec, found)[layer - 1][0]
        found = run.gradient(run.dz, weights=weights)
    yield Slip("stale_weights", found, _stale_cause(rate, "deltas go back through weights that were already updated"))


def _stale_before(run: Pass, true: Floats, claimed: Floats) -> Iterator[Slip]:
    """The true gradient after a step of gradient descent; its learning rate by Newton's method."""
    rate, step = 0.0, 1e-6

    def after(rate: float) -> Floats:
        moved = Pass(run.spec, run.parameters - rate * true, run.X, run.y, run.share)
        return moved.gradient(moved.dz)

    with np.errstate(all="ignore"):
        for _ in range(12):
            here = after(rate)
            change = (after(rate + step) - here) / step
            size = float(change @ change)
            if not size or not np.isfinite(size):
                return
            rate += float((claimed - here) @ change) / size
            if not abs(rate) < 1e6:
                return
    if rate > 0:
        cause = "this is the gradient after a step, at weights already updated"
        yield Slip("stale_weights", after(rate), _stale_cause(rate, cause))


def _stale_cause(rate: float, what: str) -> str:
    return (
        f"Updated weights: {what} (learning rate {rate:.4g}). Take all derivatives at one point, and update afterwards."
    )


def _part(spec: Spec, layer: int) -> slice:
    """The weights of a layer within the flat parameters."""
    for name, start, shape in spec.layout:
        if name == f"w{layer}":
            return slice(start, start + int(np.prod(shape)))
    raise AssertionError(layer)
