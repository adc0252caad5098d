"""Which rows belong together, which of them a batch takes, and who has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backstory as bs
from backstory.distributed.shards import Shards, halves, largest_nodes, shard_seed

rows, counts = st.integers(1, 200), st.integers(1, 17)


@given(rows, counts)
def test_every_row_is_of_one_shard(n: int, count: int) -> None:
    shards = Shards(n, count)
    numbers = np.concatenate([np.arange(n)[shards.rows_in(s)] for s in range(count)])
    np.testing.assert_array_equal(numbers, np.arange(n))
    sizes = np.diff([shards.start(s) for s in range(count + 1)])
    assert sizes.max() - sizes.min() <= 1


@given(rows, counts, st.integers(1, 64))
def test_batches_are_those_of_a_plain_epoch_and_take_from_all_shards(n: int, count: int, batch_size: int) -> None:
    shards = Shards(n, count)
    starts = np.array([shards.starts(s, batch_size) for s in range(count)])
    assert (starts[:, 0] == 0).all()
    np.testing.assert_array_equal(starts[:, -1], np.diff([shards.start(s) for s in range(count + 1)]))
    taken = np.diff(starts, axis=1)  # (shards, batches)
    sizes = np.diff(np.minimum(np.arange(taken.shape[1] + 1) * batch_size, n))
    np.testing.assert_array_equal(taken.sum(axis=0), sizes)
    assert (taken.max(axis=0) - taken.min(axis=0) <= 1).all()


@given(counts, st.integers(1, 17))
def test_processes_own_whole_shards_beside_each_other(count: int, size: int) -> None:
    shards = Shards(100, count)
    owned = [shards.owned(rank, size) for rank in range(size)]
    assert [s for each in owned for s in each] == list(range(count))
    assert shards.rows_of(0, size).start == 0
    assert shards.rows_of(size - 1, size).stop == 100


@given(counts, st.integers(1, 17))
def test_what_processes_add_up_are_nodes_of_the_one_tree(count: int, size: int) -> None:
    def all_nodes(node: tuple[int, int]) -> set[tuple[int, int]]:
        return {node} if node[1] - node[0] == 1 else {node}.union(*map(all_nodes, halves(node)))

    shards = Shards(100, count)
    nodes = [node for rank in range(size) for node in largest_nodes((0, count), shards.owned(rank, size))]
    assert set(nodes) <= all_nodes((0, count))
    assert [s for first, last in nodes for s in range(first, last)] == list(range(count))


def test_a_power_of_two_of_processes_adds_up_one_node_each() -> None:
    for size in (1, 2, 4, 8):
        assert all(len(list(largest_nodes((0, 8), Shards(8, 8).owned(rank, size)))) == 1 for rank in range(size))


def test_seeds_of_shards_differ() -> None:
    assert len({shard_seed(seed, shard) for seed in range(20) for shard in range(20)}) == 400


@pytest.mark.parametrize("wrong", [{"rows": 0}, {"rows": 10, "count": 0}, {"rows": 10, "count": 2.5}])
def test_what_is_no_number_of_shards_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(bs.errors.ConfigurationError, match=r"of Shards must be an integer >= 1\. Got"):
        Shards(**wrong)
