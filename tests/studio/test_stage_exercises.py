"""Exercises about a network of layers on the stage: each solution is what the engine computes, each slip is one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from backstory.story.address import read_address
from backstory.studio import stage_exercises
from backstory.studio.exercises import quiz
from backstory.studio.session import Session

ROW = 3


@pytest.fixture
def session() -> Iterator[Session]:
    made = Session(lambda changed: None, "clouds")
    made.handle({"do": "row", "row": ROW})
    yield made
    made.close()


def do(session: Session, action: str, **arguments: Any) -> dict[str, Any]:
    session.handle({"do": action, **arguments})
    assert session.state()["notice"] is None
    return session.state()["exercise"]  # type: ignore[no-any-return]


def value_of(right: str, subject: Any) -> float:
    """Work out a product of inputs, activations and deltas from the engine's arrays."""
    x, y = subject.X[ROW : ROW + 1], subject.y[ROW : ROW + 1]
    known = {"a": subject.net.activations(x), "delta": subject.net.deltas(x, y)}
    value = 1.0
    for letter, layer, unit in re.findall(r"(x|a|delta)(\d*)\[(\d+)\]", right):
        value *= float(x[0, int(unit)] if letter == "x" else known[letter][int(layer) - 1][0, int(unit)])
    return value


@pytest.mark.parametrize("preset", ["clouds", "spirals", "digits"])
@pytest.mark.parametrize("kind", ["gradient", "spot"])
def test_an_exercise_is_asked_hinted_solved_and_answered(session: Session, preset: str, kind: str) -> None:
    session.handle({"do": "preset", "name": preset})
    session.handle({"do": "row", "row": ROW})
    subject: Any = session._subject
    gradients = subject.net.gradients(subject.X[ROW : ROW + 1], subject.y[ROW : ROW + 1])
    for seed in range(6):
        asked = do(session, "exercise", kind=kind, about="stage", seed=seed)
        assert (asked["solution"], asked["hints"]) == (None, [])
        assert asked["asked_html"].startswith("<math>")
        assert f"sample {ROW}" in asked["network"]
        hints = [do(session, "hint") for _ in range(3)][-1]["hints"]
        assert len(hints) == 3
        solution = do(session, "solve")["solution"]["text"]
        address = read_address(re.match(r"dL/d(\S+) =", solution)[1])  # type: ignore[index]
        assert address is not None
        layer, place = address.layer - 1, (address.source, address.unit)
        wanted = gradients.biases[layer][address.unit] if address.source is None else gradients.weights[layer][place]
        assert value_of(solution.split("=")[1], subject) == pytest.approx(float(wanted), rel=1e-4, abs=1e-9)
        assert do(session, "answer", text=solution)["answer"]["ok"]
        assert do(session, "answer", text=solution.split("=")[1])["answer"]["ok"]
        for wrong in ("3", asked["asked"] if kind == "spot" else f"{asked['asked']} = {asked['asked']}"):
            assert not do(session, "answer", text=wrong)["answer"]["ok"]


def test_slips_are_many_and_the_same_seed_makes_the_same(session: Session) -> None:
    made = [quiz("spot", "stage", seed, session._subject, ROW) for seed in range(30)]
    assert {each.mistake.kind for each in made if each.mistake} >= {"wrong_factor", "missing_factor", "wrong_sign"}
    assert len({each.asked for each in made}) > 20
    assert quiz("spot", "stage", 5, session._subject, ROW).asked == made[5].asked


def test_hints_go_along_paths_and_a_question_about_another_is_told_so(session: Session) -> None:
    asked = do(session, "exercise", kind="gradient", about="stage", seed=1)
    hints = [do(session, "hint") for _ in range(3)][-1]["hints"]
    ways = hints[1].split("\n")
    assert len(set(ways)) == len(ways) == 3
    assert all(way.startswith(asked["left"].removeprefix("dL/d")) and way.endswith("→ L") for way in ways)
    assert all(one != other for way in ways for one, other in pairwise(way.split(" → ")))
    answer = do(session, "answer", text="dL/dw2[0->0] = a1[0]*delta2[0]")["answer"]
    assert answer["findings"][0]["message"] == f"{asked['left']} was asked for, not dL/dw2[0->0]."


def test_of_a_wide_layer_no_sum_is_written_out(session: Session) -> None:
    spec = session._subject.net.spec  # type: ignore[attr-defined]
    by = read_address("w1[0->4]")
    assert by is not None
    assert spec.sizes[2] == stage_exercises.MOST_TERMS
    assert stage_exercises.factors(spec, by)[1] == "da1[4]/dz1[4]"
    assert stage_exercises.factors(spec, by)[2].count("delta2") == 3
    session.handle({"do": "preset", "name": "digits"})
    spec = session._subject.net.spec  # type: ignore[attr-defined]
    assert stage_exercises.factors(spec, by) == ["x[0]", "delta1[4]"]
