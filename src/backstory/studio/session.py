"""`Session`: the state of the studio, and what every message does to it.

State goes down as whole keys, each plain data for JSON; messages come up as ``{"do": name, ...}``.

========  ============================================================================================================
key       what it holds
========  ============================================================================================================
options   what can be chosen: presets (name, title, about), hidden, outputs, losses (each with the outputs that fit),
          optimizers, schedules, conventions
setup     what was chosen: see `setup.DEFAULT`
table     a person's own table: name, rows, target, columns (name, missing, kind, detail); or null
data      the samples: id (raised when they change), kind (plane, curve, images, rows, formulas), rows, held_out (the
          last so many), measured (over how many figures are taken), inputs, classes, target, image (height, width), and
          of the shown ones: shown (rows), y, X (plane, curve and formulas), low, high
net       the picture: id (raised when it changes), kind, rows, and what a `drawing.Drawing` holds
values    of one row: net (the picture's id), step, nodes, deltas, parameters, gradients, loss; mean_loss over the rows
          that are learned from
outputs   data (its id), step, row, x, y, outputs (of that row), and by kind: map (bytes in base64 by point of a grid,
          from the top) with size, from, to, of (the likeliest class); curve (x, y); confusion (by class, by answer);
          pairs (targets, outputs); and of a table's number raw (target, output) in its own units
training  running, step, last (step recorded), epoch, batch, batches, sample, samples (of the batch), speed, edits
history   by recorded step: steps, loss, validation, accuracy, validation_accuracy, norms (by layer); and stuck (by
          layer: layer, activation, units, dead, saturated) at the present step
unit      a unit's own formulas: name, step, row, html; or null
scrub     a pass in slow motion: step, row, stages (phase, title, nodes, lines, html); or null
numbers   the parameters' table: step, row, of, total, rows (address, value, gradient, difference, error, rounding),
          largest gradients first, at most `numbers.MOST_ROWS`; or null
story     id (raised when it is told anew), quantity, of, by, over ("row" or "batch"), value, step, row, symbol, answer
          (html), sections (key, title, html: what is told first), paths (see `stories.paths`), movable; or null
rest      what follows the story: id (the story's), sections (key, title, html; null where it is folded and was not
          opened), deltas (from a delta's name to its weighted sum); or null
written   the story another way: quantity, form ("text", "latex", "mathml", "python"), step, text; or null
nudge     the nudge test: quantity, by, of, h, step, trials (h, change, promised, error), verdict, sentence; or null
tangent   the loss along the story's quantity: quantity, over, of, by, step, value, loss, anchor (value, loss,
          gradient), points (value, loss); or null
check     id (the asker's own), text, status, ok, headline, reading, preview (html), findings (kind, span, message, fix,
          mended (html), nearest), steps (hint by hint), numbers, terms (text, span, status, paths), missing; or null
exercise  kind, about, seed, count, question, network, asked, asked_html, left, hints, more, answer (as `check`),
          solution (text, html, message) once it was asked for; or null
copied    what was asked for to be copied: form (link, python, shell, html), text; or null
notice    a sentence for the person, such as why a message was refused; or null
refused   where that sentence belongs: "form" for what the setup's form asked for, else "bar"; or null
========  ============================================================================================================
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from backstory.errors import BackstoryError, ConfigurationError, unknown
from backstory.story.conventions import convention as find_convention
from backstory.story.data import plain
from backstory.studio import choosing, playing, sharing
from backstory.studio import numbers as numbers_table
from backstory.studio import setup as setups
from backstory.studio.asking import ANSWERS, Asking
from backstory.studio.drawing import Kept
from backstory.studio.playing import Playing
from backstory.studio.running import Runner, Turns
from backstory.studio.scrubbing import stages
from backstory.studio.sharing import Sharing
from backstory.studio.subject import finite
from backstory.studio.units import told_unit

State = dict[str, Any]
KEYS = (
    *("options", "setup", "table", "data", "net", "values", "outputs", "training", "history"),
    *(
        "unit",
        "scrub",
        "numbers",
        "story",
        "rest",
        "written",
        "nudge",
        "tangent",
        "check",
        "exercise",
        "copied",
        "notice",
    ),
    "refused",
)
"""What the state consists of; the table above says what each holds."""


class Session(Asking, Playing, Sharing):
    """One studio: page, widget and tests talk to it alike.

    Parameters
    ----------
    emit : callable taking a dict
        Called with the keys that have changed; may be called from another thread while training runs.

    Examples
    --------
    >>> session = Session(emit=lambda changed: None)
    >>> session.handle({"do": "preset", "name": "mazur"})
    >>> round(session.state()["values"]["loss"], 9)
    0.298371109
    """

    def __init__(self, emit: Callable[[State], None], preset: str = "mazur") -> None:
        self._emit = emit
        self._turns = Turns()
        self._runner = Runner(self._turns, self._frame, self._failed)
        self._state: State = {**dict.fromkeys(KEYS), "options": setups.options()}
        self._pictures = 0
        self._visited, self._looked = 0, 0.0
        self.handle({"do": "preset", "name": preset})

    def state(self) -> State:
        """Return the whole state."""
        return dict(self._state)

    def handle(self, message: Any) -> None:
        """Do what a message says; what cannot be done is said in `notice`, and nothing is changed."""
        with self._turns:
            try:
                action, arguments = _read(message)
                ACTIONS[action](self, **arguments)
                self._put(notice=None, refused=None)
            except (BackstoryError, TypeError, ValueError) as error:
                where = "form" if isinstance(message, dict) and message.get("do") in choosing.OF_THE_FORM else "bar"
                self._put(notice=str(error), refused=where)

    def close(self) -> None:
        """Stop training."""
        with self._turns:
            self._runner.pause()

    def convention(self, name: str = "") -> None:
        """Tell stories in the notation of a book or a library; without a name in this one's own."""
        self._put(setup={**self._state["setup"], "convention": find_convention(name).name if name else ""})
        self._retell()

    def unit(self, name: str | None = None) -> None:
        """Tell what one unit computes; without a name put its card away."""
        self._put(unit=None if name is None else told_unit(self._subject, name, self._row))

    def scrub(self, on: bool = True) -> None:
        """Lay out one pass, moment by moment, or put it away."""
        self._put(scrub=stages(self._subject, self._row) if on else None)

    def numbers(self, on: bool = True) -> None:
        """Make the table of the parameters, or put it away."""
        self._put(numbers=numbers_table.table(self._subject, self._row) if on else None)

    def _draw(self, kept: Kept | None = None) -> None:
        """Send the picture, of a large network with the units that are to be seen, unless these are seen already."""
        drawing = vars(self._subject.drawing(kept))
        if kept is not None and drawing["columns"] == self._state["net"]["columns"]:
            return
        self._pictures += 1
        self._put(net={"id": self._pictures, "kind": self._subject.kind, "rows": self._subject.rows, **drawing})

    def _frame(self) -> None:
        """Send the values as they are now, and what was asked about them."""
        self._show()
        if not self._runner.running:
            self._retell()
            self._again()

    def _show(self) -> None:
        """Send the values as they are now."""
        history = self._recording.history()
        here = history["steps"].index(self._subject.steps) if self._subject.steps in history["steps"] else None
        loss = history["loss"][here] if here is not None else finite(self._subject.loss())
        self._put(
            values=self._values(loss),
            training=self._training(),
            history=history | {"stuck": self._stuck()},
            outputs=self._outputs.now(self._row),
        )

    def _values(self, mean_loss: float | None) -> State:
        """Return the values of the row that is looked at, as the key `values` holds them."""
        numbers = self._subject.numbers(self._row)
        return {"net": self._pictures, "step": self._subject.steps, **numbers, "mean_loss": mean_loss}

    def _stuck(self) -> list[State]:
        """Return the units that are stuck; while training runs they are looked for once a second."""
        now = time.monotonic()
        if not self._runner.running or now - self._looked > 1 or "history" not in self._state:
            self._looked = now
            return self._subject.stuck()
        return self._state["history"]["stuck"]  # type: ignore[no-any-return]

    def _again(self) -> None:
        """Bring up to date what was asked for and is still on the page."""
        if unit := self._state["unit"]:
            self.unit(unit["name"])
        for name in ("scrub", "numbers"):
            if self._state[name]:
                ACTIONS[name](self)

    def _put(self, **changed: Any) -> None:
        changed = plain(changed)
        self._state.update(changed)
        self._emit(changed)


ACTIONS: dict[str, Callable[..., None]] = {
    action.__name__: action
    for action in (
        *choosing.ACTIONS,
        *playing.ACTIONS,
        *sharing.ACTIONS,
        Session.convention,
        *ANSWERS,
        Session.unit,
        Session.scrub,
        Session.numbers,
    )
}
"""What a message may ask for."""


def _read(message: Any) -> tuple[str, State]:
    """Return the name of what a message asks for, and its arguments."""
    if not isinstance(message, dict) or not isinstance(message.get("do"), str):
        raise ConfigurationError(f'A message must be an object with "do". Got {message!r:.80}.')
    if message["do"] not in ACTIONS:
        raise unknown("action", message["do"], ACTIONS)
    return message["do"], {str(name): value for name, value in message.items() if name != "do"}
