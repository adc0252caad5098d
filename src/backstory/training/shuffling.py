"""Rows that are read in blocks, made ready to train on: their order, the buffers they are mixed in, and reading ahead.

An epoch draws an order of the blocks, reads several of them at a time into a pool, draws rows from there, and visits
them buffer by buffer in a drawn order. All of it is a function of seed, epoch and the blocks' sizes, so that
neither threads nor interruptions change it.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.arrays import input_rows
from backstory.data.rows import Rows
from backstory.engine.contract import Array, Engine
from backstory.engine.counter import ROW_STEP, epoch_key, mix
from backstory.errors import DataError
from backstory.network.spec import Spec
from backstory.training.arguments import targets
from backstory.training.trainer import Data

BUFFER_BYTES = 16 << 20
"""Rows are visited in buffers of about so many bytes; there are two, one in use and one being filled."""

GULP_BYTES = 4 << 20
"""So many bytes of rows are read at a time."""

WAITING_BYTES = 128 << 20
"""So many bytes of rows have been read and wait in the pool that rows are drawn from."""

OPEN_BYTES = 64 << 20
"""Blocks that are read at a time may take so much together."""

MOST_OPEN, FEWEST_OPEN = 16, 2
"""So many blocks are read at a time."""

_BLOCKS = 0x626C6F636B73
"""Set apart the draws of the blocks' order from those of the rows'."""


Part = tuple[Array, Array, Array]
"""Inputs, targets, and which of the file's rows they are."""


@dataclass(frozen=True)
class Held:
    """Which rows are held out for validation: a share of them, drawn by seed and position alone.

    Parameters
    ----------
    seed : int
    share : float in (0, 1)
    out : bool
        Whether these are the rows held out, or those that stay.
    """

    seed: int
    share: float
    out: bool

    def __call__(self, first: int, count: int) -> NDArray[np.bool_]:
        """Which of so many rows from one on are meant, (count,).

        >>> bool((Held(0, 0.1, True)(5, 90) ^ Held(0, 0.1, False)(5, 90)).all())
        True
        """
        places = np.arange(first + 1, first + count + 1, dtype=np.uint64)
        with np.errstate(over="ignore"):
            draws = mix(epoch_key(~self.seed, 0) + places * ROW_STEP)
        return np.asarray((draws < np.uint64(int(self.share * 2.0**64))) == self.out)


@dataclass(frozen=True)
class Segment:
    """Rows `start` to `stop` of those of a block that are meant."""

    block: int
    start: int
    stop: int


def plan(counts: Sequence[int], order: Sequence[int], gulp_rows: int, open_at_once: int) -> list[list[Segment]]:
    """Say which rows each gulp of an epoch is.

    Parameters
    ----------
    counts : sequence of int
        Rows of each block.
    order : sequence of int
        The order in which blocks are begun.
    gulp_rows : int
        Rows of a gulp; the last may have fewer.
    open_at_once : int
        So many blocks share a gulp, and are read on side by side.

    Examples
    --------
    >>> plan([4, 3], [1, 0], 4, 2)
    [[Segment(block=1, start=0, stop=2), Segment(block=0, start=0, stop=2)],
     [Segment(block=1, start=2, stop=3), Segment(block=0, start=2, stop=4)]]
    """
    waiting = deque(block for block in order if counts[block])
    slots = deque((waiting.popleft(), 0) for _ in range(min(open_at_once, len(waiting))))
    gulps, left = [], sum(counts)
    while left:
        wanted = min(gulp_rows, left)
        share, segments = -(-wanted // len(slots)), []
        left -= wanted
        while wanted:
            block, at = slots.popleft()
            end = min(counts[block], at + min(share, wanted))
            segments.append(Segment(block, at, end))
            wanted -= end - at
            if end < counts[block]:
                slots.append((block, end))
            elif waiting:
                slots.append((waiting.popleft(), 0))
        gulps.append(segments)
    return gulps


class Stream:
    """Rows in blocks as a trainer sees them: those that `rows.which` means.

    Parameters
    ----------
    rows : Rows
    spec : Spec
    """

    sample_weight = None

    def __init__(self, rows: Rows, spec: Spec) -> None:
        if rows.n_in != spec.n_in:
            raise DataError(
                f"{rows.name} must have {spec.n_in} inputs, as the network has. Got {rows.n_in}; "
                f"build the network with {rows.n_in} inputs."
            )
        self.source, self.spec, self.which = rows, spec, rows.which

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Rows of each block that are meant."""
        if self.which is None:
            return self.source.counts
        bounds = zip(self.source.firsts.tolist(), self.source.counts, strict=False)
        return tuple(int(np.count_nonzero(self.which(first, count))) for first, count in bounds)

    def __len__(self) -> int:
        return sum(self.counts)

    def mask(self, block: int) -> NDArray[np.bool_] | None:
        """Which rows of a block are meant; None for all."""
        first, count = int(self.source.firsts[block]), self.source.counts[block]
        return None if self.which is None else self.which(first, count)

    @property
    def row_bytes(self) -> int:
        """What a row takes, ready for an engine."""
        size = np.dtype(self.spec.dtype).itemsize
        return size * (self.spec.n_in + self.spec.n_out) + 8

    def pieces(self, block: int, start: int = 0) -> Iterator[Part]:
        """The rows of a block that are meant, from number `start` on: inputs, targets, and which rows they are."""
        mask, source = self.mask(block), self.source
        skipped = start if mask is None else int(np.flatnonzero(mask)[start])
        at = int(source.firsts[block]) + skipped
        for raw_inputs, raw_targets in source.pieces(block, skipped, self.spec.dtype):
            where = f" of {source.name}, counted from its row {at:,},"
            X = input_rows(raw_inputs, self.spec.n_in, self.spec.dtype, name=f"X{where}")
            y = targets(self.spec, raw_targets, len(X), name=f"y{where}")
            rows = np.arange(at, at + len(X))
            at += len(X)
            if mask is not None:
                kept = mask[rows - source.firsts[block]]
                X, y, rows = X[kept], y[kept], rows[kept]
            yield X, y, rows

    def all_pieces(self) -> Iterator[Part]:
        """All rows in their order, piece by piece."""
        for block in self._filled:
            yield from (piece for piece in self.pieces(block) if len(piece[0]))

    @property
    def _filled(self) -> list[int]:
        return [block for block, count in enumerate(self.counts) if count]

    def digest(self) -> str:
        """Tell data sets apart by the blocks' sizes, and by the first rows of some blocks."""
        mixing = BUFFER_BYTES, GULP_BYTES, WAITING_BYTES, OPEN_BYTES, MOST_OPEN, FEWEST_OPEN
        known = hashlib.sha256(repr((self.counts, self.which, self.spec.dtype, mixing)).encode())
        filled = self._filled
        for block in sorted({filled[0], filled[len(filled) // 2], filled[-1]}):
            X, y, _ = next(self.pieces(block))
            known.update(np.ascontiguousarray(X[:64]).tobytes() + np.ascontiguousarray(y[:64]).tobytes())
        return known.hexdigest()

    def loaded(self) -> Data:
        """All rows in memory."""
        X, y, rows = (np.concatenate(column) for column in zip(*self.all_pieces(), strict=True))
        return Data(X, y, None, rows)


@dataclass
class Buffer:
    """Rows of an epoch that are mixed with each other, and the order they are visited in."""

    epoch: int
    number: int
    data: Data
    order: Array | None  # (1, rows)


class Mixer:
    """The buffers of a stream, epoch by epoch.

    Rows are read in gulps, each from several blocks, into a pool of `depth` gulps. Once it is full, each gulp changes
    places with as many rows of the pool, drawn at random; these make up the buffers, and so does in the end what is
    left in the pool. A buffer's rows are visited in a drawn order. Rows that all fit into the pool are shuffled fully.

    Parameters
    ----------
    stream : Stream
    engine : Engine
        Draws the orders.
    batch_size : int
        A buffer holds whole batches, but for the last of an epoch.
    shuffle : bool
        False keeps the file's order.
    seed : int
    """

    def __init__(self, stream: Stream, engine: Engine, batch_size: int, shuffle: bool, seed: int) -> None:
        self.stream, self.engine, self.shuffle, self.seed = stream, engine, shuffle, seed
        n = len(stream)
        batches = max(1, BUFFER_BYTES // stream.row_bytes // batch_size)
        self.buffer_steps = min(batches, -(-n // batch_size))
        self.buffer_rows = self.buffer_steps * batch_size
        self.buffers = -(-n // self.buffer_rows)
        self.gulp_rows = max(1, min(n, GULP_BYTES // stream.row_bytes))
        self.gulps = -(-n // self.gulp_rows)
        self.depth = min(self.gulps, max(1, WAITING_BYTES // GULP_BYTES)) if shuffle else 0
        self.held = min(n, self.depth * self.gulp_rows)
        most = max(FEWEST_OPEN, min(MOST_OPEN, OPEN_BYTES // max(stream.source.open_bytes, 1)))
        self.open_at_once = most if shuffle else 1

    def plan(self, epoch: int) -> list[list[Segment]]:
        """Which rows the gulps of an epoch are."""
        counts = self.stream.counts
        order: Sequence[int] = range(len(counts))
        if self.shuffle:
            order = self._permuted(self.seed ^ _BLOCKS, epoch, len(counts)).tolist()
        return plan(counts, order, self.gulp_rows, self.open_at_once)

    def from_on(self, epochs: range, number: int, stopped: Callable[[], bool]) -> Iterator[Buffer]:
        """The buffers of several epochs, of the first from one on; each lies where the last but one lay.

        Those before it are made too, in reading: they say what is in the pool.
        """
        places: deque[list[Array]] = deque()
        dealt = Dealt(self._mixed(epochs, stopped))
        for _ in dealt.take(number * self.buffer_rows):
            pass
        for epoch in epochs:
            for at in range(number, self.buffers):
                n = min(self.buffer_rows, len(self.stream) - at * self.buffer_rows)
                if len(places) < 2:
                    places.appendleft(dealt.room(min(self.buffer_rows, len(self.stream))))
                for first, part in dealt.take(n):
                    put(places[0], slice(first, first + len(part[0])), part)
                if stopped():
                    return
                X, y, rows = (whole[:n] for whole in places[0])
                places.rotate()
                key = epoch * self.buffers + at
                order = self._permuted(self.seed, key, n)[None] if self.shuffle else None
                yield Buffer(epoch, at, Data(X, y, None, rows), order)
            number = 0

    def _permuted(self, seed: int, key: int, n: int) -> NDArray[np.int64]:
        orders = self.engine.permutations(seed, range(key, key + 1), n)
        return np.asarray(orders[0])

    def _mixed(self, epochs: range, stopped: Callable[[], bool]) -> Iterator[Part]:
        """The rows of several epochs as they come out of the pool, in parts.

        As the last rows of an epoch leave the pool, the first of the next take their places.
        """
        pool: list[Array] = []
        gulps = self._gulps(epochs.start, stopped)
        for places, gulp in zip(self._places(epochs.start), gulps, strict=False):
            pool = pool or [np.empty((self.held, *some.shape[1:]), some.dtype) for some in gulp]
            put(pool, places, gulp)
        for epoch in epochs:
            for number, gulp in enumerate(gulps):
                if self.depth:
                    yield self._changed(pool, gulp, epoch * self.gulps + number)
                else:
                    yield gulp
            gulps = self._gulps(epoch + 1, stopped) if epoch + 1 in epochs else iter(())
            for places in self._places(epoch + 1):
                yield taken(pool, places)
                if (following := next(gulps, None)) is not None:
                    put(pool, places, following)

    def _gulps(self, epoch: int, stopped: Callable[[], bool]) -> Iterator[Part]:
        """The rows of an epoch as they are read."""
        cursors = dict[int, Cursor]()
        for segments in self.plan(epoch):
            if stopped():
                return
            yield self._gulp(segments, cursors)

    def _places(self, epoch: int) -> Iterator[NDArray[np.int64]]:
        """Where in the pool the first gulps of an epoch go, and the last rows of the epoch before lie."""
        places = self._permuted(~self.seed ^ _BLOCKS, epoch, self.held) if self.held else np.empty(0, np.int64)
        for first in range(0, self.held, self.gulp_rows):
            yield places[first : first + self.gulp_rows]

    def _changed(self, pool: list[Array], gulp: Part, key: int) -> Part:
        """Let rows change places with as many of the pool."""
        n = len(gulp[0])
        slots, places = self._drawn(key, n), np.empty(n, np.int64)
        places[self._permuted(~self.seed, key, n)] = slots
        out = taken(pool, slots)
        put(pool, places, gulp)
        return out

    def _drawn(self, key: int, n: int) -> NDArray[np.int64]:
        """A slot of the pool for each of n rows: the same place as the row's, in a gulp drawn at random."""
        draws = mix(epoch_key(self.seed ^ _BLOCKS, key) + np.arange(1, n + 1, dtype=np.uint64) * ROW_STEP)
        gulps = (draws >> np.uint64(32)) * np.uint64(self.depth) >> np.uint64(32)
        return np.asarray(gulps.astype(np.int64) * self.gulp_rows + np.arange(n))

    def _gulp(self, segments: Sequence[Segment], cursors: dict[int, Cursor]) -> Part:
        """Read segments, each on from where its block was left."""
        parts: list[Part] = []
        for segment in segments:
            if segment.block not in cursors:
                cursors[segment.block] = Cursor(self.stream, segment.block, segment.start)
            parts += cursors[segment.block].take(segment.stop - segment.start)
            if segment.stop == self.stream.counts[segment.block]:
                del cursors[segment.block]
        X, y, rows = (np.concatenate(column) for column in zip(*parts, strict=True))
        return X, y, rows


def put(arrays: Sequence[Array], where: Any, part: Sequence[Array]) -> None:
    """Write a part into arrays."""
    for whole, some in zip(arrays, part, strict=True):
        items(whole)[where] = items(some)


def items(rows: Array) -> Array:
    """Rows as items without parts, which are moved to other places several times as fast."""
    if rows.ndim == 1 or not rows.flags.c_contiguous:
        return rows
    return rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0]


def taken(arrays: Sequence[Array], slots: NDArray[np.int64]) -> Part:
    """Rows of arrays."""
    X, y, rows = (whole.take(slots, axis=0) for whole in arrays)
    return X, y, rows


class Dealt:
    """Parts that come one after the other, taken in other amounts."""

    def __init__(self, parts: Iterator[Part]) -> None:
        self._parts, self._rest = parts, next(parts)

    def room(self, n: int) -> list[Array]:
        """Arrays for so many rows of the kind that come."""
        return [np.empty((n, *some.shape[1:]), some.dtype) for some in self._rest]

    def take(self, n: int) -> Iterator[tuple[int, Part]]:
        """The next n rows: parts, and how many rows came before each."""
        at = 0
        while True:
            X, y, rows = self._rest
            size = min(n - at, len(X))
            yield at, (X[:size], y[:size], rows[:size])
            at += size
            self._rest = X[size:], y[size:], rows[size:]
            if at == n:
                return
            if not len(self._rest[0]):
                following = next(self._parts, None)
                if following is None:
                    return
                self._rest = following


class Cursor:
    """A block that is being read."""

    def __init__(self, stream: Stream, block: int, start: int) -> None:
        self._pieces, self._name = stream.pieces(block, start), stream.source.name
        self._rest: Part | None = None

    def take(self, n: int) -> Iterator[Part]:
        """The next n rows, in parts."""
        while n:
            part = next(self._pieces, None) if self._rest is None else self._rest
            if part is None:
                raise DataError(f"{self._name} must not change while it is read. It became shorter; start again.")
            X, y, rows = part
            yield X[:n], y[:n], rows[:n]
            self._rest = (X[n:], y[n:], rows[n:]) if len(X) > n else None
            n -= min(n, len(X))


class Ahead:
    """What an iterator gives, made by a thread of its own while the item before is in use.

    Errors of the thread come out of `next`. A context, which ends the thread.
    """

    def __init__(self, make: Callable[[Callable[[], bool]], Iterator[Buffer]]) -> None:
        self._ended = threading.Event()
        self._items: queue.SimpleQueue[Buffer | BaseException] = queue.SimpleQueue()
        self._room = threading.Semaphore()
        self._thread = threading.Thread(target=self._run, args=(make,), name="backstory reads ahead", daemon=True)
        self._thread.start()

    def _run(self, make: Callable[[Callable[[], bool]], Iterator[Buffer]]) -> None:
        try:
            source = make(self._ended.is_set)
            while self._room.acquire() and not self._ended.is_set():
                self._items.put(next(source))
        except BaseException as error:  # whoever waits must hear of it, whatever it is
            self._items.put(error)

    def next(self) -> Buffer:
        """The next item; with it the one before is given back, to be made anew."""
        item = self._items.get()
        if isinstance(item, BaseException):
            raise item
        self._room.release()
        return item

    def close(self) -> None:
        """End the thread, and wait for it."""
        self._ended.set()
        self._room.release()
        self._thread.join()
