"""Stories as text: whole pages that a teacher has read, and each part by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

import backstory as bs
from backstory.story import text

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"
PAGES = {
    "mazur-w1": ("mazur", "dL/dw1"),
    "chain-b": ("chain", "dL/db"),
    "one-neuron-w1": ("one-neuron", "dC/dw1"),
    "delta-rule-z0": ("delta-rule", "dL/dz0"),
    "two-two-two-w7-h1": ("two-two-two", "dw7/dh1"),
}


@pytest.mark.parametrize("name", PAGES)
def test_whole_pages(name: str) -> None:
    example, quantity = PAGES[name]
    f = bs.Formulas.read(EXAMPLES / f"{example}.txt")
    page = str(f.explain(quantity, optimizer=bs.SGD(0.5)))
    assert page + "\n" == (HERE / "golden" / f"{name}.txt").read_text(encoding="utf-8")
    assert max(map(len, page.splitlines())) <= text.WIDTH
    assert not any(line != line.rstrip() for line in page.splitlines())
