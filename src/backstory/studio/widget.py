"""The studio as a notebook widget: the page's front end over the widget's own channel (extra ``notebook``)."""

from __future__ import annotations

import anywidget
import traitlets

from backstory.studio import assets
from backstory.studio.session import Session, State


class Studio(anywidget.AnyWidget):
    """The studio in JupyterLab, marimo and whatever else shows widgets.

    Parameters
    ----------
    preset : str
        What it begins with.
    """

    _esm = assets.module()
    _css = assets.text("studio.css")
    font = traitlets.Bytes(assets.font()).tag(sync=True)
    (
        options,
        setup,
        table,
        data,
        net,
        values,
        outputs,
        training,
        history,
        unit,
        scrub,
        numbers,
        story,
        written,
        nudge,
        tangent,
        check,
        exercise,
        copied,
        notice,
    ) = (traitlets.Any(None, allow_none=True).tag(sync=True) for _ in range(20))

    def __init__(self, preset: str = "mazur") -> None:
        super().__init__()
        self.session = Session(self._tell, preset)
        self._tell(self.session.state())
        self.on_msg(lambda _, message, buffers: self.session.handle(message))

    def _tell(self, changed: State) -> None:
        with self.hold_sync():
            for key, value in changed.items():
                setattr(self, key, value)
