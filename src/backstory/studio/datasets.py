"""The data sets of the presets: each a function of nothing that returns X and y, the same rows every time.

Each stands for itself, as `script` copies its source into programs; rows that are held out come last.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def xor() -> tuple[Any, Any]:
    """Return the four points that no single unit can separate."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    return X, np.array([0, 1, 1, 0])


def curve() -> tuple[Any, Any]:
    """Return a wave with noise, one input and one output."""
    random = np.random.default_rng(0)
    x = random.uniform(-3, 3, 100)
    y = np.sin(2 * x) * np.exp(-(x**2) / 8) + random.normal(0, 0.05, 100)
    return x[:, None], y


def spirals() -> tuple[Any, Any]:
    """Return two spirals wound into each other, as Lang and Witbrock's (1988), with a little noise."""
    random = np.random.default_rng(0)
    y = np.arange(240) % 2
    turn = 0.5 + 2.5 * np.pi * random.uniform(0, 1, 240) ** 0.5
    points = turn[:, None] / 9 * np.stack([np.cos(turn + np.pi * y), np.sin(turn + np.pi * y)], axis=1)
    return points + random.normal(0, 0.02, points.shape), y


def clouds() -> tuple[Any, Any]:
    """Return three clouds of points that touch."""
    random = np.random.default_rng(0)
    y = np.arange(180) % 3
    centers = np.array([[-0.7, -0.4], [0.7, -0.4], [0.0, 0.8]])
    return centers[y] + random.normal(0, 0.35, (180, 2)), y


def digits() -> tuple[Any, Any]:
    """Return scikit-learn's images of handwritten digits, 8 by 8, from 0 to 1."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return X[order] / 16.0, y[order]
