"""Sums over all shards, added in one fixed binary tree, whichever process has which of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from backstory.distributed.communicator import Communicator
from backstory.distributed.shards import Node, Shards, halves, largest_nodes
from backstory.engine.contract import Array

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Term = TypeVar("Term")
AT_ONCE = 1 << 16
"""Sums of up to so many bytes go whole to every process: one exchange instead of two, though more is sent."""


class Tree:
    """The tree over the shards of a team.

    Each process adds up what its own shards make, node by node; where the tree goes beyond them, the nodes' sums are
    exchanged. A long sum is cut into as many pieces as there are processes: each adds up one, and sends it to all.

    Parameters
    ----------
    shards : Shards
    team : Communicator
    """

    def __init__(self, shards: Shards, team: Communicator) -> None:
        self.team, self.whole = team, (0, shards.count)
        by_rank = [list(largest_nodes(self.whole, shards.owned(rank, team.size))) for rank in range(team.size)]
        self.mine, self.nodes = by_rank[team.rank], [node for nodes in by_rank for node in nodes]
        self._rows = [len(nodes) for nodes in by_rank]
        self._spare: dict[tuple[int, str, int, int], Array] = {}
        self._helpers: ThreadPoolExecutor | None = None

    def close(self) -> None:
        """End the threads that have helped."""
        if self._helpers is not None:
            self._helpers.shutdown()
            self._helpers = None

    def add(self, make: Callable[[int, Array], None], out: Array, threads: int = 1) -> None:
        """Put the sum of what all shards make into `out`, (n,).

        Parameters
        ----------
        make : callable (shard, array) -> None
            Fills an array like `out` for one of this process's shards; called once for each.
        threads : int
            So many call it at a time, each for a part of the tree; with one it is called in the shards' order.
        """
        if self.mine == [self.whole]:
            self._sum(self.whole, make, out, threads)
            return
        partial = self._borrow(out, len(self.mine))
        for node, row in zip(self.mine, partial, strict=True):
            self._sum(node, make, row, threads)
        if out.nbytes * len(self.nodes) <= AT_ONCE:
            all_rows = np.empty((len(self.nodes), len(out)), out.dtype)
            self.team.gather_rows(partial, self._rows, all_rows)
            self._finish(all_rows, out)
            return
        columns = [len(out) * rank // self.team.size for rank in range(self.team.size + 1)]
        piece = np.empty((len(self.nodes), columns[self.team.rank + 1] - columns[self.team.rank]), out.dtype)
        self.team.scatter_columns(partial, self._rows, columns, piece)
        total = np.empty(piece.shape[1], out.dtype)
        self._finish(piece, total)
        self.team.gather_columns(total, columns, out)

    def total(self, terms: Sequence[Term]) -> Term:
        """The sum of the shards' terms, given for all of them in their order."""
        return _added(self.whole, {(shard, shard + 1): term for shard, term in enumerate(terms)})

    def gathered(self, mine: Sequence[Term]) -> list[Term]:
        """What every shard gave, for all of them in their order, from what those of this process did."""
        return [term for terms in self.team.gather(list(mine)) for term in terms]

    def _finish(self, rows: Array, out: Array) -> None:
        out[:] = _added(self.whole, dict(zip(self.nodes, rows, strict=True)))

    def _sum(
        self, node: Node, make: Callable[[int, Array], None], out: Array, threads: int, depth: int = 0, lane: int = 0
    ) -> None:
        """Put a node's sum into `out`: its left half's, and on top of it the right half's."""
        if node[1] - node[0] == 1:
            make(node[0], out)
            return
        left, right = halves(node)
        other = self._room(out, depth, lane)
        if threads == 1:
            self._sum(left, make, out, 1, depth + 1, lane)
            self._sum(right, make, other, 1, depth + 1, lane)
        else:
            more = threads // 2
            helped = self._helper(threads).submit(
                self._quiet, right, make, other, more, depth + 1, lane + threads - more
            )
            try:
                self._sum(left, make, out, threads - more, depth + 1, lane)
            finally:
                helped.result()
        out += other

    def _quiet(self, *arguments: Any) -> None:
        """A sum by another thread, which has its own settings of what NumPy warns of."""
        with np.errstate(all="ignore"):
            self._sum(*arguments)

    def _helper(self, threads: int) -> ThreadPoolExecutor:
        if self._helpers is None:
            from concurrent.futures import ThreadPoolExecutor

            self._helpers = ThreadPoolExecutor(threads - 1, thread_name_prefix="backstory adds")
        return self._helpers

    def _room(self, like: Array, depth: int, lane: int) -> Array:
        """Room for a right half's sum, kept for the next time; one for each level of the tree, and each thread."""
        key = len(like), like.dtype.char, depth, lane
        if key not in self._spare:
            self._spare[key] = np.empty_like(like)
        return self._spare[key]

    def _borrow(self, like: Array, rows: int) -> Array:
        key = len(like), like.dtype.char, -1, rows
        if key not in self._spare:
            self._spare[key] = np.empty((rows, len(like)), like.dtype)
        return self._spare[key]


def _added(node: Node, sums: dict[Node, Term]) -> Term:
    if node in sums:
        return sums[node]
    left, right = halves(node)
    return _added(left, sums) + _added(right, sums)  # type: ignore[operator, no-any-return]  # numbers, arrays
