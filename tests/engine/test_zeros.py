"""Inputs that are mostly zeros: the first layer skips them, and every result is what it is with all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backstory as bs

SIZES = [[64, 17, 3], [100, 33, 5, 2], [784, 130, 10], [70, 200, 3], [257, 300, 2], [90, 40]]


def data(n: int, n_in: int, n_out: int, density: float, dtype: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, n_in)) * (rng.random((n, n_in)) < density)
    X[:, -1], X[3], X[5] = 0, 0, 1  # a column and a row of zeros, a row without any
    return X.astype(dtype), rng.normal(size=(n, n_out)).astype(dtype)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("density", [0.02, 0.3])
def test_every_result_is_the_references(sizes: list[int], dtype: str, density: float) -> None:
    net = bs.Network(sizes, hidden="tanh", seed=0, dtype=dtype)
    X, y = data(150, sizes[0], sizes[-1], density, dtype)
    near = {"rtol": 2e-4, "atol": 2e-5} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-11}
    for threads in (1, 2):
        np.testing.assert_allclose(net.predict(X, threads=threads), net.predict(X, engine="reference"), **near)
        np.testing.assert_allclose(net.loss(X, y, threads=threads), net.loss(X, y, engine="reference"), **near)
        found, wanted = net.gradients(X, y, threads=threads), net.gradients(X, y, engine="reference")
        for mine, true in zip(found.weights + found.biases, wanted.weights + wanted.biases, strict=True):
            np.testing.assert_allclose(mine, true, **near)
    ends = []
    for engine in ("native", "reference"):
        twin = net.copy()
        twin.fit(X, y, optimizer=bs.SGD(0.01, momentum=0.9), batch_size=40, epochs=3, engine=engine, progress=False)
        ends.append(twin.parameters)
    np.testing.assert_allclose(*ends, **near)


@pytest.mark.parametrize(
    "options", [{}, {"clip": 0.5}, {"freeze": ["w1"]}, {"freeze": ["w1", "b1"]}, {"dropout": 0.2}], ids=str
)
@pytest.mark.parametrize("batch_size", [1, 9, 64, 1500])
def test_no_bit_depends_on_threads(options: Any, batch_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTORY_EXACT_THREADS", "1")
    net = bs.Network([80, 150, 40, 3], hidden="relu", penalty=bs.L2(1e-3), seed=0, dtype="float32")
    X, y = data(1600, 80, 3, 0.1, "float32")
    ends = []
    for threads in (1, 2, 3):
        twin = net.copy()
        twin.fit(X, y, batch_size=batch_size, epochs=2, threads=threads, progress=False, **options)
        ends.append(twin.parameters)
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[0], ends[2])


def test_zeros_that_are_skipped_change_no_bit() -> None:
    """Rows read in whole batches of mostly zeros, and the same rows beside others that make the batch dense."""
    net = bs.Network([96, 64, 3], hidden="relu", seed=0, dtype="float32")
    X, _ = data(200, 96, 3, 0.1, "float32")
    full = np.ones_like(X)
    mixed = np.stack([X, full], axis=1).reshape(-1, 96)
    np.testing.assert_array_equal(net.predict(X, threads=1), net.predict(mixed, threads=1)[::2])


def test_a_nan_among_zeros_is_found() -> None:
    net = bs.Network([80, 32, 1], seed=0, dtype="float32")
    X, y = data(50, 80, 1, 0.05, "float32")
    X[7, 70] = np.nan
    with pytest.raises(bs.DataError, match="row 7"):
        net.fit(X, y, progress=False)
