"""What stands on a page for each kind of block, and how formulas are set."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.book.fences import Piece, pieces
from scripts.book.session import Outcome

hooks = pytest.importorskip("scripts.book.hooks", reason="the book needs MkDocs (extra docs)")


def shown(page: str, outcome: Outcome, uri: str = "how/page.md") -> str:
    (piece,) = (part for part in pieces(page) if isinstance(part, Piece))
    return hooks._shown(piece, 3, outcome, uri)


def test_code_is_followed_by_what_it_printed() -> None:
    text = shown("```python\nprint(1)\n```\n", Outcome("1"))
    assert text == "```python\nprint(1)\n```\n\n``` {.text .output}\n1\n```"


def test_a_command_stands_with_its_output_and_long_ones_are_cut() -> None:
    assert shown("```console lines=2\n$ a\n```\n", Outcome("$ a\n1\n2")) == "```console\n$ a\n1\n…\n```"


def test_hidden_blocks_leave_nothing_and_results_stand_alone() -> None:
    assert shown("```python hide\nx = 1\n```\n", Outcome("1")) == ""
    assert shown("```python result markdown\nx\n```\n", Outcome("| a |")).strip() == "| a |"


def test_a_live_figure_is_a_named_frame_beside_its_page() -> None:
    text = shown('```python figure="A & B" height=500\nx\n```\n', Outcome(figure="<!DOCTYPE html><p>"))
    assert '<iframe class="story" title="A &amp; B" src="page-3.html" style="height: 500px"' in text
    assert '<a href="page-3.html">' in text
    drawn = shown('```python figure="A drawing" hide\nx\n```\n', Outcome(figure="<svg/>"))
    assert drawn.strip() == '<img class="figure" src="page-3.svg" alt="A drawing">'


def test_values_stand_in_sentences_and_blocks_keep_their_indentation() -> None:
    assert shown("`= 1 + 1`", Outcome("2")) == "2"
    assert shown("- a\n\n    ```python\n    1\n    ```\n", Outcome("1")).splitlines()[0] == "    ```python"


def test_formulas_become_mathml() -> None:
    content = hooks.on_page_content(
        r'<p><span class="arithmatex">\(a &lt; b\)</span></p><div class="arithmatex">\[\frac{1}{2}\]</div>',
        SimpleNamespace(), SimpleNamespace(), SimpleNamespace(),
    )  # fmt: skip
    assert re.findall(r'<math[^>]*display="(\w+)"', content) == ["inline", "block"]
    assert "<mfrac>" in content
    assert "&#x0003C;" in content
    assert "arithmatex" not in content


def test_what_is_not_described_has_no_dash() -> None:
    item = '(<code>1</code>\n)\n  –\n <div class="doc-md-description">\n {}\n </div></li>'
    nothing = SimpleNamespace()
    found = [hooks.on_page_content(item.format(text), nothing, nothing, nothing) for text in ("", "<p>Said.</p>")]
    assert found[0] == "(<code>1</code>)</li>"
    assert "–" in found[1]


def test_what_came_out_of_a_page_is_kept_while_others_still_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "KEPT", tmp_path)
    monkeypatch.setattr(hooks, "_outcomes", {})
    waits = f"""\
import pathlib, time

for _ in range(600):
    if list(pathlib.Path({str(tmp_path)!r}).glob("*.json")):
        raise SystemError("the other page is kept")
    time.sleep(0.1)
"""
    parts = {"done.md": [Piece("python", "1 + 1", {}, "", 1)], "waits.md": [Piece("python", waits, {}, "", 1)]}
    with pytest.raises(hooks.PluginError, match="the other page is kept"):
        hooks._run_all(parts)
    (kept,) = tmp_path.iterdir()
    assert '"text": "2"' in kept.read_text(encoding="utf-8")
