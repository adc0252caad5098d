"""The steps of `fit`, so many at a time: for whoever looks at a network between any two of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backstory.engine.contract import Array
from backstory.errors import ConfigurationError
from backstory.training.schedules import Plan, ReduceOnPlateau, count
from backstory.training.trainer import ROWS_PER_CALL, Memory, Trainer


@dataclass(frozen=True)
class Saved:
    """Where a walk was: all that later steps depend on."""

    steps: int
    parameters: Array
    memory: Memory

    @property
    def nbytes(self) -> int:
        """What it takes."""
        return int(self.parameters.nbytes + sum(slot.nbytes for slot in self.memory.state.values()))


class Walk:
    """Training that may pause after any step; made by `Network.walk`.

    Wherever it is cut, its steps are those of one `fit` with the same arguments, to the bit.

    Attributes
    ----------
    steps : int
        Taken so far.
    steps_per_epoch : int
    """

    def __init__(self, trainer: Trainer) -> None:
        if isinstance(trainer.memory.optimizer.schedule, ReduceOnPlateau):
            raise ConfigurationError("ReduceOnPlateau goes by whole epochs, which a walk may not finish. Use fit.")
        trainer.plan = Plan(None, trainer.steps_per_epoch)
        trainer.begin()
        self._trainer = trainer
        self._first_epoch = trainer.memory.epochs
        self._orders: tuple[range, NDArray[np.int64] | None] = (range(0), None)
        self.steps_per_epoch = trainer.steps_per_epoch
        self.steps = 0
        trainer.rates(trainer.first_step, 1)  # a schedule that needs an end is refused here

    def take(self, steps: int) -> NDArray[np.float64]:
        """Take so many steps.

        Parameters
        ----------
        steps : int >= 1

        Returns
        -------
        ndarray (steps,) float64
            Each batch's data loss before its step.

        Raises
        ------
        DivergenceError
            A number became NaN or infinite; the weights are those before that step, and `steps` counts to there.
        BusyError
            Another thread trains the network.
        """
        count("take", steps=steps)
        with self._trainer.memory.turns:
            return self._taken(steps)

    def _taken(self, steps: int) -> NDArray[np.float64]:
        trainer, pieces = self._trainer, []
        most = max(1, ROWS_PER_CALL // trainer.batch_size)
        while steps:
            first, n = self.steps, min(steps, most)
            epoch = first // self.steps_per_epoch
            epochs = range(epoch, (first + n - 1) // self.steps_per_epoch + 1)
            rates = trainer.rates(trainer.first_step + first, n)
            number = self._first_epoch + epoch
            result = trainer.take(number, self._order(epochs), first - epoch * self.steps_per_epoch, n, rates)
            self.steps += result.steps
            trainer.memory.epochs = self._first_epoch + self.steps // self.steps_per_epoch
            if result.interrupt is not None:
                raise result.interrupt
            if result.failure is not None:
                raise trainer.diverged(result.failure, self.steps // self.steps_per_epoch + 1, rates)
            pieces.append(result.losses)
            steps -= n
        return np.concatenate(pieces)

    def batch(self) -> NDArray[np.int64]:
        """The rows of the next step, in their order."""
        epoch, place = divmod(self.steps, self.steps_per_epoch)
        size, order = self._trainer.batch_size, self._order(range(epoch, epoch + 1))
        rows = np.arange(len(self._trainer.data)) if order is None else order[0]
        return rows[place * size : (place + 1) * size]

    def save(self) -> Saved:
        """Remember where the walk is."""
        return Saved(self.steps, self._trainer.parameters.copy(), self._trainer.memory.copy())

    def restore(self, saved: Saved) -> None:
        """Go back, or forward, to where the walk was."""
        memory = self._trainer.memory
        with memory.turns, memory.turns.writing():
            self._restored(saved)

    def _restored(self, saved: Saved) -> None:
        memory = self._trainer.memory
        self.steps, self._trainer.parameters[:] = saved.steps, saved.parameters
        memory.steps, memory.epochs = saved.memory.steps, saved.memory.epochs
        for name, slot in memory.state.items():
            slot[:] = saved.memory.state[name]

    def _order(self, epochs: range) -> NDArray[np.int64] | None:
        """The rows' order in these epochs, kept while steps stay within them."""
        known, orders = self._orders
        if not known or epochs.start < known.start or epochs.stop > known.stop:
            first = self._first_epoch
            known, orders = epochs, self._trainer.orders(range(first + epochs.start, first + epochs.stop))
            self._orders = known, orders
        return None if orders is None else orders[epochs.start - known.start : epochs.stop - known.start]
