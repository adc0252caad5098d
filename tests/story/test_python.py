"""Stories as Python: the program runs by itself and comes to the same gradient."""

from __future__ import annotations

import subprocess
import sys

import pytest

import backstory as bs
from tests.story.stories import STORIES, story


@pytest.mark.parametrize("name", STORIES)
def test_the_program_comes_to_the_gradient(name: str) -> None:
    program = story(name).to_python()
    result = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert float(result.stdout) == pytest.approx(story(name).value, rel=1e-12, abs=1e-300)


def test_it_imports_nothing_but_math() -> None:
    lines = story("digits").to_python().splitlines()
    assert [line for line in lines if "import" in line] == ["import math"]


def test_what_the_program_says_of_quantities_off_the_way() -> None:
    program = story("batch").to_python()
    assert "# given: w1[2->1] does not reach it" in program
    assert "# what the other 19 rows give, added up" in program
    assert "w1_2_1 = " in program


def test_names_that_python_has_taken() -> None:
    f = bs.Formulas.read("lambda = 2\nprint = 3\nw = 0.5\nw_1 = 0.25\nw₁ = 0.125\nL = (lambda*w + print*w_1 + w₁)^2")
    told = f.explain("w₁")
    program = told.to_python()
    assert "lambda_ = 2.0" in program
    result = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert float(result.stdout) == told.value
