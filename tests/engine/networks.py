"""Small networks and data for every pair of activation and loss, at points away from kinks and flat places."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

import backstory as bs
from backstory.functions import ACTIVATIONS, LOSSES, SIMPLEX, Interval, check_pair

HIDDEN = [name for name, row in ACTIVATIONS.items() if not row.couples]


def fits(loss: str, output: str) -> bool:
    """Whether a loss can be had on an output activation."""
    try:
        check_pair(LOSSES[loss], ACTIVATIONS[output])
    except bs.ConfigurationError:
        return False
    return True


PAIRS = [(output, loss) for output, loss in product(ACTIVATIONS, LOSSES) if fits(loss, output)]
"""Every output activation with every loss it fits."""


def an_output_for(loss: str) -> str:
    """One output activation that fits a loss, the usual one where there is one."""
    usual = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid", "poisson": "exp"}
    return usual.get(loss, "identity")


def targets_for(loss: str, n: int, n_out: int, rng: np.random.Generator) -> Any:
    """Targets in the domain of a loss, away from the kinks of absolute errors."""
    domain = LOSSES[loss].targets
    if domain == SIMPLEX:
        return rng.dirichlet(np.ones(n_out), size=n)
    if isinstance(domain, Interval):
        low, high = max(domain.low, -2.0), min(domain.high, 2.0)
        return rng.uniform(low + 0.05 * (high - low), high - 0.05 * (high - low), (n, n_out))
    return rng.choice(domain.values, size=(n, n_out))


def network(
    sizes: list[int], hidden: str, output: str, loss: str, dtype: str = "float64", seed: int = 3, **more: Any
) -> bs.Network:
    """A network with weights and biases of middling size, small before an exponential."""
    net = bs.Network(sizes, hidden=hidden, output=output, loss=loss, dtype=dtype, seed=seed, **more)
    rng = np.random.default_rng(seed)
    size = 0.3 if hidden == "exp" else 1.0
    net.parameters[:] = size * rng.uniform(0.15, 0.6, net.parameters.shape) * rng.choice([-1, 1], net.parameters.shape)
    return net


def data(net: bs.Network, n: int, seed: int = 5) -> tuple[Any, Any]:
    """n rows of inputs and targets for a network."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(0.3, 1.7, (n, net.spec.n_in)) * rng.choice([-1, 1], (n, net.spec.n_in))
    return X.astype(net.spec.dtype), targets_for(net.spec.loss.name, n, net.spec.n_out, rng).astype(net.spec.dtype)


def relative_difference(found: Any, wanted: Any) -> float:
    """The largest absolute difference over the largest magnitude wanted."""
    found, wanted = np.asarray(found, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    return float(np.max(np.abs(found - wanted), initial=0.0) / max(np.max(np.abs(wanted), initial=0.0), 1e-300))
