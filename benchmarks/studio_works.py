"""What the studio is timed on, in its benchmark and in its tests: a large network, and `fit` on a preset's work."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from backstory.studio import setup as setups
from backstory.studio.presets import PRESETS, Preset

LARGE = "784-128-10"


def large_data() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return noise of the shape of handwritten digits at 28 x 28."""
    random = np.random.default_rng(0)
    return random.normal(size=(2000, 784)), random.integers(0, 10, 2000)


LARGE_PRESET = Preset(
    LARGE,
    LARGE,
    "",
    data=large_data,
    classes=tuple("0123456789"),
    setup={
        "sizes": [784, 128, 10],
        "hidden": ["relu"],
        "output": "softmax",
        "loss": "cross_entropy",
        "batch_size": 128,
    },
)


def fitting(name: str, seconds: float) -> float:
    """Return the steps a second of `net.fit` on a preset's work."""
    setup, samples = setups.preset(name), PRESETS[name].samples()
    net, optimizer, size = setups.network(setup), setups.optimizer(setup), setup["batch_size"]
    X, y = samples.X[: samples.trained], samples.targets(net.spec.loss, net.spec.n_out)[: samples.trained]
    epochs, taken = 1, 0.0
    while taken < seconds:
        epochs = max(2 * epochs, int(0.9 * epochs * seconds / taken) if taken else 1)
        begun = time.perf_counter()
        net.fit(X, y, optimizer=optimizer, batch_size=size, epochs=epochs, progress=False)
        taken = time.perf_counter() - begun
    return float(epochs * -(-len(X) // size) / taken)
