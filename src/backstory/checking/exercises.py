"""Exercises: a derivative to write, or a mistake to find; each solution is judged right before it is given out."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from backstory.checking.derivations import Deriver, Style, to_tree
from backstory.checking.equation import Ratio, Written
from backstory.checking.judge import Judge
from backstory.checking.random_networks import random_network
from backstory.checking.reader import read_equation
from backstory.checking.slips import MISTAKES
from backstory.checking.spelling import Spelling, written
from backstory.checking.terms import ratios
from backstory.checking.verdict import Finding, Verdict
from backstory.errors import ConfigurationError, ExpressionError
from backstory.expressions import Expr
from backstory.story.program import Program, read_program

Kind: TypeAlias = Literal["gradient", "spot"]
KINDS: tuple[Kind, ...] = ("gradient", "spot")
_TRIES = 200
_TRIES_EACH = 5
_LONGEST = 160
"""Characters of an equation that is still one to be written by hand."""
_STYLES: tuple[Style, ...] = ("names", "formulas", "deltas")


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes
    ----------
    kind : str
        "gradient": write a derivative; "spot": find the mistake in an equation and mend it.
    network : str
        The network, as formulas.
    asked : str
        The derivative to be written, such as "dL/dw3", or the wrong equation.
    solution : str
        A right equation.
    mistake : Finding, optional
        What is wrong with the equation in which it is to be found.
    """

    kind: Kind
    network: str
    asked: str
    solution: str
    mistake: Finding | None = None
    _program: Program | None = field(default=None, repr=False, compare=False)

    @property
    def question(self) -> str:
        """What is to be done, in a sentence."""
        if self.kind == "gradient":
            return f"Write {self.asked}."
        return f"There is a mistake in this equation. Write it as it should be: {self.asked}"

    @property
    def left(self) -> str:
        """The left side that an answer begins with."""
        return self.solution.split("=", 1)[0].strip()

    def check(self, answer: str) -> Verdict:
        """Judge an answer: an equation, or only its right side.

        An answer that says no more than the question is not right.
        """
        text = answer if "=" in answer else f"{self.left} = {answer}"
        try:
            sides, asked = self.sides(text), self._means(self.sides(self.solution)[0])
        except (ExpressionError, RecursionError):
            return self._judge.check(text)
        if self._means(sides[0]) != asked:
            span = sides[0].span or (0, len(text))
            message = f"{self.left} was asked for, not {text[slice(*span)]}."
            return Verdict(text, "wrong", (Finding("wrong_factor", span, message, hint="Read the question again."),))
        found = self._judge.check(text)
        if found.ok and any(self._means(ratio) == asked for side in sides[1:] for ratio in ratios(side)):
            span = sides[-1].span or (0, len(text))
            message = f"That says {self.left} by itself; write what it comes to."
            return Verdict(text, "wrong", (Finding("not_differentiated", span, message),))
        return found

    def sides(self, equation: str) -> tuple[Expr, ...]:
        """Return the trees of an equation about this network."""
        return read_equation(equation, self._judge.names).sides

    def _means(self, side: Expr) -> tuple[str, str] | None:
        """Return what a derivative, or a delta, is of and by."""
        names = self._judge.names
        if isinstance(side, Ratio):
            of, by = names.meaning(side.of), names.meaning(side.by)
            return (of.node, by.node) if of and by else None
        delta = names.meaning(side) if isinstance(side, Written) else None
        return (names.program.loss, delta.node) if delta and delta.is_delta else None

    @cached_property
    def _judge(self) -> Judge:
        return Judge(self._program or read_program(self.network))


def exercise(seed: int, kind: Kind | None = None, program: Program | None = None) -> Exercise:
    """Make an exercise.

    Parameters
    ----------
    seed : int
        The same seed makes the same exercise.
    kind : {"gradient", "spot"}, optional
        By default either.
    program : Program, optional
        The network; by default a random one.

    Raises
    ------
    ConfigurationError
        The network is given with a table of samples; or it has no parameter that its loss depends on, or none whose
        derivative is short enough to be written.

    Examples
    --------
    >>> made = exercise(3, "gradient")
    >>> made.question
    'Write dC/dw2_12.'
    >>> made.check(made.solution).ok
    True
    """
    if program is not None and program.samples:
        raise ConfigurationError(
            "An exercise is about a network with one sample. This one has a table of samples; "
            "give the inputs and targets of one of them as numbers instead."
        )
    generator = random.Random(seed)
    for _ in range(_TRIES):
        own = program or read_program(random_network(generator, most_hidden=2, most_units=2))
        chosen = generator.choice(KINDS) if kind is None else kind
        if (made := _made(chosen, own, generator, program is not None)) is not None:
            return made
    raise ConfigurationError(
        "An exercise needs a parameter whose derivative is short enough to be written by hand. "
        "None was found; give a smaller network."
    )


def exercises(count: int, seed: int, kind: Kind | None = None, program: Program | None = None) -> list[Exercise]:
    """Make exercises of which no two ask the same, as far as the network has so many."""
    found: dict[tuple[str, str], Exercise] = {}
    for number in range(count * _TRIES_EACH):
        made = exercise(seed_of(seed, number), kind, program)
        found.setdefault((made.network, made.asked), made)
        if len(found) == count:
            break
    return list(found.values())


def seed_of(seed: int, number: int) -> int:
    """Return a seed of its own for each exercise of a worksheet; the first has the worksheet's."""
    return seed if number == 0 else random.Random(f"{seed} {number}").randrange(2**32)


def _made(kind: Kind, program: Program, generator: random.Random, is_given: bool) -> Exercise | None:
    """Make one, or return None where the parameter or the mistake that chance chose does not suit."""
    parameters = [name for name in program.parameters if program.users[name]]
    if not parameters:
        return None
    judge = Judge(program)
    by = generator.choice(parameters)
    made = _gradient(judge, by) if kind == "gradient" else _spot(judge, by, generator)
    if made is None:
        return None
    asked, solution, mistake = made
    if max(len(asked), len(solution)) > _LONGEST:
        return None
    return Exercise(kind, _without_comments(program.text), asked, solution, mistake, program if is_given else None)


def _without_comments(text: str) -> str:
    lines = (line.split("#", 1)[0].rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _gradient(judge: Judge, by: str) -> tuple[str, str, None] | None:
    """The derivative of the loss by a parameter, and what it is, worked out."""
    asked = Spelling().text(Ratio(written(judge.program.loss), written(by)))
    solution = judge.canonical(f"{asked} = 0")
    return (asked, solution, None) if judge.check(solution).ok else None


def _spot(judge: Judge, by: str, generator: random.Random) -> tuple[str, str, Finding] | None:
    """An equation with one mistake, the right one, and what the checker says of it, which must be that mistake."""
    program = judge.program
    derivation = Deriver(program, generator, generator.choice(_STYLES)).derivation(program.loss, by)
    slip = generator.choice(MISTAKES).made(derivation, program, generator)
    if slip is None:
        return None
    right = Spelling().equation(derivation.left, to_tree(derivation.right))
    wrong = Spelling().equation(slip.left, slip.right)
    verdict = judge.check(wrong)
    if not judge.check(right).ok or verdict.ok or not verdict.findings or verdict.findings[0].kind != slip.kind:
        return None
    return wrong, right, verdict.findings[0]
