"""The recipe for tables as parameters of the estimators."""

from __future__ import annotations

import math
from typing import Any

from sklearn.base import ClassifierMixin

from backstory.functions import CrossEntropy
from backstory.model.recipe import Tabular


def tabular_parameters(kind: Any) -> dict[str, Any]:
    """The parameters of an estimator that trains as RealMLP does, a smaller network.

    Parameters
    ----------
    kind : type
        MLPClassifier or MLPRegressor.

    Examples
    --------
    >>> from backstory import MLPRegressor
    >>> sorted(set(tabular_parameters(MLPRegressor)) - {"solver"})[:4]
    ['activation', 'alpha', 'batch_size', 'bounded']
    """
    classes = issubclass(kind, ClassifierMixin)
    recipe = Tabular()
    shared = {
        "hidden_layer_sizes": recipe.hidden,
        "activation": recipe.activation(classes),
        "solver": recipe.optimizer(classes),
        "alpha": 0.0,
        "batch_size": "even",
        "max_iter": recipe.epochs,
        "early_stopping": True,
        "validation_fraction": recipe.held_out,
        "n_iter_no_change": math.inf,
        "dropout": recipe.dropout_schedule,
        "encode": True,
        "embedding": recipe.embedding,
        "scaling": recipe.scaling,
        "parametric": recipe.parametric,
        "parametrization": recipe.parametrization,
        "standardize_units": recipe.standardize_units,
        "refit": recipe.refit,
        "rates": recipe.rates,
        "decays": recipe.decays,
    }
    return shared | ({"loss": CrossEntropy(label_smoothing=recipe.label_smoothing)} if classes else {"bounded": True})
