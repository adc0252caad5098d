"""`python -m benchmarks.nielsen`: the run behind the "overfitting" figures of Nielsen's book, epoch by epoch.

Nielsen, "Neural networks and deep learning" (2015), chapter 3: 784-30-10 logistic units, cross-entropy, the first 1,000
images of MNIST, batches of 10, eta 0.5, 400 epochs, lambda 0 ("overfit") and 0.1 ("reg"). The book's decay,
``w = (1 - eta lambda / n) w`` with n = 1,000, is descent on ``lambda / (2 n) sum w^2``: the penalty ``L2(lambda / n)``.
Curves: fig/*.json of github.com/mnielsen/neural-networks-and-deep-learning (MIT).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import backstory as bs
from benchmarks.works import Array

EPOCHS, ROWS = 400, 1_000
LAMBDA = {"overfit": 0.0, "reg": 0.1}


@dataclass(frozen=True)
class Curves:
    """Cost and number of right answers on a set of images, with the epochs (from 0) they were taken after."""

    epochs: Array
    costs: Array
    right: Array

    def error(self, published: Array) -> float:
        """The largest difference from the published costs."""
        return float(np.abs(self.costs - published[self.epochs]).max())

    def mistakes(self, published: Array) -> int:
        """After how many epochs the number of right answers is not the published one."""
        return int((self.right != published[self.epochs]).sum())


def penalty_of(net: bs.Network, lambda_: float, rows: int) -> float:
    """Nielsen's term of the cost: it is divided by the number of rows that the cost is taken over."""
    return lambda_ / (2 * rows) * sum(float((w**2).sum()) for w in net.weights)


def reproduce(
    published: Mapping[str, Array],
    mnist: Mapping[str, Array],
    run: str,
    engine: str,
    *,
    test_every: int = 1,
    epochs: int = EPOCHS,
) -> dict[str, Curves]:
    """Train as the book did, in its order of images, and return the curves on "train" and "test" images.

    Parameters
    ----------
    published : the fixture, with X_uint8, y, first weights, and the order of the images in every epoch
    mnist : with X_test and y_test
    run : {"overfit", "reg"}
    engine : {"native", "reference"}
    test_every : int >= 1
        The 10,000 test images are looked at after every so many epochs.
    epochs : int >= 1
        Stop after so many of the 400.
    """
    lambda_ = LAMBDA[run]
    net = bs.Network(
        [784, 30, 10],
        hidden="sigmoid",
        output="sigmoid",
        loss="binary_cross_entropy",
        penalty=bs.L2(lambda_ / ROWS) if lambda_ else None,
        seed=0,
    )
    first = (published["W1"].T, published["W2"].T, published["b1"], published["b2"])
    for mine, given in zip(net.weights + net.biases, first, strict=True):
        mine[...] = given
    sets = {
        "train": (published["X_uint8"] / 256.0, published["y"], 1),
        "test": (mnist["X_test"] / 256.0, mnist["y_test"], test_every),
    }
    X, y = sets["train"][0], np.eye(10)[published["y"]]
    order = published["order"]
    found: dict[str, list[tuple[int, float, int]]] = {name: [] for name in sets}
    for epoch in range(epochs):
        rows = order[epoch]
        net.fit(X[rows], y[rows], optimizer=bs.SGD(0.5), batch_size=10, epochs=1, shuffle=False, engine=engine)
        for name, (images, labels, every) in sets.items():
            if (epoch + 1) % every:
                continue
            data_loss = net.loss(images, np.eye(10)[labels], engine=engine) - penalty_of(net, lambda_, ROWS)
            right = int((net.predict(images, engine=engine).argmax(axis=1) == labels).sum())
            found[name].append((epoch, data_loss + penalty_of(net, lambda_, len(images)), right))
    return {name: Curves(*(np.array(column) for column in zip(*points, strict=True))) for name, points in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nielsen", description=__doc__)
    parser.add_argument("fixture", type=Path, help="an .npz with the images, first weights, orders and curves")
    parser.add_argument("mnist", type=Path, help="an .npz with X_test and y_test (uint8)")
    chosen = parser.parse_args()
    published, mnist = dict(np.load(chosen.fixture)), dict(np.load(chosen.mnist))
    print("| run | engine | costs off by at most (train; test) | other accuracies (train; test) | seconds |")
    print("|---|---|---|---|---|")
    for run in LAMBDA:
        for engine in ("native", "reference"):
            start = time.perf_counter()
            curves = reproduce(published, mnist, run, engine)
            seconds = time.perf_counter() - start
            errors = "; ".join(f"{c.error(published[f'{run}_{name}_cost']):.0e}" for name, c in curves.items())
            others = "; ".join(
                f"{c.mistakes(published[f'{run}_{name}_acc'])} of {EPOCHS}" for name, c in curves.items()
            )
            print(f"| {run} | {engine} | {errors} | {others} | {seconds:.0f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
