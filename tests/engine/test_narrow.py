"""Networks whose layers each fit one register take a step of their own, with the bits of the general one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backstory as bs

OPTIMIZERS = [
    bs.SGD(0.1),
    bs.SGD(0.1, weight_decay=0.01),
    bs.SGD(0.1, momentum=0.9, nesterov=True),
    bs.Adam(0.01),
    bs.AdamW(0.01, weight_decay=0.1),
    bs.RMSProp(0.01, momentum=0.5),
    bs.Adagrad(0.1),
]
HEADS = [
    ("sigmoid", "half_squared_error"),
    ("identity", "mean_squared_error"),
    ("sigmoid", "binary_cross_entropy"),
    ("softmax", "cross_entropy"),
    ("tanh", "huber"),
]


def trained(net: bs.Network, threads: int, rows: int, batch_size: int, **options: Any) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(rows, net.spec.n_in))
    y = rng.uniform(0.1, 0.9, size=(rows, net.spec.n_out))
    if net.spec.output.name == "softmax":
        y = rng.integers(0, net.spec.n_out, rows)
    twin = net.copy()
    history = twin.fit(X, y, batch_size=batch_size, epochs=3, threads=threads, progress=False, **options)
    return twin.parameters, [epoch.loss for epoch in history.epochs]


@pytest.fixture(autouse=True)
def exact_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTORY_EXACT_THREADS", "1")


def same(net: bs.Network, **options: Any) -> None:
    narrow, general = (trained(net, threads, **options) for threads in (1, 2))
    np.testing.assert_array_equal(narrow[0], general[0])
    assert narrow[1] == general[1]
    assert not np.array_equal(narrow[0], net.parameters)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 8, 40])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_optimizers_and_batches(optimizer: Any, batch_size: int, dtype: str) -> None:
    net = bs.Network([3, 7, 6, 2], hidden=["tanh", "leaky_relu"], seed=0, dtype=dtype)
    same(net, rows=45, batch_size=batch_size, optimizer=optimizer)


@pytest.mark.parametrize(
    "sizes", [[1, 1], [2, 2, 2], [5, 4, 4], [60, 8, 3], [2, 9, 16, 2], [65, 3, 2], [4, 17, 2]], ids=str
)
@pytest.mark.parametrize("hidden", ["sigmoid", "relu", "identity", "silu"])
@pytest.mark.parametrize("batch_size", [1, 5])
def test_widths_on_both_sides_of_a_register(sizes: list[int], hidden: str, batch_size: int) -> None:
    net = bs.Network(sizes, hidden=hidden, output="sigmoid", seed=0, dtype="float32")
    same(net, rows=21, batch_size=batch_size, optimizer=bs.SGD(0.2))


@pytest.mark.parametrize(("output", "loss"), HEADS)
@pytest.mark.parametrize("batch_size", [1, 3, 9])
def test_losses(output: str, loss: str, batch_size: int) -> None:
    net = bs.Network([4, 5, 3], hidden="tanh", output=output, loss=loss, seed=0, dtype="float32")
    same(net, rows=30, batch_size=batch_size, optimizer=bs.SGD(0.2), sample_weight=np.linspace(0.5, 2, 30))


@pytest.mark.parametrize(
    "options",
    [{"freeze": ["b1"]}, {"clip": 0.1}, {"dropout": 0.3}, {"shuffle": False}],
    ids=str,
)
def test_what_the_general_step_is_needed_for(options: dict[str, Any]) -> None:
    net = bs.Network([4, 5, 3], hidden="tanh", seed=0, dtype="float32")
    same(net, rows=30, batch_size=4, optimizer=bs.SGD(0.2), **options)


def test_without_biases_and_with_a_penalty() -> None:
    net = bs.Network([4, 5, 3], hidden="tanh", biases=False, seed=0, dtype="float32")
    same(net, rows=30, batch_size=4, optimizer=bs.SGD(0.2))
    net = bs.Network([4, 5, 3], hidden="tanh", penalty=bs.L2(0.01), seed=0, dtype="float32")
    same(net, rows=30, batch_size=4, optimizer=bs.SGD(0.2))


@pytest.mark.parametrize("sizes", [[4, 17, 2], [8, 40, 33, 1], [70, 20, 3]], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_single_rows_of_wider_networks_take_a_step_with_the_general_ones_bits(sizes: list[int], dtype: str) -> None:
    net = bs.Network(sizes, hidden="sigmoid", seed=0, dtype=dtype)
    optimizer = bs.SGD(0.2, weight_decay=0.01)
    wanted = trained(net, 1, rows=30, batch_size=1, optimizer=optimizer, clip=1e9)  # for which a gradient must be whole
    for threads in (1, 2, 3):
        found = trained(net, threads, rows=30, batch_size=1, optimizer=optimizer)
        np.testing.assert_array_equal(found[0], wanted[0])
        assert found[1] == wanted[1]
