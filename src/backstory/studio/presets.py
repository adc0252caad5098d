"""What the studio can begin with: formulas of the textbooks, and networks with a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

CHAIN = """x = 0.5
t = 1
w1 = 0.4
w2 = -0.3
b = 0.1
h = sigmoid(x*w1 + b)
y = sigmoid(h*w2 + b)
L = 1/2*(t - y)^2
"""
MAZUR = """parameters: w1 w2 w3 w4 w5 w6 w7 w8
i1 = 0.05
i2 = 0.10
t1 = 0.01
t2 = 0.99
w1 = 0.15
w2 = 0.20
w3 = 0.25
w4 = 0.30
w5 = 0.40
w6 = 0.45
w7 = 0.50
w8 = 0.55
b1 = 0.35
b2 = 0.60
h1 = sigmoid(w1*i1 + w2*i2 + b1)
h2 = sigmoid(w3*i1 + w4*i2 + b1)
o1 = sigmoid(w5*h1 + w6*h2 + b2)
o2 = sigmoid(w7*h1 + w8*h2 + b2)
L = 1/2*(t1 - o1)^2 + 1/2*(t2 - o2)^2
"""


@dataclass(frozen=True)
class Preset:
    """Something to begin with.

    Attributes
    ----------
    name, title, about : str
        By which it is chosen; what stands in the list; one sentence.
    formulas : str
        A network written as formulas; empty where `data` is given.
    data : callable () -> (X, y), optional
        The rows, X (n, n_in) and y (n,) or (n, n_out).
    setup : dict
        What differs from the session's own choice: sizes, hidden, output, loss, optimizer, rate, batch_size.
    """

    name: str
    title: str
    about: str
    formulas: str = ""
    data: Callable[[], tuple[Array, Array]] | None = None
    setup: dict[str, Any] = field(default_factory=dict)


def _xor() -> tuple[Array, Array]:
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
    return X, np.array([0, 1, 1, 0], dtype=float)


PRESETS: dict[str, Preset] = {
    row.name: row
    for row in (
        Preset("chain", "x → h → y", "Two units in a row that share one bias.", CHAIN, setup={"rate": 0.5}),
        Preset("mazur", "Mazur's 2-2-2", "The worked example of Mazur (2015).", MAZUR, setup={"rate": 0.5}),
        Preset(
            "xor",
            "XOR",
            "The four points no single unit can separate.",
            data=_xor,
            setup={
                "sizes": [2, 3, 1],
                "hidden": ["tanh"],
                "output": "sigmoid",
                "loss": "binary_cross_entropy",
                "optimizer": "sgd",
                "rate": 0.5,
                "batch_size": 4,
            },
        ),
    )
}
"""By name, in the order in which they are listed."""
