"""A studio that is being served, and a page of Chromium on it."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from backstory.studio.session import Session


@dataclass(frozen=True)
class Served:
    """A running studio: its address with the token, its session, to compare with what the page shows, and its end."""

    address: str
    session: Session
    stop: Callable[[], None]

    def waits_for(self, holds: Any, seconds: float = 20.0) -> None:
        """Wait until `holds(state)` is true; actions of the page arrive a moment after they were sent."""
        end = time.monotonic() + seconds
        while not holds(self.session.state()):
            assert time.monotonic() < end, "the session never came to what the test waits for"
            time.sleep(0.01)


def start(port: int = 0, token: str = "") -> Served:
    """Start a studio in a thread of its own, on a free port unless one is given, with a token of its own likewise."""
    uvicorn = pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    from backstory.studio.server import Server

    listener = socket.create_server(("127.0.0.1", port))
    port = listener.getsockname()[1]
    server = Server(port)
    server.token = token or server.token
    running = uvicorn.Server(uvicorn.Config(server.app, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()

    def stop() -> None:
        server.session.close()
        running.should_exit = True
        thread.join(10)
        listener.close()

    return Served(f"http://127.0.0.1:{port}/?token={server.token}", server.session, stop)


@pytest.fixture
def served() -> Iterator[Served]:
    """The studio on a free port; each test has its own, which is stopped at its end."""
    started = start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs Chromium")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """A page on the studio, 1280 by 900, with the picture drawn; an error in its scripts fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.goto(served.address)
    opened.wait_for_selector("[data-part=network] svg")
    yield opened
    context.close()
    assert errors == []
