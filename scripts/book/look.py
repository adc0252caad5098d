"""Open every page of the built book in a browser, as a reader without a connection does, and look for what is wrong.

On every page, light at a desk's width and dark at a telephone's: nothing comes from another place, no script complains,
nothing is wider than the screen, and axe-core (the package axe-playwright-python) finds nothing serious. Most of the
time is axe's for contrasts, so as many browsers as there are processors share the pages. Needs the extra ``test`` and
Chromium::

    python -m scripts.book.look [PAGE ...]                 all pages by default
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

SITE = Path(__file__).resolve().parent.parent.parent / "site"
VIEWS = (("light", 1280), ("dark", 390))
WORKERS = min(8, len(os.sched_getaffinity(0)))
PATIENCE = 120_000
"""Milliseconds that a page may take to open, on a machine that has much else to do."""
SEVERE = ("serious", "critical")
_AXE = """() => axe.run({ exclude: ["iframe"] }, { resultTypes: ["violations"], iframes: false })"""
_WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def pages(names: list[str]) -> list[Path]:
    """Return the pages of the book; figures are pages of their own and have tests of their own."""
    figures = {path for path in SITE.rglob("*.html") if "data-figure" in path.read_text(encoding="utf-8")}
    return [SITE / name for name in names] or sorted({*SITE.rglob("*.html")} - figures - {SITE / "404.html"})


def complaints(page: Page, path: Path, axe: str) -> Iterator[str]:
    """Give what is wrong with a page in a view."""
    said: list[str] = []
    page.on("request", lambda request: said.append(f"asks for {request.url}") if "//" in request.url[:8] else None)
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri())
    page.evaluate(axe)
    yield from (each for each in said if "asks for file://" not in each)
    if (wider := page.evaluate(_WIDER)) > 0:
        yield f"is {wider} pixels wider than the screen"
    result: dict[str, Any] = page.evaluate(_AXE)
    for each in result["violations"]:
        if each["impact"] in SEVERE:
            nodes = [node["html"][:140] for node in each["nodes"][:2]]
            yield f"{each['impact']}: {each['id']} ({len(each['nodes'])} times), such as {nodes}"


def looked_at(browser: Browser, paths: list[Path]) -> Iterator[str]:
    """Give the complaints about all pages, by page and view."""
    import axe_playwright_python

    axe = (files(axe_playwright_python) / "axe.min.js").read_text(encoding="utf-8")
    for scheme, width in VIEWS:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        for path in paths:
            page = context.new_page()
            page.set_default_timeout(PATIENCE)
            for complaint in complaints(page, path, axe):
                yield f"{path.relative_to(SITE)} ({scheme}, {width}): {complaint}"
            page.close()
        context.close()


def look(paths: list[Path], program: str) -> int:
    """Look at pages with a browser of one's own, say what is wrong at once, and return how much that is."""
    found = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for complaint in looked_at(browser, paths):
            print(complaint, flush=True)
            found += 1
        browser.close()
    return found


def main(names: list[str]) -> None:
    """Look at the pages, and fail if anything is wrong with one."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    paths = pages(names)
    if program is None or not paths:
        raise SystemExit("Looking at the book needs Chromium and a book: apt-get install chromium, make docs.")
    shares = [share for number in range(WORKERS) if (share := paths[number::WORKERS])]
    with ProcessPoolExecutor(len(shares), multiprocessing.get_context("spawn")) as pool:
        found = sum(pool.map(look, shares, [program] * len(shares)))
    print(f"{len(paths)} pages, each in {len(VIEWS)} views; {found} complaints.")
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
