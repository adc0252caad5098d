"""A team of threads: processes that train together without MPI, for tests of what they agree on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backstory.engine.contract import Array


class Room:
    """Where the members meet, and what each of them laid down last."""

    def __init__(self, size: int) -> None:
        self.barrier = threading.Barrier(size, timeout=20)
        self.laid: list[Any] = [None] * size


class Member:
    """One of the team's members; see `Communicator`."""

    def __init__(self, room: Room, rank: int) -> None:
        self.room, self.rank, self.size = room, rank, len(room.laid)
        self.aborted: list[str] = []

    def gather(self, value: Any) -> list[Any]:
        self.room.laid[self.rank] = value
        self.room.barrier.wait()
        every = list(self.room.laid)
        self.room.barrier.wait()
        return every

    def collect(self, value: Any) -> list[Any] | None:
        every = self.gather(value)
        return None if self.rank else every

    def broadcast(self, value: Any) -> Any:
        return self.gather(value)[0]

    def broadcast_array(self, array: Array) -> None:
        array[:] = self.gather(array.copy())[0]

    def gather_rows(self, mine: Array, rows: Sequence[int], out: Array) -> None:
        assert len(mine) == rows[self.rank]
        out[:] = np.concatenate(self.gather(mine.copy()))

    def scatter_columns(self, mine: Array, rows: Sequence[int], columns: Sequence[int], out: Array) -> None:
        every = np.concatenate(self.gather(mine.copy()))
        out[:] = every[:, columns[self.rank] : columns[self.rank + 1]]

    def gather_columns(self, mine: Array, columns: Sequence[int], out: Array) -> None:
        out[:] = np.concatenate(self.gather(mine.copy()))

    def abort(self, message: str) -> None:
        self.aborted.append(message)
        self.room.barrier.abort()


def as_team(size: int, work: Callable[[Member], Any]) -> list[Any]:
    """What each member's work returns, or raises, by rank."""
    room, results = Room(size), [None] * size

    def run(rank: int) -> None:
        try:
            results[rank] = work(Member(room, rank))
        except BaseException as error:
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
