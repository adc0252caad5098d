"""Sharing: the state as a link that opens it again, and as programs that come to the same weights."""

from __future__ import annotations

import time

from backstory.errors import ConfigurationError, unknown
from backstory.model.stories import read_rows
from backstory.studio import link as links
from backstory.studio import script
from backstory.studio.choosing import Choosing
from backstory.studio.standalone import figure
from backstory.studio.subject import NetworkSubject

MOST_SECONDS = 10
"""That opening a link may take to train."""
FORMS = ("link", "python", "shell", "html")
MOST_ROWS, MOST_INPUTS = 12, 16
"""Samples that a saved file lets one choose from, where they have no more inputs than that."""


class Sharing(Choosing):
    """The part of a session that takes states away and brings them back."""

    def select(self, quantity: str, over: str | None = None) -> None:
        raise NotImplementedError

    def check(self, text: str, id: str = "") -> None:
        raise NotImplementedError

    def copy(self, form: str) -> None:
        """Write the state as a link, as Python, as commands for a shell, or as an HTML file that lives on its own."""
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
            text = self._page(quantity or next(iter(self._state["values"]["parameters"])))
        self._put(copied={"form": form, "text": text})

    def _page(self, quantity: str) -> str:
        """Return the page in which the story of a quantity lives, with some samples to choose from."""
        subject, row = self._subject, int(self._state["setup"]["row"])
        story = subject.explain(quantity, row)
        if not isinstance(subject, NetworkSubject) or subject.X.shape[1] > MOST_INPUTS:
            return figure(story)
        chosen = [row, *(other for other in range(min(MOST_ROWS, subject.rows)) if other != row)]
        rows = read_rows(subject.net, subject.X[chosen], subject.y[chosen])
        leaves = [
            {f"x[{place}]": float(value) for place, value in enumerate(x)}
            | {f"y[{place}]": float(value) for place, value in enumerate(y)}
            for x, y in zip(rows.X, rows.y, strict=True)
        ]
        return figure(story, rows=leaves)

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
