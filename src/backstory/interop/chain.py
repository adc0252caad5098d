"""From the steps of somebody's model (a product, an activation, a scaling) to a network with the same outputs.

A reader of a framework says what each layer does; what a `Network` can hold is decided here alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backstory.errors import ConfigurationError
from backstory.functions import Activation, Loss, Penalty
from backstory.functions import activation as find_activation
from backstory.interop.trained import Trained
from backstory.network.parameters import views
from backstory.network.spec import DTYPES, Spec

Array = NDArray[Any]

LOSSES = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy", "exp": "poisson"}
"""The loss that an output activation is meant for, where it is for one; others get `half_squared_error`."""


@dataclass(frozen=True, eq=False)
class Dense:
    """A product and a bias: z = a W + b.

    Parameters
    ----------
    where : str
        The layer in its owner's words, for messages: "'fc1' (Linear)".
    W : ndarray (n_in, n_out)
    b : ndarray (n_out,), optional
    """

    where: str
    W: Array
    b: Array | None = None


@dataclass(frozen=True, eq=False)
class Apply:
    """An activation of every unit, or of all of them together."""

    where: str
    row: Activation


@dataclass(frozen=True, eq=False)
class Scale:
    """Each unit by itself: factor * a + shift, as batch normalization does when it predicts.

    Parameters
    ----------
    where : str
    factor, shift : ndarray (n,)
    """

    where: str
    factor: Array
    shift: Array


@dataclass(frozen=True, eq=False)
class Width:
    """A reshaping to rows of n numbers."""

    where: str
    n: int


Step: TypeAlias = Dense | Apply | Scale | Width


@dataclass(frozen=True, eq=False)
class _Layer:
    where: str
    W: Array
    b: Array | None
    applied: Apply | None = None

    @property
    def row(self) -> Activation:
        return find_activation("identity") if self.applied is None else self.applied.row


def refused(where: str, why: str) -> ConfigurationError:
    """The error for a layer that a `Network` cannot hold."""
    return ConfigurationError(f"Cannot import {where}: {why}")


def trained(
    steps: Iterable[Step],
    *,
    output: str | Activation | None = None,
    loss: str | Loss | None = None,
    penalty: Penalty | None = None,
    classes: tuple[Any, ...] | None = None,
) -> Trained:
    """Make a network of the steps.

    Parameters
    ----------
    steps : iterable of Step
        In the order in which they are computed.
    output : str or Activation, optional
        Applied last, where the steps end without an activation.
    loss : str or Loss, optional
        By default the one that the output activation is meant for.
    penalty, classes
        As of a `Network`.

    Raises
    ------
    ConfigurationError
        The steps are no chain of layers; the one at fault is named.
    """
    steps = [step for step in steps if not (isinstance(step, Apply) and step.row.name == "identity")]
    _check_widths(steps)
    dtype = _dtype([step for step in steps if isinstance(step, Dense)])
    layers, folded = _joined(steps)
    rows = [*(layer.row for layer in layers[:-1]), _output(layers[-1], output)]
    spec = Spec.of(
        [layers[0].W.shape[0], *(layer.W.shape[1] for layer in layers)],
        rows[:-1],
        rows[-1],
        LOSSES.get(rows[-1].name, "half_squared_error") if loss is None else loss,
        penalty,
        biases=any(layer.b is not None for layer in layers),
        dtype=dtype,
    )
    flat = np.zeros(spec.n_parameters, dtype)
    weights, biases = views(spec, flat)
    for W, layer in zip(weights, layers, strict=True):
        W[:] = layer.W
    for b, layer in zip(biases, layers, strict=False):
        b[:] = 0 if layer.b is None else layer.b
    return Trained(spec, flat, classes=classes, folded=tuple(folded))


def _check_widths(steps: list[Step]) -> None:
    """Raise where a step takes rows of another width than the one before it gives."""
    given, by = 0, ""
    for step in steps:
        match step:
            case Dense():
                taken, gives = step.W.shape
            case Scale():
                taken = gives = step.factor.size
            case Width():
                taken = gives = step.n
            case _:
                continue
        if by and taken != given:
            raise refused(step.where, f"it takes rows of {taken} numbers, and {by} before it gives {given}.")
        given, by = gives, step.where


def _dtype(dense: list[Dense]) -> str:
    """The dtype that the weights of all layers share."""
    if not dense:
        raise ConfigurationError("A model must have a dense layer to be imported. Got none.")
    first = dense[0]
    for step in dense:
        if step.W.dtype.name not in DTYPES:
            raise refused(step.where, f"its weights must be float32 or float64. Got {step.W.dtype.name}.")
        if step.W.dtype != first.W.dtype:
            raise refused(
                step.where,
                f"its weights are {step.W.dtype.name}, and those of {first.where} {first.W.dtype.name}. "
                "Convert the model to one dtype first.",
            )
        if not np.isfinite(step.W).all() or (step.b is not None and not np.isfinite(step.b).all()):
            raise refused(step.where, "its weights must be finite. Got NaN or infinity.")
    return str(first.W.dtype.name)


def _output(last: _Layer, output: str | Activation | None) -> Activation:
    if output is not None and last.applied is not None:
        raise ConfigurationError(
            f"output= is for an activation that the model leaves to its loss. Got {output!r}, and the model ends with "
            f"{last.applied.where} already; leave it out."
        )
    return last.row if output is None else find_activation(output)


def _joined(steps: list[Step]) -> tuple[list[_Layer], list[str]]:
    """The layers, each with its activation; and the names of what was folded into them."""
    layers: list[_Layer] = []
    folded: list[str] = []
    waiting: Scale | None = None  # for the layer after it
    for step in steps:
        last = layers[-1] if layers else None
        if last is not None and last.row.couples and not isinstance(step, Width):
            assert last.applied is not None
            raise refused(
                last.applied.where, f"{last.row.name} couples the units of a layer and is for the output only."
            )
        if isinstance(step, Dense):
            layers.append(_Layer(step.where, step.W, step.b) if waiting is None else _scaled_before(step, waiting))
            waiting = None
        elif isinstance(step, Scale):
            folded.append(step.where)
            if last is not None and last.applied is None and waiting is None:
                layers[-1] = _scaled_after(last, step)
            else:
                waiting = step if waiting is None else _both(waiting, step)
        elif isinstance(step, Apply):
            layers[-1:] = [_activated(last, waiting, step)]
    if waiting is not None:
        raise refused(waiting.where, "it stands beside no dense layer that could take it in.")
    return layers, folded


def _activated(last: _Layer | None, waiting: Scale | None, step: Apply) -> _Layer:
    if waiting is not None:
        raise refused(waiting.where, f"it stands beside no dense layer that could take it in; {step.where} follows.")
    if last is None:
        raise refused(step.where, "an activation must follow a dense layer, and none stands before it.")
    if last.applied is not None:
        raise refused(step.where, f"a layer has one activation, and {last.where} has {last.applied.where} already.")
    return replace(last, applied=step)


def _scaled_before(step: Dense, scale: Scale) -> _Layer:
    """(factor*a + shift) W + b as one product and one bias."""
    W = step.W.astype(np.float64)
    b = scale.shift @ W + (0.0 if step.b is None else step.b)
    return _Layer(step.where, (scale.factor[:, None] * W).astype(step.W.dtype), b.astype(step.W.dtype))


def _scaled_after(last: _Layer, scale: Scale) -> _Layer:
    """factor*(a W + b) + shift as one product and one bias."""
    b = scale.factor * (0.0 if last.b is None else last.b.astype(np.float64)) + scale.shift
    W = (last.W.astype(np.float64) * scale.factor).astype(last.W.dtype)
    return replace(last, W=W, b=b.astype(last.W.dtype))


def _both(first: Scale, then: Scale) -> Scale:
    return Scale(then.where, first.factor * then.factor, first.shift * then.factor + then.shift)
