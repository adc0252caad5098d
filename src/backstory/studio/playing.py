"""Playing: training on, step by step or in the background, and going back."""

from __future__ import annotations

from backstory.errors import BackstoryError, ConfigurationError, unknown
from backstory.studio.stage import Stage, State

WAYS = ("sample", "batch", "epoch")


class Playing(Stage):
    """The part of a session that trains."""

    def play(self) -> None:
        """Train until told to pause."""
        self._visited = 0
        self._runner.play(self._recording)
        self._put(training=self._training())

    def pause(self) -> None:
        """Stop training after the step it is at."""
        if self._runner.running:
            self._runner.pause()
            self._put(training=self._training())
            self._recording.note()
            self._frame()

    def step(self, by: str = "epoch") -> None:
        """Train for one sample, batch or epoch, as it comes in the order of training."""
        if by not in WAYS:
            raise unknown("way to step", by, WAYS)
        self._runner.pause()
        batch = self._subject.batch()
        visited = self._visited + 1 if by == "sample" else 0
        if by == "sample":
            self._look_at(batch[visited - 1])
        self._visited = visited % len(batch)
        if not self._visited:
            per_epoch = self._subject.steps_per_epoch
            self._train(per_epoch - self._subject.steps % per_epoch if by == "epoch" else 1)
        else:
            self._frame()

    def rewind(self, step: int) -> None:
        """Go to a step that was taken, backwards or forwards."""
        if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step <= self._last:
            raise ConfigurationError(f"step must be one of those taken, 0 to {self._last}. Got {step!r}.")
        self._runner.pause()
        self._visited = 0
        self._recording.note()
        self._recording.go_to(step)
        self._frame()

    def speed(self, steps: float | None = None) -> None:
        """Train at so many steps a second; without a number as fast as can be."""
        if steps is not None and not (isinstance(steps, int | float) and 0.1 <= steps <= 1e9):
            raise ConfigurationError(f"steps must be a number of steps a second from 0.1 on, or null. Got {steps!r}.")
        self._runner.speed = steps
        self._put(training=self._training())

    def set(self, address: str, value: float) -> None:
        """Give a parameter a value; steps that were taken after this one are forgotten."""
        self._runner.pause()
        self._recording.set(address, float(value))
        self._frame()

    def row(self, row: int) -> None:
        """Look at another sample."""
        if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < self._subject.rows:
            raise ConfigurationError(f"row must be one of the samples 0 to {self._subject.rows - 1}. Got {row!r}.")
        self._look_at(row)
        self._frame()

    def _look_at(self, row: int) -> None:
        self._put(setup={**self._state["setup"], "row": row})

    def _train(self, steps: int) -> None:
        """Take some steps at once and record where they led, though it be less far."""
        try:
            self._recording.take(steps)
        finally:
            self._recording.note()
            self._frame()

    def _failed(self, error: BackstoryError) -> None:
        """Say why training stopped."""
        self._recording.note()
        self._frame()
        self._put(notice=str(error), refused="bar")

    def _training(self) -> State:
        steps, per_epoch = self._subject.steps, self._subject.steps_per_epoch
        return {
            "running": self._runner.running,
            "step": steps,
            "last": self._last,
            "epoch": steps // per_epoch,
            "batch": steps % per_epoch,
            "batches": per_epoch,
            "sample": self._visited,
            "samples": len(self._subject.batch()),
            "speed": self._runner.speed,
            "edits": sum(map(len, self._recording.edits.values())),
        }


ACTIONS = (Playing.play, Playing.pause, Playing.step, Playing.rewind, Playing.speed, Playing.set, Playing.row)
