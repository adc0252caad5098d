"""The arguments of `fit` and `step`, checked before anything is changed and turned into what the trainer takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.arrays import (
    class_targets,
    dense_targets,
    input_rows,
    numeric_array,
    row_weights,
)
from backstory.engine.contract import Engine
from backstory.errors import ConfigurationError, DataError, unknown
from backstory.functions import Domain, Interval, Simplex, Values
from backstory.network.spec import Spec
from backstory.training.metrics import Metric, default_metrics, exclusive
from backstory.training.schedules import Schedule, fraction, not_negative, positive
from backstory.training.trainer import Data

Array = NDArray[Any]


@dataclass(frozen=True)
class Clip:
    """Bounds on the gradient: each component first, then the norm over all parameters that are not frozen.

    Parameters
    ----------
    norm : float > 0, optional
        Longer gradients are scaled down to this norm (Pascanu, Mikolov & Bengio, ICML 2013, algorithm 1).
    value : float > 0, optional
        Components are cut to [-value, value].

    Examples
    --------
    >>> Clip(norm=1.0)
    Clip(norm=1.0, value=None)
    """

    norm: float | None = None
    value: float | None = None

    def __post_init__(self) -> None:
        given = {name: bound for name, bound in (("norm", self.norm), ("value", self.value)) if bound is not None}
        positive("Clip", **given)
        for name, bound in given.items():
            object.__setattr__(self, name, float(bound))


def read_clip(clip: Any) -> Clip:
    """None, a bound on the norm, or a Clip."""
    return clip if isinstance(clip, Clip) else Clip(norm=clip)


def require_rows_alone(y: Any, weights: Sequence[Any]) -> None:
    """Raise ConfigurationError for targets and weights beside rows that are read in blocks."""
    if y is not None:
        raise ConfigurationError("Rows that are read in blocks bring their targets. Got y too; leave it out.")
    if any(weight is not None for weight in weights):
        raise ConfigurationError(
            "Rows that are read in blocks have no weights. Leave out sample_weight and class_weight."
        )


def targets(spec: Spec, y: Any, n: int, *, name: str = "y") -> Array:
    """y as the engines take it: class indices (n,) int64 for cross-entropy, else (n, n_out) numbers in its domain.

    Integers in one column, where the network has several outputs, are class indices; other losses for classes, and
    softmax outputs, see them as rows of 0 and 1 (of -1 and 1 for hinge).

    Raises
    ------
    DataError
        A shape, a class or a value that the loss has no place for.
    """
    loss, n_out = spec.loss, spec.n_out
    array = numeric_array(y, name)
    one_column = array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)
    if n_out > 1 and one_column and array.dtype.kind in "iub" and (loss.classification or spec.output.couples):
        labels = class_targets(array, n, n_out, name=name)
        if loss.name == "cross_entropy":
            return labels
        low = -1.0 if isinstance(loss.targets, Values) else 0.0
        return np.where(np.eye(n_out, dtype=bool)[labels], 1.0, low).astype(spec.dtype)
    if n_out > 1 and one_column and loss.classification:
        raise DataError(
            f"{name} must be integers (n,) with class indices, or numbers (n, {n_out}). "
            f"Got dtype {array.dtype} of shape {array.shape}; {name}.astype(int) makes class indices."
        )
    values = dense_targets(array, n, n_out, spec.dtype, name=name)
    check_domain(spec, values, name)
    return values


def check_domain(spec: Spec, y: Array, name: str) -> None:
    """Raise DataError, naming the first row, for targets that the loss is not defined for."""
    domain = spec.loss.targets
    if isinstance(domain, Interval):
        if float(y.min()) in domain and float(y.max()) in domain:
            return
        below = y <= domain.low if domain.low_open else y < domain.low
        above = y >= domain.high if domain.high_open else y > domain.high
        bad = (below | above).any(axis=1)
    elif isinstance(domain, Simplex):
        bad = (y < 0).any(axis=1) | (np.abs(y.sum(axis=1) - 1.0) > 1e-4)
    else:
        bad = ~np.isin(y, domain.values).all(axis=1)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{name} must be {_wanted(domain)} for the loss {spec.loss.name!r}. Got {y[row].tolist()} in row {row}."
        )


def _wanted(domain: Domain) -> str:
    return f"in {domain}" if isinstance(domain, Interval) else f"{domain}"


def class_weights(spec: Spec, weights: Any, y: Array) -> Array:
    """The weight of each row by its class, (n,).

    Parameters
    ----------
    weights : "balanced", or a mapping from class index to weight
        "balanced" gives each class the same sum: n / (classes present * rows of the class), as scikit-learn does.
    y : targets as the engine takes them
    """
    if not spec.loss.classification:
        raise ConfigurationError(
            f"class_weight= needs a loss for classes. Got {spec.loss.name!r}; use sample_weight= for single rows."
        )
    if y.ndim == 2 and y.shape[1] > 1 and not exclusive(y):
        raise ConfigurationError("class_weight= needs one class per row, and some rows of y have several or none.")
    labels = y if y.ndim == 1 else (y[:, 0] > 0.5 if y.shape[1] == 1 else y.argmax(axis=1))
    labels = labels.astype(np.int64)
    n_classes = max(spec.n_out, 2)
    counts = np.bincount(labels, minlength=n_classes)
    if isinstance(weights, str):
        if weights != "balanced":
            raise unknown("class_weight", weights, ["balanced"])
        by_class = np.where(counts > 0, len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)), 1.0)
    elif isinstance(weights, Mapping):
        strangers = [key for key in weights if not (isinstance(key, int | np.integer) and 0 <= key < n_classes)]
        if strangers:
            raise ConfigurationError(
                f"class_weight= must map class indices 0 ... {n_classes - 1} to weights. Got the key {strangers[0]!r}."
            )
        not_negative("fit", **{f"class_weight[{key}]": weight for key, weight in weights.items()})
        by_class = np.array([float(weights.get(index, 1.0)) for index in range(n_classes)])
    else:
        raise ConfigurationError(f"class_weight= must be 'balanced' or a dict of class: weight. Got {weights!r}.")
    return np.asarray(by_class[labels])


def training_data(spec: Spec, X: Any, y: Any, sample_weight: Any = None, class_weight: Any = None) -> Data:
    """X, y and weights checked and converted once."""
    rows = input_rows(X, spec.n_in, spec.dtype)
    aims = targets(spec, y, len(rows))
    weight = None if sample_weight is None else row_weights(sample_weight, len(rows), spec.dtype)
    if class_weight is not None:
        by_class = class_weights(spec, class_weight, aims)
        weight = row_weights(by_class if weight is None else weight * by_class, len(rows), spec.dtype)
    return Data(rows, aims, weight)


def validation_data(spec: Spec, data: Data, validation: Any, engine: Engine, seed: int) -> tuple[Data, Data | None]:
    """(training rows, validation rows): a set of the user's own, or a seeded fraction of the training rows."""
    if validation is None:
        return data, None
    if isinstance(validation, tuple | list) and len(validation) in (2, 3):
        return data, training_data(spec, *validation)
    if not isinstance(validation, float | np.floating):
        raise ConfigurationError(
            "validation= must be (X, y), (X, y, sample_weight), or a fraction of the rows such as 0.1. "
            f"Got {type(validation).__name__}."
        )
    if not 0 < validation < 1:
        raise ConfigurationError(f"The 'validation' parameter of fit must be in (0, 1). Got {validation!r}.")
    held_out = max(1, round(validation * len(data)))
    if held_out >= len(data):
        raise DataError(f"validation={validation} of {len(data)} rows leaves none to train on. Give more rows.")
    order = engine.permutations(~seed, range(1), len(data))[0]
    parts = take(data, np.sort(order[held_out:])), take(data, np.sort(order[:held_out]))
    for part, use in zip(parts, ("train", "validate"), strict=True):
        if part.sample_weight is not None and not part.sample_weight.any():
            raise DataError(
                f"validation={validation} leaves only rows of weight 0 to {use} on. Give a validation set of your own, "
                "or leave out the rows without weight."
            )
    return parts


def take(data: Data, rows: Array) -> Data:
    """Some rows of a data set."""
    weight = None if data.sample_weight is None else data.sample_weight[rows]
    return Data(data.X[rows], data.y[rows], weight, rows if data.rows is None else data.rows[rows])


def dropout_rates(spec: Spec, dropout: Any) -> tuple[float, ...]:
    """One rate per hidden layer, from a number, one per layer, or a schedule's rate."""
    hidden = spec.n_layers - 1
    dropout = dropout.rate if dropout_schedule(dropout) is not None else dropout
    rates = tuple(dropout) if isinstance(dropout, list | tuple) else (dropout,) * hidden
    if len(rates) != hidden:
        raise ConfigurationError(
            f"dropout= must be a number or one for each of the {hidden} hidden layers. Got {len(rates)} numbers."
        )
    for rate in rates:
        fraction("fit", dropout=rate)
    return tuple(float(rate) for rate in rates)


def dropout_schedule(dropout: Any) -> Schedule | None:
    """The schedule that dropout follows, if any."""
    return dropout if not isinstance(dropout, Real | list | tuple) and isinstance(dropout, Schedule) else None


def penalty_rows(spec: Spec, rows: Any) -> float | None:
    """The weight of a batch that has the penalty as it is, or None."""
    if rows is None:
        return None
    positive("fit", penalty_rows=rows)
    if spec.reduction != "mean":
        raise ConfigurationError(
            f"penalty_rows= divides the penalty as a mean divides the loss. Got reduction={spec.reduction!r}; "
            "leave it out, or use reduction='mean'."
        )
    return float(rows)


def frozen_arrays(spec: Spec, freeze: Iterable[str]) -> tuple[bool, ...]:
    """One flag per parameter array, from names such as ("b1", "w2")."""
    names = [name for name, _, _ in spec.layout]
    if not isinstance(freeze, Iterable):
        raise ConfigurationError(f"freeze= must be names of parameter arrays such as ('b1', 'w2'). Got {freeze!r}.")
    wanted = [freeze] if isinstance(freeze, str) else list(freeze)
    for name in wanted:
        if name not in names:
            raise unknown("parameter array to freeze", str(name), names)
    return tuple(name in wanted for name in names)


def read_metrics(spec: Spec, metrics: Any) -> dict[str, Metric]:
    """The metrics by name: those given, or the usual ones of the loss."""
    if metrics is None:
        return default_metrics(spec.loss)
    if not isinstance(metrics, Mapping) or not all(callable(metric) for metric in metrics.values()):
        raise ConfigurationError(
            "metrics= must be a dict of name: function of (y, outputs), or (y, outputs, sample_weight). "
            f"Got {metrics!r}."
        )
    return dict(metrics)
