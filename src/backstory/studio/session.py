"""`Session`: the state of the studio, and what every message does to it.

State goes down as whole keys, each plain data for JSON; messages come up as ``{"do": name, ...}``.

========  ============================================================================================================
key       what it holds
========  ============================================================================================================
options   what can be chosen: presets (name, title, about), hidden, outputs, losses, optimizers (names)
setup     what was chosen: preset, formulas, sizes, hidden, output, loss, optimizer, rate, batch_size, seed, row
net       the picture: id (raised when it changes), kind, rows, and what a `drawing.Drawing` holds
values    of one row: net (the picture's id), step, nodes, deltas, parameters, gradients, loss; mean_loss over all rows
unit      a unit's own formulas: name, step, row, html; or null
scrub     a pass in slow motion: step, row, stages (phase, title, nodes, lines, html); or null
numbers   the parameters' table: step, row, of, total, rows (address, value, gradient, difference, error, rounding),
          largest gradients first, at most `numbers.MOST_ROWS`; or null
training  running, step
history   steps, loss
story     quantity, of, by, value, step, row, sections (key, title, html), text, latex, python; or null
check     text, status, ok, reading, findings (kind, span, message, fix), steps (hint by hint), numbers; or null
notice    a sentence for the person, such as why a message was refused; or null
========  ============================================================================================================
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from backstory.errors import BackstoryError, ConfigurationError, unknown
from backstory.functions import ACTIVATIONS, LOSSES
from backstory.model.network import Network
from backstory.story.mathml import page
from backstory.story.page import sections
from backstory.studio import numbers as numbers_table
from backstory.studio.drawing import Kept, kept_units
from backstory.studio.presets import PRESETS
from backstory.studio.scrubbing import stages
from backstory.studio.subject import FormulasSubject, NetworkSubject, Subject
from backstory.studio.units import told_unit
from backstory.training.optimizers import OPTIMIZERS, Optimizer

State = dict[str, Any]
FRAME = 0.1
"""Seconds between two frames of a training run: at most 10 frames a second go down."""
FOREVER = 10**9
_DEFAULT: State = {"formulas": "", "optimizer": "sgd", "rate": 0.1, "batch_size": 32, "seed": 0, "row": 0}
_OF_A_NETWORK: State = {"sizes": [], "hidden": ["tanh"], "output": "identity", "loss": "half_squared_error"}


class Session:
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
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._state: State = {"options": _options(), "notice": None, "check": None, "unit": None}
        self._pictures = 0
        self._subject: Subject
        self.handle({"do": "preset", "name": preset})

    def state(self) -> State:
        """Return the whole state."""
        with self._lock:
            return dict(self._state)

    def handle(self, message: Any) -> None:
        """Do what a message says; what cannot be done is said in `notice`, and nothing is changed."""
        try:
            action, arguments = _read(message)
            with self._lock:
                ACTIONS[action](self, **arguments)
                self._put(notice=None)
        except (BackstoryError, TypeError, ValueError) as error:
            self._put(notice=str(error))

    def close(self) -> None:
        """Stop training."""
        self.pause()

    def preset(self, name: str) -> None:
        """Begin with a preset."""
        if name not in PRESETS:
            raise unknown("preset", name, PRESETS)
        chosen = PRESETS[name]
        network = {} if chosen.formulas else _OF_A_NETWORK
        self._begin({**_DEFAULT, **network, **chosen.setup, "preset": name, "formulas": chosen.formulas})

    def reset(self) -> None:
        """Go back to the first weights."""
        self._begin(self._state["setup"])

    def play(self) -> None:
        """Train until told to pause."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
            self._put(training=self._training())

    def pause(self) -> None:
        """Stop training after the step it is at."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            thread.join()
            self._frame()

    def step(self, by: str = "epoch") -> None:
        """Train for one epoch."""
        self.pause()
        self._subject.train(1, lambda: False)
        self._frame()

    def select(self, quantity: str) -> None:
        """Tell the story of a parameter or another quantity."""
        self._put(story=self._story(quantity))
        if not self._state["net"]["whole"]:
            self._draw(kept_units(self._subject.explain(quantity, self._row)))
            self._frame()

    def unit(self, name: str | None = None) -> None:
        """Tell what one unit computes; without a name put its card away."""
        self._put(unit=None if name is None else told_unit(self._subject, name, self._row))

    def scrub(self, on: bool = True) -> None:
        """Lay out one pass, moment by moment, or put it away."""
        self._put(scrub=stages(self._subject, self._row) if on else None)

    def numbers(self, on: bool = True) -> None:
        """Make the table of the parameters, or put it away."""
        self._put(numbers=numbers_table.table(self._subject, self._row) if on else None)

    def set(self, address: str, value: float) -> None:
        """Give a parameter a value."""
        self.pause()
        self._subject.set(address, float(value))
        self._frame()

    def row(self, row: int) -> None:
        """Look at another sample."""
        if not 0 <= row < self._subject.rows:
            raise ConfigurationError(f"row must be one of the samples 0 to {self._subject.rows - 1}. Got {row!r}.")
        self._state["setup"] = {**self._state["setup"], "row": row}
        self._put(setup=self._state["setup"])
        self._frame()

    def check(self, text: str) -> None:
        """Judge an equation."""
        verdict = self._subject.check(text, self._row)
        self._put(check={"text": text, **verdict.to_dict(), "steps": list(verdict.steps)})

    @property
    def _row(self) -> int:
        return int(self._state["setup"]["row"])

    def _begin(self, setup: State) -> None:
        """Build the subject that was chosen; nothing is changed where it cannot be built."""
        self.pause()
        self._subject = _build(setup)
        self._put(setup=setup, story=None, check=None, unit=None, scrub=None, numbers=None)
        self._put(history={"steps": [], "loss": []})
        self._draw()
        self._frame()

    def _draw(self, kept: Kept | None = None) -> None:
        """Send the picture, of a large network with the units that are to be seen."""
        self._pictures += 1
        drawing = self._subject.drawing(kept)
        self._put(net={"id": self._pictures, "kind": self._subject.kind, "rows": self._subject.rows, **vars(drawing)})

    def _run(self) -> None:
        """Train in the background, with a frame every now and then."""
        last = time.perf_counter()

        def stop() -> bool:
            nonlocal last
            if time.perf_counter() - last > FRAME:
                self._frame()
                last = time.perf_counter()
            return self._stop.is_set()

        try:
            self._subject.train(FOREVER, stop)
        except BackstoryError as error:
            self._thread = None
            self._put(notice=str(error))
            self._frame()

    def _frame(self) -> None:
        """Send the values as they are now."""
        subject, loss = self._subject, self._subject.loss()
        history = self._state["history"]
        values = {"net": self._pictures, "step": subject.steps, **subject.numbers(self._row), "mean_loss": loss}
        history = {"steps": [*history["steps"], subject.steps], "loss": [*history["loss"], loss]}
        self._put(values=values, training=self._training(), history=history)
        story = self._state["story"]
        if story and not self._state["training"]["running"]:
            self._put(story=self._story(story["quantity"]))
        if not self._state["training"]["running"]:
            self._again()

    def _again(self) -> None:
        """Bring up to date what was asked for and is still on the page."""
        if unit := self._state["unit"]:
            self.unit(unit["name"])
        for name in ("scrub", "numbers"):
            if self._state[name]:
                ACTIONS[name](self)

    def _training(self) -> State:
        return {"running": self._thread is not None, "step": self._subject.steps}

    def _story(self, quantity: str) -> State:
        story = self._subject.explain(quantity, self._row)
        parts = [{"key": part.key, "title": part.title, "html": page([part])} for part in sections(story)]
        return {
            "quantity": quantity,
            "of": story.of,
            "by": story.by,
            "value": story.value,
            "step": self._subject.steps,
            "row": self._row,
            "sections": parts,
            "text": str(story),
            "latex": story.to_latex(),
            "python": story.to_python(),
        }

    def _put(self, **changed: Any) -> None:
        self._state.update(changed)
        self._emit(changed)


ACTIONS: dict[str, Callable[..., None]] = {
    action.__name__: action
    for action in (
        Session.preset,
        Session.reset,
        Session.play,
        Session.pause,
        Session.step,
        Session.select,
        Session.set,
        Session.row,
        Session.check,
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


def _options() -> State:
    presets = [{"name": row.name, "title": row.title, "about": row.about} for row in PRESETS.values()]
    names = {"hidden": sorted(ACTIVATIONS), "losses": sorted(LOSSES), "optimizers": sorted(OPTIMIZERS)}
    return {"presets": presets, **names}


def _build(setup: State) -> Subject:
    optimizer = OPTIMIZERS[setup["optimizer"]](setup["rate"])
    assert isinstance(optimizer, Optimizer)
    if setup["formulas"]:
        return FormulasSubject(setup["formulas"], optimizer)
    data = PRESETS[setup["preset"]].data
    assert data is not None
    net = Network(
        setup["sizes"], hidden=setup["hidden"], output=setup["output"], loss=setup["loss"], seed=setup["seed"]
    )
    return NetworkSubject(net, *data(), optimizer, setup["batch_size"])
