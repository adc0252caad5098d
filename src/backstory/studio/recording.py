"""`Recording`: the way training took, kept thin enough to hold, dense enough to go back to any step exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backstory.studio.subject import Figures, Saved, Subject

MOST_POINTS = 256
MOST_BYTES = 64 << 20
"""Of all snapshots together: of a large network there are fewer."""


@dataclass(frozen=True)
class Point:
    """One recorded step."""

    step: int
    saved: Saved
    figures: Figures


class Recording:
    """The recorded steps of one training, and what was changed by hand on the way.

    Training is deterministic, so any step is reached again from the recorded step before it, to the bit. Points are
    spread evenly: when there are too many, every other is given up and the distance between them doubles.

    Attributes
    ----------
    points : list of Point
        By step; the first is step 0.
    edits : dict of int to (dict of str to float)
        Parameters that were set by hand, by the step at which; going over that step again sets them again.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        first = subject.save()
        self.points = [Point(subject.steps, first, subject.figures())]
        self.edits: dict[int, dict[str, float]] = {}
        self._stride = 1
        self._most = max(8, min(MOST_POINTS, MOST_BYTES // max(1, _size(first))))

    @property
    def last(self) -> int:
        """The last recorded step."""
        return self.points[-1].step

    def due_in(self) -> int:
        """In how many steps the next point is due; 0 where the present step is to be noted."""
        step, last = self.subject.steps, self.last
        if step < last:
            return last - step
        if step == last:
            return self._stride - step % self._stride
        return 0 if step // self._stride > last // self._stride else self._stride - step % self._stride

    def note(self) -> None:
        """Record the present step, unless it is recorded already."""
        step = self.subject.steps
        if step <= self.last:
            return
        self.points.append(Point(step, self.subject.save(), self.subject.figures()))
        if len(self.points) > self._most:
            self._thin()

    def _thin(self) -> None:
        while len(self.points) > self._most // 2 + 1:
            self._stride *= 2
            kept: dict[int, Point] = {}
            for point in self.points[:-1]:
                kept.setdefault(point.step // self._stride, point)
            self.points = [*kept.values(), self.points[-1]]

    def set(self, address: str, value: float) -> None:
        """Give a parameter a value at the present step; what came after it is forgotten."""
        step = self.subject.steps
        self.subject.set(address, value)
        self.points = [point for point in self.points if point.step < step]
        self.edits = {at: edits for at, edits in self.edits.items() if at <= step}
        self.edits[step] = {**self.edits.get(step, {}), address: value}
        self.points.append(Point(step, self.subject.save(), self.subject.figures()))

    def take(self, steps: int) -> None:
        """Train for so many steps, what was set by hand on the way included."""
        end = self.subject.steps + steps
        while self.subject.steps < end:
            step = self.subject.steps
            stop = min([at for at in self.edits if step < at < end], default=end)
            self.subject.take(stop - step)
            for address, value in self.edits.get(stop, {}).items():
                self.subject.set(address, value)

    def go_to(self, step: int) -> None:
        """Go to a step: back to the recorded one at or before it, and on from there."""
        here = self.subject.steps
        found = max((point for point in self.points if point.step <= step), key=lambda point: point.step)
        if not found.step <= here <= step:
            self.subject.restore(found.saved)
        if step > self.subject.steps:
            self.take(step - self.subject.steps)

    def history(self) -> dict[str, Any]:
        """Return the curves, as the key `history` holds them: of each figure one number by recorded step."""
        figures = [point.figures for point in self.points]
        steps = [point.step for point in self.points]
        if self.subject.steps > self.last:
            steps, figures = [*steps, self.subject.steps], [*figures, self.subject.figures()]
        return {
            "steps": steps,
            "loss": [each.loss for each in figures],
            "validation": [each.validation for each in figures],
            "accuracy": [each.accuracy for each in figures],
            "validation_accuracy": [each.validation_accuracy for each in figures],
            "norms": [list(layer) for layer in zip(*(each.norms for each in figures), strict=True)],
        }


def _size(saved: Saved) -> int:
    """Return about how many bytes a snapshot takes."""
    return int(getattr(saved, "nbytes", 1000))
