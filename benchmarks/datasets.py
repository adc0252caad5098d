"""The data sets that some works are done on: digits comes with scikit-learn, MNIST is a file that the caller has."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from benchmarks.accuracy.proofs import read_mnist
from benchmarks.works import Array, Task, Work, make, task_of

MNIST_VARIABLE = "BACKSTORY_MNIST"
NO_MNIST = f"no MNIST: give --mnist FILE or {MNIST_VARIABLE}, an .npz with X_train, y_train, X_test, y_test (uint8)"


def mnist_path(given: Path | None) -> Path | None:
    """The file from the command line, or else from the environment; None where there is neither."""
    named = os.environ.get(MNIST_VARIABLE)
    return given or (Path(named) if named else None)


def lacks(work: Work, mnist: Path | None) -> str:
    """Why the work's data are not there; empty if they are."""
    return NO_MNIST if work.data == "MNIST" and mnist is None else ""


def task(work: Work, mnist: Path | None, seed: int = 0) -> Task:
    """The work with its rows: drawn, or from its data set."""
    if work.data in ("drawn", "dense"):
        return make(work, seed)
    if work.data == "digits":
        return task_of(work, *digits(), seed)
    assert mnist is not None
    X, y, _, _ = read_mnist(mnist)
    return task_of(work, X, y, seed)


def digits() -> tuple[Array, Array]:
    """The 1,797 images, pixels in [0, 1]."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return np.asarray(X) / 16.0, np.asarray(y)
