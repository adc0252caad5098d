"""Shards: which rows belong together, which of them a batch takes, which process has them, and how their sums add up.

All of it follows from the number of rows, the number of shards and the seed, never from the number of processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backstory.engine.counter import GOLDEN, mix
from backstory.training.schedules import count

SHARDS = 8
"""Shards where nobody says how many: under an MPI launcher."""


@dataclass(frozen=True)
class Shards:
    """The rows of a data set in shards of neighbors, as even as can be.

    Batches are those of a plain epoch in number and size, and take their rows from the shards in turn: row j of an
    epoch's walk is of shard j modulo count.

    Parameters
    ----------
    rows : int >= 1
        Of the whole data set.
    count : int >= 1
        How many shards.

    Examples
    --------
    >>> shards = Shards(rows=10, count=4)
    >>> [shards.rows_in(s) for s in range(4)]
    [slice(0, 3, None), slice(3, 6, None), slice(6, 8, None), slice(8, 10, None)]
    >>> shards.starts(0, batch_size=4).tolist()            # of its three batches, and where the last one ends
    [0, 1, 2, 3]
    """

    rows: int
    count: int = SHARDS

    def __post_init__(self) -> None:
        count("Shards", rows=self.rows, count=self.count)

    def start(self, shard: int) -> int:
        """The number of a shard's first row; of the row after the last one's for shard number `count`."""
        each, more = divmod(self.rows, self.count)
        return shard * each + min(shard, more)

    def rows_in(self, shard: int) -> slice:
        """The rows of a shard."""
        return slice(self.start(shard), self.start(shard + 1))

    def owned(self, rank: int, size: int) -> range:
        """The shards of one of `size` processes: neighbors, as even as can be."""
        return range(rank * self.count // size, (rank + 1) * self.count // size)

    def rows_of(self, rank: int, size: int) -> slice:
        """The rows of one of `size` processes."""
        owned = self.owned(rank, size)
        return slice(self.start(owned.start), self.start(owned.stop))

    def mine(self) -> slice:
        """The rows of this process: those it must read. All rows where no MPI launcher started it.

        >>> Shards(rows=100).mine()
        slice(0, 100, None)
        """
        from backstory.distributed.communicator import communicator

        team = communicator()
        return self.rows_of(team.rank, team.size)

    def starts(self, shard: int, batch_size: int) -> NDArray[np.int64]:
        """Where each batch of an epoch begins in a shard's order, and where the last one ends, (batches + 1,)."""
        batches = -(-self.rows // batch_size)
        rows = np.minimum(np.arange(batches + 1) * batch_size, self.rows)
        return np.asarray((rows - shard + self.count - 1) // self.count, dtype=np.int64)


def shard_seed(seed: int, shard: int) -> int:
    """The seed of a shard's orders and dropout masks."""
    with np.errstate(over="ignore"):
        key = mix(np.uint64(seed & (2**64 - 1))) ^ (np.uint64(shard + 1) * GOLDEN)
    return int(mix(key))


Node = tuple[int, int]
"""A node of the tree: the sum over shards first ... last - 1."""


def halves(node: Node) -> tuple[Node, Node]:
    """The two nodes whose sum a node is."""
    first, last = node
    middle = (first + last) // 2
    return (first, middle), (middle, last)


def largest_nodes(whole: Node, owned: range) -> Iterator[Node]:
    """The largest nodes of the tree over some shards that hold no others, from left to right.

    >>> list(largest_nodes((0, 8), range(2, 5)))
    [(2, 4), (4, 5)]
    """
    first, last = whole
    if owned.start <= first and last <= owned.stop:
        yield whole
    elif first < owned.stop and owned.start < last:
        for half in halves(whole):
            yield from largest_nodes(half, owned)
