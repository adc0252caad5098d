"""`backstory export`: a model file becomes a file for other programs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas
import pytest

import backstory as bs
from tests.cli.conftest import Run


def test_python_that_takes_rows_of_the_file(run: Run, iris_model: Path, tables: Path, tmp_path: Path) -> None:
    result = run("export", iris_model, "--out", tmp_path / "iris.py")
    assert (result.code, result.out) == (0, "")
    assert result.err.startswith(f"Wrote {tmp_path / 'iris.py'} (python, ")
    scope: dict[str, object] = {}
    exec((tmp_path / "iris.py").read_text(), scope)
    frame = pandas.read_csv(tables / "iris.csv")
    found = [scope["predict"](row) for row in frame.to_dict("records")]  # type: ignore[operator]
    np.testing.assert_allclose(found, bs.load(iris_model).predict(frame), atol=1e-6)
    assert scope["CLASSES"] == ("setosa", "versicolor", "virginica")


@pytest.mark.parametrize("file", ["net.c", "net.npz", "net.onnx", "net.pt"])
def test_every_ending(run: Run, iris_model: Path, tmp_path: Path, file: str) -> None:
    pytest.importorskip({"net.onnx": "onnx", "net.pt": "torch"}.get(file, "numpy"))
    assert run("export", iris_model, "-o", tmp_path / file).code == 0
    assert (tmp_path / file).stat().st_size > 500


def test_format_name_and_dtype(run: Run, iris_model: Path, tmp_path: Path) -> None:
    words = ("--format", "c", "--name", "flower", "--dtype", "float64")
    assert run("export", iris_model, "--out", tmp_path / "code.h", *words).code == 0
    text = (tmp_path / "code.h").read_text()
    assert "void flower_predict(const double *x, double *out)" in text
    assert "typedef double real;" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "net.exe"), "whose name ends in one of .onnx, .c, .py, .npz, .pt, .pth. Got 'net.exe'"),
        (("--out", "net.c", "--name", "a b"), "must be letters, digits and underscores, a letter first. Got 'a b'"),
        (("--out", "none/net.c"), "--out must be in a folder that exists."),
        ((), "Missing option '--out'"),
    ],
)
def test_one_sentence(
    run: Run, iris_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("export", iris_model, *words)
    assert result.code == 2
    assert message in result.err
    assert len(result.lines) + result.err.count("\n") == 1
    assert not os.listdir(tmp_path)


def test_a_folder_that_is_read_only(
    run: Run, iris_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    result = run("export", iris_model, "--out", tmp_path / "net.c")
    assert result.code == 2
    assert result.err == (f"Error: --out must be in a folder one may write to. {str(tmp_path)!r} is read-only.\n")


def test_help_names_the_endings(run: Run) -> None:
    text = " ".join(run("export", "--help").out.split())
    assert "Ends in .onnx, .c, .py, .npz or .pt." in text
