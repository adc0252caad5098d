"""The studio as a notebook widget: the page's front end over the widget's own channel (extra ``notebook``)."""

from __future__ import annotations

from backstory.studio import assets
from backstory.studio.session import KEYS, Session, State

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise ImportError(
        f"The widget needs the extra 'notebook'; {error.name!r} is missing. Run: pip install 'backstory[notebook]'."
    ) from None


class Studio(anywidget.AnyWidget):
    """The studio in JupyterLab, marimo and whatever else shows widgets.

    Parameters
    ----------
    preset : str
        What it begins with, such as "mazur", "xor" or "digits".

    Examples
    --------
    >>> studio = Studio("mazur")
    >>> round(studio.values["loss"], 6)
    0.298371
    """

    _esm = assets.module()
    _css = assets.text("studio.css")
    font = traitlets.Bytes(assets.font()).tag(sync=True)
    for _key in KEYS:
        locals()[_key] = traitlets.Any(None, allow_none=True).tag(sync=True)
    del _key

    def __init__(self, preset: str = "mazur") -> None:
        super().__init__()
        self.session = Session(self._tell, preset)
        self._tell(self.session.state())
        self.on_msg(lambda _, message, buffers: self.session.handle(message))

    def _tell(self, changed: State) -> None:
        with self.hold_sync():
            for key, value in changed.items():
                setattr(self, key, value)
