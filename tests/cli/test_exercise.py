"""`backstory exercise`: questions answered at the keyboard, worksheets on paper."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.cli.conftest import Run

TWO = Path(__file__).resolve().parents[2] / "examples" / "two-two-two.txt"
ASKED = ("exercise", TWO, "--kind", "gradient", "--seed", 4)


@pytest.fixture
def answer(run: Run, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def command(typed: str, *words: object):  # type: ignore[no-untyped-def]
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return run(*words)

    return command


def test_a_right_answer_ends_it(answer) -> None:  # type: ignore[no-untyped-def]
    result = answer("dL/dh2*dh2/dw4\n", *ASKED)
    assert (result.code, result.err) == (0, "")
    assert "Write dL/dw4." in result.out
    assert "(seed 4; ? for help, ! for the solution)" in result.lines
    assert result.out.endswith("dL/dw4 = Right.\n")


def test_a_wrong_answer_gets_a_hint_and_more_when_asked(answer) -> None:  # type: ignore[no-untyped-def]
    result = answer("x2*h2*(1-h2)*w6*(o1-y1)*o1*(1-o1)\n?\n?\n?\ndL/dh2*dh2/dw4\n", *ASKED)
    assert result.code == 0
    shown = ("Not yet. Follow every arrow", "Look here:", "The path w4 → h2 → o2 → L is missing")
    places = [result.out.index(text) for text in shown]
    assert places == sorted(places)
    assert result.out.index("Mended: dL/dw4 = ") > places[-1]


def test_the_solution_is_shown_when_asked(answer) -> None:  # type: ignore[no-untyped-def]
    result = answer("?\n!\n", *ASKED)
    assert result.code == 1
    assert "Write an answer first, or ! for the solution." in result.out
    assert "dL/dw4 = x2*h2*(1 - h2)*(w6*o1*(1 - o1)*(o1 - y1) + w8*o2*(1 - o2)*(o2 - y2))" in result.out


def test_the_end_of_the_input_gives_up(answer) -> None:  # type: ignore[no-untyped-def]
    assert answer("", *ASKED).code == 1
    assert answer("\n(\n", *ASKED).out.count("Not yet. Expected a quantity") == 1


def test_a_mistake_to_spot_is_told_with_the_solution(answer) -> None:  # type: ignore[no-untyped-def]
    result = answer("!\n", "exercise", TWO, "--kind", "spot", "--seed", 1)
    assert "There is a mistake in this equation. Write it as it should be: dL/d" in result.out
    assert len(result.lines[-1]) > 10


def test_without_a_seed_one_is_drawn_and_told(answer) -> None:  # type: ignore[no-untyped-def]
    first = answer("", "exercise").out
    seed = first.split("(seed ")[1].split(";")[0]
    assert answer("", "exercise", "--seed", seed).out == first


@pytest.mark.parametrize("suffix", [".md", ".tex"])
def test_worksheets(run: Run, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sheet{suffix}"
    result = run("exercise", "--worksheet", 3, "-o", path, "--seed", 7)
    assert result.code == 0
    assert result.out == f"3 exercises with solutions in {path}, from seed 7.\n"
    text = path.read_text(encoding="utf-8")
    assert "Solutions" in text
    run("exercise", "--worksheet", 3, "-o", path, "--seed", 7)
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--worksheet", 3], "--worksheet N and -o FILE go together. Got only one of them; add the other."),
        (["-o", "a.md"], "--worksheet N and -o FILE go together. Got only one of them; add the other."),
        (["--worksheet", 3, "-o", "a.pdf"], "A worksheet must be a .md or .tex file. Got 'a.pdf'; rename it."),
        (["no.txt"], "No such file or directory: 'no.txt'."),
    ],
)
def test_errors_are_one_sentence(run: Run, words: list[object], message: str) -> None:
    result = run("exercise", *words)
    assert (result.code, result.out, result.err) == (2, "", f"Error: {message}\n")
