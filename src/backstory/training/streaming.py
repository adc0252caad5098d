"""Training on rows that are read in blocks: the loop of `Trainer` over buffers, and validation piece by piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backstory.data.rows import Rows
from backstory.engine.contract import Array, ChunkResult, Engine
from backstory.errors import ConfigurationError, DataError
from backstory.network.spec import Spec
from backstory.training.arguments import require_rows_alone, training_data
from backstory.training.history import History
from backstory.training.metrics import Metric, measure, merged
from backstory.training.shuffling import Ahead, Buffer, Held, Mixer, Stream
from backstory.training.trainer import Data, Memory, Options, Place, Trainer

HELD_BYTES = 32 << 20
"""A validation set of more bytes is read anew after every epoch."""


class StreamTrainer(Trainer):
    """One call of `fit` on rows that are read in blocks."""

    data: Stream  # type: ignore[assignment]  # it has what the loop asks of data: a length, a digest, no weights
    validation: Data | Stream | None  # type: ignore[assignment]

    def __init__(
        self,
        engine: Engine,
        spec: Spec,
        parameters: Array,
        data: Stream,
        options: Options,
        memory: Memory,
        validation: Data | Stream | None = None,
        owner: Any = None,
    ) -> None:
        super().__init__(engine, spec, parameters, data, options, memory, validation, owner)  # type: ignore[arg-type]
        self.mixer = Mixer(data, engine, self.batch_size, options.shuffle, options.seed)
        self._ahead: Ahead | None = None
        self._buffer: Buffer | None = None

    def run(self) -> History:
        try:
            return super().run()
        finally:
            self._close()

    def _close(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
        self._ahead = self._buffer = None

    def _epochs_at_once(self, progress: Any) -> int:
        return 1

    def orders(self, epochs: range) -> None:
        return None

    def _steps_at_once(self) -> int:
        steps = self.mixer.buffer_steps
        return min(super()._steps_at_once(), steps - self.position.steps % steps)

    def take(self, epoch: int, order: Array | None, first_batch: int, steps: int, rates: float | Array) -> ChunkResult:
        try:
            self._reach(epoch, first_batch // self.mixer.buffer_steps)
        except KeyboardInterrupt as interrupt:  # before these steps were begun
            none = np.empty(0)
            return ChunkResult(0, none, np.empty((0, self.spec.n_layers)), none, None, interrupt)
        return super().take(epoch, order, first_batch, steps, rates)

    def _reach(self, epoch: int, number: int) -> None:
        """Make a buffer the present one."""
        buffer = self._buffer
        if buffer is not None and (buffer.epoch, buffer.number) == (epoch, number):
            return
        following = (
            None
            if buffer is None
            else divmod(buffer.epoch * self.mixer.buffers + buffer.number + 1, self.mixer.buffers)
        )
        if self._ahead is None or following != (epoch, number):
            self._close()
            epochs = range(epoch, epoch + self.options.epochs - len(self.history))
            self._ahead = Ahead(lambda stopped: self.mixer.from_on(epochs, number, stopped))
        self._buffer = self._ahead.next()

    def place(self, epoch: int, order: Array | None, first_batch: int) -> Place:
        buffer, mixer = self._buffer, self.mixer
        assert buffer is not None
        first = first_batch - buffer.number * mixer.buffer_steps
        key = epoch * mixer.buffers + buffer.number
        return Place(buffer.data, buffer.order, first, key, buffer.number == mixer.buffers - 1)

    @property
    def rows_in_use(self) -> Array | None:
        return None if self._buffer is None else self._buffer.data.rows

    def validate(self) -> tuple[float, dict[str, float]]:
        if not isinstance(self.validation, Stream):
            return super().validate()
        options = self.options
        return evaluated(self.engine, self.parameters, self.validation, options.metrics, options.threads)


def predicted(engine: Engine, parameters: Array, stream: Stream, threads: int) -> Array:
    """The outputs (n, n_out) for rows that are read in blocks."""
    outputs: Array = np.empty((len(stream), stream.spec.n_out), stream.spec.dtype)
    at = 0
    for X, _, _ in stream.all_pieces():
        outputs[at : at + len(X)] = engine.predict(parameters, X, threads)
        at += len(X)
    return outputs


def evaluated(
    engine: Engine, parameters: Array, stream: Stream, metrics: Mapping[str, Metric], threads: int
) -> tuple[float, dict[str, float]]:
    """Loss and metrics over rows that are read in blocks; for a metric of the user's own, y and outputs are kept."""
    penalty, mean = engine.penalty(parameters), stream.spec.reduction == "mean"
    losses, sizes, kept = [], [], []
    figures: dict[str, list[float]] = {name: [] for name in metrics}
    for X, y, _ in stream.all_pieces():
        losses.append(engine.loss(parameters, X, y, None, threads) - penalty)
        sizes.append(len(X))
        if not metrics:
            continue
        outputs = engine.predict(parameters, X, threads)
        whole = [name for name, metric in metrics.items() if merged(metric, y) is None]
        for name in metrics.keys() - whole:
            figures[name].append(measure(metrics[name], y, outputs, None))
        if whole:
            kept.append((y, outputs))
    together = [np.concatenate(column) for column in zip(*kept, strict=True)]
    found = {}
    for name, metric in metrics.items():
        merge = merged(metric, y)
        found[name] = measure(metric, together[0], together[1], None) if merge is None else merge(figures[name], sizes)
    return float(np.average(losses, weights=sizes) if mean else np.sum(losses)) + penalty, found


def streamed_data(
    spec: Spec, rows: Rows, y: Any, weights: Sequence[Any], validation: Any, engine: Engine, seed: int
) -> tuple[Stream, Data | Stream | None]:
    """What `fit` trains on and validates with, where its rows are read in blocks."""
    require_rows_alone(y, weights)
    whole = Stream(rows, spec)
    if validation is None:
        return whole, None
    if isinstance(validation, Rows):
        return whole, _held(Stream(validation, spec))
    if isinstance(validation, tuple | list) and len(validation) in (2, 3):
        return whole, training_data(spec, *validation)
    if rows.which is not None or not isinstance(validation, float | np.floating) or not 0 < validation < 1:
        raise ConfigurationError(
            "validation= must be rows from open_rows, (X, y), (X, y, sample_weight), or a fraction such as 0.1. "
            f"Got {validation!r}."
        )
    stay, out = (Stream(rows.only(Held(seed, float(validation), which)), spec) for which in (False, True))
    if not len(stay) or not len(out):
        raise DataError(f"validation={validation} of {len(rows)} rows leaves none to train on or to validate with.")
    return stay, _held(out)


def _held(stream: Stream) -> Data | Stream:
    """A validation set in memory, where it is small."""
    return stream.loaded() if len(stream) * stream.row_bytes <= HELD_BYTES else stream
