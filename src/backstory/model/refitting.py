"""Training a second time, on all rows: rows held out have said how long, and are then learned from too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from backstory.model.network import Network
from backstory.training.callbacks import Event, EveryEpoch
from backstory.training.schedules import Schedule, lulls
from backstory.training.trainer import Memory

MUCH = 0.3
"""A second training pays while its end is worse than the best epoch by no more than this share of the loss."""


def best_lull(rate: float | Schedule, epochs: int, scores: Sequence[float], losses: Sequence[float]) -> int:
    """After how many epochs to stop: the lull of the rate with the best score, the least loss where scores are equal.

    A best epoch amid a cycle is luck, which a second training does not have; where the rate is low, weights have
    settled. Without a lull among the epochs that were trained it is the best of them.

    Parameters
    ----------
    rate : float or Schedule
    epochs : int
        That the schedule was laid out over.
    scores, losses : sequence of float, one per epoch trained
        On the rows held out; the higher score and the lower loss are better.

    Examples
    --------
    >>> from backstory import CosLog
    >>> best_lull(CosLog(0.1, cycles=2), 9, [0.1, 0.2, 0.5, 0.9, 0.1, 0.1, 0.1, 0.1, 0.4], [1.0] * 9)
    3
    """
    ends = [epoch for epoch in lulls(rate, epochs) if epoch <= len(scores)] or range(1, len(scores) + 1)
    return max(ends, key=lambda epoch: (scores[epoch - 1], -losses[epoch - 1]))


def is_as_good(end: int, scores: Sequence[float], losses: Sequence[float]) -> bool:
    """Whether stopping after `end` epochs loses little against the best epoch, on the rows held out.

    Where it loses much, weights never settle where they were best, and a second training would not either.

    Parameters
    ----------
    end : int
        After how many epochs, from 1 on.
    scores, losses : sequence of float, one per epoch trained
        The higher score and the lower loss are better.

    Examples
    --------
    >>> is_as_good(3, [0.5, 0.9, 0.8], [4.0, 1.0, 1.2]), is_as_good(3, [0.5, 0.9, 0.8], [4.0, 1.0, 1.5])
    (True, False)
    """
    best = max(zip(scores, losses, strict=True), key=lambda at: (at[0], -at[1]))[1]
    return losses[end - 1] - best <= MUCH * abs(best)


def until(epoch: int) -> EveryEpoch:
    """A callback that ends training after so many epochs, wherever its schedules end."""
    done = 0

    def note(event: Event) -> bool:
        nonlocal done
        done += 1
        return done >= epoch

    return EveryEpoch(note, lambda: max(1, epoch - done))


@contextmanager
def anew(net: Network, first: NDArray[Any]) -> Iterator[None]:
    """Within it, a network has its first weights again, and has forgotten its optimizer's state.

    The record of the first training stays, and where the second fails its weights too.
    """
    kept, history = net.parameters.copy(), net.history
    net.parameters[:], net._memory = first, Memory()
    try:
        yield
    except BaseException:
        net.parameters[:] = kept
        raise
    finally:
        net.history = history
