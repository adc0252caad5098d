"""The training loop: epochs cut into chunks of steps for an engine, with everything that is served between them."""

from __future__ import annotations

import hashlib
import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.engine.contract import Array, Chunk, ChunkResult, Engine, Failure, UpdateRule
from backstory.errors import DivergenceError, unknown
from backstory.network.spec import Spec
from backstory.training.callbacks import EarlyStopping, Event, EveryEpoch, EverySteps
from backstory.training.checkpoints import Checkpoint, Keeper
from backstory.training.groups import factors
from backstory.training.history import Epoch, History
from backstory.training.metrics import Metric, measure
from backstory.training.optimizers import Optimizer
from backstory.training.progress import Progress
from backstory.training.schedules import ConstantRate, Plan, ReduceOnPlateau, Schedule, shares
from backstory.training.turns import Turns

ROWS_PER_CALL = 1 << 16
"""Short epochs are taken together, up to so many visits of rows, when nothing has to happen between them."""

_LOOKS = 1000
"""A schedule is looked at so many times before a run, for what it must not do."""

_SAMPLED_ROWS = 1024
"""So many rows, spread over the data, tell one data set from another."""


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

    def digest(self) -> str:
        """Tell data sets apart by rows spread over them."""
        found = hashlib.sha256()
        rows = np.linspace(0, len(self) - 1, min(len(self), _SAMPLED_ROWS)).astype(np.int64)
        for array in (self.X, self.y, self.sample_weight):
            if array is not None:
                found.update(f"{array.shape} {array.dtype}".encode() + np.ascontiguousarray(array[rows]).tobytes())
        return found.hexdigest()


@dataclass(frozen=True)
class Place:
    """Where a chunk's steps take their rows."""

    data: Data
    order: Array | None  # of a walk over `data`, epoch by epoch
    first_batch: int
    epoch: int
    record: bool


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
    rates: tuple[float, ...] = ()  # factors, one per parameter array; empty: all 1
    decays: tuple[float, ...] = ()  # likewise; empty: 1 for weights, 0 for all else
    dropout_schedule: Schedule | None = None
    penalty_rows: float | None = None
    early_stopping: EarlyStopping | None = None
    per_epoch: tuple[EveryEpoch, ...] = ()
    per_steps: tuple[EverySteps, ...] = ()
    metrics: dict[str, Metric] = field(default_factory=dict)
    progress: bool | None = None
    checkpoint: Checkpoint | None = None
    resume: bool = False

    def dropout_at(self, share: float) -> tuple[float, ...]:
        """The dropout of each hidden layer where a schedule multiplies it by a share."""
        return self.dropout if share == 1 else tuple(rate * share for rate in self.dropout)


@dataclass
class Position:
    """How far the present epochs have come: the steps taken, and what they gave, piece by piece."""

    steps: int = 0
    losses: list[NDArray[np.float64]] = field(default_factory=list)
    norms: list[NDArray[np.float64]] = field(default_factory=list)
    penalties: list[NDArray[np.float64]] = field(default_factory=list)


@dataclass
class Memory:
    """What training again goes on from: the optimizer's state and how far it has come."""

    optimizer: Any = None
    state: dict[str, Array] = field(default_factory=dict)
    steps: int = 0
    epochs: int = 0
    watched: list[float] = field(default_factory=list)  # the losses that ReduceOnPlateau has seen
    turns: Turns = field(default_factory=Turns, compare=False, repr=False)

    def suits(self, optimizer: Optimizer, parameters: Array) -> bool:
        """Whether the state belongs to an equal optimizer, which then goes on from it."""
        return self.optimizer == optimizer and all(len(slot) == len(parameters) for slot in self.state.values())

    def copy(self) -> Memory:
        """A memory of its own, which training on leaves as it is."""
        state = {name: values.copy() for name, values in self.state.items()}
        return replace(self, state=state, watched=list(self.watched), turns=Turns())

    def ready(self, optimizer: Optimizer, parameters: Array) -> None:
        """Keep the state if it belongs to an equal optimizer, else start a new one."""
        same = self.suits(optimizer, parameters)
        self.optimizer = optimizer  # an equal one too: its schedule may have been given another present rate
        if same:
            return
        self.steps, self.watched = 0, []
        self.state = {name: np.full_like(parameters, start) for name, start in optimizer.rule().slots.items()}


class Trainer:
    """One call of `fit` with a step-by-step optimizer (L-BFGS has a loop of its own, in `lbfgs`).

    What a step is and who takes part in it is up to the methods `orders`, `take`, `validate` and their like, which
    `backstory.distributed` writes anew for data in shards; when epochs end, what is recorded then, and what is asked of
    callbacks and checkpoints stands here alone.
    """

    shards = 0
    """In how many shards the rows lie; 0: in none."""

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
        self.position = Position()
        self.keeper: Keeper | None = None

    def run(self) -> History:
        """Train; the weights are always those of the last whole step, or of the best epoch with early stopping."""
        self.started = time.perf_counter()
        with self.standing():
            self.begin()
            with self.keeping():
                return self._run()

    def standing(self) -> AbstractContextManager[object]:
        """What a run stands in from its begin to its end."""
        return nullcontext()

    def keeping(self) -> AbstractContextManager[object]:
        """Keep checkpoints, where they are asked for, and go on from one; `keeper` is then there."""
        return nullcontext() if self.options.checkpoint is None else Keeper(self.options.checkpoint, self)

    def _run(self) -> History:
        with Progress(self.options.epochs, self.options.progress) as progress:
            while len(self.history) < self.options.epochs and self.history.stopped == "epochs":
                try:
                    self._epochs(min(self._epochs_at_once(progress), self.options.epochs - len(self.history)))
                    progress.show(self.history)
                    self.stops()
                    self.save()
                except _Stop:
                    self.history.stopped = "callback"
                    self.save()
                except KeyboardInterrupt:
                    self.history.stopped = "interrupted"
                    self.keep_best()
                    raise
        self.keep_best()
        return self.history

    def begin(self) -> None:
        """Make ready for steps of the memory's optimizer."""
        self.rule: UpdateRule = self.memory.optimizer.rule()
        self.factors = factors(self.spec, self.rule, self.options.rates, self.options.decays)
        self.first_step = 0 if self._schedule.planned else self.memory.steps
        early = self.options.early_stopping
        if early is not None and early.metric is not None:
            known = list(self.options.metrics) if self.validation is not None else []
            if early.metric not in known:
                raise unknown("metric of the validation set to watch", early.metric, known)
        for schedule, what in self._shared:
            if schedule is None:
                continue
            shares(schedule, np.linspace(0, (self.plan.steps or 1) - 1, _LOOKS).astype(np.int64), self.plan, what)

    def save(self) -> None:
        """Write a checkpoint, where they are asked for."""
        if self.keeper is not None:
            self.keeper.save()

    def after_steps(self) -> None:
        """Write one if it is due, within an epoch."""
        if self.keeper is not None:
            self.keeper.after_steps()

    def _epochs_at_once(self, progress: Progress) -> int:
        """How many epochs may be taken before something has to happen."""
        o = self.options
        between = o.per_steps or o.early_stopping or self.validation or progress.visible or self.keeper
        if between or isinstance(self._schedule, ReduceOnPlateau):
            return 1
        ahead = [callback.ahead() if callback.ahead else 1 for callback in o.per_epoch]
        return max(1, min([*ahead, ROWS_PER_CALL // len(self.data)]))

    @property
    def penalty_rows(self) -> float:
        """The option, or 0 where every batch weighs that much."""
        rows, alike = (
            self.options.penalty_rows,
            self.data.sample_weight is None and not len(self.data) % self.batch_size,
        )
        return 0.0 if rows is None or self.spec.penalty is None or (alike and rows == self.batch_size) else rows

    @property
    def _schedule(self) -> Any:
        return self.memory.optimizer.schedule

    def _epochs(self, n: int) -> None:
        """Take n epochs, in chunks that end where a callback per steps is due, and record them."""
        per_epoch, done = self.steps_per_epoch, len(self.history)
        steps = n * per_epoch
        epochs = range(self.memory.epochs, self.memory.epochs + n)
        order = self.orders(epochs)
        rates = self.rates(self.first_step + done * per_epoch, steps)
        position = self.position
        losses, norms, penalties = position.losses, position.norms, position.penalties
        before = time.perf_counter() - self.started
        while (at := position.steps) < steps:
            end = min(at + self._steps_at_once(), steps)
            rate = rates if isinstance(rates, float) else rates[at:end]
            begun = time.perf_counter()
            result = self.take(epochs.start, order, at, end - at, rate)
            position.steps += result.steps
            losses.append(result.losses)
            norms.append(result.norms)
            penalties.append(result.penalties)
            if result.failure is not None or result.interrupt is not None:
                whole = (at + result.steps) // per_epoch
                after = time.perf_counter() - self.started
                self._record(whole, order, losses, norms, penalties, rates, before, after, served=whole)
            if result.interrupt is not None:
                if whole == n:
                    self.position = Position()
                self.save()  # here, where all that belongs together is up to date, and nowhere else
                raise result.interrupt
            if result.failure is not None:
                step = at + result.failure.step
                raise self.diverged(result.failure, done + step // per_epoch + 1, rate)
            if self.keeper is not None:
                self.keeper.took(result.steps, time.perf_counter() - begun)
            if position.steps < steps:  # callbacks due at the end of an epoch see its record
                self._serve_steps(losses[-1][-1])
                self.after_steps()
        after = time.perf_counter() - self.started
        self._record(n, order, losses, norms, penalties, rates, before, after, served=n - 1)
        self.position = Position()
        self._serve_steps(losses[-1][-1])

    def take(self, epoch: int, order: Any, first_batch: int, steps: int, rates: float | Array) -> ChunkResult:
        """Take so many steps of the walk that begins with an epoch, from one of its batches on.

        Parameters
        ----------
        epoch : int
            The number of the walk's first epoch.
        order : ndarray (epochs, n) of int64, or None
            The rows in each epoch's order; None: as they come.
        first_batch, steps : int
        rates : float or ndarray (steps,)
        """
        if not any(schedule for schedule, _ in self._shared):
            return self._at_once(epoch, order, first_batch, steps, rates)
        done: list[ChunkResult] = []
        while steps and not (done and (done[-1].failure or done[-1].interrupt)):  # what follows a schedule, by epochs
            n = min(steps, self.steps_per_epoch - first_batch % self.steps_per_epoch)
            rate = rates if isinstance(rates, float) else rates[:n]
            done.append(self._at_once(epoch, order, first_batch, n, rate))
            rates = rates if isinstance(rates, float) else rates[n:]
            first_batch, steps = first_batch + n, steps - n
        return joined(done)

    def _at_once(self, epoch: int, order: Any, first_batch: int, steps: int, rates: float | Array) -> ChunkResult:
        """Take steps within which weight decay and dropout stay as they are."""
        options, place = self.options, self.place(epoch, order, first_batch)
        decay, dropout = self.present_shares()
        chunk = Chunk(
            X=place.data.X,
            y=place.data.y,
            sample_weight=place.data.sample_weight,
            order=place.order,
            batch_size=self.batch_size,
            first_batch=place.first_batch,
            steps=steps,
            first_step=self.memory.steps,
            learning_rates=rates,
            epoch=place.epoch,
            seed=options.seed,
            dropout=options.dropout_at(dropout),
            clip_norm=options.clip_norm,
            clip_value=options.clip_value,
            frozen=options.frozen,
            record=place.record,
            penalty_rows=self.penalty_rows,
            rates=self.factors[0],
            decays=self.factors[1],
        )
        with self.memory.turns.writing():
            result = self.engine.train(
                self.parameters, self.rule.decayed(decay), self.memory.state, chunk, options.threads
            )
        self.memory.steps += result.steps
        self.steps_done += result.steps
        return result

    @property
    def _shared(self) -> tuple[tuple[Schedule | None, str], ...]:
        """The schedules of weight decay and dropout, where they follow one, and what they are called."""
        return (self.memory.optimizer.decay_schedule, "weight_decay"), (self.options.dropout_schedule, "dropout")

    def present_shares(self, done: int = 0) -> tuple[float, float]:
        """What weight decay and dropout are multiplied by in the epoch of the next step.

        Parameters
        ----------
        done : int
            Steps taken that are not yet counted.
        """
        decay, dropout = (self._present(schedule, what, done) for schedule, what in self._shared)
        return decay, dropout

    def _present(self, schedule: Schedule | None, what: str, done: int) -> float:
        if schedule is None:
            return 1.0
        step = self.steps_done + done if schedule.planned else self.memory.steps
        first = step - step % self.steps_per_epoch
        return float(shares(schedule, np.array([first]), self.plan, what)[0])

    def place(self, epoch: int, order: NDArray[np.int64] | None, first_batch: int) -> Place:
        """Where the steps from a batch of a walk on take their rows."""
        return Place(self.data, order, first_batch, epoch, record=True)

    def diverged(self, failure: Failure, epoch: int, rates: float | Array) -> DivergenceError:
        """The error for a chunk that `take` could not finish; rows are counted in the X that was given."""
        rate = rates if isinstance(rates, float) else float(rates[failure.step])
        return divergence(self._in_the_users_rows(failure), self.steps_done + 1, epoch, rate, self.history)

    def orders(self, epochs: range) -> NDArray[np.int64] | None:
        """The order of the rows in each of several epochs, (len(epochs), n); None where they are not shuffled."""
        return self.engine.permutations(self.options.seed, epochs, len(self.data)) if self.options.shuffle else None

    def loss_and_gradient(self, parameters: Array) -> tuple[float, Array]:
        """Loss and gradient over all rows, penalty included."""
        data = self.data
        return self.engine.loss_and_gradient(parameters, data.X, data.y, data.sample_weight, self.options.threads)

    def _in_the_users_rows(self, failure: Failure) -> Failure:
        """The failure with its row counted in the X that was given, from which a fraction may have been held out."""
        rows = self.rows_in_use
        return failure if rows is None or failure.row < 0 else replace(failure, row=int(rows[failure.row]))

    @property
    def rows_in_use(self) -> Array | None:
        """Which of the user's rows those are that the present steps count; None: the same."""
        return self.data.rows

    def rates(self, first: int, steps: int) -> float | NDArray[np.float64]:
        """The learning rates of so many steps from number `first` on, or the one that they share."""
        schedule = self._schedule
        if isinstance(schedule, ConstantRate):
            return float(schedule.rate)
        if isinstance(schedule, ReduceOnPlateau):
            return schedule.rate_after(self.memory.watched)
        return np.ascontiguousarray(schedule.rates(np.arange(first, first + steps), self.plan), dtype=np.float64)

    def _steps_at_once(self) -> int:
        """How many steps may be taken before a callback or a checkpoint is due."""
        due = [callback.n - self.steps_done % callback.n for callback in self.options.per_steps]
        if self.keeper is not None:
            due.append(self.keeper.steps_at_once())
        return min(due, default=1 << 62)

    def _record(
        self,
        n: int,
        order: Any,
        pieces: list[NDArray[np.float64]],
        norms: list[NDArray[np.float64]],
        penalties: list[NDArray[np.float64]],
        rates: float | NDArray[np.float64],
        before: float,
        after: float,
        served: int,
    ) -> None:
        """Turn the losses of n whole epochs of steps into the epochs' figures; the first `served` are told at once."""
        per_epoch = self.steps_per_epoch
        losses = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        losses = losses[: n * per_epoch].reshape(n, per_epoch)
        penalty = penalties[0] if len(penalties) == 1 else np.concatenate(penalties)
        if self.spec.reduction == "mean":
            sizes = self.batch_weights(n, order)
            means = losses.mean(axis=1) if sizes is None else (losses * sizes).sum(axis=1) / sizes.sum(axis=-1)
            penalty = penalty * self._mean_strength(sizes)
        else:
            means = losses.sum(axis=1)
        gradient_norms = norms[0] if len(norms) == 1 else np.concatenate(norms)
        last_rates = [rates] * n if isinstance(rates, float) else rates[per_epoch - 1 :: per_epoch][:n].tolist()
        seconds = (before + (after - before) * np.arange(1, n + 1) / max(n, 1)).tolist()
        for number, (loss, norm, rate, second) in enumerate(
            zip((means + penalty).tolist(), gradient_norms, last_rates, seconds, strict=True)
        ):
            figures = Epoch(loss, *self.validate(), norm, rate, second)
            self.note(figures)
            self.memory.watched.append(self._watched(figures))
            self.memory.epochs += 1
            if number < served:
                self.serve_epoch(len(self.history) * per_epoch)

    def batch_weights(self, n: int, order: NDArray[np.int64] | None) -> NDArray[np.float64] | None:
        """What each batch counts in the mean over an epoch: its rows, or their weights, (batches,) or (n, batches).

        None where all batches count alike.
        """
        rows, weights, size = len(self.data), self.data.sample_weight, self.batch_size
        if weights is None and rows % size == 0:
            return None
        if weights is None:
            sizes = np.full(self.steps_per_epoch, float(size))
            sizes[-1] = rows % size
            return sizes
        visited = weights if order is None else weights[order[:n]]
        return np.asarray(np.add.reduceat(visited, np.arange(0, rows, size), axis=-1, dtype=np.float64))

    def _mean_strength(self, sizes: NDArray[np.float64] | None) -> Any:
        """What the penalty is multiplied by in the mean over an epoch's batches, weighted as their losses are."""
        if not self.penalty_rows:
            return 1.0
        if sizes is None:
            return self.penalty_rows / self.batch_size
        return self.penalty_rows * np.count_nonzero(sizes, axis=-1) / sizes.sum(axis=-1)

    def note(self, figures: Epoch) -> None:
        """Add an epoch to the history; with early stopping, keep its weights if they are the best."""
        self.history.epochs.append(figures)
        early = self.options.early_stopping
        if early is None:
            return
        value = self._watched(figures) if early.metric is None else -figures.metrics[early.metric]
        if self._better(value, figures, early):
            weights = self.best[2] if self.best else np.empty_like(self.parameters)  # never two copies of them
            weights[:] = self.parameters
            self.best = value, len(self.history) - 1, weights

    def _better(self, value: float, figures: Epoch, early: EarlyStopping) -> bool:
        """Whether an epoch is better than the best before it; equal metrics are told apart by the losses."""
        if self.best is None:
            return value < math.inf
        if early.metric is not None and value == self.best[0]:
            return figures.validation_loss < self.history.epochs[self.best[1]].validation_loss
        return value < self.best[0] - early.min_delta

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
        return loss, {name: measure(metric, y, outputs, weight) for name, metric in self.options.metrics.items()}

    def _event(self, step: int, loss: float) -> Event:
        return Event(self.owner, len(self.history), step, self.history, float(loss))

    def _serve_steps(self, loss: float) -> None:
        due = [callback for callback in self.options.per_steps if self.steps_done % callback.n == 0]
        if due and self.serve_steps(due, loss):
            raise _Stop

    def serve_steps(self, due: list[EverySteps], loss: float) -> bool:
        """Call callbacks within an epoch, up to the first that ends training; whether one does."""
        return any(callback.function(self._event(self.steps_done, loss)) is True for callback in due)

    def serve_epoch(self, step: int) -> bool:
        """Call the callbacks per epoch; whether one of them ends training."""
        stop = False
        for callback in self.options.per_epoch:
            stop |= callback.function(self._event(step, self.history.epochs[-1].loss)) is True
        return stop

    def stops(self) -> bool:
        """Serve the callbacks per epoch and early stopping; whether training ends here."""
        stop = self.serve_epoch(self.steps_done)
        if stop:
            self.history.stopped = "callback"
        early = self.options.early_stopping
        waited = len(self.history) - 1 - (self.best[1] if self.best else -1)
        if early is not None and early.patience is not None and waited >= early.patience:
            self.history.stopped, stop = "early stopping", True
        return stop

    def keep_best(self) -> None:
        """With early stopping, put the best epoch's weights back."""
        if self.best is not None:
            with self.memory.turns.writing():
                _, self.history.best_epoch, self.parameters[:] = self.best


def joined(results: list[ChunkResult]) -> ChunkResult:
    """What came of several chunks taken one after the other, as of one."""
    *before, last = results
    if not before:
        return last
    steps = sum(result.steps for result in before)
    failure = None if last.failure is None else replace(last.failure, step=steps + last.failure.step)
    losses, norms, penalties = (
        np.concatenate([getattr(result, name) for result in results]) for name in ("losses", "norms", "penalties")
    )
    return ChunkResult(steps + last.steps, losses, norms, penalties, failure, last.interrupt)


class _Stop(Exception):
    """A callback per steps asked to stop."""


_PLACES = {
    "input": "an input",
    "activation": "an activation of layer {layer}",
    "loss": "the loss",
    "delta": "a delta (dL/dz) of layer {layer}",
    "gradient": "the gradient of layer {layer}",
    "norm": "the gradient's squared norm",
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
