"""The counter-based generator: a pure function of its key, uniform enough, and the same on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backstory.engine.counter import dropout_keep, mix, permutations


def test_mix_is_the_finalizer_of_splitmix64() -> None:
    """The first outputs of SplitMix64 seeded with 0, as in Java's SplittableRandom and the reference C code."""
    golden = 0x9E3779B97F4A7C15
    states = np.array([golden, 2 * golden % 2**64, 3 * golden % 2**64], dtype=np.uint64)
    assert [hex(int(word)) for word in mix(states)] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000, 70_000])
def test_a_permutation_visits_every_row_once(n: int) -> None:
    for order in permutations(7, range(2, 5), n):
        assert sorted(order) == list(range(n))


def test_epochs_asked_for_together_or_apart_are_the_same() -> None:
    together = permutations(1, range(3, 8), 50)
    apart = [permutations(1, range(epoch, epoch + 1), 50)[0] for epoch in range(3, 8)]
    assert (together == np.array(apart)).all()


def test_permutations_differ_by_epoch_and_seed() -> None:
    first, second = permutations(1, range(2), 100)
    assert (first != second).any()
    assert (permutations(2, range(1), 100)[0] != first).any()


def test_every_order_of_three_rows_comes_equally_often() -> None:
    orders = permutations(0, range(60_000), 3)
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 6
    assert np.abs(counts - 10_000).max() < 5 * np.sqrt(10_000)


def within(counts: NDArray[Any], share: float, draws: int) -> bool:
    """Whether each of `counts` out of so many draws is within five standard deviations of its expected share."""
    return bool(np.abs(counts - share * draws).max() < 5 * np.sqrt(draws * share))


@pytest.mark.parametrize("n", [2, 4, 5, 16, 33])
def test_every_row_comes_to_every_place_equally_often(n: int) -> None:
    orders = permutations(5, range(20_000), n)
    for place in range(n):
        assert within(np.bincount(orders[:, place], minlength=n), 1 / n, len(orders))


@pytest.mark.parametrize("n", [3, 8, 33])
def test_every_pair_of_rows_is_met_one_after_the_other_equally_often(n: int) -> None:
    orders = permutations(6, range(20_000), n)
    pairs = (orders[:, :-1] * n + orders[:, 1:]).ravel()
    counts = np.bincount(pairs, minlength=n * n).reshape(n, n)
    assert (np.diag(counts) == 0).all()
    assert within(counts[~np.eye(n, dtype=bool)], 1 / n / (n - 1), pairs.size)


def test_a_long_order_has_no_trend() -> None:
    order = permutations(8, range(1), 50_000)[0]
    assert abs(np.corrcoef(order, np.arange(order.size))[0, 1]) < 5 / np.sqrt(order.size)
    assert abs(np.corrcoef(order[1:], order[:-1])[0, 1]) < 5 / np.sqrt(order.size)
    assert np.count_nonzero(order == np.arange(order.size)) < 10  # about 1 is expected


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_the_share_of_dropped_units_is_the_rate(rate: float) -> None:
    keep = dropout_keep(3, 0, np.arange(2000), 1, 100, rate)
    assert abs((~keep).mean() - rate) < 5 * np.sqrt(0.25 / keep.size)


def test_a_mask_depends_on_row_epoch_layer_and_seed_but_not_on_the_batch() -> None:
    rows = np.arange(8)
    mask = dropout_keep(3, 0, rows, 1, 64, 0.5)
    assert (dropout_keep(3, 0, rows[::-1], 1, 64, 0.5)[::-1] == mask).all()
    assert (dropout_keep(3, 0, rows[3:4], 1, 64, 0.5) == mask[3:4]).all()
    for other in (
        dropout_keep(3, 1, rows, 1, 64, 0.5),
        dropout_keep(3, 0, rows, 2, 64, 0.5),
        dropout_keep(4, 0, rows, 1, 64, 0.5),
    ):
        assert 0.3 < (other != mask).mean() < 0.7
