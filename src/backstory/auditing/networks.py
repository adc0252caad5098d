"""From a `Network`, or an estimator that trains one, to a `Problem`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from backstory.auditing.problem import Alternative, Block, Floats, Problem
from backstory.auditing.slips import slips
from backstory.engine.reference import penalty_slope
from backstory.errors import ConfigurationError, DataError
from backstory.model.network import Network
from backstory.network.spec import Spec, group_of, layer_of


def in_float64(net: Network) -> Network:
    """Return a copy that computes in float64, of the same class, so that what a subclass overrides is audited."""
    twin = object.__new__(type(net))
    vars(twin).update(vars(net))
    state = net.__getstate__()
    twin.__setstate__(state | {"spec": dataclasses.replace(net.spec, dtype="float64")})
    return twin


def blocks_of(spec: Spec) -> tuple[Block, ...]:
    """The parameter arrays of a spec as parts of its flat parameters."""
    return tuple(Block(name, start, shape, _place(name), arrow=name[0] == "w") for name, start, shape in spec.layout)


def _place(name: str) -> str:
    """Where an array of parameters belongs, for the report."""
    before = {"embedding": "the embedding", "scaling": "the scales"}
    return before.get(group_of(name), f"layer {layer_of(name)}")


def from_network(net: Network, X: Any, y: Any, sample_weight: Any = None, gradient: Any = None) -> Problem:
    """Make a problem of a network, or of somebody else's gradient of its loss.

    Parameters
    ----------
    net : Network
    X, y, sample_weight : as for `Network.loss`
    gradient : arrays, or a callable that is given the network and returns them, optional
        Derivatives by w1, b1, w2, b2, ... in that order, or an object with `weights` and `biases`; by default those
        that the network gives.
    """
    twin = in_float64(net)
    spec = twin.spec
    rows, aims, weight = twin._batch(X, y, sample_weight)
    targets = np.eye(spec.n_out)[aims] if aims.ndim == 1 and spec.n_out > 1 else aims.reshape(len(rows), -1)
    share = np.full(len(rows), 1.0) if weight is None else np.asarray(weight, dtype=np.float64)
    share = share / share.sum() if spec.reduction == "mean" else share

    def put(flat: Floats) -> Network:
        twin.parameters[:] = flat
        return twin

    def loss(flat: Floats) -> float:
        return float(put(flat).loss(X, y, sample_weight=sample_weight))

    def claimed(flat: Floats) -> Floats:
        if gradient is None:
            return flattened(spec, put(flat).gradients(X, y, sample_weight=sample_weight))
        return flattened(spec, gradient(put(flat)) if callable(gradient) else gradient)

    def alternatives() -> Iterator[Alternative]:
        at = net.parameters.astype(np.float64)
        for slip in slips(spec, at, rows, targets.astype(np.float64), share, claimed(at)):
            yield Alternative(slip.kind, slip.gradient, slip.cause)

    return Problem(
        subject="the gradient given for this Network" if gradient is not None else f"the gradients of {_title(net)}",
        loss=loss,
        gradient=claimed,
        at=net.parameters.astype(np.float64),
        blocks=blocks_of(spec),
        sizes={"rows": len(rows), "outputs": spec.n_out, "outputs of all rows": len(rows) * spec.n_out},
        fixed=gradient is not None and not callable(gradient),
        penalty=penalty_slope(spec, net.parameters),
        alternatives=alternatives,
    )


def _title(net: Network) -> str:
    return f"{type(net).__name__}({'-'.join(map(str, net.spec.sizes))})"


def flattened(spec: Spec, given: Any) -> Floats:
    """Return derivatives by a network's parameters as one flat vector.

    Raises
    ------
    DataError
        They are not laid out as the network's parameters.
    """
    if hasattr(given, "weights") and hasattr(given, "biases"):
        given = arrays_of(given, spec.biases)
    names = [name for name, _, _ in spec.layout]
    arrays = [np.asarray(each, dtype=np.float64) for each in given]
    if len(arrays) != len(names):
        raise DataError(
            f"The gradient must have the {len(names)} arrays {', '.join(names)}, in that order. Got {len(arrays)}."
        )
    for array, (name, _, shape) in zip(arrays, spec.layout, strict=True):
        if array.shape != shape:
            raise DataError(f"The gradient by {name} must have shape {shape}. Got {array.shape}.")
    return np.concatenate([array.ravel() for array in arrays])


def arrays_of(given: Any, biases: bool) -> list[Any]:
    """The arrays of an object like `Gradients`, in the order of the flat parameters."""
    pairs = zip(given.weights, given.biases, strict=False) if biases else ((W,) for W in given.weights)
    scale = getattr(given, "scale", None)
    others = [*(getattr(given, "embedding", None) or ()), *([] if scale is None else [scale])]
    return [*(array for pair in pairs for array in pair), *others, *getattr(given, "alphas", ())]


def from_estimator(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> Problem:
    """Make a problem of one of the library's own estimators, through the network that it trains.

    Raises
    ------
    ConfigurationError
        It has no such network.
    """
    net, rows, aims, weight = estimator._audited(X, y, sample_weight)
    if not isinstance(net, Network):
        raise ConfigurationError(f"{type(estimator).__name__} trains no network that can be audited.")
    problem = from_network(net, rows, aims, weight)
    return dataclasses.replace(problem, subject=f"the gradient of {type(estimator).__name__}")
