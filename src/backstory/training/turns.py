"""Who may train a network, and who may look at its weights, where several threads use it.

One thread trains; others wait until its present steps are whole, and see the weights between two steps. Looking takes
no lock: who looked while steps were taken looks again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from backstory.errors import BusyError

Answer = TypeVar("Answer")


class _Writing:
    """Entered once more by the thread that is in it already, it does nothing."""

    __slots__ = ("_lock", "_turns")

    def __init__(self, turns: Turns, lock: Any) -> None:
        self._turns, self._lock = turns, lock

    def __enter__(self) -> None:
        self._lock.acquire()
        self._turns.depth += 1
        if self._turns.depth == 1:
            self._turns.version += 1

    def __exit__(self, *_: object) -> None:
        if self._turns.depth == 1:
            self._turns.version += 1
        self._turns.depth -= 1
        self._lock.release()


class Turns:
    """The turns of one network; a context in which the present thread trains it.

    Attributes
    ----------
    version : int
        Odd while weights are being written; another number after each time.
    depth : int
        How many contexts of writing the thread that writes is in.
    trained : int
        How many contexts of training the thread that trains is in.

    Examples
    --------
    >>> turns = Turns()
    >>> with turns, turns.writing():
    ...     turns.version
    1
    >>> turns.read(lambda: "the weights"), turns.version
    ('the weights', 2)
    """

    def __init__(self) -> None:
        self.version = self.depth = self.trained = 0
        self._trains, self._writes = threading.RLock(), threading.RLock()
        self._writing = _Writing(self, self._writes)
        self._process = os.getpid()

    def __reduce__(self) -> tuple[type[Turns], tuple[()]]:
        """A copy begins anew."""
        return Turns, ()

    def __enter__(self) -> Turns:
        if not self._trains.acquire(blocking=False):
            raise BusyError(
                "A network can be trained by one thread at a time, and another trains this one. "
                "Wait for it, or train a copy: net.copy()."
            )
        self.trained += 1
        with self._writes:  # a single step that was begun before is over
            return self

    def __exit__(self, *_: object) -> None:
        self.trained -= 1
        self._trains.release()

    def begin(self) -> bool:
        """Begin a single step, which is quicker than the contexts; False where somebody is at the weights already."""
        if not self._writes.acquire(blocking=False):
            return False
        if self.trained or self.depth:
            self._writes.release()
            return False
        self.version += 1
        return True

    def end(self) -> None:
        """End the step that was begun."""
        self.version += 1
        self._writes.release()

    def writing(self) -> _Writing:
        """A context while weights are written; others who look at them wait."""
        return self._writing

    def read(self, ask: Callable[[], Answer]) -> Answer:
        """The answer to a question about the weights, of a moment when nobody wrote them.

        Raises
        ------
        BusyError
            This process was forked from one in which a thread was writing them.
        """
        before = self.version
        if not before & 1:
            answer = ask()
            if self.version == before:
                return answer
        if self._process != os.getpid():
            raise BusyError(
                "This process was forked while another thread trained the network; its weights are half written here. "
                "Fork before training or after it, or load the network from a file."
            )
        with self._writes:
            return ask()
