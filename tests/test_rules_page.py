"""The page of all rules is what its generator prints, and every row of every table is on it."""

from __future__ import annotations

import runpy

import pytest

from backstory.functions import ACTIVATIONS, INITIALIZERS, LOSSES, PENALTIES
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def printed() -> str:
    page = runpy.run_path(str(ROOT / "scripts" / "rules_page.py"))["page"]
    return "\n".join(page()) + "\n"


def test_the_committed_page_is_what_the_generator_prints(printed):
    committed = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert committed == printed, "run: python scripts/rules_page.py > docs/rules.md"


@pytest.mark.parametrize(
    "row", [*ACTIVATIONS.values(), *LOSSES.values(), *PENALTIES.values(), *INITIALIZERS.values()], ids=str
)
def test_every_row_is_on_it(printed, row):
    section = printed.split(f"### {row.name}\n")[1].split("\n### ")[0]
    assert f"`{row.formula}`" in section
    assert row.paper in section
