"""What is reached on MNIST and on XOR, from how many seeds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import backstory as bs
from benchmarks.works import Array

MNIST_RECIPES: Mapping[str, bs.Adam] = {
    "Adam(Cosine(2e-3))": bs.Adam(bs.Cosine(2e-3)),
    "Adam(1e-3)": bs.Adam(1e-3),
}

XOR_X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR_Y = np.array([[0.0], [1.0], [1.0], [0.0]])
XOR_STEPS = 3_000


def read_mnist(path: str | Path) -> tuple[Array, Array, Array, Array]:
    """Pixels in [0, 1] as float32 and class indices: training rows, then test rows."""
    with np.load(path) as file:
        X, y, X_test, y_test = (file[name] for name in ("X_train", "y_train", "X_test", "y_test"))
    scale = np.float32(1 / 255)
    return X * scale, y.astype(np.int64), X_test * scale, y_test.astype(np.int64)


def mnist_accuracy(
    data: tuple[Array, Array, Array, Array], optimizer: bs.Adam, seed: int, threads: int | None = None
) -> tuple[float, float]:
    """Test accuracy of 784-128-10, ReLU, batch 128, after 10 epochs, and the seconds of training."""
    X, y, X_test, y_test = data
    net = bs.Network([784, 128, 10], hidden="relu", output="softmax", loss="cross_entropy", seed=seed, dtype="float32")
    start = time.perf_counter()
    net.fit(X, y, optimizer=optimizer, batch_size=128, epochs=10, threads=threads, progress=False)
    seconds = time.perf_counter() - start
    return float((net.predict(X_test).argmax(axis=1) == y_test).mean()), seconds


def xor_solved(hidden: int, seed: int, initializer: object = None) -> bool:
    """Whether 2-hidden-1, logistic, learns XOR: each output within 0.1 of its target.

    Full batches, half squared error, SGD with rate 2 and momentum 0.9, 3,000 steps.
    """
    net = bs.Network([2, hidden, 1], hidden="sigmoid", output="sigmoid", seed=seed, initializer=initializer)
    net.fit(
        XOR_X,
        XOR_Y,
        optimizer=bs.SGD(2.0, momentum=0.9),
        batch_size=4,
        epochs=XOR_STEPS,
        shuffle=False,
        threads=1,
        progress=False,
    )
    return bool(np.abs(net.predict(XOR_X, threads=1) - XOR_Y).max() < 0.1)


def report_mnist(path: Path, seeds: int, threads: int | None) -> None:
    data = read_mnist(path)
    print("| optimizer | test accuracy by seed | mean | least | seconds per run |\n|---|---|---|---|---|")
    for name, optimizer in MNIST_RECIPES.items():
        runs = [mnist_accuracy(data, optimizer, seed, threads) for seed in range(seeds)]
        found, seconds = np.array(runs).T
        each = " ".join(f"{100 * value:.2f}" for value in found)
        mean, least, time_each = 100 * found.mean(), 100 * found.min(), np.median(seconds)
        print(f"| `{name}` | {each} | {mean:.2f} % | {least:.2f} % | {time_each:.1f} |", flush=True)


def report_xor(seeds: int) -> None:
    print(f"| network | first weights | solved from 20 seeds | from {seeds} |\n|---|---|---|---|")
    starts = {"`Normal(0.5)`": bs.Normal(0.5), "the default, Glorot's uniform": None}
    for hidden in (2, 3):
        for name, initializer in starts.items():
            solved = [xor_solved(hidden, seed, initializer) for seed in range(max(20, seeds))]
            print(
                f"| 2-{hidden}-1 | {name} | {sum(solved[:20])} | {sum(solved)} ({100 * np.mean(solved):.1f} %) |",
                flush=True,
            )
