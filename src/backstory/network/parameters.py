"""The parameters: one flat array, with each layer's weights and biases as views of it; and their first values."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backstory.errors import ConfigurationError, fits_memory
from backstory.functions import Initializer
from backstory.functions import initializer as find_initializer
from backstory.network.spec import Spec, group_of

Array = NDArray[Any]
ALIGNMENT = 64


def aligned_zeros(n: int, dtype: str) -> Array:
    """n zeros that start on a cache line; raises ConfigurationError for more than the machine has memory for."""
    size = np.dtype(dtype).itemsize
    if not fits_memory(n * size):
        raise ConfigurationError(
            f"A network's parameters must fit in memory. These are {n:,}, of {size} bytes each; use fewer units."
        )
    raw = np.zeros(n + ALIGNMENT // size, dtype=dtype)
    start = (-raw.ctypes.data % ALIGNMENT) // size
    return raw[start : start + n]


def views(spec: Spec, flat: Array) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """(weights, biases) of the layers as views of the flat array; `biases` is empty without biases.

    Parameters
    ----------
    flat : ndarray, shape (spec.n_parameters,)

    Returns
    -------
    weights : tuple of ndarray (n_in, n_out)
    biases : tuple of ndarray (n_out,)
    """
    arrays = {name: flat[offset : offset + math.prod(shape)].reshape(shape) for name, offset, shape in spec.layout}
    weights = tuple(array for name, array in arrays.items() if group_of(name) == "weights")
    return weights, tuple(array for name, array in arrays.items() if group_of(name) == "biases")


class Embedding(NamedTuple):
    """The parameters of a periodic embedding, c counting the embedded columns; see `Periodic`."""

    frequency: Array  # (c, frequencies)
    phase: Array  # (c, frequencies)
    mix: Array  # (c, frequencies, width - 1)
    shift: Array  # (c, width - 1)


class Others(NamedTuple):
    """The parameters that are not of dense layers, as views of the flat array."""

    embedding: Embedding | None = None
    scale: Array | None = None  # (columns that the first layer reads,)
    alphas: tuple[Array, ...] = ()  # of the hidden layers, (n_l,)


def other_views(spec: Spec, flat: Array) -> Others:
    """What the flat array holds beside weights and biases, as views of it."""
    arrays = {
        name: flat[offset : offset + math.prod(shape)].reshape(shape)
        for name, offset, shape in spec.layout
        if offset >= spec.n_dense
    }
    return Others(
        None if spec.embedding is None else Embedding(*(arrays[name] for name in Embedding._fields)),
        arrays.get("scale"),
        tuple(array for name, array in arrays.items() if group_of(name) == "activation"),
    )


def initialize(spec: Spec, flat: Array, seed: int, initializer: Any = None) -> None:
    """Fill the flat array: weights by each layer's initializer, biases with zeros; scales and alphas with ones.

    Parameters
    ----------
    initializer : None, a name, an Initializer, or one of these per layer
        None takes the default of each layer's activation; in the neural-tangent parametrization it takes
        ``"lecun_normal"``, as there a weight begins with the variance 1/n_in.
    """
    rows = initializer if isinstance(initializer, list | tuple) else [initializer] * spec.n_layers
    if len(rows) != spec.n_layers:
        raise ConfigurationError(
            f"initializer= must be one initializer, or one for each of the {spec.n_layers} layers. Got {len(rows)}."
        )
    random = np.random.default_rng(seed)
    flat[:] = 0
    for W, row, activation in zip(views(spec, flat)[0], rows, spec.activations, strict=True):
        usual = activation.initializer if spec.parametrization == "standard" else "lecun_normal"
        W[:] = draw(find_initializer(usual if row is None else row), W.shape[0], W.shape[1], random)
    _initialize_others(spec, other_views(spec, flat), random)


def _initialize_others(spec: Spec, others: Others, random: np.random.Generator) -> None:
    """Fill what is not of dense layers: scales and alphas with ones, embeddings at random; see `Periodic`."""
    for ones in (*others.alphas, *(() if others.scale is None else (others.scale,))):
        ones[:] = 1
    if spec.embedding is None or others.embedding is None:
        return
    frequency, phase, mix, shift = others.embedding
    frequency[:] = random.normal(0.0, spec.embedding.sigma, frequency.shape)
    phase[:] = random.uniform(-math.pi, math.pi, phase.shape)
    limit = 1 / math.sqrt(spec.embedding.frequencies)
    mix[:] = random.uniform(-limit, limit, mix.shape)
    shift[:] = random.uniform(-limit, limit, shift.shape)


def draw(row: Initializer, n_in: int, n_out: int, random: np.random.Generator) -> Array:
    """Weights (n_in, n_out) in float64 by one initializer."""
    scale = row.scale(n_in, n_out)
    if row.distribution == "uniform":
        return random.uniform(-scale, scale, (n_in, n_out))
    if row.distribution == "normal":
        return random.normal(0.0, scale, (n_in, n_out))
    if row.distribution == "constant":
        return np.full((n_in, n_out), scale)
    square = random.normal(size=(max(n_in, n_out), min(n_in, n_out)))  # orthogonal: Saxe et al. 2014
    q, r = np.linalg.qr(square)
    q *= np.sign(np.diag(r))
    return scale * (q if n_in >= n_out else q.T)
