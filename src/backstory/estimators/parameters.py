"""Checks of the estimators' parameters, made when `fit` begins, as scikit-learn's conventions ask."""

from __future__ import annotations

import math
from functools import cache
from numbers import Integral, Real
from typing import Any

import numpy as np

from backstory.errors import ConfigurationError, unknown
from backstory.estimators.heads import activation_of
from backstory.functions import ACTIVATIONS, LOSSES, Activation, Loss
from backstory.interop.from_scikit import HIDDEN
from backstory.training.optimizers import LBFGS, OPTIMIZERS, Optimizer
from backstory.training.schedules import Schedule, count, fraction, not_negative, positive

ALPHA = 1e-4
"""The default of `alpha`, which `penalty` may take the place of."""

_CHOICES: dict[str, tuple[tuple[str, ...], Any]] = {
    "solver": (("lbfgs", "sgd", "adam", *(name for name in OPTIMIZERS if name not in ("lbfgs", "sgd", "adam"))), None),
    "learning_rate": (("constant", "invscaling", "adaptive"), Schedule),
    "loss": (("log_loss", *LOSSES), Loss),
    "output_activation": (tuple({**HIDDEN, **ACTIVATIONS}), Activation),
}
"""Parameter -> its names, and what else it may be."""
_FLAGS = ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping", "encode", "bounded", "standardize_units")
_POSITIVE = ("learning_rate_init", "epsilon")
_NOT_NEGATIVE = ("alpha", "power_t", "tol")
_FRACTIONS = ("momentum", "validation_fraction", "beta_1", "beta_2")
_COUNTS = ("batch_size", "max_iter", "n_iter_no_change", "max_fun", "members")


def check_parameters(estimator: Any) -> None:
    """Raise ConfigurationError for the first parameter of an estimator that is outside its domain."""
    kind: Any = type(estimator)
    owner, given = kind.__name__, {name: getattr(estimator, name) for name in _names(kind)}
    _check_choices(owner, given)
    hidden_activations(estimator)
    for name in (name for name in _FLAGS if name in given):
        if not isinstance(given[name], bool | np.bool_):
            raise ConfigurationError(f"The {name!r} parameter of {owner} must be True or False. Got {given[name]!r}.")
    numbers = {name: _plain(value) for name, value in given.items()}
    positive(owner, **{name: numbers[name] for name in _POSITIVE})
    not_negative(owner, **{name: numbers[name] for name in _NOT_NEGATIVE})
    fraction(owner, **{name: numbers[name] for name in _FRACTIONS})
    other = {"batch_size": ("auto", "even"), "n_iter_no_change": (math.inf,)}
    count(owner, **{name: numbers[name] for name in _COUNTS if numbers[name] not in other.get(name, ())})
    if not isinstance(given["refit"], bool | np.bool_):
        count(owner, refit=numbers["refit"])
    if given["penalty"] is not None and given["alpha"] not in (0, ALPHA):
        raise ConfigurationError(
            f"{owner} takes penalty= or alpha=, not both: alpha is scikit-learn's penalty, divided by the rows of a "
            f"batch. Got penalty={given['penalty']!r} and alpha={given['alpha']!r}; leave one out."
        )


def _check_choices(owner: str, given: dict[str, Any]) -> None:
    objects: dict[str, Any] = {"solver": Optimizer | LBFGS}
    for name, (known, other) in _CHOICES.items():
        value = given[name]
        if value is None and name == "output_activation":
            continue
        if isinstance(value, str):
            if value not in known or (value == "log_loss" and owner == "MLPRegressor"):
                raise unknown(f"{name} of {owner}", value, known)
        elif not isinstance(value, objects.get(name, other)):
            raise unknown(f"{name} of {owner}", str(value), known)


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(kind._get_param_names())


def hidden_sizes(estimator: Any) -> list[int]:
    """`hidden_layer_sizes` as a list: one integer, or one per hidden layer.

    Raises
    ------
    ConfigurationError
        A size that is not an integer >= 1.
    """
    given = estimator.hidden_layer_sizes
    sizes = list(given) if hasattr(given, "__iter__") and not isinstance(given, str) else [given]
    if any(isinstance(size, bool) or not isinstance(size, Integral) or size < 1 for size in sizes):
        raise ConfigurationError(
            f"The 'hidden_layer_sizes' parameter of {type(estimator).__name__} must be an integer >= 1, or a sequence "
            f"of them. Got {given!r}; for example (100,) or (64, 32)."
        )
    return [int(size) for size in sizes]


def hidden_activations(estimator: Any) -> list[Activation]:
    """`activation` as a list: one per hidden layer.

    Raises
    ------
    ConfigurationError
        An unknown name, or another number of them than hidden layers.
    """
    given, owner, n = estimator.activation, type(estimator).__name__, len(hidden_sizes(estimator))
    listed = isinstance(given, list | tuple)
    each = list(given) if listed else [given] * n
    if len(each) != n:
        raise ConfigurationError(
            f"The 'activation' parameter of {owner} must be one activation, or one for each of the {n} hidden layers. "
            f"Got {len(each)}: {given!r}."
        )
    known = tuple({**HIDDEN, **ACTIVATIONS})
    for activation in each if listed else [given]:
        if not isinstance(activation, Activation) and activation not in known:
            raise unknown(f"activation of {owner}", str(activation), known)
    return [activation_of(activation) for activation in each]


def _plain(value: Any) -> Any:
    """NumPy's numbers, as grids of parameters hold them, as Python's."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)
