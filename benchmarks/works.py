"""The works that are timed, one row each, with what is asked of each; data and first weights come from a seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

TITLES = {
    "training": "",
    "gradient": "loss and gradient of a batch, ",
    "prediction": "prediction, ",
    "online": "online update, ",
    "formula": "own formula, ",
    "accuracy": "time to 98 % on MNIST, ",
    "estimator": "MLPClassifier.fit, ",
}
"""What a row's kind is called in front of its network's name."""
UNITS = {"gradient": "call", "prediction": "call", "online": "update", "accuracy": "run", "estimator": "fit"}
"""What the times are for; steps where nothing stands here."""


@dataclass(frozen=True)
class Target:
    """What is asked: the fastest of some peers takes at least so many times as long as backstory.

    Attributes
    ----------
    ratio : float > 0
    packages : tuple of str
        Of the peers that are meant, as they are imported; empty for all of them.
    """

    ratio: float
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Work:
    """One thing that every contender is asked to do.

    Attributes
    ----------
    sizes : tuple of int
        Units per layer, inputs first.
    hidden : str
        Activation of every hidden layer.
    output : {"identity", "sigmoid", "softmax"}
    loss : {"half_squared_error", "cross_entropy"}
        Summed over outputs, averaged over the rows of a batch.
    batch : int
        Rows per step or call.
    optimizer : {"sgd", "adam", ""}
    learning_rate : float
    rows : int
        A multiple of `batch`, because a compiled loop wants batches of equal size.
    kind : str
        A key of `TITLES`.
    data : {"drawn", "dense", "digits", "MNIST"}
        Drawn at random; more than 100 inputs are like images of digits, four in five of them 0, unless dense.
    dtype : {"float32", "float64"}
    epochs : int
        Of a fit, where it is an estimator's; at most, where an accuracy is to be reached.
    formula : str
        What a user would write for `hidden`, where that is what is timed.
    targets : tuple of Target
    peak_share : float
        The part of the processor's peak that must be reached; 0 where nothing is asked.
    """

    sizes: tuple[int, ...]
    hidden: str
    output: str
    loss: str
    batch: int
    optimizer: str = ""
    learning_rate: float = 0.0
    rows: int = 0
    kind: str = "training"
    data: str = "drawn"
    dtype: str = "float32"
    epochs: int = 1
    formula: str = ""
    targets: tuple[Target, ...] = ()
    peak_share: float = 0.0

    @property
    def name(self) -> str:
        """Such as ``2-8-8-1 tanh, batch 10, SGD``."""
        hidden = {"relu": "ReLU"}.get(self.hidden, self.hidden)
        net = f"{'-'.join(map(str, self.sizes))} {hidden}"
        title = TITLES[self.kind]
        if self.kind == "prediction":
            return f"{title}{'one row' if self.batch == 1 else f'{self.batch:,} rows'}, {net}"
        if self.kind == "estimator":
            return f"{title}{self.data}, {self.dtype}"
        optimizer = {"sgd": ", SGD", "adam": ", Adam", "": ""}[self.optimizer]
        batch = "" if self.kind == "online" else f", batch {self.batch}"
        zeros = ", inputs without zeros" if self.data == "dense" else ""
        return f"{title}{net}{batch}{optimizer}{zeros}"

    @property
    def unit(self) -> str:
        return UNITS.get(self.kind, "step")

    @property
    def steps(self) -> int:
        """How many units (steps, updates, calls, fits) one run is."""
        return 1 if self.kind in ("gradient", "prediction", "estimator") else self.rows // self.batch

    @property
    def flops(self) -> int:
        """Arithmetic in the matrix products of a training step: forward, weights' gradients, and the way back."""
        products = [n_in * n_out for n_in, n_out in pairwise(self.sizes)]
        return 2 * self.batch * (3 * sum(products) - products[0])

    def quick(self) -> Work:
        """The same with fewer steps or epochs, and for large networks a tenth of the hidden units."""
        sizes = self.sizes
        if sum(n_in * n_out for n_in, n_out in pairwise(sizes)) > 500_000:
            sizes = (sizes[0], *(n // 10 for n in sizes[1:-1]), sizes[-1])
        steps = self.rows // self.batch
        rows = self.rows if self.data not in ("drawn", "dense") else self.batch * min(20, max(1, steps // 10), steps)
        return replace(self, sizes=sizes, rows=rows, epochs=min(2, self.epochs))


REGRESSION = ("identity", "half_squared_error")
CLASSES = ("softmax", "cross_entropy")
LARGE = (784, 2500, 2000, 1500, 1000, 500, 10)
ONNX, REST = ("onnxruntime",), ("sklearn", "torch", "jax")

WORKS: tuple[Work, ...] = (
    Work((2, 2, 2), "sigmoid", "sigmoid", "half_squared_error", 1, "sgd", 0.1, 10_000, targets=(Target(2),)),
    Work((2, 8, 8, 1), "tanh", *REGRESSION, 10, "sgd", 0.01, 10_000, targets=(Target(15),)),
    Work((8, 64, 64, 1), "relu", *REGRESSION, 200, "adam", 1e-3, 20_000, targets=(Target(2.5),)),
    Work((784, 128, 10), "relu", *CLASSES, 128, "adam", 1e-3, 12_800, targets=(Target(1.6),)),
    Work((784, 128, 10), "relu", *CLASSES, 128, "adam", 1e-3, 12_800, data="dense"),
    Work((784, 1000, 10), "relu", *CLASSES, 128, "adam", 1e-3, 7_680, targets=(Target(1.25),)),
    Work(LARGE, "tanh", *CLASSES, 256, "sgd", 0.01, 1_024, targets=(Target(1.1),), peak_share=0.85),
    Work(
        *((784, 256, 10), "relu", *CLASSES, 128, "adam", 1e-3, 59_904),
        kind="accuracy",
        data="MNIST",
        epochs=20,
        targets=(Target(1.5),),
    ),
    Work((8, 64, 64, 1), "relu", *REGRESSION, 200, rows=200, kind="gradient", targets=(Target(2),)),
    Work((784, 128, 10), "relu", *CLASSES, 128, rows=128, kind="gradient", targets=(Target(2),)),
    *(
        Work(sizes, "relu", *REGRESSION, 1, rows=1, kind="prediction", targets=(Target(2, ONNX), Target(5, REST[:2])))
        for sizes in ((10, 16, 1), (8, 64, 64, 1))
    ),
    Work((8, 64, 64, 1), "relu", *REGRESSION, 10_000, rows=10_000, kind="prediction", targets=(Target(1.15, ONNX),)),
    Work(
        *((784, 128, 10), "relu", *CLASSES, 10_000),
        rows=10_000,
        kind="prediction",
        targets=(Target(1, ONNX), Target(1.2, REST)),
    ),
    Work((10, 16, 1), "relu", *REGRESSION, 1, "sgd", 0.01, 1_000, kind="online", targets=(Target(10),)),
    *(
        Work((64, 100, 10), "relu", *CLASSES, 200, "adam", 1e-3, 1_797, "estimator", "digits", dtype, 30, "", asked)
        for dtype in ("float32", "float64")
        for asked in [(Target(5),)]
    ),
    Work(
        *((784, 100, 10), "relu", *CLASSES, 200, "adam", 1e-3, 60_000),
        kind="estimator",
        data="MNIST",
        epochs=2,
        targets=(Target(3.5),),
    ),
    *(
        Work(
            *((8, 64, 64, 1), name, *REGRESSION, 200, "adam", 1e-3, 20_000),
            kind="formula",
            formula=formula,
            targets=(Target(1 / 1.5),),
        )
        for name, formula in (("tanh", "tanh(z)"), ("sigmoid", "1/(1+exp(-z))"), ("relu", "max(z,0)"))
    ),
)


@dataclass(frozen=True)
class Task:
    """A work with its data and first weights, of the work's dtype (class targets int64)."""

    work: Work
    X: Array  # (rows, n_in), at an address that is a multiple of 64
    y: Array  # (rows, n_out), or (rows,) class indices
    weights: tuple[Array, ...]  # (n_in, n_out) each
    biases: tuple[Array, ...]  # (n_out,) each


def make(work: Work, seed: int = 0) -> Task:
    """Draw rows, targets that a smaller random network knows, and first weights by Glorot's rule."""
    random = np.random.default_rng(seed)
    n_in, n_out = work.sizes[0], work.sizes[-1]
    X = random.random((work.rows, n_in), dtype=np.float32)
    if n_in > 100 and work.data != "dense":  # like images of digits: about one pixel in five is not blank
        X *= random.random(X.shape, dtype=np.float32) < 0.2
    teacher = np.tanh((X - X.mean(axis=0)) @ random.standard_normal((n_in, 8), dtype=np.float32))
    aims = teacher @ random.standard_normal((8, n_out), dtype=np.float32)
    y: Array
    if work.loss == "cross_entropy":
        y = aims.argmax(axis=1).astype(np.int64)
        y[:n_out] = np.arange(n_out)[: work.rows]  # scikit-learn counts the classes that it meets
    else:
        y = (1 / (1 + np.exp(-aims))).astype(np.float32)
    return Task(work, aligned(X), y, *first_parameters(work, random))


def task_of(work: Work, X: Array, y: Array, seed: int = 0) -> Task:
    """A task on given rows: as many of them as the work asks for, in an order that the seed draws."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(X))[: work.rows]
    rows = aligned(X[order].astype(work.dtype))
    return Task(work, rows, y[order].astype(np.int64), *first_parameters(work, random))


def first_parameters(work: Work, random: np.random.Generator) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Weights by Glorot's rule and small biases, of the work's dtype."""
    shapes = list(pairwise(work.sizes))
    weights = [random.uniform(-1, 1, shape) * np.sqrt(6 / sum(shape)) for shape in shapes]
    biases = [random.uniform(-0.1, 0.1, n) for _, n in shapes]
    return cast(weights, work.dtype), cast(biases, work.dtype)


def cast(arrays: Iterable[Array], dtype: str) -> tuple[Array, ...]:
    return tuple(values.astype(dtype) for values in arrays)


def aligned(values: Array) -> Array:
    """A copy at an address that every library can take as it is, without a copy of its own."""
    room = np.empty(values.nbytes + 64, dtype=np.uint8)
    start = -room.ctypes.data % 64
    copy = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy
