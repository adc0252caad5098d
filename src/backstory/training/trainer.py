"""The training loop: epochs cut into chunks of steps for an engine, with everything that is served between them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.engine.contract import Array, Chunk, Engine, Failure, UpdateRule
from backstory.engine.counter import permutations
from backstory.engine.reference import penalty_value
from backstory.errors import DivergenceError
from backstory.network.spec import Spec
from backstory.training.callbacks import EarlyStopping, Event, EveryEpoch, EverySteps
from backstory.training.history import Epoch, History
from backstory.training.optimizers import Optimizer
from backstory.training.progress import Progress
from backstory.training.schedules import Plan, ReduceOnPlateau

ROWS_PER_CALL = 1 << 16
"""Short epochs are taken together, up to so many visits of rows, when nothing has to happen between them."""


@dataclass(frozen=True)
class Data:
    """Rows ready for an engine: X (n, n_in), y (n, n_out) or (n,) class indices, weights (n,) or None.

    `rows` (n,) says which of the user's rows these are, where they are only some of them.
    """

    X: Array
    y: Array
    sample_weight: Array | None = None
    rows: Array | None = None

    def __len__(self) -> int:
        return len(self.X)


@dataclass(frozen=True)
class Options:
    """What one call of `fit` asks for, already checked."""

    batch_size: int
    epochs: int
    shuffle: bool
    seed: int
    dropout: tuple[float, ...]
    clip_norm: float | None
    clip_value: float | None
    frozen: tuple[bool, ...]
    threads: int
    early_stopping: EarlyStopping | None = None
    per_epoch: tuple[EveryEpoch, ...] = ()
    per_steps: tuple[EverySteps, ...] = ()
    metrics: dict[str, Callable[[Array, Array], float]] = field(default_factory=dict)
    progress: bool | None = None


@dataclass
class Memory:
    """What training again goes on from: the optimizer's state and how far it has come."""

    optimizer: Any = None
    state: dict[str, Array] = field(default_factory=dict)
    steps: int = 0
    epochs: int = 0
    watched: list[float] = field(default_factory=list)  # the losses that ReduceOnPlateau has seen

    def suits(self, optimizer: Optimizer, parameters: Array) -> bool:
        """Whether the state belongs to an equal optimizer, which then goes on from it."""
        return self.optimizer == optimizer and all(len(slot) == len(parameters) for slot in self.state.values())

    def ready(self, optimizer: Optimizer, parameters: Array) -> None:
        """Keep the state if it belongs to an equal optimizer, else start a new one."""
        same = self.suits(optimizer, parameters)
        self.optimizer = optimizer  # an equal one too: its schedule may have been given another present rate
        if same:
            return
        self.steps, self.watched = 0, []
        self.state = {name: np.full_like(parameters, start) for name, start in optimizer.rule().slots.items()}


class Trainer:
    """One call of `fit` with a step-by-step optimizer (L-BFGS has a loop of its own, in `lbfgs`)."""

    def __init__(
        self,
        engine: Engine,
        spec: Spec,
        parameters: Array,
        data: Data,
        options: Options,
        memory: Memory,
        validation: Data | None = None,
        owner: Any = None,
    ) -> None:
        self.engine, self.spec, self.parameters = engine, spec, parameters
        self.data, self.options, self.memory = data, options, memory
        self.validation, self.owner = validation, owner
        self.batch_size = min(options.batch_size, len(data))
        self.steps_per_epoch = -(-len(data) // self.batch_size)
        self.plan = Plan(options.epochs * self.steps_per_epoch, self.steps_per_epoch)
        self.history = History()
        self.steps_done = 0
        self.best: tuple[float, int, Array] | None = None  # with early stopping: loss, epoch and weights

    def run(self) -> History:
        """Train; the weights are always those of the last whole step, or of the best epoch with early stopping."""
        self.started = time.perf_counter()
        self.rule: UpdateRule = self.memory.optimizer.rule()
        self.first_step = 0 if self._schedule.planned else self.memory.steps
        with Progress(self.options.epochs, self.options.progress) as progress:
            while len(self.history) < self.options.epochs:
                try:
                    self._epochs(min(self._epochs_at_once(progress), self.options.epochs - len(self.history)))
                    progress.show(self.history)
                    if self.stops():
                        break
                except _Stop:
                    self.history.stopped = "callback"
                    break
                except KeyboardInterrupt:
                    self.history.stopped = "interrupted"
                    self.keep_best()
                    raise
        self.keep_best()
        return self.history

    def _epochs_at_once(self, progress: Progress) -> int:
        o = self.options
        between = o.per_epoch or o.per_steps or o.early_stopping or self.validation or progress.visible
        if between or self.spec.penalty is not None or isinstance(self._schedule, ReduceOnPlateau):
            return 1
        return max(1, ROWS_PER_CALL // len(self.data))

    @property
    def _schedule(self) -> Any:
        return self.memory.optimizer.schedule

    def _epochs(self, n: int) -> None:
        """Take n epochs, in chunks that end where a callback per steps is due, and record them."""
        rows, per_epoch, done = len(self.data), self.steps_per_epoch, len(self.history)
        epochs = range(self.memory.epochs, self.memory.epochs + n)
        shuffled = permutations(self.options.seed, epochs, rows) if self.options.shuffle else None
        order = np.tile(np.arange(rows), n) if shuffled is None else shuffled.reshape(-1)
        starts = np.arange(n)[:, None] * rows + np.arange(per_epoch) * self.batch_size
        offsets = np.append(starts.reshape(-1), n * rows)
        steps = np.arange(done * per_epoch, (done + n) * per_epoch)
        rates = self._rates(self.first_step + steps)
        record = (steps + 1) % per_epoch == 0
        losses = np.empty(len(steps))
        norms: list[NDArray[np.float64]] = []
        before = time.perf_counter() - self.started
        at = 0
        while at < len(steps):
            end = min(at + self._steps_until_callback(), len(steps))
            piece = slice(at, end)
            result = self.engine.train(
                self.parameters,
                self.rule,
                self.memory.state,
                Chunk(
                    X=self.data.X,
                    y=self.data.y,
                    sample_weight=self.data.sample_weight,
                    order=order,
                    offsets=offsets[at : end + 1],
                    first_step=self.memory.steps,
                    learning_rates=rates[piece],
                    epochs=np.repeat(np.asarray(epochs), per_epoch)[piece],
                    seed=self.options.seed,
                    dropout=self.options.dropout,
                    clip_norm=self.options.clip_norm,
                    clip_value=self.options.clip_value,
                    frozen=self.options.frozen,
                    record=record[piece],
                ),
                self.options.threads,
            )
            losses[at : at + result.steps] = result.losses
            norms.append(result.norms)
            self.memory.steps += result.steps
            self.steps_done += result.steps
            if result.failure is not None or result.interrupt is not None:
                whole = (at + result.steps) // per_epoch
                after = time.perf_counter() - self.started
                self._record(whole, offsets, order, losses, np.concatenate(norms), rates, before, after)
            if result.interrupt is not None:
                raise result.interrupt
            if result.failure is not None:
                step, rate = at + result.failure.step, float(rates[at + result.failure.step])
                failure = self._in_the_users_rows(result.failure)
                raise divergence(failure, self.steps_done + 1, done + step // per_epoch + 1, rate, self.history)
            at += result.steps
            if at < len(steps):  # callbacks due at the end of an epoch see its record
                self._serve_steps(losses[at - 1])
        after = time.perf_counter() - self.started
        self._record(n, offsets, order, losses, np.concatenate(norms), rates, before, after)
        self._serve_steps(losses[-1])

    def _in_the_users_rows(self, failure: Failure) -> Failure:
        """The failure with its row counted in the X that was given, from which a fraction may have been held out."""
        if self.data.rows is None or failure.row < 0:
            return failure
        return replace(failure, row=int(self.data.rows[failure.row]))

    def _rates(self, steps: NDArray[np.int64]) -> NDArray[np.float64]:
        schedule = self._schedule
        if isinstance(schedule, ReduceOnPlateau):
            return np.full(len(steps), schedule.rate_after(self.memory.watched))
        return np.asarray(schedule.rates(steps, self.plan), dtype=np.float64)

    def _steps_until_callback(self) -> int:
        due = [callback.n - self.steps_done % callback.n for callback in self.options.per_steps]
        return min(due, default=1 << 62)

    def _record(
        self,
        n: int,
        offsets: NDArray[np.int64],
        order: NDArray[np.int64],
        losses: NDArray[np.float64],
        norms: NDArray[np.float64],
        rates: NDArray[np.float64],
        before: float,
        after: float,
    ) -> None:
        """Turn the losses of n whole epochs of steps into the epochs' figures."""
        per_epoch = self.steps_per_epoch
        losses, offsets = losses[: n * per_epoch], offsets[: n * per_epoch + 1]
        if self.spec.reduction == "mean":
            sizes = np.diff(offsets).astype(np.float64)
            if self.data.sample_weight is not None:
                weights = self.data.sample_weight[order[: offsets[-1]]].astype(np.float64)
                sizes = np.add.reduceat(weights, offsets[:-1])
            sizes = sizes.reshape(n, per_epoch)
            means = (losses.reshape(n, per_epoch) * sizes).sum(axis=1) / sizes.sum(axis=1)
        else:
            means = losses.reshape(n, per_epoch).sum(axis=1)
        with np.errstate(over="ignore"):  # weights may be finite and their squares not
            penalty = penalty_value(self.spec, self.parameters)
        for epoch in range(n):
            validation_loss, metrics = self.validate()
            figures = Epoch(
                loss=float(means[epoch]) + penalty,
                validation_loss=validation_loss,
                metrics=metrics,
                gradient_norm=norms[epoch],
                learning_rate=float(rates[(epoch + 1) * per_epoch - 1]),
                seconds=before + (after - before) * (epoch + 1) / n,
            )
            self.note(figures)
            self.memory.watched.append(self._watched(figures))
        self.memory.epochs += n

    def note(self, figures: Epoch) -> None:
        """Add an epoch to the history; with early stopping, keep its weights if they are the best."""
        self.history.epochs.append(figures)
        early, loss = self.options.early_stopping, self._watched(figures)
        if early is not None and loss < (self.best[0] if self.best else math.inf) - early.min_delta:
            self.best = loss, len(self.history) - 1, self.parameters.copy()

    def _watched(self, figures: Epoch) -> float:
        """The loss that early stopping and ReduceOnPlateau go by."""
        return figures.loss if self.validation is None else figures.validation_loss

    def validate(self) -> tuple[float, dict[str, float]]:
        """Loss and metrics on the validation set; NaN and nothing without one."""
        if self.validation is None:
            return float("nan"), {}
        X, y, weight = self.validation.X, self.validation.y, self.validation.sample_weight
        loss = self.engine.loss(self.parameters, X, y, weight, self.options.threads)
        if not self.options.metrics:
            return loss, {}
        outputs = self.engine.predict(self.parameters, X, self.options.threads)
        return loss, {name: float(metric(y, outputs)) for name, metric in self.options.metrics.items()}

    def _event(self, loss: float) -> Event:
        return Event(self.owner, len(self.history), self.steps_done, self.history, float(loss))

    def _serve_steps(self, loss: float) -> None:
        for callback in self.options.per_steps:
            if self.steps_done % callback.n == 0 and callback.function(self._event(loss)) is True:
                raise _Stop

    def stops(self) -> bool:
        """Serve the callbacks per epoch and early stopping; whether training ends here."""
        stop = False
        for callback in self.options.per_epoch:
            stop |= callback.function(self._event(self.history.epochs[-1].loss)) is True
        if stop:
            self.history.stopped = "callback"
        early = self.options.early_stopping
        if early is not None and len(self.history) - 1 - (self.best[1] if self.best else -1) >= early.patience:
            self.history.stopped, stop = "early stopping", True
        return stop

    def keep_best(self) -> None:
        """With early stopping, put the best epoch's weights back."""
        if self.best is not None:
            _, self.history.best_epoch, self.parameters[:] = self.best


class _Stop(Exception):
    """A callback per steps asked to stop."""


_PLACES = {
    "input": "an input",
    "activation": "an activation of layer {layer}",
    "loss": "the loss",
    "delta": "a delta (dL/dz) of layer {layer}",
    "gradient": "the gradient of layer {layer}",
    "weight": "an updated parameter of layer {layer}",
    "state": "the optimizer's memory of layer {layer}",
}


def divergence(failure: Failure, step: int, epoch: int, rate: float | None, history: History) -> DivergenceError:
    """The error for a number that became non-finite, saying where it began and what to try; L-BFGS has no rate."""
    place = _PLACES[failure.quantity].format(layer=failure.layer)
    row = f" for row {failure.row} of X" if failure.row >= 0 else ""
    other = "" if rate is None else f"a lower learning rate than {rate:g}, clip=1.0, or "
    message = (
        f"Training stopped: {place} became NaN or infinite at step {step} (epoch {epoch}){row}. "
        f"The weights are those before that step. Try {other}inputs and targets scaled to about 1."
    )
    return DivergenceError(
        message,
        step=step,
        epoch=epoch,
        layer=failure.layer,
        row=failure.row,
        quantity=failure.quantity,
        history=history,
    )
