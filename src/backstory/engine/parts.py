"""What the reference engine computes beside dense layers: embeddings, scales, parametric activations.

As in `reference`, every function returns its value and a `backward`; here that also gives the gradients of the part's
own parameters, by name. c counts columns, k frequencies, m mixtures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.expressions import evaluate
from backstory.functions.front import ANGLE, BLENDED, SCALED, WAVE, Formula
from backstory.network.front import Front

Floats = NDArray[np.float64]
Gradients = dict[str, Floats]
Backward = Callable[[Floats], tuple[Floats, Gradients]]
Functions = Mapping[str, Callable[..., Any]]


def through_front(front: Front, arrays: Mapping[str, Floats], X: Floats, numpy: Functions) -> tuple[Floats, Backward]:
    """From the columns of X to those that the first layer reads.

    Parameters
    ----------
    front : Front
    arrays : mapping of name to ndarray
        Its parameters, see `Front.shapes`.
    X : ndarray (n, n_in)
    numpy : mapping of name to function
        The elementary functions over arrays.

    Returns
    -------
    value : ndarray (n, front.n_out)
    backward : from the gradient of `value` to (dX, gradients of the parameters)
    """
    embedded, through_embedding = embed(front, arrays, X, numpy) if front.columns else (X, lambda d: (d, {}))
    if not front.scaling:
        return embedded, through_embedding
    values = {"scale": arrays["scale"], "column": embedded}

    def backward(d: Floats) -> tuple[Floats, Gradients]:
        dX, gradients = through_embedding(d * evaluate(SCALED.slope_value("column"), values, numpy))
        own = np.sum(d * evaluate(SCALED.slope_value("scale"), values, numpy), axis=0)
        return dX, {**gradients, "scale": own}

    return evaluate(SCALED.value, values, numpy), backward


def embed(front: Front, arrays: Mapping[str, Floats], X: Floats, numpy: Functions) -> tuple[Floats, Backward]:
    """Every embedded column becomes itself and mixtures of cosines of it; the others stay."""
    frequency, phase, mix, shift = (arrays[name] for name in ("frequency", "phase", "mix", "shift"))
    columns = list(front.columns)
    here = {"x": X[:, columns, None], "frequency": frequency, "phase": phase}
    here["angle"] = evaluate(ANGLE.value, here, numpy)  # (n, c, k)
    wave = evaluate(WAVE.value, here, numpy)
    starts = np.array(front.starts)
    mixtures = starts[columns][:, None] + 1 + np.arange(mix.shape[2])  # where they stand: (c, m)
    value = np.empty((len(X), front.n_out))
    value[:, starts[:-1]] = X
    value[:, mixtures] = np.einsum("nck,ckm->ncm", wave, mix) + shift

    def slope(row: Formula, variable: str) -> Any:
        return evaluate(row.slope_value(variable), here, numpy)

    def backward(d: Floats) -> tuple[Floats, Gradients]:
        de = d[:, mixtures]
        dangle = np.einsum("ncm,ckm->nck", de, mix) * slope(WAVE, "angle")
        dX = d[:, starts[:-1]].copy()
        dX[:, columns] += np.sum(dangle * slope(ANGLE, "x"), axis=2)
        return dX, {
            "frequency": np.sum(dangle * slope(ANGLE, "frequency"), axis=0),
            "phase": np.sum(dangle * slope(ANGLE, "phase"), axis=0),
            "mix": np.einsum("nck,ncm->ckm", wave, de),
            "shift": de.sum(axis=0),
        }

    return value, backward


def blend(
    alpha: Floats, z: Floats, f: Floats, through_f: Callable[[Floats], Floats], numpy: Functions
) -> tuple[Floats, Callable[[Floats], tuple[Floats, Floats]]]:
    """A layer's parametric activation from the plain one; backward gives (dz, dalpha).

    Parameters
    ----------
    alpha : ndarray (n_l,)
    z, f : ndarray (n, n_l)
        The weighted sums, and the plain activation of them.
    through_f : function
        From the gradient of f to that of z.
    """
    here = {"alpha": alpha, "z": z, "f": f}

    def slope(variable: str) -> Any:
        return evaluate(BLENDED.slope_value(variable), here, numpy)

    def backward(da: Floats) -> tuple[Floats, Floats]:
        return da * slope("z") + through_f(da * slope("f")), np.sum(da * slope("alpha"), axis=0)

    return evaluate(BLENDED.value, here, numpy), backward
