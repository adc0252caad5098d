"""Your equation: its verdict as data for the page, and how it is read, in mathematics."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from backstory.checking.batches import judge_of
from backstory.checking.equation import Written
from backstory.checking.indexed_names import IndexedNames
from backstory.checking.judge import Judge, WithFree, free_names
from backstory.checking.mathml import equation_mathml
from backstory.checking.reader import Vocabulary, read_equation
from backstory.checking.verdict import Verdict
from backstory.errors import ConfigurationError, ExpressionError
from backstory.model.checks import layers_of
from backstory.story.front import FRONT_PARAMETERS
from backstory.story.program import Program
from backstory.studio.subject import FormulasSubject, NetworkSubject, Subject
from backstory.studio.symbols import CLASSES

if TYPE_CHECKING:
    from backstory.network.spec import Spec

State = dict[str, Any]
MOST_TEXT = 4000
"""Characters of an equation."""
_OF_LETTERS = {"w": "sym-weight", "b": "sym-weight", "x": "sym-input", "y": "sym-loss", "L": "sym-loss"}
_OF_LETTERS |= {"delta": "sym-gradient", **dict.fromkeys(("a", "z", "e", "s", "angle", "wave"), "sym-unit")}
_OF_LETTERS |= dict.fromkeys(("alpha", *FRONT_PARAMETERS), "sym-weight")


class Reader:
    """Reads equations about one network, for how they look.

    Parameters
    ----------
    about : Program or Spec
        Formulas, or a network of layers.
    """

    def __init__(self, about: Program | Spec) -> None:
        self.judge: Judge | None = None
        if isinstance(about, Program):
            self.judge = judge_of(about, {})
        else:
            self.names = IndexedNames(layers_of(about, within=True))

    def vocabulary(self, text: str) -> Vocabulary:
        if self.judge is not None:
            return self.judge.vocabulary(text)
        return WithFree(self.names, free_names(text) | {"N"})

    def mathml(self, text: str) -> str:
        """Return an equation in mathematics; nothing where it cannot be read."""
        with suppress(ExpressionError, RecursionError):
            return f"<math>{equation_mathml(read_equation(text, self.vocabulary(text)), self.kind)}</math>"
        return ""

    def kind(self, name: Written) -> str:
        """Return the class of what a name stands for."""
        if self.judge is None:
            parsed = self.names.parse(name)
            letter = "" if parsed is None else parsed.address.letter if parsed.address else parsed.letter
            is_input = parsed is not None and letter == "a" and str(parsed.layer) == "0"
            return "sym-input" if is_input else _OF_LETTERS.get(letter, "")
        meaning = self.judge.names.meaning(name)
        if meaning is None:
            return ""
        program = self.judge.program
        if meaning.is_delta:
            return "sym-gradient"
        if meaning.node in program.parameters:
            return CLASSES["weight"]
        if meaning.node == program.loss:
            return CLASSES["loss"]
        if meaning.node in program.formulas:
            return CLASSES["activation"]
        users = program.users.get(meaning.node, ())
        is_target = bool(users) and all(user == program.loss or "L" in user for user in users)
        return CLASSES["target" if is_target else "input"]


def reader_of(subject: Subject) -> Reader:
    """Return what reads equations about the network on the stage."""
    if isinstance(subject, FormulasSubject):
        return Reader(subject.formulas.program)
    assert isinstance(subject, NetworkSubject)
    return Reader(subject.net.spec)


def required(text: object) -> str:
    """Return the text of an equation.

    Raises
    ------
    ConfigurationError
        It is no text, or too long.
    """
    if not isinstance(text, str):
        raise ConfigurationError(f"An equation must be a text. Got {text!r:.80}.")
    if len(text) > MOST_TEXT:
        raise ConfigurationError(f"An equation must have at most {MOST_TEXT} characters. Got {len(text)}; shorten it.")
    return text


def judged(subject: Subject, row: int, text: str, id: str = "") -> State:
    """Judge an equation, as the key `check` holds it; `id` is the asker's own and comes back as it was."""
    return told(subject.check(text, row), reader_of(subject)) | {"id": id}


def told(verdict: Verdict, reader: Reader) -> State:
    """Return a verdict as data: its plain data, the steps of teaching, its headline and how it is read."""
    found = verdict.to_dict()
    for finding, of in zip(found["findings"], verdict.findings, strict=True):
        finding["nearest"] = of.nearest
        finding["mended"] = reader.mathml(of.fix) if of.fix else ""
    headline, _, _ = str(verdict).partition("\n")
    preview = reader.mathml(verdict.text)
    return {"text": verdict.text, **found, "steps": list(verdict.steps), "headline": headline, "preview": preview}
