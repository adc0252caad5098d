"""`Session`: the state of the studio, and what every message does to it.

State goes down as whole keys, each plain data for JSON; messages come up as ``{"do": name, ...}``.

========  ============================================================================================================
key       what it holds
========  ============================================================================================================
options   what can be chosen: presets (name, title, about), hidden, outputs, losses (each with the outputs that fit),
          optimizers, schedules, conventions
setup     what was chosen: see `setup.DEFAULT`
table     a person's own table: name, rows, target, columns (name, missing, kind, detail); or null
data      the samples: kind (plane, curve, images, rows, formulas), rows, held_out (the last so many), measured (over
          how many figures are taken), inputs, classes, target, image (height, width), and of the shown ones: shown
          (rows), y, X (plane, curve and formulas), low, high
net       the picture: id (raised when it changes), kind, rows, and what a `drawing.Drawing` holds
values    of one row: net (the picture's id), step, nodes, deltas, parameters, gradients, loss; mean_loss over the rows
          that are learned from
outputs   step, row, x, y, outputs (of that row), and by kind: map (bytes in base64 by point of a grid, from the top)
          with size, from, to, of (the likeliest class); curve (x, y); confusion (by class, by answer); pairs (targets,
          outputs)
training  running, step, last (step recorded), epoch, batch, batches, sample, samples (of the batch), speed, edits
history   by recorded step: steps, loss, validation, accuracy, validation_accuracy, norms (by layer); and stuck (by
          layer: layer, activation, units, dead, saturated) at the present step
unit      a unit's own formulas: name, step, row, html; or null
scrub     a pass in slow motion: step, row, stages (phase, title, nodes, lines, html); or null
numbers   the parameters' table: step, row, of, total, rows (address, value, gradient, difference, error, rounding),
          largest gradients first, at most `numbers.MOST_ROWS`; or null
story     quantity, of, by, over ("row" or "batch"), value, step, row, symbol, answer (html), sections (key, title,
          html), deltas (from a delta's name to its weighted sum), paths (see `stories.paths`), movable; or null
written   the story another way: quantity, form ("text", "latex", "mathml", "python"), step, text; or null
nudge     the nudge test: quantity, by, of, h, step, trials (h, change, promised, error), verdict, sentence; or null
tangent   the loss along the story's quantity: quantity, over, of, by, step, value, loss, anchor (value, loss,
          gradient), points (value, loss); or null
check     id (the asker's own), text, status, ok, headline, reading, preview (html), findings (kind, span, message, fix,
          mended (html), nearest), steps (hint by hint), numbers, terms (text, span, status, paths), missing; or null
exercise  kind, about, seed, count, question, network, asked, asked_html, left, hints, more, answer (as `check`),
          solution (text, html, message) once it was asked for; or null
copied    what was asked for to be copied: form (link, python, shell), text; or null
notice    a sentence for the person, such as why a message was refused; or null
========  ============================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backstory.errors import BackstoryError, ConfigurationError, unknown
from backstory.story.conventions import convention as find_convention
from backstory.story.data import plain
from backstory.studio import numbers as numbers_table
from backstory.studio import setup as setups
from backstory.studio.asking import ANSWERS, Asking
from backstory.studio.drawing import Kept
from backstory.studio.outputs import Outputs
from backstory.studio.presets import PRESETS
from backstory.studio.recording import Recording
from backstory.studio.running import Runner, Turns
from backstory.studio.samples import Samples
from backstory.studio.scrubbing import stages
from backstory.studio.subject import FormulasSubject, NetworkSubject, Subject, finite
from backstory.studio.tables import Upload
from backstory.studio.units import told_unit

State = dict[str, Any]
KEYS = (
    *("options", "setup", "table", "data", "net", "values", "outputs", "training", "history"),
    *("unit", "scrub", "numbers", "story", "written", "nudge", "tangent", "check", "exercise", "copied", "notice"),
)
"""What the state consists of; the table above says what each holds."""


class Session(Asking):
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
        self._visited = 0
        self._upload: Upload | None = None
        self._subject: Subject
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
                self._put(notice=None)
            except (BackstoryError, TypeError, ValueError) as error:
                self._put(notice=str(error))

    def close(self) -> None:
        """Stop training."""
        with self._turns:
            self._runner.pause()

    def preset(self, name: str) -> None:
        """Begin with a preset."""
        self._begin(setups.preset(name))

    def setup(self, changes: State) -> None:
        """Begin anew with other choices."""
        self._begin(setups.changed(self._state["setup"], changes))

    def formulas(self, text: str) -> None:
        """Begin with a network written as formulas."""
        self._begin(setups.changed(setups.DEFAULT, {"formulas": text, "rate": 0.5}))

    def table(self, name: str, text: str, target: str | None = None) -> None:
        """Begin with a person's own table; without a target with its last column."""
        self._upload = upload = Upload.read(name, text)
        self._put(table=upload.described(None, None))
        self.target(target or upload.frame.columns[-1])

    def target(self, name: str) -> None:
        """Choose which column of the table is predicted."""
        if self._upload is None:
            raise ConfigurationError("There is no table yet. Drop one on the page, or choose a file.")
        samples = self._upload.samples(name, setups.DEFAULT["seed"])
        source = {"name": self._upload.name, "target": name, "digest": self._upload.digest}
        self._begin({**setups.for_samples(samples), "table": source})

    def reset(self) -> None:
        """Go back to the first weights."""
        self._begin(self._state["setup"])

    def play(self) -> None:
        """Train until told to pause."""
        self._visited = 0
        self._runner.play(self._recording)
        self._put(training=self._training())

    def pause(self) -> None:
        """Stop training after the step it is at."""
        if self._runner.running:
            self._runner.pause()
            self._recording.note()
            self._frame()

    def step(self, by: str = "epoch") -> None:
        """Train for one sample, batch or epoch, as it comes in the order of training."""
        if by not in ("sample", "batch", "epoch"):
            raise unknown("way to step", by, ("sample", "batch", "epoch"))
        self._runner.pause()
        batch = self._subject.batch()
        visited = self._visited + 1 if by == "sample" else 0
        if by == "sample":
            self._look_at(batch[visited - 1])
        self._visited = visited % len(batch)
        if not self._visited:
            per_epoch = self._subject.steps_per_epoch
            self._train(per_epoch - self._subject.steps % per_epoch if by == "epoch" else 1)
        else:
            self._frame()

    def rewind(self, step: int) -> None:
        """Go to a step that was taken, backwards or forwards."""
        if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step <= self._last:
            raise ConfigurationError(f"step must be one of those taken, 0 to {self._last}. Got {step!r}.")
        self._runner.pause()
        self._visited = 0
        self._recording.note()
        self._recording.go_to(step)
        self._frame()

    def speed(self, steps: float | None = None) -> None:
        """Train at so many steps a second; without a number as fast as can be."""
        if steps is not None and not (isinstance(steps, int | float) and 0.1 <= steps <= 1e9):
            raise ConfigurationError(f"steps must be a number of steps a second from 0.1 on, or null. Got {steps!r}.")
        self._runner.speed = steps
        self._put(training=self._training())

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

    def set(self, address: str, value: float) -> None:
        """Give a parameter a value; steps that were taken after this one are forgotten."""
        self._runner.pause()
        self._recording.set(address, float(value))
        self._frame()

    def row(self, row: int) -> None:
        """Look at another sample."""
        if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < self._subject.rows:
            raise ConfigurationError(f"row must be one of the samples 0 to {self._subject.rows - 1}. Got {row!r}.")
        self._look_at(row)
        self._frame()

    @property
    def _last(self) -> int:
        return max(self._recording.last, self._subject.steps)

    def _begin(self, setup: State) -> None:
        """Build the subject that was chosen; nothing is changed where it cannot be built."""
        subject = self._build(setup)
        outputs, recording = Outputs(subject), Recording(subject)
        setup = {**setup, "row": min(setup["row"], subject.rows - 1)}
        self._runner.pause()
        self._subject, self._outputs, self._recording, self._visited = subject, outputs, recording, 0
        self._put(setup=setup, table=self._described(setup), data=outputs.data())
        self._put(**self._nothing_asked(), unit=None, scrub=None, numbers=None, copied=None)
        self._draw()
        self._frame()

    def _build(self, setup: State) -> Subject:
        optimizer = setups.optimizer(setup)
        if setup["formulas"]:
            return FormulasSubject(setup["formulas"], optimizer)
        samples = self._samples(setup)
        if not setup["sizes"]:
            setup |= {key: value for key, value in setups.for_samples(samples).items() if key in _OF_THE_NETWORK}
        samples.require_sizes(setup["sizes"])
        return NetworkSubject(setups.network(setup), samples, optimizer, setup["batch_size"], setup["dropout"])

    def _samples(self, setup: State) -> Samples:
        """Return the rows of a preset, or of the table that was given."""
        source = setup["table"]
        if source is None:
            return PRESETS[setups.preset(setup["preset"])["preset"]].samples()
        if self._upload is None or self._upload.digest != source["digest"]:
            raise ConfigurationError(
                f"This needs the table {source['name']!r}. Drop it on the page first, then try again."
            )
        return self._upload.samples(source["target"], setups.DEFAULT["seed"])

    def _described(self, setup: State) -> State | None:
        if self._upload is None:
            return None
        samples = self._subject.samples if isinstance(self._subject, NetworkSubject) else None
        if setup["table"] is None or samples is None:
            return self._upload.described(None, None)
        return self._upload.described(setup["table"]["target"], samples.table)

    def _draw(self, kept: Kept | None = None) -> None:
        """Send the picture, of a large network with the units that are to be seen."""
        self._pictures += 1
        drawing = self._subject.drawing(kept)
        self._put(net={"id": self._pictures, "kind": self._subject.kind, "rows": self._subject.rows, **vars(drawing)})

    def _look_at(self, row: int) -> None:
        self._put(setup={**self._state["setup"], "row": row})

    def _train(self, steps: int) -> None:
        """Take some steps at once and record where they led, though it be less far."""
        try:
            self._recording.take(steps)
        finally:
            self._recording.note()
            self._frame()

    def _failed(self, error: BackstoryError) -> None:
        """Say why training stopped."""
        self._recording.note()
        self._frame()
        self._put(notice=str(error))

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
        values = {"net": self._pictures, "step": self._subject.steps, **self._subject.numbers(self._row)}
        self._put(
            values={**values, "mean_loss": loss},
            training=self._training(),
            history=history | {"stuck": self._subject.stuck()},
            outputs=self._outputs.now(self._row),
        )

    def _again(self) -> None:
        """Bring up to date what was asked for and is still on the page."""
        if unit := self._state["unit"]:
            self.unit(unit["name"])
        for name in ("scrub", "numbers"):
            if self._state[name]:
                ACTIONS[name](self)

    def _training(self) -> State:
        steps, per_epoch = self._subject.steps, self._subject.steps_per_epoch
        return {
            "running": self._runner.running,
            "step": steps,
            "last": self._last,
            "epoch": steps // per_epoch,
            "batch": steps % per_epoch,
            "batches": per_epoch,
            "sample": self._visited,
            "samples": len(self._subject.batch()),
            "speed": self._runner.speed,
            "edits": sum(map(len, self._recording.edits.values())),
        }

    def _put(self, **changed: Any) -> None:
        changed = plain(changed)
        self._state.update(changed)
        self._emit(changed)


ACTIONS: dict[str, Callable[..., None]] = {
    action.__name__: action
    for action in (
        Session.preset,
        Session.setup,
        Session.formulas,
        Session.table,
        Session.target,
        Session.reset,
        Session.play,
        Session.pause,
        Session.step,
        Session.rewind,
        Session.speed,
        Session.convention,
        *ANSWERS,
        Session.set,
        Session.row,
        Session.unit,
        Session.scrub,
        Session.numbers,
    )
}
"""What a message may ask for."""
_OF_THE_NETWORK = ("sizes", "hidden", "output", "loss")


def _read(message: Any) -> tuple[str, State]:
    """Return the name of what a message asks for, and its arguments."""
    if not isinstance(message, dict) or not isinstance(message.get("do"), str):
        raise ConfigurationError(f'A message must be an object with "do". Got {message!r:.80}.')
    if message["do"] not in ACTIONS:
        raise unknown("action", message["do"], ACTIONS)
    return message["do"], {str(name): value for name, value in message.items() if name != "do"}
