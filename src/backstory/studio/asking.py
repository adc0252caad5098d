"""What a session answers: why (stories), whether an equation is right, and exercises; each an action of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backstory.errors import ConfigurationError, unknown
from backstory.studio import equations, stories
from backstory.studio.drawing import Kept, kept_units
from backstory.studio.exercises import Lesson, quiz
from backstory.studio.subject import finite

if TYPE_CHECKING:
    from backstory.studio.subject import Subject

State = dict[str, Any]


class Asking:
    """The questions' part of a session.

    A story is told again with every change of the network, and so is what was asked about it; while training runs, all
    stay as they were and say at which step they were taken.
    """

    _subject: Subject
    _state: State
    _lesson: Lesson | None = None
    _opened: frozenset[str] = frozenset()
    """The folded parts of stories that are written, as a reader has opened them."""

    def _put(self, **changed: Any) -> None:
        raise NotImplementedError

    def _draw(self, kept: Kept | None = None) -> None:
        raise NotImplementedError

    def _values(self, mean_loss: float | None) -> State:
        raise NotImplementedError

    @property
    def _row(self) -> int:
        return int(self._state["setup"]["row"])

    @property
    def _convention(self) -> str:
        return str(self._state["setup"]["convention"])

    def select(self, quantity: str, over: str | None = None) -> None:
        """Tell the story of a parameter or another quantity: of one row, or of the batch."""
        before = self._state.get("story")
        if over is None:
            over = before["over"] if before else "batch" if self._subject.kind == "formulas" else "row"
        story = stories.asked(self._subject, self._row, quantity, over, self._convention)
        told = stories.told(self._subject, self._row, story, quantity, over)
        self._put(story=told, written=None, nudge=None)
        if not self._state["net"]["whole"]:
            self._see(kept_units(story))
        self._put(rest=stories.rest(story, told["id"], self._opened))
        if self._state.get("tangent"):
            self.tangent()

    def unfold(self, part: str, on: bool = True) -> None:
        """Write a folded part of the story, and of those that come after it; or no longer."""
        if part not in stories.FOLDED:
            raise unknown("folded part of a story", part, stories.FOLDED)
        self._opened = self._opened | {part} if on else self._opened - {part}
        if (rest := self._state.get("rest")) and not on:
            shut = [{**each, "html": None} if each["key"] == part else each for each in rest["sections"]]
            self._put(rest={**rest, "sections": shut})
        elif rest:
            told = self._required_story()
            story = stories.asked(self._subject, self._row, told["quantity"], told["over"], self._convention)
            self._put(rest=stories.rest(story, told["id"], self._opened))

    def write(self, form: str) -> None:
        """Write the story another way: "text", "latex", "mathml" or "python"."""
        told = self._required_story()
        self._put(written=stories.written(self._subject, self._row, told, self._convention, form))

    def nudge(self, h: float | None = None) -> None:
        """Move the quantity of the story by h and compare with what its gradient promises."""
        told = self._required_story()
        self._put(nudge=stories.nudged(self._subject, self._row, told, self._convention, h))

    def tangent(self, on: bool = True) -> None:
        """Draw the loss along the quantity of the story, and the tangent where it stands; or put both away."""
        self._put(tangent=self._tangent(None) if on else None)

    def check(self, text: str, id: str = "") -> None:
        """Judge an equation."""
        self._put(check=equations.judged(self._subject, self._row, equations.required(text), id))

    def exercise(self, kind: str = "gradient", about: str = "random", seed: int = 0) -> None:
        """Set an exercise."""
        made = quiz(kind, about, seed, self._subject, self._row)
        self._lesson = Lesson(made, {"kind": kind, "about": about, "seed": seed})
        self._put(exercise=self._lesson.state())

    def answer(self, text: str, id: str = "") -> None:
        """Judge an answer to the exercise."""
        lesson = self._required_lesson()
        lesson.try_answer(equations.required(text), id)
        self._put(exercise=lesson.state())

    def hint(self) -> None:
        """Give one hint more."""
        lesson = self._required_lesson()
        lesson.hints = min(lesson.hints + 1, len(lesson.quiz.hints))
        self._put(exercise=lesson.state())

    def solve(self) -> None:
        """Give the solution of the exercise."""
        lesson = self._required_lesson()
        lesson.solved = True
        self._put(exercise=lesson.state())

    def _see(self, kept: Kept) -> None:
        """Let these units of a large network be seen, with their values."""
        self._draw(kept)
        known = self._state["values"]
        mean_loss = known["mean_loss"] if known["step"] == self._subject.steps else finite(self._subject.loss())
        self._put(values=self._values(mean_loss))

    def _required_story(self) -> State:
        """Return the story on the page, told again where the network has moved on."""
        told: State | None = self._state.get("story")
        if told is None:
            raise ConfigurationError("There is no story yet. Choose a weight in the picture first.")
        if told["step"] != self._subject.steps:
            self._retell()
        return self._state["story"]  # type: ignore[no-any-return]  # it is a dict

    def _required_lesson(self) -> Lesson:
        if self._lesson is None:
            raise ConfigurationError("There is no exercise yet. Ask for one first.")
        return self._lesson

    def _retell(self) -> None:
        """Bring the story up to date, and what was asked about it."""
        if not (before := self._state.get("story")):
            return
        quantity, over = before["quantity"], before["over"]
        story = stories.asked(self._subject, self._row, quantity, over, self._convention)
        told = stories.told(self._subject, self._row, story, quantity, over)
        self._put(story=told, written=None)
        self._put(rest=stories.rest(story, told["id"], self._opened))
        if test := self._state.get("nudge"):
            self.nudge(test["h"])
        if drawn := self._state.get("tangent"):
            self._put(tangent=self._tangent(drawn))

    def _tangent(self, before: State | None) -> State:
        """Draw anew; the tangent stays where it touched as long as only its own quantity has moved."""
        told = self._required_story()
        same = before is not None and all(before[key] == told[key] for key in ("quantity", "over"))
        anchor = before["anchor"] if before is not None and same else None
        return stories.tangent(self._subject, self._row, told, self._convention, anchor)

    def _nothing_asked(self) -> State:
        """Return the keys as they are when another network comes on the stage."""
        return {"story": None, "rest": None, "check": None, "written": None, "nudge": None, "tangent": None}


ANSWERS = (
    Asking.select,
    Asking.unfold,
    Asking.write,
    Asking.nudge,
    Asking.tangent,
    Asking.check,
    Asking.exercise,
    Asking.answer,
    Asking.hint,
    Asking.solve,
)
"""The actions, for the session's table."""
