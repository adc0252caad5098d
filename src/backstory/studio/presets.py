"""What the studio can begin with: formulas of the textbooks, and networks with a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from backstory.studio import datasets
from backstory.studio.samples import Samples

NEURON = """samples: x1 x2 y
 0.0  0.0  0
 0.0  1.0  1
 1.0  0.0  1
 1.0  1.0  1

w1 = 0.3
w2 = -0.2
b = 0.1
z = w1*x1 + w2*x2 + b
yhat = sigmoid(z)
C = 1/2*mean((yhat - y)^2)
"""
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
        One of `datasets`.
    held_out, classes, image
        As for `Samples`.
    setup : dict
        What differs from the usual setup.
    """

    name: str
    title: str
    about: str
    formulas: str = ""
    data: Callable[[], tuple[Any, Any]] | None = None
    held_out: int = 0
    classes: tuple[str, ...] = ()
    image: tuple[int, int] | None = None
    setup: dict[str, Any] = field(default_factory=dict)

    def samples(self) -> Samples:
        """Return the rows."""
        assert self.data is not None
        return Samples(*self.data(), held_out=self.held_out, classes=self.classes, image=self.image)


_BINARY = {"output": "sigmoid", "loss": "binary_cross_entropy"}
_CLASSES = {"output": "softmax", "loss": "cross_entropy"}

PRESETS: dict[str, Preset] = {
    row.name: row
    for row in (
        Preset("neuron", "One neuron", "One unit with two inputs learns OR.", NEURON, setup={"rate": 2.0}),
        Preset("chain", "x → h → y", "Two units in a row that share one bias.", CHAIN, setup={"rate": 0.5}),
        Preset("mazur", "Mazur's 2-2-2", "The worked example of Mazur (2015).", MAZUR, setup={"rate": 0.5}),
        Preset(
            "xor",
            "XOR",
            "The four points no single unit can separate.",
            data=datasets.xor,
            classes=("0", "1"),
            setup={"sizes": [2, 3, 1], "hidden": ["tanh"], **_BINARY, "rate": 0.5, "batch_size": 4},
        ),
        Preset(
            "curve",
            "A curve",
            "A wave with noise, fitted by a network of one input.",
            data=datasets.curve,
            held_out=25,
            setup={
                "sizes": [1, 16, 16, 1],
                "hidden": ["tanh", "tanh"],
                "optimizer": "adam",
                "rate": 0.01,
                "batch_size": 25,
            },
        ),
        Preset(
            "spirals",
            "Two spirals",
            "Two classes wound into each other.",
            data=datasets.spirals,
            held_out=60,
            classes=("first", "second"),
            setup={
                "sizes": [2, 16, 16, 1],
                "hidden": ["tanh", "tanh"],
                **_BINARY,
                "optimizer": "adam",
                "rate": 0.01,
                "batch_size": 20,
            },
        ),
        Preset(
            "clouds",
            "Three classes",
            "Three clouds that touch, told apart by softmax.",
            data=datasets.clouds,
            held_out=45,
            classes=("left", "right", "top"),
            setup={"sizes": [2, 6, 3], "hidden": ["tanh"], **_CLASSES, "rate": 0.1, "batch_size": 15},
        ),
        Preset(
            "digits",
            "Handwritten digits",
            "Images of 8 by 8 points: 64 inputs, 32 hidden units, 10 classes.",
            data=datasets.digits,
            held_out=360,
            classes=tuple("0123456789"),
            image=(8, 8),
            setup={
                "sizes": [64, 32, 10],
                "hidden": ["relu"],
                **_CLASSES,
                "optimizer": "adam",
                "rate": 0.001,
                "batch_size": 32,
            },
        ),
    )
}
"""By name, in the order in which they are listed."""
