"""Every public name is on a page of the reference."""

from __future__ import annotations

import re

import backstory as bs
from tests.conftest import ROOT


def test_every_public_name_is_on_a_page() -> None:
    pages = (ROOT / "docs" / "reference").glob("*.md")
    told = {name for page in pages for name in re.findall(r"^::: .*?(\w+)$", page.read_text("utf-8"), re.MULTILINE)}
    errors = {name for name in bs.__all__ if name.endswith("Error")}  # the page of errors shows their whole module
    missing = sorted(set(bs.__all__) - told - errors - {"__version__"})
    assert missing == [], "give each a line '::: backstory.PART.NAME' on a page in docs/reference"
