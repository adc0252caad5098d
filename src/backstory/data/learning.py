"""The encoding of a table that is read in blocks, learned in one pass and in bounded memory.

A table of few rows is gathered whole, so that its encoding is that of `Table.fit`. Of a longer one `Table.fit` is given
rows spread evenly over the file, which the quantiles and the ranks of frequent levels are those of, and the rows that
testify to what is rare: the extremes of each number, the first missing value, two rows of each level or label. A
target's mean and scale are those of all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backstory.data.blocks import Blocks
from backstory.data.frame import TARGET, Frame, is_text
from backstory.data.table import Table
from backstory.data.target import moments, scale_of

SAMPLE_BYTES = 32 << 20
"""The encoding is learned from decoded rows of about so many bytes."""

FEWEST_ROWS = 2_000

MOST_PARTS = 64
"""So many frames are kept apart before they are made one."""

MOST_LEVELS_SEEN = 1_000
"""So many different texts of a column, or labels of the target, have their testimony; of others, chance decides."""

Mask = Callable[[int, int], NDArray[np.bool_]]
"""Which of so many rows, from one on, are meant."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What a pass over a table in blocks has learned.

    Parameters
    ----------
    table : Table
    sample : Frame
        The rows it was learned from.
    held : Frame or None
        The rows held out, where they were asked for.
    """

    table: Table
    sample: Frame
    held: Frame | None


def learn(
    blocks: Blocks,
    target: str,
    task: str | None = None,
    drop: Sequence[str] | Mapping[str, str] = (),
    held_out: Mask | None = None,
    sample_bytes: int = SAMPLE_BYTES,
) -> Learned:
    """Learn the encoding as `Table.fit` does from all rows, but for those held out, whose labels alone count.

    Raises
    ------
    DataError, ConfigurationError
        As `Table.fit`.
    """
    import pyarrow as pa

    picked = spread(len(blocks), max(sample_bytes // blocks.row_bytes, FEWEST_ROWS))
    whole = len(picked) == len(blocks)
    witnesses = [] if whole else [Witness(name, name == target) for name in blocks.columns if name not in drop]
    testify: dict[tuple[str, object], int] = {}
    moments = Moments()
    parts: list[Frame] = []
    held: list[Frame] = []
    stays: list[NDArray[np.bool_]] = []
    for frame in blocks.all_frames():
        assert frame.rows is not None
        first, n = int(frame.rows[0]), len(frame)
        out = np.zeros(n, dtype=bool) if held_out is None else held_out(first, n)
        taken = np.zeros(n, dtype=bool)
        taken[picked[slice(*np.searchsorted(picked, [first, first + n]))] - first] = True
        for witness in witnesses:
            for what, place in witness.found(frame):
                testify[witness.name, what] = first + place
                taken[place] = True
            if witness.is_target and not is_text(frame.column(target, TARGET).type):
                moments.add(frame.numbers(target, TARGET)[~out])
        parts = gathered(parts, frame.take(np.flatnonzero(taken)))
        stays.append(~out[taken])
        if out.any():
            held = gathered(held, frame.take(np.flatnonzero(out)))
    sample, stay = together(parts), np.concatenate(stays)
    if not whole:
        assert sample.rows is not None
        final = np.isin(sample.rows, np.union1d(picked, np.fromiter(testify.values(), np.int64)))
        sample, stay = sample.take(np.flatnonzero(final)), stay[final]
    learned = None if held_out is None else np.flatnonzero(stay)
    table = Table.fit(sample, target, learned, task=task, drop=drop)
    if table.classes is None and moments.n:
        table = replace(table, aim=replace(table.aim, mean=moments.mean, scale=moments.scale))
    pa.default_memory_pool().release_unused()  # what the pass took, training may need
    return Learned(table, sample, together(held) if held else None)


def spread(n: int, most: int) -> NDArray[np.int64]:
    """At most so many of n rows: all, or one drawn from each of so many stretches.

    >>> spread(5, 10).tolist(), len(spread(1000, 10))
    ([0, 1, 2, 3, 4], 10)
    """
    if n <= most:
        return np.arange(n)
    draws = np.random.default_rng(n).random(most)
    return np.unique(((np.arange(most) + draws) * (n / most)).astype(np.int64).clip(max=n - 1))


def gathered(frames: list[Frame], frame: Frame) -> list[Frame]:
    """Frames and one more; many are made one, as thousands of small ones take more memory than what is in them."""
    return [*frames, frame] if len(frames) < MOST_PARTS else [together([*frames, frame])]


def together(frames: Sequence[Frame]) -> Frame:
    """Frames of one table as one."""
    import pyarrow as pa

    rows = [frame.rows for frame in frames if frame.rows is not None]
    whole = pa.concat_tables([frame.data for frame in frames]).combine_chunks()
    return replace(frames[0], data=whole, rows=np.concatenate(rows))


class Witness:
    """Finds the rows that show what a column holds, however rare, as its frames come."""

    def __init__(self, name: str, is_target: bool) -> None:
        self.name, self.is_target = name, is_target
        self._low, self._high, self._met = np.inf, -np.inf, set[str]()
        self._seen: dict[object, int] = {}

    def found(self, frame: Frame) -> list[tuple[object, int]]:
        """What a frame shows that none before has, and in which of its rows."""
        import pyarrow as pa

        column = frame.column(self.name, TARGET if self.is_target else "an input")
        if self.is_target:
            frame.require_no_missing(self.name, column, TARGET)
        if is_text(column.type) or pa.types.is_boolean(column.type):
            codes, levels = frame.coded(self.name)
            return [*self._levels(codes, levels), *self._first("missing", codes < 0)]
        if not any(test(column.type) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)):
            return []
        values = frame.quantities(self.name)
        missing = np.isnan(values)
        found = [*self._extremes(values, missing), *self._first("missing", missing)]
        found += self._first("fraction", (values != np.round(values)) & ~missing)
        if self.is_target and "fraction" not in self._met and len(self._seen) < MOST_LEVELS_SEEN:
            numbers, codes = np.unique(values, return_inverse=True)
            found += self._levels(codes, numbers.tolist())
        return found

    def _first(self, what: str, where: NDArray[np.bool_]) -> list[tuple[object, int]]:
        if what in self._met or not where.any():
            return []
        self._met.add(what)
        return [(what, int(np.argmax(where)))]

    def _extremes(self, values: NDArray[np.float64], missing: NDArray[np.bool_]) -> list[tuple[object, int]]:
        if missing.all():
            return []
        found: list[tuple[object, int]] = []
        low, high = int(np.nanargmin(values)), int(np.nanargmax(values))
        if values[low] < self._low:
            self._low = float(values[low])
            found.append(("low", low))
        if values[high] > self._high:
            self._high = float(values[high])
            found.append(("high", high))
        return found

    def _levels(self, codes: NDArray[np.int64], levels: Sequence[object]) -> list[tuple[object, int]]:
        """Two rows of each level, where fewer were seen; -1 is no level."""
        found: list[tuple[object, int]] = []
        wanted = np.array([*(self._seen.get(level, 0) < 2 for level in levels), False])
        places = np.arange(len(codes))
        for _ in range(2):
            places = places[wanted[codes[places]]]
            first = np.unique(codes[places], return_index=True)[1]
            for place in np.sort(places[first]).tolist():
                level = levels[codes[place]]
                if len(self._seen) < MOST_LEVELS_SEEN or level in self._seen:
                    self._seen[level] = self._seen.get(level, 0) + 1
                    wanted[codes[place]] = self._seen[level] < 2
                    found.append(((level, self._seen[level]), place))
            places = np.delete(places, first)
        return found


@dataclass
class Moments:
    """Mean and standard deviation of numbers that come in parts.

    References
    ----------
    Chan, Golub & LeVeque, "Algorithms for computing the sample variance", 1983, equation 2.1; in deviations, whose
    squares need no place.

    Examples
    --------
    >>> moments = Moments()
    >>> moments.add(np.array([1.0, 2.0])), moments.add(np.array([6.0]))
    (None, None)
    >>> moments.mean, round(moments.scale, 6)
    (3.0, 2.160247)
    """

    n: int = 0
    mean: float = 0.0
    deviation: float = 0.0

    def add(self, values: NDArray[np.float64]) -> None:
        """Take more numbers in."""
        if not len(values):
            return
        mean, deviation = moments(values)
        total = self.n + len(values)
        one, other = self.n / total, len(values) / total
        within = np.hypot(np.sqrt(one) * self.deviation, np.sqrt(other) * deviation)
        self.deviation = float(np.hypot(within, np.sqrt(one * other) * (mean - self.mean)))
        self.mean = self.mean * one + mean * other
        self.n = total

    @property
    def scale(self) -> float:
        """The deviation, or 1 for a constant."""
        return scale_of(self.mean, self.deviation)
