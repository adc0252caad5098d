"""Stories as HTML and MathML: one file without script or network, readable by people and screen readers, escaped."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest

from backstory.story import html, mathml
from tests.story.stories import HOSTILE, STORIES, story

VOID = ("meta",)


class Outline(HTMLParser):
    """The elements of a page, each with its attributes; whether all were closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.found}


@pytest.mark.parametrize("name", STORIES)
def test_one_file_without_script_or_network(name: str) -> None:
    page = story(name).to_html()
    outline = Outline(page)
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert not outline.tags() & {"script", "link", "img", "iframe", "object"}
    assert not any(key.startswith("on") or key in ("src", "href") for _, found in outline.found for key in found)
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize("name", STORIES)
def test_what_screen_readers_need(name: str) -> None:
    outline = Outline(story(name).to_html())
    tags = [tag for tag, _ in outline.found]
    assert tags.count("h1") == tags.count("main") == tags.count("title") - tags.count("svg") == 1
    assert tags.count("h2") == sum(bool(section.title) for section in story(name).sections)
    assert tags.count("table") <= tags.count("th")
    for tag, attributes in outline.found:
        if tag == "svg":
            assert attributes["role"] == "img"
            assert attributes["aria-labelledby"] == "network-title"
        if tag == "th":
            assert attributes["scope"] in ("col", "row")


@pytest.mark.parametrize("name", STORIES)
def test_the_fragment_is_well_formed_and_its_lines_fit(name: str) -> None:
    fragment = story(name).to_mathml()
    tree = ElementTree.fromstring(f"<div>{fragment}</div>")
    assert [each.get("data-section") for each in tree] == [section.key for section in story(name).sections]
    widths = [mathml._width(row) for row in tree.iter("mtr") if row.find(".//mtable") is None]
    assert max(widths) <= mathml.ROOM + 12


def test_one_row_for_each_term() -> None:
    tree = ElementTree.fromstring(story("batch").to_mathml("chain"))
    assert len(list(tree.iter("mtr"))) >= 4  # symbols, formulas, numbers, result
    assert len(list(ElementTree.fromstring(story("batch").to_mathml("paths")).iter("tr"))) == 1 + 3


def test_names_are_escaped_everywhere() -> None:
    told = story("formulas")
    for page in (
        html.body(told.symbol, told.sections, told.picture, name=lambda name: HOSTILE + name),
        mathml.page(told.sections, name=lambda name: HOSTILE + name),
    ):
        assert "script" not in Outline(page).tags()
        assert "&lt;script&gt;" in page


@pytest.mark.parametrize("name", ["batch", "formulas"])
def test_the_picture_lights_the_paths(name: str) -> None:
    drawn = story(name).picture
    assert drawn is not None
    lit = {(line.source, line.target) for line in drawn.lines if line.lit}
    expected = {
        "batch": {
            ("x[2]", "a1[1]"),
            *(("a1[1]", f"a2[{k}]") for k in range(3)),
            *((f"a2[{k}]", "L_n") for k in range(3)),
        },
        "formulas": {("i1", "h1"), ("h1", "o1"), ("h1", "o2"), ("o1", "L"), ("o2", "L")},
    }
    assert lit == expected[name]
    assert [line.label for line in drawn.lines if line.label] == [story(name).by]


def test_large_layers_show_only_what_lies_on_the_way() -> None:
    drawn = story("digits").picture
    assert drawn is not None
    assert [(len(column.nodes), column.more) for column in drawn.columns[:2]] == [(1, 783), (1, 127)]
    assert "… 783 more" in story("digits").to_html()


def test_a_bias_is_drawn_beside_the_units() -> None:
    drawn = story("bias").picture
    assert drawn is not None
    assert [node.name for column in drawn.columns for node in column.nodes if node.square] == ["b1[2]"]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_in_both_modes(scheme: str, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium")
    (tmp_path / "story.html").write_text(story("batch").to_html(), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += [f"--blink-settings=preferredColorScheme={int(scheme == 'light')}", "--window-size=800,600"]
    command += [f"--screenshot={tmp_path / 'page.png'}", (tmp_path / "story.html").as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    from matplotlib.image import imread

    corner = imread(tmp_path / "page.png")[-1, -1, :3]
    assert (corner > 0.9).all() if scheme == "light" else (corner < 0.2).all()


def test_notebooks_get_all_three() -> None:
    bundle = story("batch")._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/latex", "text/html"}
    assert bundle["text/plain"] == str(story("batch"))
    assert re.match(r'<main class="backstory">', bundle["text/html"])
