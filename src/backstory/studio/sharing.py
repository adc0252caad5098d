"""Sharing: the state as a link that opens it again, and as programs that come to the same weights."""

from __future__ import annotations

import time

from backstory.errors import ConfigurationError, unknown
from backstory.studio import link as links
from backstory.studio import script, takeaway
from backstory.studio.choosing import Choosing
from backstory.studio.presets import PRESETS

MOST_SECONDS = 10
"""That opening a link may take to train."""
FORMS = ("link", "python", "shell", "html")


class Sharing(Choosing):
    """The part of a session that takes states away and brings them back."""

    def select(self, quantity: str, over: str | None = None) -> None:
        raise NotImplementedError

    def check(self, text: str, id: str = "") -> None:
        raise NotImplementedError

    def copy(self, form: str | None = None) -> None:
        """Write the state as a link, as Python, for a shell, or as a file that lives alone; or put that away."""
        if form is None:
            return self._put(copied=None)
        if form not in FORMS:
            raise unknown("form", form, FORMS)
        setup, step = self._state["setup"], self._subject.steps
        quantity = (self._state.get("story") or {}).get("quantity")
        equation = (self._state.get("check") or {}).get("text")
        edits = [
            (at, *edit) for at, made in sorted(self._recording.edits.items()) for edit in made.items() if at <= step
        ]
        if form == "link":
            text = links.written(setup, edits, step, quantity, equation)
        elif form == "python":
            text = script.python(setup, self._subject, edits, step, quantity)
        elif form == "shell":
            text = script.shell(setup, self._subject, edits, step, quantity, equation)
        else:
            text = takeaway.written(self._subject, setup["row"], quantity, setup["convention"], self._title())
        self._put(copied={"form": form, "text": text})

    def _title(self) -> str:
        """Return what the state is called: by its preset, or what a person brought."""
        preset = PRESETS.get(self._state["setup"]["preset"])
        table = self._state["table"]
        return preset.title if preset else table["name"] if table else "Formulas"

    def open(self, link: str) -> None:
        """Bring back the state that a link holds, trained as far as it was."""
        found = links.read(link)
        self._begin(found["setup"])
        end = time.monotonic() + MOST_SECONDS
        for at, address, value in found["edits"]:
            if self._go_on_to(at, end):
                self._recording.set(address, value)
        reached = self._go_on_to(found["step"], end)
        self._frame()
        if found["quantity"] is not None:
            self.select(found["quantity"])
        if found["equation"]:
            self.check(found["equation"])
        if not reached:
            raise ConfigurationError(
                f"The link leads to step {found['step']:,}. Step {self._subject.steps:,} was reached in "
                f"{MOST_SECONDS} seconds; play to go on."
            )

    def _go_on_to(self, step: int, end: float) -> bool:
        """Train to a step, recorded on the way as playing would; return whether the time sufficed."""
        n = 1
        while self._subject.steps < step and time.monotonic() < end:
            before = time.monotonic()
            self._recording.take(min(n, step - self._subject.steps))
            self._recording.note()
            n = n * 2 if time.monotonic() - before < 0.1 else max(1, n // 2)
        return self._subject.steps >= step


ACTIONS = (Sharing.copy, Sharing.open)
