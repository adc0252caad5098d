"""Choosing: what is on the stage, a preset or a network, formulas or a table of a person's own."""

from __future__ import annotations

from backstory.errors import ConfigurationError
from backstory.studio import setup as setups
from backstory.studio.drawing import Kept
from backstory.studio.outputs import Outputs
from backstory.studio.presets import PRESETS
from backstory.studio.recording import Recording
from backstory.studio.samples import Samples
from backstory.studio.stage import Stage, State
from backstory.studio.subject import FormulasSubject, NetworkSubject, Subject
from backstory.studio.tables import Upload

OF_THE_FORM = ("setup", "formulas", "table", "target")
"""The actions that the setup's form asks for."""
_OF_THE_NETWORK = ("sizes", "hidden", "output", "loss")


class Choosing(Stage):
    """The part of a session that builds what is shown."""

    _upload: Upload | None = None

    def _draw(self, kept: Kept | None = None) -> None:
        raise NotImplementedError

    def _nothing_asked(self) -> State:
        raise NotImplementedError

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


ACTIONS = (Choosing.preset, Choosing.setup, Choosing.formulas, Choosing.table, Choosing.target, Choosing.reset)
