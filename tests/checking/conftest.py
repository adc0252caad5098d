"""Verdicts do not depend on how busy the machine is that tests them."""

from __future__ import annotations

import pytest

from backstory.checking import array_judge, free_diagnosis, layered


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mended equations are looked for as long as it takes."""
    for module in (array_judge, free_diagnosis, layered):
        monkeypatch.setattr(module, "_PATIENCE", 60.0)
