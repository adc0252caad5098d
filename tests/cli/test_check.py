"""`backstory check`: the verdict on standard output, its kind in the exit code."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

import backstory as bs
from tests.cli.conftest import Run

TWO = Path(__file__).resolve().parents[2] / "examples" / "two-two-two.txt"
RIGHT = "dL/dw5 = dL/do1*do1/dw5"
UPSIDE_DOWN = "dL/dw5 = dL/do1*dw5/do1"
TOO_MUCH = "dL/dw5 = dL/do1*do1/dw5*do1/dw5"


@pytest.mark.parametrize(
    ("equation", "code", "first"),
    [
        (RIGHT, 0, "Right."),
        (TOO_MUCH, 1, "Wrong."),
        ("dL/dw5 = (", 2, "Not readable."),
        ("dL/dq = 1", 2, "Not readable."),
    ],
)
def test_the_exit_code_tells_the_verdict(run: Run, equation: str, code: int, first: str) -> None:
    result = run("check", TWO, equation)
    assert (result.code, result.lines[0], result.err) == (code, first, "")


def test_what_is_wrong_is_marked_named_and_mended(run: Run) -> None:
    result = run("check", TWO, TOO_MUCH)
    assert result.lines[2:6] == [
        "  dL/dw5 = dL/do1*do1/dw5*do1/dw5",
        "                          ^^^^^^^",
        "do1/dw5 stands there twice.",
        "Mended: dL/dw5 = dL/do1*do1/dw5",
    ]
    assert result.lines[-1].startswith("  your right side is ")


def test_json_is_one_object(run: Run) -> None:
    result = run("check", TWO, TOO_MUCH, "--format", "json")
    found = json.loads(result.out)
    assert result.code == 1
    assert found["equation"] == TOO_MUCH
    assert (found["status"], found["ok"], found["reading"]) == ("wrong", False, "total")
    assert found["findings"][0]["kind"] == "repeated_factor"
    assert set(found["numbers"]) == {"at", "left", "right", "terms"}
    assert json.loads(run("check", TWO, RIGHT, "--format", "json").out)["numbers"] is None


def test_teaching_goes_on_at_enter(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = ["One factor stands there twice.", "Look here:", "do1/dw5 stands there twice.", "Mended: dL/dw5 = "]
    for typed, shown in (("", 1), ("\n", 2), ("\n\n", 3), ("\n\n\n\n", 4), ("\nq\n\n", 2)):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        result = run("check", TWO, TOO_MUCH, "--teach")
        assert result.code == 1
        assert [text in result.out for text in steps] == [place < shown for place in range(4)], typed
    assert run("check", TWO, RIGHT, "--teach").out == "It is right.\n"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no.txt", "No such file or directory: 'no.txt'."),
        (
            "no.safetensors",
            "No model file at 'no.safetensors'; check the path, or write one with net.save(path).",
        ),
    ],
)
def test_errors_are_one_sentence(run: Run, path: str, message: str) -> None:
    result = run("check", path, RIGHT)
    assert (result.code, result.out, result.err) == (2, "", f"Error: {message}\n")


def test_a_model_file_is_a_network_of_layers(run: Run, tmp_path: Path) -> None:
    bs.Network([3, 4, 2], seed=0).save(tmp_path / "m.safetensors")
    assert run("check", tmp_path / "m.safetensors", "dL/dw_jk^(l) = a_k^(l-1) delta_j^(l)").code == 0
    result = run("check", tmp_path / "m.safetensors", "dL/dw_jk^(l) = a_k^(l) delta_j^(l)")
    assert result.code == 1
    assert "a_k^(l) is of the wrong layer: it should be a_k^(l-1)." in result.out


def test_formulas_that_cannot_be_read_are_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("L = w*x")
    result = run("check", tmp_path / "f.txt", RIGHT)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Error: Line 1, column 5: Unknown name 'w'")
