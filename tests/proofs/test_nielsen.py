"""Nielsen's 400-epoch runs on 1,000 images, both, in float64: every cost to 1e-10, every accuracy equal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.nielsen import EPOCHS, reproduce


@pytest.mark.slow
@pytest.mark.parametrize("run", ["overfit", "reg"])
@pytest.mark.parametrize(("engine", "test_every", "epochs"), [("native", 10, EPOCHS), ("reference", 20, 80)])
def test_every_cost_and_accuracy(shared: Path, run: str, engine: str, test_every: int, epochs: int) -> None:
    """In docs/proofs.md both engines take all epochs and look at all test images after each: minutes."""
    published = dict(np.load(shared / "oracles" / "nielsen_1000_fixture.npz"))
    mnist = dict(np.load(shared / "data" / "mnist.npz"))
    curves = reproduce(published, mnist, run, engine, test_every=test_every, epochs=epochs)
    assert len(curves["train"].epochs) == epochs
    assert len(curves["test"].epochs) == epochs // test_every
    for name, curve in curves.items():
        assert curve.error(published[f"{run}_{name}_cost"]) <= 1e-10
        assert curve.mistakes(published[f"{run}_{name}_acc"]) == 0
