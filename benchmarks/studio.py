"""How quick the studio is: measured on its page in Chromium, each figure the median of some rounds.

    python -m benchmarks.studio [--rounds 5] [--only answers] [--quick]

What is promised: the first picture within 1 s of opening; the story of a clicked weight within 0.1 s, of 784-128-10
within 1 s; a verdict within 0.1 s of the last key; training in the page at half the speed of `net.fit` or more,
smoothly. Needs the extra ``test`` and Chromium.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from backstory.studio import setup as setups
from backstory.studio.presets import PRESETS
from backstory.studio.server import Server
from backstory.studio.session import Session
from benchmarks.studio_works import LARGE, LARGE_PRESET, fitting

NETS = ("xor", "spirals", "digits", LARGE)
EQUATIONS = ("dL/dw1[0->1] = x[0]*delta1[1]", "dL/dw1[0->1] = x[1]*delta1[1]")
_FIRST = """new MutationObserver(() => {
  if (window.firstPicture || !document.querySelector('[data-part=network] svg [data-node]')) return;
  window.firstPicture = -1;
  requestAnimationFrame(() => setTimeout(() => (window.firstPicture = performance.now())));
}).observe(document, { childList: true, subtree: true });"""
"""Notes when the first picture was painted, in milliseconds since the page was asked for."""
_UNTIL = """const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const until = (part, holds) => new Promise((done) => {
    const watch = new MutationObserver(() => holds(part) && (watch.disconnect(), done()));
    watch.observe(part, { attributes: true });
  });"""
_STORY = f"""async (address) => {{ {_UNTIL}
  const told = until(document.querySelector('[data-part=story]'), (part) => part.dataset.quantity === address);
  const begun = performance.now();
  document.querySelector(`[data-part=network] [data-address="${{address}}"]`)
    .dispatchEvent(new MouseEvent('click', {{ bubbles: true }}));
  await told; await painted();
  return performance.now() - begun;
}}"""
_VERDICT = f"""async (text) => {{ {_UNTIL}
  const part = document.querySelector('[data-part=equation] [data-part=verdict]');
  const judged = until(part, () => part.dataset.text === text);
  const input = document.querySelector('textarea[name=equation]');
  const begun = performance.now();
  input.value = text;
  input.dispatchEvent(new Event('input', {{ bubbles: true }}));
  await judged; await painted();
  return performance.now() - begun;
}}"""
_FRAMES = """(seconds) => new Promise((done) => {
  const frames = [];
  requestAnimationFrame(function next(now) {
    frames.push(now);
    if (now - frames[0] < 1000 * seconds) requestAnimationFrame(next);
    else done(frames);
  });
})"""


@contextmanager
def serving() -> Iterator[tuple[str, Session]]:
    """A studio on a free port, and its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = Server(port)
    running = uvicorn.Server(uvicorn.Config(server.app, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}/?token={server.token}", server.session
    server.session.close()
    running.should_exit = True
    thread.join(10)


def opening(browser: Browser, address: str) -> float:
    """Return the milliseconds from asking for the page to its first picture, nothing being cached."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(_FIRST)
    page.goto(address)
    page.wait_for_selector("[data-part=network] svg [data-node]")
    while not (took := float(page.evaluate("window.firstPicture ?? -1"))) > 0:
        time.sleep(0.01)
    context.close()
    return took


def choose(page: Page, session: Session, name: str) -> None:
    """Begin with a preset and wait until the page shows it."""
    session.handle({"do": "preset", "name": name})
    page.wait_for_selector(f"[data-part=setup] summary:has-text('{'-'.join(map(str, setups.preset(name)['sizes']))}')")
    page.wait_for_selector('[data-part=network] [data-address="w1[0->1]"]', state="attached")


def playing(page: Page, session: Session, name: str, seconds: float) -> tuple[float, float, float]:
    """Return steps a second while the page looks on, its frames a second, and the longest wait for a frame in ms."""
    choose(page, session, name)
    begun = time.perf_counter()
    session.handle({"do": "play"})
    page.wait_for_timeout(1000 * seconds)
    pause(session)
    taken, steps = time.perf_counter() - begun, session.state()["training"]["step"]
    session.handle({"do": "play"})
    frames = np.array(page.evaluate(_FRAMES, seconds / 3))  # apart: asking for every frame takes time itself
    pause(session)
    return steps / taken, 1000 * (len(frames) - 1) / (frames[-1] - frames[0]), float(np.diff(frames).max())


def pause(session: Session) -> None:
    """Pause and wait for the last frame."""
    session.handle({"do": "pause"})
    while session.state()["training"]["running"]:
        time.sleep(0.001)


def repeated(rounds: int, measure: Callable[[int], float]) -> str:
    """Return the median of some rounds with the smallest and the largest, in milliseconds."""
    found = [measure(number) for number in range(rounds)]
    return f"{statistics.median(found):5.0f} ms  ({min(found):.0f} to {max(found):.0f})"


def answers(page: Page, session: Session, rounds: int) -> None:
    """Print how soon clicks and keys are answered."""
    for name in ("xor", "clouds", "spirals", LARGE):
        choose(page, session, name)
        page.evaluate(_STORY, "w1[0->0]")
        took = repeated(rounds, lambda number: float(page.evaluate(_STORY, f"w1[1->{number % 2}]")))
        print(f"click on a weight to its story, {name:12} {took}")
        page.evaluate(_VERDICT, EQUATIONS[1])
        took = repeated(rounds, lambda number: float(page.evaluate(_VERDICT, EQUATIONS[number % 2])))
        print(f"last key to the verdict, {name:19} {took}", flush=True)


def speeds(page: Page, session: Session, rounds: int, seconds: float) -> None:
    """Print how fast training in the page is beside `net.fit`, in turns, and how smooth the page stays."""
    for name in NETS:
        pairs: list[Any] = [(fitting(name, seconds / 3), *playing(page, session, name, seconds)) for _ in range(rounds)]
        fit, played, frames, waits = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(played / fit for fit, played, *_ in pairs)
        print(
            f"{name:12} fit {fit:9,.0f} steps/s   page {played:9,.0f}   ratio {ratio:.2f}"
            f"   {frames:3.0f} frames/s, longest wait {waits:.0f} ms",
            flush=True,
        )


def main() -> None:
    """Measure all of it and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studio", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["answers", "speeds"], help="one half of it")
    parser.add_argument("--quick", action="store_true", help="a tiny run: does it all work?")
    chosen = parser.parse_args()
    rounds, seconds = (1, 0.1) if chosen.quick else (chosen.rounds, 2.0)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("The studio is measured in Chromium. Install it, for example: apt-get install chromium")
    PRESETS[LARGE] = LARGE_PRESET
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors; median of {rounds} (smallest to largest)")
    with serving() as (address, session), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        opening(browser, address)
        print(f"opening to the first picture {repeated(rounds, lambda _: opening(browser, address))}")
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        if chosen.only != "speeds":
            answers(page, session, rounds)
        if chosen.only != "answers":
            speeds(page, session, rounds, seconds)
        browser.close()


if __name__ == "__main__":
    main()
