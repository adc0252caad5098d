"""Draw docs/images/training.svg, the README's picture, from a real training run on scikit-learn's digits.

Left: training and validation loss by epoch. Right: one gradient of a first-layer weight for one row, built up factor by
factor: what each output's delta sends back through the second layer's weights, their sum, then times the activation's
derivative, then times the input; beside the central difference of the loss itself. Needs the extra ``plot``::

    python scripts/picture.py [FILE.svg]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import backstory as bs

matplotlib.use("svg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images" / "training.svg"
BLUE, ORANGE, GRAY = "#2166ac", "#d6604d", "#666666"
TRAINING_ROWS = 1400
STEP = 1e-5  # of the central difference

Array = NDArray[np.float64]


def largest_gradient(net: Any, x: Array, y: NDArray[np.int64]) -> tuple[int, int]:
    """Input unit i, a gray pixel, and hidden unit j of the first-layer weight with this row's largest gradient."""
    gray = (x[0] > 0) & (x[0] < 1)  # a factor of exactly 0 or 1 would show nothing
    gradient = net.gradients(x, y).weights[0] * gray[:, np.newaxis]
    i, j = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
    return int(i), int(j)


def factors(net: Any, x: Array, y: NDArray[np.int64], i: int, j: int) -> tuple[Array, float, float]:
    """The terms w2[j->k] delta2[k] over outputs k, then f'(z1[j]), then x[i]; dL/dw1[i->j] is sum * f' * x.

    tanh' is written with the activation's own value, (1-a)(1+a).
    """
    terms = net.weights[1][j] * net.deltas(x, y)[1][0]
    a = float(net.activations(x)[0][0, j])
    return terms, (1 - a) * (1 + a), float(x[0, i])


def central_difference(net: Any, x: Array, y: NDArray[np.int64], i: int, j: int) -> float:
    """(L(w+h) - L(w-h)) / 2h, by moving the weight itself."""
    w = net.weights[0]
    start = float(w[i, j])
    losses = []
    for moved in (start + STEP, start - STEP):
        w[i, j] = moved
        losses.append(net.loss(x, y))
    w[i, j] = start
    return float((losses[0] - losses[1]) / (2 * STEP))


def draw_losses(axes: Axes, history: Any, accuracy: float) -> None:
    """The two curves on a logarithmic scale."""
    epochs = np.arange(1, len(history) + 1)
    axes.plot(epochs, history.loss, color=BLUE, label="training")
    axes.plot(epochs, history.validation_loss, color=ORANGE, label="validation")
    axes.set(yscale="log", xlabel="epoch", ylabel="cross-entropy")
    axes.set_title(f"64-32-10 network, handwritten digits: {accuracy:.1%} right", fontsize=10)
    axes.legend(frameon=False)


def draw_factors(axes: Axes, terms: Array, slope: float, x: float, difference: float, weight: tuple[int, int]) -> None:
    """Bars from the outputs' terms down to the gradient."""
    i, j = weight
    total = float(terms.sum())
    rows = [(f"w2[{j}->{k}] · delta2[{k}]", float(term), GRAY) for k, term in enumerate(terms)]
    rows += [
        ("their sum", total, BLUE),
        (f"times tanh'(z1[{j}]) = {slope:.3f}", total * slope, BLUE),
        (f"times x[{i}] = {x:.3f}", total * slope * x, ORANGE),
    ]
    labels, values, colors = zip(*rows, strict=True)
    positions = np.arange(len(rows))
    axes.barh(positions, values, color=colors)
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_yticks(positions, labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_title(f"where dL/dw1[{i}->{j}] comes from, one row", fontsize=10)
    axes.set_xlabel(
        f"product of the factors {values[-1]:.9f}\ncentral difference of the loss {difference:.9f}", fontsize=9
    )


def main() -> None:
    """Train, take one gradient apart, draw both."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    digits = load_digits()
    X, y = digits.data / 16.0, digits.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order], y[order]
    held_out = (X[TRAINING_ROWS:], y[TRAINING_ROWS:])
    net = bs.Network([64, 32, 10], hidden="tanh", output="softmax", loss="cross_entropy", seed=0, dtype="float64")
    history = net.fit(
        X[:TRAINING_ROWS], y[:TRAINING_ROWS], optimizer=bs.Adam(2e-3), batch_size=32, epochs=30, validation=held_out
    )
    outputs = net.predict(held_out[0])
    worst = int(outputs[np.arange(len(outputs)), held_out[1]].argmin())  # the row the network is most wrong about
    x, label = held_out[0][worst : worst + 1], held_out[1][worst : worst + 1]
    i, j = largest_gradient(net, x, label)

    plt.rcParams["svg.hashsalt"] = "backstory"  # the same picture gives the same file
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    draw_losses(left, history, float((outputs.argmax(axis=1) == held_out[1]).mean()))
    draw_factors(right, *factors(net, x, label, i, j), central_difference(net, x, label, i, j), (i, j))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, facecolor="white", metadata={"Date": None})
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
