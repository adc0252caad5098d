"""Sums over all shards, added in one fixed binary tree, whichever process has which of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from backstory.distributed.communicator import Communicator
from backstory.distributed.shards import Node, Shards, halves, largest_nodes
from backstory.engine.contract import Array

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
        self._spare: dict[tuple[int, str], list[Array]] = {}

    def add(self, make: Callable[[int, Array], None], out: Array) -> None:
        """Put the sum of what all shards make into `out`, (n,).

        Parameters
        ----------
        make : callable (shard, array) -> None
            Fills an array like `out` for one of this process's shards; called once for each, in their order.
        """
        if self.mine == [self.whole]:
            self._sum(self.whole, make, out)
            return
        partial = self._borrow(out, len(self.mine))
        for node, row in zip(self.mine, partial, strict=True):
            self._sum(node, make, row)
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

    def _sum(self, node: Node, make: Callable[[int, Array], None], out: Array, depth: int = 0) -> None:
        """Put a node's sum into `out`: its left half's, and on top of it the right half's."""
        if node[1] - node[0] == 1:
            make(node[0], out)
            return
        left, right = halves(node)
        self._sum(left, make, out, depth + 1)
        other = self._room(out, depth)
        self._sum(right, make, other, depth + 1)
        out += other

    def _room(self, like: Array, depth: int) -> Array:
        """Room for a right half's sum, kept for the next time; one for each level of the tree."""
        rooms = self._spare.setdefault((len(like), like.dtype.str), [])
        while len(rooms) <= depth:
            rooms.append(np.empty_like(like))
        return rooms[depth]

    def _borrow(self, like: Array, rows: int) -> Array:
        kept = self._spare.setdefault((-len(like), like.dtype.str), [])
        if not kept:
            kept.append(np.empty((rows, len(like)), like.dtype))
        return kept[0]


def _added(node: Node, sums: dict[Node, Term]) -> Term:
    if node in sums:
        return sums[node]
    left, right = halves(node)
    return _added(left, sums) + _added(right, sums)  # type: ignore[operator, no-any-return]  # numbers, arrays
