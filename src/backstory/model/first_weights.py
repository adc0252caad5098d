"""First weights that are fitted to rows: units of the same spread, bending where the rows are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.engine.reference import Engine
from backstory.network.parameters import views
from backstory.network.spec import Spec

Array = NDArray[Any]

MOST_ROWS = 4096
"""Rows that are looked at; so many tell a standard deviation to about a hundredth."""
CORNERS = 5
"""Rows whose mean is where a unit's z is 0."""
ROUNDING = 1e-10
"""A unit whose z varies by less, relative to its size, is the same for all rows but for rounding."""


def standardize_units(spec: Spec, parameters: Array, X: Array, seed: int) -> None:
    """Fit the flat parameters to rows X (n, n_in), layer by layer; see `Network.standardize_units`."""
    random = np.random.default_rng([seed, len(X)])
    if len(X) > MOST_ROWS:
        X = X[np.sort(random.choice(len(X), MOST_ROWS, replace=False))]
    engine, (weights, biases) = Engine(spec), views(spec, parameters)
    for layer, W in enumerate(weights):
        a_prev = engine.layer_inputs(parameters, X)[layer]
        z = a_prev @ W
        spread = z.std(axis=0)
        W /= np.where(spread > ROUNDING * np.abs(z).max(axis=0), spread, 1.0)
        if biases:
            biases[layer][:] = -_means(a_prev @ W, random)


def _means(z: Array, random: np.random.Generator) -> Array:
    """For each unit, (n_out,), a mean of a few rows of z (n, n_out), weighted evenly over all ways to weight them."""
    n, units = z.shape
    shares = random.dirichlet(np.ones(CORNERS), units)
    rows = random.integers(n, size=(units, CORNERS))
    return np.asarray(np.sum(shares * z[rows, np.arange(units)[:, None]], axis=1))
