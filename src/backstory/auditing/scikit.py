"""From scikit-learn's `MLPClassifier` or `MLPRegressor` to a `Problem`: the loss it reports, its own gradient."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from backstory.auditing.problem import Alternative, Block, Floats, Problem
from backstory.auditing.slips import slips
from backstory.engine.reference import penalty_slope
from backstory.errors import DataError
from backstory.functions import L2
from backstory.interop.from_scikit import HIDDEN, OUTPUTS, loss_of
from backstory.network.spec import Spec


def from_scikit(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> Problem:
    """Make a problem of an estimator, fitted or not; one that is not gets the first weights that `fit` would draw.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Left as it is; a copy computes in float64.
    X : array_like (n, n_features)
    y : array_like (n,) or (n, n_outputs)
    sample_weight : array_like (n,), optional

    Raises
    ------
    DataError
        X does not fit the fitted estimator.
    ValueError
        scikit-learn's own, for data it does not take.
    """
    twin = copy.deepcopy(estimator)
    rows, aims = _prepared(twin, X, y)
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    spec, share = _spec(twin, rows, weight)

    def put(flat: Floats) -> tuple[float, list[Floats], list[Floats]]:
        arrays = [flat[start : start + int(np.prod(shape))].reshape(shape) for _, start, shape in spec.layout]
        twin.coefs_, twin.intercepts_ = list(arrays[::2]), list(arrays[1::2])
        activations = [rows] + [None] * spec.n_layers
        spare: list[list[Any]] = [[None] * spec.n_layers for _ in range(3)]
        return twin._backprop(rows, aims, weight, activations, *spare)  # type: ignore[no-any-return]  # untyped

    def gradient(flat: Floats) -> Floats:
        _, coefs, intercepts = put(flat)
        return np.concatenate([np.ravel(each) for pair in zip(coefs, intercepts, strict=True) for each in pair])

    pairs = zip(twin.coefs_, twin.intercepts_, strict=True)
    at = np.concatenate([np.ravel(each).astype(np.float64) for pair in pairs for each in pair])

    def alternatives() -> Iterator[Alternative]:
        for slip in slips(spec, at, rows, np.asarray(aims, dtype=np.float64), share, gradient(at)):
            yield Alternative(slip.kind, slip.gradient, slip.cause)

    n, k = len(rows), spec.n_out
    return Problem(
        subject=f"the gradient of scikit-learn's {type(estimator).__name__} ({'-'.join(map(str, spec.sizes))})",
        loss=lambda flat: float(put(flat)[0]),
        gradient=gradient,
        at=at,
        blocks=tuple(_block(name, start, shape) for name, start, shape in spec.layout),
        sizes={"rows": n, "outputs": k, "outputs of all rows": n * k},
        penalty=penalty_slope(spec, at),
        alternatives=alternatives,
    )


def _block(name: str, start: int, shape: tuple[int, ...]) -> Block:
    layer = int(name[1:])
    kind = "coefs_" if name[0] == "w" else "intercepts_"
    return Block(f"{kind}[{layer - 1}]", start, shape, f"layer {layer}")


def _prepared(twin: Any, X: Any, y: Any) -> tuple[Floats, Any]:
    """X and y as `fit` makes them, in float64; the weights drawn where there are none."""
    from sklearn.utils import check_random_state

    fitted = hasattr(twin, "coefs_")
    X = X.toarray() if hasattr(X, "toarray") else X
    if fitted:
        rows = np.asarray(X, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != twin.coefs_[0].shape[0]:
            raise DataError(
                f"X must have shape (n, {twin.coefs_[0].shape[0]}), as the estimator was fitted. Got {rows.shape}."
            )
        aims = np.asarray(y)
        if hasattr(twin, "_label_binarizer"):
            aims = twin._label_binarizer.transform(aims)
    else:
        rows, aims = twin._validate_input(np.asarray(X, dtype=np.float64), y, False, True)
    aims = np.asarray(aims).reshape(len(rows), -1)
    if fitted and aims.shape[1] != twin.n_outputs_:
        raise DataError(f"y must have {twin.n_outputs_} outputs, as the estimator was fitted. Got {aims.shape[1]}.")
    if not fitted:
        hidden = twin.hidden_layer_sizes
        sizes = list(hidden) if hasattr(hidden, "__iter__") else [hidden]
        twin._random_state = check_random_state(twin.random_state)
        twin._initialize(aims, [rows.shape[1], *sizes, aims.shape[1]], rows.dtype)
    return rows, aims


def _spec(twin: Any, rows: Floats, weight: Floats | None) -> tuple[Spec, Floats]:
    """The same network in this library's words, and what each row's loss counts."""
    sizes = [twin.coefs_[0].shape[0], *(W.shape[1] for W in twin.coefs_)]
    share = np.ones(len(rows)) if weight is None else weight
    total = float(share.sum())
    output = twin.out_activation_
    penalty = L2(float(twin.alpha) / total) if twin.alpha else None
    spec = Spec.of(sizes, HIDDEN[twin.activation], OUTPUTS[output], loss_of(output, sizes[-1]), penalty)
    return spec, share / total
