"""Photograph the studio for the README: docs/images/studio-light.png and studio-dark.png.

Mazur's worked example, trained a little and rewound, with the weight w1 chosen and an equation one term of which lacks
a factor, as it is seen at a screen 1280 points wide. Needs the extra ``test`` (playwright) and Chromium::

    python scripts/screenshots.py [FOLDER]
"""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path
from queue import Queue
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

from backstory.studio.server import serve

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
EQUATION = "dL/dw1 = dL/do1*do1/dh1*dh1/dw1 + dL/do2*dh1/dw1"
WIDTH, HEIGHT, SHARPNESS = 1280, 860, 1.5
STEPS = 60
MOST_BYTES = 300_000
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def arranged(browser: Browser, address: str) -> Page:
    """Open the studio at an address and bring it to what the pictures show."""
    page = browser.new_page(
        viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SHARPNESS, reduced_motion="reduce"
    )
    page.goto(address)
    for _ in range(STEPS):
        page.click("[data-do=step][data-by=epoch]")
    page.wait_for_selector(f"[data-part=at]:has-text('step {STEPS} of {STEPS}')")
    page.focus("input[name=rewind]")
    page.keyboard.press("Home")
    page.wait_for_selector(f"[data-part=at]:has-text('step 0 of {STEPS}')")
    page.locator('[data-address="w1"]').click()
    page.wait_for_selector("[data-part=story][data-quantity=w1]")
    page.fill("textarea[name=equation]", EQUATION)
    page.wait_for_selector("[data-part=equation] .chip[data-status=wrong]")
    page.mouse.move(0, 0)
    page.locator("textarea[name=equation]").blur()
    return page


def main(folder: Path) -> None:
    """Serve the studio and write both pictures."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("The screenshots need Chromium. Install it, for example: apt-get install chromium")
    addresses: Queue[str] = Queue()
    threading.Thread(target=serve, args=(0, addresses.put), daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = arranged(browser, addresses.get(timeout=60))
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            file = folder / f"studio-{scheme}.png"
            page.screenshot(path=file)
            if (size := file.stat().st_size) > MOST_BYTES:
                raise SystemExit(f"{file.name} takes {size:,} bytes; a README's picture may take {MOST_BYTES:,}.")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
