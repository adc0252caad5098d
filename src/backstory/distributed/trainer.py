"""The trainer of data in shards: the loop of `Trainer`, gone through by all processes together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from backstory.distributed.communicator import SWITCH, Communicator, on_root, portable, settle, standing_together
from backstory.distributed.signals import Deferred
from backstory.distributed.steps import Orders, Sharded, Steps
from backstory.distributed.sums import Tree
from backstory.engine.contract import Array, ChunkResult, Engine, Failure
from backstory.engine.reference import penalty_slope
from backstory.errors import ConfigurationError, DivergenceError
from backstory.network.spec import Spec
from backstory.training.callbacks import EverySteps
from backstory.training.checkpoints import put_back, run_of, taken
from backstory.training.metrics import measure
from backstory.training.progress import Progress
from backstory.training.trainer import Memory, Options, Trainer

Value = TypeVar("Value")
SECONDS_AT_ONCE = 0.5
"""Steps are taken in pieces of about so long; between them processes tell each other of signals."""


@dataclass(frozen=True)
class At:
    """Where a step is: its index in the chunk, its epoch's place in the orders and number, its batch, its rate."""

    step: int
    epoch: int
    number: int
    batch: int
    rate: float
    record: bool


class ShardedTrainer(Trainer):
    """One call of `fit` on data in shards, by this process and the others of its team.

    All of them hold the same weights, optimizer's state and history at any time. Rank 0 alone calls callbacks and
    metrics and writes checkpoints; what came of it is told to the others.

    Parameters
    ----------
    summing : Engine
        Of the same network, whose loss is the sum over rows, without a penalty.
    data : Sharded
    validation : Sharded, optional
        Every process has all of its rows, and takes the loss of its shards.
    team : Communicator
    engine, spec, parameters, options, memory, owner
        As for `Trainer`.
    """

    def __init__(
        self,
        engine: Engine,
        summing: Engine,
        spec: Spec,
        parameters: Array,
        data: Sharded,
        options: Options,
        memory: Memory,
        validation: Sharded | None,
        owner: Any,
        team: Communicator,
    ) -> None:
        super().__init__(engine, spec, parameters, data, options, memory, validation, owner)
        self.team, self.shards, self.sharded, self.held_out = team, data.shards.count, data, validation
        self.tree = Tree(data.shards, team)
        self.steps = Steps(engine, summing, spec, parameters, memory, options, data, self.batch_size, self.tree)
        self._seconds_per_step = 0.0
        self._signals = Deferred()

    def begin(self) -> None:
        self._require_alike()
        super().begin()

    def _require_alike(self) -> None:
        """Raise on all processes where one was asked for something else than rank 0."""
        mine = json.loads(json.dumps({**run_of(self), "epochs": self.options.epochs}))
        mine |= {"checkpoint": str(self.options.checkpoint), "resume": self.options.resume}
        every = self.team.gather(mine)
        for rank, other in enumerate(every):
            for name, value in every[0].items():
                if other.get(name) != value:
                    raise settle(
                        ConfigurationError(
                            "All processes that train together must call fit with the same arguments. Got another "
                            f"{name} on rank {rank} than on rank 0; to train each on its own, set {SWITCH}=0."
                        )
                    )

    @contextmanager
    def _standing(self) -> Iterator[None]:
        with closing(self.tree), standing_together(self.team), self._signals:
            yield

    def standing(self) -> AbstractContextManager[object]:
        return self._standing()

    # Checkpoints: rank 0's.

    def keeping(self) -> AbstractContextManager[object]:
        return super().keeping() if self.options.checkpoint is None else self._keeping()

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        with ExitStack() as stack:
            begin = super().keeping

            def enter() -> None:
                stack.enter_context(begin())

            on_root(self.team, enter)
            state = self.team.broadcast(taken(self) if self.history.resumed is not None else None)
            if state is not None and self.team.rank:
                put_back(self, *state)
            yield

    def save(self) -> None:
        if self.options.checkpoint is not None:
            on_root(self.team, super().save)

    def after_steps(self) -> None:
        if self.options.checkpoint is not None:
            on_root(self.team, super().after_steps)

    def _steps_at_once(self) -> int:
        due = [callback.n - self.steps_done % callback.n for callback in self.options.per_steps]
        checkpoint = self.options.checkpoint
        if checkpoint is not None and checkpoint.every_steps is not None:
            due.append(checkpoint.every_steps - self.steps_done % checkpoint.every_steps)
        by_time = int(SECONDS_AT_ONCE / self._seconds_per_step) if self._seconds_per_step else 1
        return min([*due, max(1, by_time)])

    def _epochs_at_once(self, progress: Progress) -> int:
        return 1

    # Callbacks: called on rank 0, heard everywhere.

    def _served(self, function: Callable[[], Value]) -> Value:
        """Call callbacks on rank 0; what they wrote into the weights is everyone's."""
        before = self.parameters.copy()
        value = on_root(self.team, function)
        if self.team.broadcast(not np.array_equal(before, self.parameters)):
            self.team.broadcast_array(self.parameters)
        return value

    def serve_steps(self, due: list[EverySteps], loss: float) -> bool:
        call = super().serve_steps
        return self._served(lambda: call(due, loss))

    def serve_epoch(self, step: int) -> bool:
        call = super().serve_epoch
        return self._served(lambda: call(step)) if self.options.per_epoch else False

    # Steps: taken by all.

    def orders(self, epochs: range) -> Any:
        return self.steps.orders(epochs)

    def batch_weights(self, n: int, order: Any) -> NDArray[np.float64] | None:
        alike = not self.sharded.weighted and len(self.data) % self.batch_size == 0
        return None if alike else np.asarray(order.totals[:n])

    def take(self, epoch: int, order: Any, first_batch: int, steps: int, rates: float | Array) -> ChunkResult:
        started, state = time.perf_counter(), self.state()
        with np.errstate(all="ignore"), self.memory.turns.writing():
            result = self._take(epoch, order, first_batch, steps, rates, careful=False)
            if result.failure is not None or not self.steps.finite():  # once more, to see where it began
                self.put_back(state)
                result = self._take(epoch, order, first_batch, steps, rates, careful=True)
        self.steps_done += result.steps
        mine = self._signals.raised()
        spent = (time.perf_counter() - started) / max(result.steps, 1)
        told = self.team.gather((spent, None if mine is None else portable(mine)))
        self._seconds_per_step = told[0][0]
        interrupt = mine or next((error for _, error in told if error is not None), None)
        return result if interrupt is None else replace(result, interrupt=settle(interrupt))

    def state(self) -> tuple[int, list[Array]]:
        """What a step changes, for `put_back`."""
        return self.memory.steps, [values.copy() for values in (self.parameters, *self.memory.state.values())]

    def put_back(self, state: tuple[int, list[Array]]) -> None:
        """Undo all steps since a state was taken."""
        self.memory.steps = state[0]
        for values, old in zip((self.parameters, *self.memory.state.values()), state[1], strict=True):
            values[:] = old

    def _take(
        self, epoch: int, order: Orders, first_batch: int, steps: int, rates: float | Array, careful: bool
    ) -> ChunkResult:
        losses = np.zeros((len(self.steps.owned), steps))
        shares: list[float] = []
        norms: list[list[float]] = []
        penalties: list[float] = []
        failure = None
        for step in range(steps):
            at, batch = divmod(first_batch + step, self.steps_per_epoch)
            rate = rates if isinstance(rates, float) else float(rates[step])
            place = At(step, at, epoch + at, batch, rate, batch == self.steps_per_epoch - 1)
            failure, found = self._step(place, order, losses[:, step], careful)
            if failure is not None:
                break
            self.memory.steps += 1
            shares.append(self.steps.share(order, at, batch))
            if place.record:
                norms.append(found)
                penalties.append(self.engine.penalty(self.parameters))
        done = len(shares)
        totals = self.tree.total(self.tree.gathered(list(losses[:, :done]))) * np.array(shares)
        by_layer = np.array(norms, dtype=np.float64).reshape(len(norms), self.spec.n_layers)
        return ChunkResult(done, totals, by_layer, np.array(penalties), failure)

    def _step(self, place: At, order: Orders, losses: Array, careful: bool) -> tuple[Failure | None, list[float]]:
        """Take one step, its losses into `losses`; where careful, none that makes something non-finite."""
        steps, before = self.steps, self.state() if careful else None
        decay, dropout = self.present_shares(place.step)
        masked = self.options.dropout_at(dropout)
        gradient = steps.gradient(order, place.epoch, place.number, place.batch, losses, masked, careful)
        if gradient is None:
            return steps.found(place.step, None), []
        loss = 0.0
        if self.rule.whole_gradient:
            loss = self.tree.total(self.tree.gathered(losses.tolist())) * steps.share(order, place.epoch, place.batch)
        total = float(order.totals[place.epoch, place.batch])
        strength = (self.penalty_rows / total if total else 0.0) if self.penalty_rows else 1.0
        norms = steps.update(self.rule.decayed(decay), gradient, strength, place.rate, loss, place.record)
        failure = None if before is None else steps.found(place.step, gradient)
        if before is not None and failure is not None:
            self.put_back(before)
        return failure, norms

    def diverged(self, failure: Failure, epoch: int, rates: float | Array) -> DivergenceError:
        return settle(super().diverged(failure, epoch, rates))

    def _in_the_users_rows(self, failure: Failure) -> Failure:
        return failure  # counted so already

    # All rows at once.

    def loss_and_gradient(self, parameters: Array) -> tuple[float, Array]:
        steps, losses, gradient = self.steps, np.zeros(len(self.steps.owned)), np.empty_like(parameters)

        def make(shard: int, out: Array) -> None:
            part = steps.parts[shard]
            out.fill(0)
            if len(part):
                losses[shard - steps.owned.start], out[:] = steps.summing.loss_and_gradient(
                    parameters, part.X, part.y, part.sample_weight, self.options.threads
                )

        self.tree.add(make, gradient)
        share = self._share(self.sharded)
        whole = gradient * share + penalty_slope(self.spec, parameters)
        loss = self.tree.total(self.tree.gathered(losses.tolist())) * share + self.engine.penalty(parameters)
        return loss, whole.astype(parameters.dtype)

    def _share(self, data: Sharded) -> float:
        """What the sum over all rows is multiplied by."""
        if self.spec.reduction != "mean":
            return 1.0
        if not data.weighted:
            return 1.0 / len(data)
        weights = [data.part(shard).sample_weight for shard in self.steps.owned]
        sums = [0.0 if weight is None else float(np.sum(weight, dtype=np.float64)) for weight in weights]
        total = self.tree.total(self.tree.gathered(sums))
        return 1.0 / total if total else 0.0

    def validate(self) -> tuple[float, dict[str, float]]:
        held, threads = self.held_out, self.options.threads
        if held is None:
            return float("nan"), {}
        losses: list[float] = []
        outputs: list[Array] = []
        for part in (part for part in map(held.part, self.steps.owned)):
            if not len(part):
                losses.append(0.0)
                continue
            losses.append(self.steps.summing.loss(self.parameters, part.X, part.y, part.sample_weight, threads))
            if self.options.metrics:
                outputs.append(self.engine.predict(self.parameters, part.X, threads))
        total = self.tree.total(self.tree.gathered(losses))
        loss = total * self._share(held) + self.engine.penalty(self.parameters)
        if not self.options.metrics:
            return loss, {}
        every = self.team.collect(outputs)
        return loss, on_root(self.team, lambda: self._measured(held, every))

    def _measured(self, held: Sharded, outputs: list[list[Array]] | None) -> dict[str, float]:
        assert outputs is not None
        whole = np.concatenate([rows for parts in outputs for rows in parts])
        metrics = self.options.metrics
        return {name: measure(metric, held.y, whole, held.sample_weight) for name, metric in metrics.items()}
