"""MkDocs' hooks for the book: run the blocks of every page, put in what came out, set formulas as MathML.

All pages run before the first is rendered, by a few processes side by side. What came out is kept in ``build/book``
under a key made of the page's blocks and of the whole package, so that a page runs again when either has changed.
"""

from __future__ import annotations

import hashlib
import html
import json
import multiprocessing
import os
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from scripts.book.fences import Piece, pieces
from scripts.book.session import ROOT, Outcome, run_page

KEPT = ROOT / "build" / "book"
FONT = ROOT / "src" / "backstory" / "studio" / "static" / "stix-two-math.woff2"
WORKERS = min(4, len(os.sched_getaffinity(0)))
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([\[(])(.*?)\\[\])]</\1>', flags=re.DOTALL)
_UNDESCRIBED = re.compile(r'\s+–\s+<div class="doc-md-description">\s*</div>')
_SPACED = re.compile(r"</code>\s+\)")

_outcomes: dict[str, list[Outcome]] = {}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Run every page; add its figures, and the font of formulas, to the files of the site."""
    found = {file.src_uri: _parts(file) for file in files.documentation_pages()}
    _run_all({page: [part for part in parts if part.runs] for page, parts in found.items()})
    for page, outcomes in _outcomes.items():
        for number, outcome in enumerate(outcomes):
            if outcome.figure:
                files.append(File.generated(config, _figure_name(page, number, outcome), content=outcome.figure))
    files.append(File.generated(config, f"assets/{FONT.name}", content=FONT.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Replace every piece by itself and what came out of it."""
    uri = page.file.src_uri
    outcomes = iter(enumerate(_outcomes.get(uri, ())))
    return "".join(
        part if isinstance(part, str) else _shown(part, *(next(outcomes) if part.runs else (0, Outcome())), uri)
        for part in pieces(markdown)
    )


def on_page_content(content: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Set formulas as MathML, which browsers show without a script; leave no dash before what is not described."""
    return _FORMULA.sub(_mathml, _SPACED.sub("</code>)", _UNDESCRIBED.sub("", content)))


def on_post_page(output: str, page: Any, config: MkDocsConfig) -> str:
    """Name the dialog in which Material searches, for those who hear a page."""
    dialog = 'data-md-component="search" role="dialog"'
    return output.replace(dialog, f'{dialog} aria-label="Search"')


def _parts(file: File) -> list[Piece]:
    try:
        return [part for part in pieces(file.content_string) if isinstance(part, Piece)]
    except ValueError as error:
        raise PluginError(f"{file.src_uri}, {error}") from None


def _mathml(match: re.Match[str]) -> str:
    return str(convert(html.unescape(match[3]).strip(), display="block" if match[1] == "div" else "inline"))


# ---------------------------------------------------------------------------------------------------------------------
# Running


def _run_all(parts: dict[str, list[Piece]]) -> None:
    """Fill `_outcomes`, from what is kept or by running."""
    _outcomes.clear()
    KEPT.mkdir(parents=True, exist_ok=True)
    waiting = {}
    for page, each in parts.items():
        kept = KEPT / f"{_key(page, each)}.json"
        if not each:
            continue
        if kept.is_file():
            _outcomes[page] = [Outcome(**outcome) for outcome in json.loads(kept.read_text(encoding="utf-8"))]
        else:
            waiting[page] = (each, kept)
    if not waiting:
        return
    errors = []
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(run_page, page, each): (page, kept) for page, (each, kept) in waiting.items()}
        for future in as_completed(running):
            page, kept = running[future]
            if (error := future.exception()) is not None:
                errors.append(f"{error}")
            else:
                _outcomes[page] = future.result()
                _keep(_outcomes[page], kept)
    if errors:
        raise PluginError("\n\n".join(errors))


def _keep(outcomes: list[Outcome], kept: Path) -> None:
    """Write what came out of a page as soon as it is there, whole or not at all: an interrupted build goes on."""
    unfinished = kept.with_suffix(".part")
    unfinished.write_text(json.dumps([asdict(outcome) for outcome in outcomes], ensure_ascii=False), encoding="utf-8")
    unfinished.replace(kept)


def _key(page: str, parts: list[Piece]) -> str:
    told = json.dumps([page, _sources(), [asdict(part) for part in parts]], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:32]


@cache
def _sources() -> str:
    """One digest of the package and of what runs the pages."""
    digest = hashlib.sha256()
    runs = [ROOT / "scripts" / "book" / name for name in ("fences.py", "session.py", "parts.py")]
    package = [path for folder in ("src/backstory", "examples") for path in sorted((ROOT / folder).rglob("*"))]
    for path in [*runs, *package]:
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


# ---------------------------------------------------------------------------------------------------------------------
# Showing


def _shown(piece: Piece, number: int, outcome: Outcome, uri: str) -> str:
    """Return a piece as plain Markdown."""
    if piece.language == "inline":
        return outcome.text
    inner = "\n".join(_lines(piece, number, outcome, uri))
    return "\n".join(piece.indent + line if line else line for line in inner.splitlines())


def _lines(piece: Piece, number: int, outcome: Outcome, uri: str) -> Iterator[str]:
    words = piece.words
    title = words.get("title") or words.get("file") or ""
    head = f"```{piece.language}" + (f' title="{title}"' if title else "")
    if piece.language == "console" and piece.runs:
        yield from (head, _cut(outcome.text, words), "```")
        return
    if not {"hide", "result"} & set(words):
        yield from (head, piece.code, "```", "")
    if outcome.text and "hide" not in words:
        fenced = ("``` {.text .output}", _cut(outcome.text, words), "```")
        yield from ("", outcome.text, "") if "markdown" in words else fenced
    if outcome.figure:
        yield from ("", _framed(piece, number, outcome, uri), "")


def _cut(text: str, words: dict[str, str]) -> str:
    lines = text.splitlines()
    most = int(words.get("lines", len(lines)))
    return "\n".join(lines[:most] + ["…"] * (len(lines) > most))


def _figure_name(page: str, number: int, outcome: Outcome) -> str:
    kind = "html" if _is_page(outcome) else "svg"
    return f"{page.removesuffix('.md')}-{number}.{kind}"


def _is_page(outcome: Outcome) -> bool:
    return outcome.figure.lstrip().lower().startswith("<!doctype html")


def _framed(piece: Piece, number: int, outcome: Outcome, uri: str) -> str:
    title = html.escape(piece.words["figure"])
    name = Path(_figure_name(uri, number, outcome)).name
    if not _is_page(outcome):
        return f'<img class="figure" src="{name}" alt="{title}">'
    height = int(piece.words.get("height", 620))
    return (
        f'<iframe class="story" title="{title}" src="{name}" style="height: {height}px" loading="lazy"></iframe>\n\n'
        f'<p class="alone"><a href="{name}">This figure on a page of its own</a></p>'
    )
