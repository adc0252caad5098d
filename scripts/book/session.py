"""Run the pieces of one page, in order, in one namespace and one folder, and say what came out of each."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scripts.book.fences import Piece

ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND_SECONDS = 120


@dataclass(frozen=True)
class Outcome:
    """What came out of a piece.

    Parameters
    ----------
    text : str
        What it printed; with the value of its last line, as Python's prompt shows it.
    figure : str
        The last line's figure as a file's text, HTML or SVG; empty for none.
    seconds : float
        What it took.
    """

    text: str = ""
    figure: str = ""
    seconds: float = 0.0


@dataclass
class Session:
    """A namespace and a folder; `run` takes one piece after the other."""

    folder: Path
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})

    def run(self, piece: Piece) -> Outcome:
        """Return what comes out of a piece.

        Raises
        ------
        RuntimeError
            It fails, or does not fail or say what its page says it must.
        """
        if "file" in piece.words:
            (self.folder / piece.words["file"]).write_text(piece.code + "\n", encoding="utf-8")
            return Outcome()
        found = {"python": self._python, "console": self._console, "inline": self._inline}[piece.language](piece)
        if (words := piece.words.get("says", "")) not in " ".join(found.text.split()):
            raise RuntimeError(f"the block must say {words!r}. It said:\n{found.text}")
        return found

    def _inline(self, piece: Piece) -> Outcome:
        value = eval(compile(piece.code, f"line {piece.line}", "eval"), self.names)
        return Outcome(format(value, ".6g") if isinstance(value, float) else str(value))

    def _python(self, piece: Piece) -> Outcome:
        printed = io.StringIO()
        expected = piece.words.get("raises")
        value = None
        with contextlib.redirect_stdout(printed):
            try:
                value = self._value(piece.code)
            except Exception as error:
                if type(error).__name__ != expected:
                    raise
                print(f"{expected}: {error}")
                expected = None
        if expected is not None:
            raise RuntimeError(f"the block must raise {expected}. It raised nothing.")
        if "figure" in piece.words:
            return Outcome(printed.getvalue().rstrip(), _figure(value))
        if value is not None:
            printed.write(f"{value!r}\n")
        return Outcome(printed.getvalue().rstrip())

    def _value(self, code: str) -> Any:
        """Run the code; the value of its last line if that is an expression."""
        tree = ast.parse(code)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "<page>", "exec"), self.names)
        return None if last is None else eval(compile(ast.Expression(last.value), "<page>", "eval"), self.names)  # type: ignore[attr-defined]  # last is ast.Expr

    def _console(self, piece: Piece) -> Outcome:
        commands = [line.removeprefix("$ ") for line in piece.code.replace("\\\n", "\\\0").splitlines()]
        shown = []
        for number, command in enumerate(commands, 1):
            expected = int(piece.words.get("exit", 0)) if number == len(commands) else 0
            done = subprocess.run(
                ["bash", "-c", command.replace("\0", "\n")],
                check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                cwd=self.folder, env=environment(), timeout=COMMAND_SECONDS,
            )  # fmt: skip
            if done.returncode != expected:
                raise RuntimeError(f"$ {command}\nmust end with {expected}, not {done.returncode}:\n{done.stdout}")
            shown.append("$ " + command.replace("\0", "\n") + "\n" + done.stdout)
        return Outcome("\n".join(line.rstrip() for line in "".join(shown).splitlines()))


def environment() -> dict[str, str]:
    """The environment of a page's commands: this Python's programs first, no colors, lines of 100 characters."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "100", "PYTHONWARNINGS": "ignore"}


def _figure(value: Any) -> str:
    """Return a figure as HTML or SVG."""
    if hasattr(value, "savefig"):
        target = io.StringIO()
        value.savefig(target, format="svg", bbox_inches="tight", transparent=True)
        return target.getvalue()
    text = value if isinstance(value, str) else ""
    if not text.lstrip().lower().startswith(("<!doctype html", "<svg", "<?xml")):
        raise RuntimeError(f"the last line must give an HTML page, an SVG or a Matplotlib figure. Got {value!r:.80}.")
    return text


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in a folder; warnings are errors, which a reader would see too."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            warnings.simplefilter("error", RuntimeWarning)
            yield
    finally:
        os.chdir(before)


def run_page(page: str, parts: list[Piece]) -> list[Outcome]:
    """Run all pieces of a page in a new folder, in which ``examples`` is the one of the checkout.

    Raises
    ------
    RuntimeError
        A piece fails; the message names the page and the line.
    """
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "examples").symlink_to(ROOT / "examples")
        session = Session(folder)
        for piece in parts:
            try:
                start = time.perf_counter()
                with _inside(folder):
                    outcome = session.run(piece)
                found.append(replace(outcome, seconds=round(time.perf_counter() - start, 3)))
            except BaseException as error:
                told = "".join(traceback.format_exception(error, limit=-3))
                raise RuntimeError(f"{page}, line {piece.line}: this block fails.\n{piece.code}\n\n{told}") from None
    return found
