"""What processes that train together ask of each other, and the process that trains alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol, TypeVar

from backstory.engine.contract import Array
from backstory.errors import ConfigurationError

Value = TypeVar("Value")
Error = TypeVar("Error", bound=BaseException)
LAUNCHERS = {
    "Open MPI": "OMPI_COMM_WORLD_SIZE",
    "MPICH, Intel MPI": "PMI_SIZE",
    "MVAPICH": "MV2_COMM_WORLD_SIZE",
    "Slurm and other users of PMIx": "PMIX_RANK",
}
"""By which variable each MPI launcher is recognized."""
SWITCH = "BACKSTORY_MPI"
"""Set to 0, every process trains on its own, whatever started it."""


class Communicator(Protocol):
    """The processes that train together. Each of these methods is called by all of them, in the same order."""

    rank: int
    """0 ... size - 1; rank 0 speaks and writes."""
    size: int

    def gather(self, value: Value) -> list[Value]:
        """What each process gives, by rank, for all of them."""

    def collect(self, value: Value) -> list[Value] | None:
        """What each process gives, by rank, for rank 0; None for the others."""

    def broadcast(self, value: Value) -> Value:
        """What rank 0 gives."""

    def broadcast_array(self, array: Array) -> None:
        """Put rank 0's numbers into everyone's array."""

    def gather_rows(self, mine: Array, rows: Sequence[int], out: Array) -> None:
        """Put everyone's rows of numbers into `out`, by rank.

        Parameters
        ----------
        mine : ndarray (rows[rank], n)
        rows : sequence of int
            How many rows each process gives.
        out : ndarray (sum(rows), n)
        """

    def scatter_columns(self, mine: Array, rows: Sequence[int], columns: Sequence[int], out: Array) -> None:
        """Send every process its columns of everyone's rows.

        Parameters
        ----------
        mine : ndarray (rows[rank], columns[-1])
        columns : sequence of int
            Where each process's columns begin, and where the last ones end.
        out : ndarray (sum(rows), columns[rank + 1] - columns[rank])
        """

    def gather_columns(self, mine: Array, columns: Sequence[int], out: Array) -> None:
        """Put everyone's columns of one row of numbers, (columns[-1],), together."""

    def abort(self, message: str) -> None:
        """End all processes, saying why."""


class Alone:
    """A process that trains on its own: it has all the shards."""

    rank, size = 0, 1

    def gather(self, value: Value) -> list[Value]:
        return [value]

    def collect(self, value: Value) -> list[Value]:
        return [value]

    def broadcast(self, value: Value) -> Value:
        return value

    def broadcast_array(self, array: Array) -> None:
        pass

    def gather_rows(self, mine: Array, rows: Sequence[int], out: Array) -> None:
        out[:] = mine

    def scatter_columns(self, mine: Array, rows: Sequence[int], columns: Sequence[int], out: Array) -> None:
        out[:] = mine

    def gather_columns(self, mine: Array, columns: Sequence[int], out: Array) -> None:
        out[:] = mine

    def abort(self, message: str) -> None:
        pass


def launched() -> bool:
    """Whether an MPI launcher started this process, going by its environment.

    >>> "OMPI_COMM_WORLD_SIZE" in LAUNCHERS.values()
    True
    """
    return os.environ.get(SWITCH) != "0" and any(name in os.environ for name in LAUNCHERS.values())


@cache
def communicator() -> Communicator:
    """The processes that train together: those of the MPI launcher, or this one alone.

    Raises
    ------
    ConfigurationError
        A launcher started this process, and mpi4py or an MPI library is not there.
    """
    if not launched():
        return Alone()
    try:
        from backstory.distributed.mpi import Mpi

        return Mpi()
    except (ImportError, RuntimeError) as error:
        raise ConfigurationError(
            "Training under an MPI launcher needs mpi4py and an MPI library: pip install 'backstory[mpi]'. "
            f"Got: {error}. To train in each process on its own, set {SWITCH}=0."
        ) from None


def on_root(team: Communicator, function: Callable[[], Value]) -> Value:
    """Call a function on rank 0 alone; all get what it returns, or raise what it raised."""
    value: Any = None
    mine: BaseException | None = None
    if team.rank == 0:
        try:
            value = function()
        except BaseException as error:
            mine = settle(error)
    value, told = team.broadcast((value, None if mine is None else portable(mine)))
    if told is not None:
        raise mine or told
    return value  # type: ignore[no-any-return]  # what came from rank 0


def together(team: Communicator, function: Callable[[], Value]) -> Value:
    """Call a function everywhere; where it fails on one rank, all raise, and the rank is named.

    Within it, the processes must ask nothing of each other.
    """
    value: Any = None
    mine: Exception | None = None
    try:
        value = function()
    except Exception as raised:
        mine = raised
    errors = team.gather(None if mine is None else portable(mine))
    found = next(((rank, error) for rank, error in enumerate(errors) if error is not None), None)
    if found is None:
        return value  # type: ignore[no-any-return]  # no error, so there is what the function returned
    rank, error = found
    if mine is None and len(error.args) == 1:
        error.args = (f"On rank {rank}: {error.args[0]}",)
    raise settle(mine or error)


def portable(error: BaseException) -> BaseException:
    """An error that can be sent to other processes: itself, or a plain one that says the same."""
    import pickle

    try:
        copy = pickle.loads(pickle.dumps(error))
        if isinstance(copy, type(error)) and str(copy) == str(error):
            return settle(copy)
    except Exception:  # pickling calls what the error's own class does
        pass
    return settle(RuntimeError(f"{type(error).__name__}: {error}"))


def settle(error: Error) -> Error:
    """Mark an error as one that all processes raise."""
    error.settled = True  # type: ignore[attr-defined]  # ours, on whatever class it is of
    return error


@contextmanager
def standing_together(team: Communicator) -> Iterator[None]:
    """End all processes where one of them fails by an error that the others know nothing of."""
    try:
        yield
    except BaseException as error:
        if team.size > 1 and not getattr(error, "settled", False):
            team.abort(f"{type(error).__name__}: {error}")
        raise
