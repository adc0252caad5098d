"""``backstory audit``: a Python file in, a report and an exit code out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

CODE = """
import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor
import backstory as bs

print("hello")
A = np.arange(6.0).reshape(3, 2)

def loss(x):
    return float(np.sin(A @ x).sum())

def gradient(x):
    return A.T @ np.cos(A @ x)

def right():
    return loss, gradient, np.array([0.3, -0.2])

def half():
    return {"loss": loss, "gradient": lambda x: gradient(x) / 2, "at": np.array([0.3, -0.2])}

def kink():
    return lambda x: float(abs(x).sum()), np.sign, np.zeros(2)

def judged():
    return bs.audit(*right())

def estimator():
    return MLPRegressor(hidden_layer_sizes=4, random_state=0), A, A

def broken():
    raise ValueError("no luck.")

classifier = MLPClassifier(hidden_layer_sizes=4, random_state=0)
network = bs.Network([4, 5, 3], hidden="tanh", output="softmax", loss="cross_entropy", seed=0)
number = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(CODE)
    return path


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("right", 0, "PASS: gradient as the gradient of loss"),
        ("half", 1, "Every derivative is 1/2"),
        ("kink", 3, "The loss has a kink"),
        ("judged", 0, "PASS"),
        ("estimator", 1, "Every derivative is 2 times that of the loss."),
    ],
)
def test_the_exit_code_is_the_verdict(run: Run, file: Path, name: str, code: int, text: str) -> None:
    result = run("audit", f"{file}:{name}")
    assert result.code == code
    assert text in " ".join(result.out.split())
    assert "hello" not in result.out
    assert result.err == "hello\n"
    assert all(len(line) <= 80 for line in result.lines)


def test_json_is_one_object(run: Run, file: Path) -> None:
    result = run("audit", f"{file}:half", "--format", "json")
    found = json.loads(result.out)
    assert (result.code, found["verdict"], found["kind"], found["ratio"], found["ok"]) == (
        1,
        "fail",
        "scale",
        0.5,
        False,
    )
    assert found["worst"][0]["claimed"] == pytest.approx(found["worst"][0]["true"] / 2)


@pytest.mark.parametrize("name", ["classifier", "network"])
def test_an_estimator_or_network_with_a_table(run: Run, file: Path, tables: Path, name: str) -> None:
    result = run("audit", f"{file}:{name}", "--data", tables / "iris.csv", "--target", "target")
    assert result.code == 0, result.out + result.err
    assert result.out.startswith("PASS")


def test_a_saved_model_brings_its_encoding(run: Run, iris_model: Path, tables: Path, tmp_path: Path) -> None:
    path = tmp_path / "loads.py"
    path.write_text(f"import backstory as bs\nmodel = bs.load({str(iris_model)!r})\n")
    result = run("audit", f"{path}:model", "--data", tables / "iris.csv", "--target", "target")
    assert result.code == 0, result.out + result.err


@pytest.mark.parametrize(
    ("name", "words", "text"),
    [
        ("", [], "audit must be told a file and a name in it, FILE.py:NAME."),
        (":rihgt", [], "mine.py must define 'rihgt', and does not. Did you mean 'right'?"),
        (":broken", [], "mine.py:broken() must run without arguments. It raised ValueError: no luck; run it by itself"),
        (":number", [], "mine.py:number must be a function without arguments that returns what bs.audit takes"),
        (":classifier", [], "mine.py:classifier is a MLPClassifier, which needs rows: add --data FILE --target COL."),
    ],
)
def test_errors_are_one_sentence(run: Run, file: Path, name: str, words: list[str], text: str) -> None:
    result = run("audit", f"{file}{name}", *words)
    assert (result.code, result.out) == (2, "")
    assert text in result.err
    assert result.err.count("\n") == 1 + ("hello" in result.err)


def test_a_file_that_is_missing_or_does_not_run(run: Run, tmp_path: Path, file: Path, tables: Path) -> None:
    assert "'no.py' does not exist" in run("audit", "no.py:x").err
    bad = tmp_path / "bad.py"
    bad.write_text("1 / 0\n")
    assert "bad.py must run to its end. It raised ZeroDivisionError: division by zero;" in run("audit", f"{bad}:x").err
    result = run("audit", f"{file}:classifier", "--data", tables / "iris.csv")
    assert "Got no --target; add --target COLUMN." in result.err
    assert result.code == 2
