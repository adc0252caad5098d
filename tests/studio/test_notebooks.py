"""The widget in JupyterLab and in marimo, each in a browser: it is drawn, tells a weight, trains."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

pytest.importorskip("anywidget")
pytestmark = pytest.mark.slow

CELL = 'import backstory as bs\nbs.Studio("mazur")'
MARIMO = """
import marimo
app = marimo.App()

@app.cell
def _():
    import marimo as mo
    import backstory as bs
    mo.ui.anywidget(bs.Studio("mazur"))
"""
SECONDS = 120_000
"""Milliseconds that a notebook may take to start on a busy machine."""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def start(tmp_path):
    """Starts a server and waits until it answers; stops it at the end."""
    running = []

    def started(port, *words):
        command = [sys.executable, "-m", *map(str, words)]
        with open(tmp_path / "log", "w") as log:
            running.append(subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT))
        end = time.monotonic() + SECONDS / 1000
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
                return
            except OSError:
                assert running[-1].poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < end, (tmp_path / "log").read_text()
                time.sleep(0.2)

    yield started
    for process in running:
        process.terminate()
        process.wait(20)


@pytest.fixture
def notebook(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(SECONDS)
    yield context.new_page()
    context.close()


def works(page):
    """Whether the studio on a page tells a weight's gradient, judges an equation and takes a step."""
    page.wait_for_selector("[data-part=network] svg")
    page.locator('[data-address="w1"]').first.dispatch_event("click")
    page.wait_for_selector("[data-part=story][data-quantity=w1]")
    assert "0.000438568" in page.inner_text("[data-part=story]")
    page.fill("textarea[name=equation]", "dL/dw5 = dL/do1 * do1/dw5")
    page.wait_for_selector("[data-part=verdict][data-status=right]")
    page.locator("[data-do=step]").first.click()
    page.locator("[data-part=step]", has_text="1").wait_for()  # locators look into marimo's shadow roots too


def test_in_jupyterlab(start, notebook, tmp_path):
    pytest.importorskip("jupyterlab")
    cells = [{"cell_type": "code", "id": "a", "metadata": {}, "source": CELL, "outputs": [], "execution_count": None}]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    content = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "studio.ipynb").write_text(json.dumps(content))
    port = free_port()
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=secret"]
    start(
        port,
        "jupyterlab",
        *options,
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    )
    notebook.goto(f"http://127.0.0.1:{port}/lab/tree/studio.ipynb?token=secret")
    cell = notebook.locator(".jp-Cell .cm-content").first
    ran = notebook.locator(".jp-InputPrompt", has_text=re.compile(r"\[[*\d]"))
    while not ran.count():  # a kernel that is not there yet runs nothing
        cell.click()
        notebook.keyboard.press("Control+Enter")
        notebook.wait_for_timeout(1000)
    works(notebook)


def test_in_marimo(start, notebook, tmp_path):
    pytest.importorskip("marimo")
    (tmp_path / "app.py").write_text(MARIMO)
    port = free_port()
    start(port, "marimo", "run", "app.py", "--headless", "--no-token", "--port", port)
    notebook.goto(f"http://127.0.0.1:{port}/")
    works(notebook)
