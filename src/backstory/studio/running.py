"""Training while others look and act: a lock handed over in order, and a thread that lets go of it every few moments.

The discipline: whoever reads or changes the subject holds the lock. The training thread holds it for one chunk of about
`CHUNK` seconds (of slow steps `PATIENCE`), and between two chunks whoever waits goes first, so no action waits for long
and none sees half a step.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from backstory.errors import BackstoryError
from backstory.studio.recording import Recording

CHUNK = 0.015
"""Seconds that training holds the lock; a chunk is at least one step."""
TOGETHER, PATIENCE = 24, 0.04
"""Steps that a chunk of slow steps may hold, and its seconds: every chunk packs the weights and wakes threads anew."""
FRAME = 0.1
"""Seconds between two frames of a training run: at most 10 frames a second go down."""
_FRAMES = 0.1
"""The share of a run's time that frames may take; each records its step."""
_HEAD_START = 0.06
"""Seconds that recording may take beside: the first steps are the ones worth seeing singly."""


class Turns:
    """A lock that is handed over in the order in which it was asked for; its holder may take it again."""

    def __init__(self) -> None:
        self._door = threading.Lock()
        self._lock = threading.Lock()
        self._holder: int | None = None
        self._depth = 0

    def __enter__(self) -> None:
        if self._holder != threading.get_ident():
            with self._door:  # those who come later wait here, in line
                self._lock.acquire()
            self._holder = threading.get_ident()
        self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if not self._depth:
            self._holder = None
            self._lock.release()


class Runner:
    """Trains in the background until told to pause.

    Parameters
    ----------
    turns : Turns
    frame : callable
        Called with the lock held, at most every `FRAME` seconds, and after the last step.
    failed : callable taking an error
        Called with the lock held, when training had to stop.
    """

    def __init__(self, turns: Turns, frame: Callable[[], None], failed: Callable[[BackstoryError], None]) -> None:
        self._turns, self._frame, self._failed = turns, frame, failed
        self._run: _Run | None = None
        self.speed: float | None = None
        """Steps a second; None for as many as can be."""

    @property
    def running(self) -> bool:
        """Whether training goes on."""
        return self._run is not None

    def play(self, recording: Recording) -> None:
        """Begin; the lock is held."""
        if self._run is None:
            self._run = _Run(recording)
            threading.Thread(target=self._loop, args=(self._run,), daemon=True).start()

    def pause(self) -> None:
        """End after the present chunk, which is over once the lock is held."""
        self._run = None

    def _loop(self, run: _Run) -> None:
        while True:
            with self._turns:
                if self._run is not run:
                    return
                try:
                    wait = run.chunk(self.speed)
                    if run.frame_due():
                        run.timed_frame(self._frame)
                except BaseException as error:
                    self._run = None
                    if not isinstance(error, BackstoryError):
                        raise
                    return self._failed(error)
            if wait:
                time.sleep(wait)


class _Run:
    """One stretch of training, and the clock by which its chunks are cut."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.started = self.last_frame = time.perf_counter()
        self.frame_cost = self.note_cost = 0.0
        self.per_step = CHUNK
        self.owed = 1.0
        self.shown = -1
        self.before = self.started

    def chunk(self, speed: float | None) -> float:
        """Train for a moment; return for how long to wait."""
        now = time.perf_counter()
        n = max(1, int(CHUNK / self.per_step), min(TOGETHER, int(PATIENCE / self.per_step)))
        if speed is not None:
            self.owed = min(self.owed + (now - self.before) * speed, max(1.0, speed))
            n = min(n, int(self.owed))
        self.before = now
        if n:
            self._take(n)
            self.owed -= n
        return 0.0 if speed is None else min(0.02, max(0.0, 1 - self.owed) / speed)

    def _take(self, n: int) -> None:
        recording, beginning = self.recording, self.note_cost < _HEAD_START
        if beginning:
            n = min(n, max(1, recording.due_in()))
        before = time.perf_counter()
        recording.take(n)
        after = time.perf_counter()
        self.per_step = max((after - before) / n, 1e-8) if n > 1 else 0.5 * (self.per_step + after - before)
        if beginning and not recording.due_in():
            recording.note()
            self.note_cost += time.perf_counter() - after

    def frame_due(self) -> bool:
        """Whether something new may be shown."""
        past = time.perf_counter() - self.last_frame
        return past >= max(FRAME, self.frame_cost / _FRAMES) and self.shown != self.recording.subject.steps

    def timed_frame(self, frame: Callable[[], None]) -> None:
        """Record the present step, whose figures are computed for the frame anyway, and show it."""
        before = time.perf_counter()
        self.recording.note()
        frame()
        self.last_frame = time.perf_counter()
        self.frame_cost = self.last_frame - before
        self.shown = self.recording.subject.steps
