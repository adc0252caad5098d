"""Checks of the estimators' parameters, made when `fit` begins, as scikit-learn's conventions ask."""

from __future__ import annotations

import math
from functools import cache
from numbers import Integral, Real
from typing import Any

import numpy as np

from backstory.errors import ConfigurationError, unknown
from backstory.interop.from_scikit import HIDDEN
from backstory.training.schedules import count, fraction, not_negative, positive

ALPHA = 1e-4
"""The default of `alpha`, which `penalty` may take the place of."""

_CHOICES = {
    "activation": tuple(HIDDEN),
    "solver": ("lbfgs", "sgd", "adam"),
    "learning_rate": ("constant", "invscaling", "adaptive"),
    "loss": ("squared_error", "poisson"),
}
_FLAGS = ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping")
_POSITIVE = ("learning_rate_init", "epsilon")
_NOT_NEGATIVE = ("alpha", "power_t", "tol")
_FRACTIONS = ("momentum", "validation_fraction", "beta_1", "beta_2")
_COUNTS = ("batch_size", "max_iter", "n_iter_no_change", "max_fun")


def check_parameters(estimator: Any) -> None:
    """Raise ConfigurationError for the first parameter of an estimator that is outside its domain."""
    kind: Any = type(estimator)
    owner, given = kind.__name__, {name: getattr(estimator, name) for name in _names(kind)}
    for name, known in _CHOICES.items():
        if name in given and given[name] not in known:
            raise unknown(f"{name} of {owner}", str(given[name]), known)
    for name in _FLAGS:
        if not isinstance(given[name], bool | np.bool_):
            raise ConfigurationError(f"The {name!r} parameter of {owner} must be True or False. Got {given[name]!r}.")
    numbers = {name: _plain(value) for name, value in given.items()}
    positive(owner, **{name: numbers[name] for name in _POSITIVE})
    not_negative(owner, **{name: numbers[name] for name in _NOT_NEGATIVE})
    fraction(owner, **{name: numbers[name] for name in _FRACTIONS})
    unbounded = {"batch_size": "auto", "n_iter_no_change": math.inf}
    count(owner, **{name: numbers[name] for name in _COUNTS if numbers[name] != unbounded.get(name)})
    if given["penalty"] is not None and given["alpha"] not in (0, ALPHA):
        raise ConfigurationError(
            f"{owner} takes penalty= or alpha=, not both: alpha is scikit-learn's penalty, divided by the rows of a "
            f"batch. Got penalty={given['penalty']!r} and alpha={given['alpha']!r}; leave one out."
        )


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


def _plain(value: Any) -> Any:
    """NumPy's numbers, as grids of parameters hold them, as Python's."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)
