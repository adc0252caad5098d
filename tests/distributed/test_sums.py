"""Sums over shards: one tree, the same bits whoever adds up which part."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np
import pytest

from backstory.distributed import sums
from backstory.distributed.communicator import Alone
from backstory.distributed.shards import Shards
from backstory.distributed.sums import Tree
from tests.distributed.teams import Member, as_team

random = np.random.default_rng(0)


def by_hand(terms: list[Any]) -> Any:
    """The tree written out: halves, then their sum."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return by_hand(terms[:middle]) + by_hand(terms[middle:])


@pytest.mark.parametrize("count", [1, 2, 3, 8, 11])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("at_once", [0, 1 << 20])
def test_any_team_adds_up_the_same_bits(count: int, dtype: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "AT_ONCE", at_once)
    terms = (random.normal(size=(count, 101)) * 10.0 ** random.integers(-6, 6, size=(count, 101))).astype(dtype)
    expected = by_hand(list(terms))
    assert count < 8 or not np.array_equal(expected, terms[::-1].sum(axis=0)), "the order matters for these numbers"

    def work(team: Any) -> np.ndarray:
        tree, out = Tree(Shards(1000, count), team), np.empty(101, dtype)
        for _ in range(2):  # what is kept from the first time serves the second
            tree.add(lambda shard, to: np.copyto(to, terms[shard]), out)
        return out

    np.testing.assert_array_equal(work(Alone()), expected)
    for size in (s for s in (1, 2, 3, 4, 8) if s <= count):
        for out in as_team(size, work):
            np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("threads", [2, 3, 8, 20])
def test_threads_that_help_change_no_bit(threads: int) -> None:
    terms = (random.normal(size=(11, 101)) * 10.0 ** random.integers(-6, 6, size=(11, 101))).astype(np.float32)

    def work(team: Any) -> np.ndarray:
        out = np.empty(101, np.float32)
        with closing(Tree(Shards(1000, 11), team)) as tree:
            for _ in range(2):
                tree.add(lambda shard, to: np.copyto(to, terms[shard]), out, threads)
        return out

    expected = by_hand(list(terms))
    np.testing.assert_array_equal(work(Alone()), expected)
    for out in as_team(3, work):
        np.testing.assert_array_equal(out, expected)


def test_what_a_helping_thread_raises_is_raised() -> None:
    def make(shard: int, to: np.ndarray) -> None:
        raise OverflowError(f"shard {shard}")

    with closing(Tree(Shards(100, 8), Alone())) as tree, pytest.raises(OverflowError, match="shard"):
        tree.add(make, np.empty(3), 2)


def test_terms_of_all_shards_come_in_their_order() -> None:
    def work(team: Member) -> tuple[list[int], int]:
        tree = Tree(Shards(100, 8), team)
        mine = list(Shards(100, 8).owned(team.rank, team.size))
        every = tree.gathered(mine)
        return every, tree.total(every)

    assert as_team(3, work) == [(list(range(8)), 28)] * 3
