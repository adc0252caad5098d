"""The processes of an MPI job, by mpi4py (extra ``mpi``); the only place that knows it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from backstory.engine.contract import Array

Value = TypeVar("Value")


class Mpi:
    """All processes that the launcher started, on a communicator of their own; see `Communicator` for the methods."""

    def __init__(self) -> None:
        from mpi4py import MPI

        self._comm: Any = MPI.COMM_WORLD.Dup()
        self.rank, self.size = int(self._comm.rank), int(self._comm.size)

    def gather(self, value: Value) -> list[Value]:
        return list(self._comm.allgather(value))

    def collect(self, value: Value) -> list[Value] | None:
        return self._comm.gather(value)  # type: ignore[no-any-return]  # a list where this is rank 0

    def broadcast(self, value: Value) -> Value:
        return self._comm.bcast(value)  # type: ignore[no-any-return]  # of rank 0's type

    def broadcast_array(self, array: Array) -> None:
        self._comm.Bcast(array)

    def gather_rows(self, mine: Array, rows: Sequence[int], out: Array) -> None:
        self._comm.Allgatherv(mine, [out, np.multiply(rows, out.shape[1])])

    def scatter_columns(self, mine: Array, rows: Sequence[int], columns: Sequence[int], out: Array) -> None:
        widths = np.diff(columns)
        sent = np.concatenate([mine[:, a:b].ravel() for a, b in pairwise(columns)])
        self._comm.Alltoallv([sent, widths * len(mine)], [out.reshape(-1), np.multiply(rows, int(widths[self.rank]))])

    def gather_columns(self, mine: Array, columns: Sequence[int], out: Array) -> None:
        self._comm.Allgatherv(mine, [out, np.diff(columns)])

    def abort(self, message: str) -> None:
        print(
            f"backstory: rank {self.rank} of {self.size} failed, so all of them stop. {message}",
            file=sys.__stderr__,
            flush=True,
        )
        self._comm.Abort(1)
