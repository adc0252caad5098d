"""What is learned from how many seeds; the long runs and their figures are in docs/proofs.md."""

from __future__ import annotations

from pathlib import Path

import pytest

import backstory as bs
from benchmarks.accuracy.proofs import MNIST_RECIPES, mnist_accuracy, read_mnist, xor_solved


@pytest.mark.parametrize(("hidden", "at_least"), [(2, 16), (3, 19)])
def test_xor_from_twenty_seeds(hidden: int, at_least: int) -> None:
    """Two hidden units can get stuck, as is well known; three hardly ever do."""
    assert sum(xor_solved(hidden, seed, bs.Normal(0.5)) for seed in range(20)) >= at_least


@pytest.mark.slow
def test_mnist(shared: Path) -> None:
    accuracy, _ = mnist_accuracy(read_mnist(shared / "data" / "mnist.npz"), MNIST_RECIPES["Adam(Cosine(2e-3))"], seed=0)
    assert accuracy >= 0.975
