"""The works that are timed, one row each; data and first weights come from a seed, the same for every contender."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Work:
    """Training one network: what every contender is given.

    Attributes
    ----------
    sizes : tuple of int
        Units per layer, inputs first.
    hidden : {"relu", "tanh", "sigmoid"}
        Activation of every hidden layer.
    output : {"identity", "sigmoid", "softmax"}
    loss : {"half_squared_error", "cross_entropy"}
        Summed over outputs, averaged over the rows of a batch.
    batch : int
    optimizer : {"sgd", "adam"}
    learning_rate : float
    rows : int
        A multiple of `batch`, because a compiled loop wants batches of equal size.
    """

    sizes: tuple[int, ...]
    hidden: str
    output: str
    loss: str
    batch: int
    optimizer: str
    learning_rate: float
    rows: int

    @property
    def name(self) -> str:
        """Such as ``2-8-8-1 tanh, batch 10, SGD``."""
        optimizer = {"sgd": "SGD", "adam": "Adam"}[self.optimizer]
        hidden = {"relu": "ReLU"}.get(self.hidden, self.hidden)
        return f"{'-'.join(map(str, self.sizes))} {hidden}, batch {self.batch}, {optimizer}"

    @property
    def steps(self) -> int:
        """Training steps in an epoch."""
        return self.rows // self.batch

    def quick(self) -> Work:
        """The same with a tenth of the steps, at most 20."""
        return replace(self, rows=self.batch * min(20, max(2, self.steps // 10)))


WORKS = (
    Work((2, 2, 2), "sigmoid", "sigmoid", "half_squared_error", 1, "sgd", 0.1, 10_000),
    Work((2, 8, 8, 1), "tanh", "identity", "half_squared_error", 10, "sgd", 0.01, 10_000),
    Work((8, 64, 64, 1), "relu", "identity", "half_squared_error", 200, "adam", 1e-3, 20_000),
    Work((784, 128, 10), "relu", "softmax", "cross_entropy", 128, "adam", 1e-3, 59_904),
)


@dataclass(frozen=True)
class Task:
    """A work with its data and first weights, all float32 (class targets int64)."""

    work: Work
    X: Array  # (rows, n_in)
    y: Array  # (rows, n_out), or (rows,) class indices
    weights: tuple[Array, ...]  # (n_in, n_out) each
    biases: tuple[Array, ...]  # (n_out,) each


def make(work: Work, seed: int = 0) -> Task:
    """Draw rows, targets that a smaller random network knows, and first weights by Glorot's rule."""
    random = np.random.default_rng(seed)
    n_in, n_out = work.sizes[0], work.sizes[-1]
    X = random.random((work.rows, n_in), dtype=np.float32)
    if n_in > 100:  # like images of digits: about one pixel in five is not blank
        X *= random.random(X.shape, dtype=np.float32) < 0.2
    teacher = np.tanh((X - X.mean(axis=0)) @ random.standard_normal((n_in, 8), dtype=np.float32))
    aims = teacher @ random.standard_normal((8, n_out), dtype=np.float32)
    y: Array
    if work.loss == "cross_entropy":
        y = aims.argmax(axis=1).astype(np.int64)
    else:
        y = (1 / (1 + np.exp(-aims))).astype(np.float32)
    shapes = list(pairwise(work.sizes))
    weights = [random.uniform(-1, 1, shape) * np.sqrt(6 / sum(shape)) for shape in shapes]
    biases = [random.uniform(-0.1, 0.1, n) for _, n in shapes]
    return Task(
        work,
        X,
        y,
        tuple(values.astype(np.float32) for values in weights),
        tuple(values.astype(np.float32) for values in biases),
    )
