"""What all tests share: Hypothesis' profile, libraries that must not be missing, data files, the command line."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from backstory.cli import main

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

# Examples are searched anew by every developer, but a build must not fail by chance; and a shared machine has no clock.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

PROGRAMS = {"tex": "pdflatex", "chromium": "chromium", "node": "node"}
"""What BACKSTORY_REQUIRE may name besides Python libraries, and the command that shows it is there."""


MODULES = {"jupyter": "jupyterlab", "mpi": "mpi4py"}
"""And libraries that are imported by another name."""


def is_there(name: str) -> bool:
    if name in PROGRAMS:
        return shutil.which(PROGRAMS[name]) is not None
    return importlib.util.find_spec(MODULES.get(name, name)) is not None


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to start where BACKSTORY_REQUIRE names a library or program whose absence would only skip tests."""
    required = [name for name in os.environ.get("BACKSTORY_REQUIRE", "").split(",") if name]
    missing = [name for name in required if not is_there(name)]
    if missing:
        raise pytest.UsageError(
            f"BACKSTORY_REQUIRE says that {', '.join(required)} must be installed. Missing: {', '.join(missing)}."
        )


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of large reference data beside the checkout; tests that use it skip where it is not there."""
    if not SHARED.is_dir():
        pytest.skip("no folder of reference data beside the checkout")
    return SHARED


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.out.splitlines()]


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")

    def command(*words: object) -> Result:
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return command
