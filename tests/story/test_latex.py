"""Stories as LaTeX: every one compiles with amsmath alone, and no line is wider than an article's."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from backstory.expressions import Name
from backstory.story import latex
from backstory.story.chain import shown
from tests.story.stories import HOSTILE, STORIES, story

ARTICLE = r"""\documentclass[a4paper]{article}
\usepackage{amsmath}
\begin{document}
%s\end{document}
"""


def compiled(fragment: str, folder: Path) -> str:
    """Compile a fragment inside an article and return TeX's log."""
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex (Debian's texlive-latex-base)")
    (folder / "story.tex").write_text(ARTICLE % fragment, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "story.tex"]
    result = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=120)
    log = (folder / "story.log").read_text(encoding="utf-8", errors="replace")
    assert result.returncode == 0, log[-3000:]
    return log


@pytest.mark.parametrize("name", STORIES)
def test_it_compiles_and_fits(name: str, tmp_path: Path) -> None:
    log = compiled(story(name).to_latex(), tmp_path)
    assert re.findall(r"Overfull \\hbox.*|LaTeX Warning.*|Missing character.*", log) == []


def test_whatever_a_name_is_it_compiles(tmp_path: Path) -> None:
    fragment = latex.page(story("formulas").sections, name=lambda name: HOSTILE + name)
    compiled(fragment, tmp_path)


def test_the_question_as_textbooks_print_it() -> None:
    assert story("unit").to_latex("question").splitlines() == [
        r"{\allowdisplaybreaks\begin{align*}",
        rf"\frac{{\partial a^{{(2)}}_{{1}}}}{{\partial x_{{0}}}} &= {shown(story('unit').value)}",
        r"\end{align*}}",
        r"{\noindent\raggedright How $a^{(2)}_{1}$ changes when $x_{0}$ is moved and nothing else is.\par}",
    ]


def test_a_parenthesis_over_several_lines_is_balanced_on_each() -> None:
    lines = [line for line in story("formulas").to_latex("chain").splitlines() if "left" in line or "right" in line]
    assert any(r"\right." in line for line in lines)
    assert all(line.count(r"\left") == line.count(r"\right") for line in lines)


def test_widths_are_about_those_of_tex() -> None:
    printer = latex.latex_printer()
    assert latex.width(printer(Name("w1[2->0]"))) == pytest.approx(19, abs=4)  # points, measured by TeX
    assert latex.width(r"\frac{\partial L}{\partial w_{1}} = 0.25") == pytest.approx(51, abs=8)
