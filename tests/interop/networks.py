"""Networks for every exporter: each activation as hidden and as output, and inputs up to where numbers end."""

from __future__ import annotations

from typing import Any

import numpy as np

import backstory as bs
from backstory.functions import ACTIVATIONS
from tests.engine.networks import HIDDEN, PAIRS, network

EVERY = [(HIDDEN[i % len(HIDDEN)], pair) for i, pair in enumerate(PAIRS)]
"""Every pair of output and loss, each with a hidden activation; every hidden activation several times."""

ONCE = [
    (HIDDEN[i % len(HIDDEN)], next(pair for pair in PAIRS if pair[0] == output)) for i, output in enumerate(ACTIVATIONS)
]
"""Every activation as hidden and as output, where each network takes long."""

EXTREMES = [0.0, 5e-324, -5e-324, 1e-310, 1e-40, 1e-20, -1e-8, 0.5, -3.0, 3.0, 20.5, -36.9, 88.8, -709.9, 1e3, -1e3]
"""Inputs of one neuron without a bias whose weight is 1."""

TRICKY = ['"', "'''", '"""', "\\", "\n", "a*/b", "ö", "\u202e", "\udc80", "#", "\x00", "}"]
"""Labels that would end a string or a comment if they were not escaped."""


def every(hidden: str, pair: tuple[str, str], dtype: str = "float64", **more: Any) -> bs.Network:
    """A small network of two hidden layers."""
    output, loss = pair
    return network([3, 5, 4, 3], hidden, output, loss, dtype, **more)


def rows(net: bs.Network, n: int = 7) -> Any:
    """Inputs of middling size."""
    return np.random.default_rng(1).normal(size=(n, net.spec.n_in)).astype(net.spec.dtype)


def neuron(activation: Any, dtype: str = "float64") -> bs.Network:
    """One neuron a = f(x)."""
    net = bs.Network([1, 1], output=activation, biases=False, seed=0, dtype=dtype)
    net.parameters[:] = 1
    return net


SINE = bs.Activation("größe", "sin(2*z)/(1 + tan(z)^2) + cosh(z/9) - sinh(z/10) + sign(z)*sqrt(abs(z)) + log(1 + z^2)")
"""An activation of one's own, of the elementary functions that the library's rows do without."""

OF_ONE_UNIT = [*(row for row in ACTIVATIONS.values() if not row.couples), SINE, bs.LeakyReLU(0.2), bs.ELU(2.5)]


def close(found: Any, wanted: Any, dtype: str, scale: float = 1.0) -> None:
    """Compare to the precision of the dtype: relative to each number, and to the largest."""
    found, wanted = np.asarray(found, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    tolerance = scale * (1e-12 if dtype == "float64" else 2e-6)
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * np.abs(wanted).max(initial=1e-300))
