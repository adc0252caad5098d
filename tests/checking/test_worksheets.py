"""Worksheets: all exercises first, all solutions behind them, in Markdown and in LaTeX that compiles."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from backstory.checking.exercises import exercise, exercises
from backstory.checking.worksheets import to_latex, to_markdown
from backstory.story.program import read_program

MADE = exercises(6, seed=3)
GREEK = read_program("λ = 0.1\nx = 1\ny = 2\nw1 = 0.5\nŷ = leaky_relu(w1*x)\nL = 1/2*(ŷ - y)^2 + λ/2*w1^2")


def test_markdown_has_the_exercises_then_the_solutions() -> None:
    text = to_markdown(MADE, 3)
    sheet, _, solutions = text.partition("# Solutions")
    assert text.startswith("# Backpropagation: 6 exercises\n\nMade from seed 3;")
    assert len(re.findall("^## Exercise", sheet, flags=re.M)) == 6
    for number, made in enumerate(MADE, start=1):
        assert made.network in sheet
        assert f"`{made.asked}" in sheet
        assert f"{number}. `{made.solution}`" in solutions
        assert made.solution not in sheet
        assert made.mistake is None or made.mistake.message in solutions
    assert "\n\n\n" not in text


def test_one_exercise_is_not_called_several() -> None:
    assert to_markdown(MADE[:1], 3).startswith("# Backpropagation: one exercise\n")


def test_latex_is_a_whole_document() -> None:
    text = to_latex(MADE, 3)
    assert text.startswith(r"\documentclass")
    assert text.rstrip().endswith(r"\end{document}")
    assert text.count(r"\subsection*{Exercise") == 6
    blocks = re.findall(r"begin\{verbatim\}(.*?)\\end", text, re.DOTALL)
    assert all(len(line) <= 74 for block in blocks for line in block.splitlines())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(tmp_path: Path) -> None:
    made = [*exercises(8, seed=11), exercise(0, "gradient", GREEK), exercise(1, "spot", GREEK)]
    (tmp_path / "sheet.tex").write_text(to_latex(made, 11), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "sheet.tex"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, errors="replace")
    assert found.returncode == 0, found.stdout[-2_000:]
    assert "Overfull" not in found.stdout
