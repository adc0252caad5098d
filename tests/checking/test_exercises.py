"""Exercises: every solution is right, every mistake to be found is there, answers are judged as equations are."""

from __future__ import annotations

from pathlib import Path

import pytest

import backstory as bs
from backstory.checking.exercises import KINDS, Kind, exercise, exercises
from backstory.errors import ConfigurationError
from backstory.story.program import read_program

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TWO = read_program((EXAMPLES / "two-two-two.txt").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(25))
def test_every_solution_is_right(kind: Kind, seed: int) -> None:
    made = exercise(seed, kind)
    formulas = bs.Formulas.read(made.network)
    assert formulas.check(made.solution).ok
    assert made.check(made.solution).ok
    assert made.check(made.solution.split("=", 1)[1]).ok, "the right side alone is an answer"
    assert made == exercise(seed, kind), "the same seed makes the same exercise"
    if kind == "spot":
        found = formulas.check(made.asked)
        assert not found.ok
        assert made.mistake is not None
        assert found.findings[0].kind == made.mistake.kind
        assert not made.check(made.asked).ok
    else:
        assert made.mistake is None
        assert made.question == f"Write {made.asked}."


def test_exercises_about_a_given_network() -> None:
    seen = {exercise(seed, "gradient", TWO).asked for seed in range(30)}
    assert seen <= {f"dL/d{name}" for name in TWO.parameters}
    assert len(seen) > 5
    made = exercise(0, None, TWO)
    assert "#" not in made.network
    assert bs.Formulas.read(made.network).loss == "L"


def test_an_answer_must_say_what_was_asked() -> None:
    made = exercise(4, "gradient", TWO)
    assert made.asked == "dL/dw4"
    for answer, message in (
        ("dL/dw4", "That says dL/dw4 by itself; write what it comes to."),
        ("dL/dw4 = 1*dL/dw4", "That says dL/dw4 by itself; write what it comes to."),
        ("dL/dw5 = dL/do1*do1/dw5", "dL/dw4 was asked for, not dL/dw5."),
    ):
        verdict = made.check(answer)
        assert not verdict.ok
        assert [finding.message for finding in verdict.findings] == [message]
    assert made.check("dL/dh2*dh2/dw4").ok
    assert made.check("dL/dh2*dh2/dw3").findings[0].kind == "wrong_factor"
    assert made.check("(").status == "unreadable"
    assert made.check(
        r"\frac{\partial L}{\partial w_4} = \frac{\partial L}{\partial h_2} \frac{\partial h_2}{\partial w_4}"
    ).ok


def test_no_two_of_a_worksheet_are_the_same() -> None:
    made = exercises(12, seed=5)
    assert len({(each.network, each.asked) for each in made}) == 12
    assert made[0] == exercise(5)
    assert made == exercises(12, seed=5)
    few = exercises(40, 1, "gradient", TWO)
    assert 8 <= len(few) <= len(TWO.parameters), "no more than the network has"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nL = x^2", "An exercise needs a parameter whose derivative is short enough to be written by hand."),
        ("samples: x y\n1 2\n\nw = 1\nL = mean((w*x - y)^2)", "An exercise is about a network with one sample."),
    ],
)
def test_networks_that_give_no_exercise(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        exercise(0, None, read_program(text))
