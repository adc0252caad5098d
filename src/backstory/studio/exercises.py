"""Exercises on the page: a derivative to write, or a mistake to find; hints one by one, the solution when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from backstory.checking.catalogue import Entry, catalogue
from backstory.checking.equation import Ratio
from backstory.checking.exercises import KINDS, Exercise, Kind, exercise
from backstory.checking.reader import read_equation
from backstory.checking.terms import ratios
from backstory.checking.verdict import Finding, Verdict
from backstory.errors import ConfigurationError, ExpressionError, unknown
from backstory.expressions import to_text
from backstory.model.formulas import Formulas
from backstory.model.network import Network
from backstory.studio import stage_exercises
from backstory.studio.equations import Reader, told
from backstory.studio.subject import FormulasSubject, NetworkSubject, Subject

State = dict[str, Any]
ABOUT = ("random", "stage", "catalogue")
"""A network drawn at random, the one on the stage, or one of the catalogue of wrong equations."""


@dataclass(frozen=True)
class Quiz:
    """One exercise with what is needed to judge answers to it.

    Attributes
    ----------
    kind : {"gradient", "spot"}
    network : str
        As it is shown: formulas, or a sentence.
    asked : str
        The derivative to write, or the wrong equation.
    left : str
        The left side that an answer begins with.
    solution : str
        A right equation; empty where none is known.
    mistake : Finding, optional
    check : callable
        From an answer to its verdict.
    reader : Reader
    story : callable () -> list of str
        Hints for a derivative that is to be written.
    """

    kind: str
    network: str
    asked: str
    left: str
    solution: str
    mistake: Finding | None
    check: Callable[[str], Verdict]
    reader: Reader
    story: Callable[[], list[str]]

    @property
    def question(self) -> str:
        """What is to be done, in a sentence."""
        if self.kind == "gradient":
            return f"Write {self.asked}."
        return "There is a mistake in this equation. Write it as it should be."

    @cached_property
    def hints(self) -> list[str]:
        """What helps, the vaguest first; never the solution itself."""
        if self.mistake is None:
            return self.story()
        steps = Verdict(self.asked, "wrong", (self.mistake,)).steps
        return [step for step in steps if not step.startswith("Mended: ")]


def quiz(kind: str, about: str, seed: int, subject: Subject, row: int = 0) -> Quiz:
    """Make an exercise.

    Parameters
    ----------
    kind : {"gradient", "spot"}
    about : {"random", "stage", "catalogue"}
    seed : int
        The same seed makes the same exercise; of the catalogue, which row.
    subject : Subject
        What is on the stage.
    row : int
        Which of its samples is looked at.

    Raises
    ------
    ConfigurationError
        An unknown choice; or the network on the stage does not suit.
    """
    if kind not in KINDS:
        raise unknown("kind of exercise", kind, KINDS)
    if about not in ABOUT:
        raise unknown("network for an exercise", about, ABOUT)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigurationError(f"seed must be a whole number >= 0. Got {seed!r}.")
    if about == "catalogue":
        return _of_the_catalogue(seed)
    if about == "random":
        return _made(exercise(seed, _kind(kind)))
    if isinstance(subject, NetworkSubject):
        return _of_layers(kind, seed, subject, row)
    assert isinstance(subject, FormulasSubject)
    return _made(exercise(seed, _kind(kind), subject.formulas.program))


def _kind(name: str) -> Kind:
    return next(kind for kind in KINDS if kind == name)


def _made(made: Exercise) -> Quiz:
    formulas = Formulas.read(made.network)

    def story() -> list[str]:
        told = formulas.explain(made.asked)
        ways = [" → ".join(name for name in path.nodes if name not in formulas.program.hidden) for path in told.paths]
        count = "One path leads" if len(ways) == 1 else f"{told.path_count} paths lead"
        return [
            f"{count} from {told.by} to {told.of}.",
            "\n".join(ways),
            f"{made.left} = {to_text(told.chain.symbols)}",
        ]

    reader = Reader(formulas.program)
    return Quiz(made.kind, made.network, made.asked, made.left, made.solution, made.mistake, made.check, reader, story)


def _of_layers(kind: str, seed: int, subject: NetworkSubject, row: int) -> Quiz:
    spec = subject.net.spec
    asked, left, solution, mistake = stage_exercises.chosen(kind, seed, subject, row)
    reader = Reader(spec)

    def check(answer: str) -> Verdict:
        text = answer if "=" in answer or "←" in answer else f"{left} = {answer}"
        return _guarded(text, solution, reader) or subject.check(text, row)

    def story() -> list[str]:
        return stage_exercises.hints(subject.explain(left, row), solution)

    shown = stage_exercises.described(spec, row)
    return Quiz(kind, shown, asked, left, solution, mistake, check, reader, story)


def mistakes() -> list[Entry]:
    """Return the rows of the catalogue that are not right."""
    return [row for row in catalogue().rows if row.status != "right"]


def _of_the_catalogue(place: int) -> Quiz:
    rows = mistakes()
    row = rows[place % len(rows)]
    described = catalogue().networks[row.network]
    network: Formulas | Network
    if "formulas" in described:
        network, shown = Formulas.read(described["formulas"]), str(described["formulas"]).strip()
        reader = Reader(network.program)
    else:
        network = Network(**{key: value for key, value in described.items() if key != "title"})
        shown = f"A network with {described['title']}; its loss is {network.spec.loss.name.replace('_', ' ')}."
        reader = Reader(network.spec)
    finding = next((each for each in network.check(row.equation).findings if each.fix), None)
    finding = finding or network.check(row.equation).findings[0]  # what it has compiled by now leaves time to mend
    left = row.equation.split("=", 1)[0].strip()

    def check(answer: str) -> Verdict:
        text = answer if "=" in answer or "←" in answer else f"{left} = {answer}"
        return _guarded(text, row.equation, reader) or network.check(text)

    return Quiz("spot", shown, row.equation, left, finding.fix, finding, check, reader, list)


def _guarded(text: str, asked: str, reader: Reader) -> Verdict | None:
    """Return the verdict on an answer that is about something else, or says no more than the question."""
    try:
        left, *others = read_equation(text, reader.vocabulary(text)).sides
        wanted = read_equation(asked, reader.vocabulary(asked)).sides[0]
    except (ExpressionError, RecursionError):
        return None
    if left != wanted:
        start, end = left.span or (0, len(text))
        message = f"{asked.split('=', 1)[0].strip()} was asked for, not {text[start:end]}."
        return Verdict(
            text, "wrong", (Finding("wrong_factor", (start, end), message, hint="Read the question again."),)
        )
    if isinstance(left, Ratio) and any(ratio == left for side in others for ratio in ratios(side)):
        span = others[-1].span or (0, len(text))
        return Verdict(text, "wrong", (Finding("not_differentiated", span, "That says it by itself."),))
    return None


class Lesson:
    """The exercise that is on the page: how many hints were taken, what was answered, whether it was solved.

    Parameters
    ----------
    made : Quiz
    choice : dict
        kind, about and seed, as asked for.
    """

    def __init__(self, made: Quiz, choice: State) -> None:
        self.quiz, self.choice = made, choice
        self.hints = 0
        self.answer: State | None = None
        self.solved = False

    def try_answer(self, text: str, id: str) -> None:
        self.answer = told(self.quiz.check(text), self.quiz.reader) | {"id": id}

    def state(self) -> State:
        """Return the key `exercise`; nothing in it gives away what was not asked for."""
        made = self.quiz
        said = "" if made.mistake is None else made.mistake.message
        solution = {"text": made.solution, "html": made.reader.mathml(made.solution), "message": said}
        return {
            **self.choice,
            "kind": made.kind,
            "count": len(mistakes()) if self.choice["about"] == "catalogue" else None,
            "question": made.question,
            "network": made.network,
            "asked": made.asked,
            "asked_html": made.reader.mathml(made.asked if "=" in made.asked else f"{made.asked} = 0"),
            "left": made.left,
            "hints": made.hints[: self.hints],
            "more": self.hints < len(made.hints),
            "answer": self.answer,
            "solution": solution if self.solved else None,
        }
