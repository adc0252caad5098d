"""The command as a whole: help, exit codes, errors in one sentence on standard error."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

import backstory as bs
from backstory.cli import sentence
from backstory.errors import DataError
from tests.cli.conftest import Run

COMMANDS = ("demo", "train", "evaluate", "predict", "explain", "check", "exercise", "audit", "config")


def python(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backstory", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


def test_help_lists_every_command(run: Run) -> None:
    for words in ([], ["--help"], ["-h"]):
        result = run(*words)
        assert result.code == 0
        assert all(f"\n  {command} " in result.out for command in COMMANDS)
        assert "..." not in result.out.replace("[ARGS]...", ""), "a command's one line is cut"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_within_80_columns(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.code == 0
    assert all(len(line) <= 80 for line in result.lines)


def test_version(run: Run) -> None:
    assert run("--version").out == f"backstory {bs.__version__}\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["train"], "Missing argument 'DATA'."),
        (["trian", "x"], "No such command 'trian'."),
        (["train", "x.csv", "--nope"], "No such option: --nope"),
        (["train", "x.csv", "--epochs", "0"], "Invalid value for '--epochs'"),
        (["train", "x.csv", "--epochs", "many"], "Invalid value for '--epochs'"),
        (["evaluate", "m", "x.csv", "--format", "yaml"], "Invalid value for '--format'"),
        (["train", "no.csv", "--target", "t"], "The table must be a file. 'no.csv' does not exist; check the path."),
        (["train", "no.csv"], "train must be told which column to predict. Got no target; name one (--target COLUMN)."),
        (["evaluate", "no.safetensors", "x.csv"], "No model file at 'no.safetensors'; check the path"),
    ],
)
def test_an_error_is_one_sentence_on_standard_error(run: Run, words: list[str], text: str) -> None:
    result = run(*words)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"Error: {text}")
    assert result.err.count("\n") == 1
    assert "Traceback" not in result.err


def test_debug_shows_the_traceback_wherever_it_stands() -> None:
    for words in (["--debug", "train", "no.csv", "--target", "t"], ["train", "no.csv", "--target", "t", "--debug"]):
        result = python(*words)
        assert result.returncode != 0
        assert "Traceback" in result.stderr
        assert "FileNotFoundError" in result.stderr


def test_errors_of_the_system_name_the_file() -> None:
    assert sentence(PermissionError(13, "Permission denied", "a.csv")) == "Permission denied: 'a.csv'."
    assert sentence(DataError("Two\n lines")) == "Two lines."
    assert sentence(KeyError("x")).startswith("Unexpected KeyError: 'x'; run the command again with --debug")


def test_a_reader_that_has_seen_enough_is_no_error(iris_model: Path, tables: Path) -> None:
    command = f"{sys.executable} -m backstory predict {iris_model} {tables / 'iris.csv'} | head -1"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert result.stdout.startswith("target,probability_setosa")
    assert result.stderr == ""


def test_a_terminal_without_unicode_is_no_error(iris_model: Path, tables: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = python("evaluate", iris_model, tables / "iris.csv", env=environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("accuracy ")


def test_interrupted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backstory.cli.demo.run", interrupt)
    result = run("demo")
    assert (result.code, result.err) == (130, "Interrupted.\n")


def test_config(run: Run) -> None:
    result = run("config")
    assert result.code == 0
    assert result.lines[0].startswith("backstory ")
    assert result.lines[1].split()[:2] == ["instruction", "set"]


def test_starting_is_quick() -> None:
    """Help needs typer and NumPy, nothing that takes longer."""
    code = "import sys; from backstory.cli import main; main(['--help']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    roots = {name.split(".")[0] for name in loaded.split()}
    assert not roots & {"scipy", "sklearn", "pyarrow", "pandas", "safetensors", "matplotlib"}
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        python("--help", env={**os.environ})
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < 5  # about 0.3 s on an idle machine
