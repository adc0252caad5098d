"""What the parts of a session share: the one thing shown, the way it took, and how changes are told."""

from __future__ import annotations

from typing import Any

from backstory.studio.outputs import Outputs
from backstory.studio.recording import Recording
from backstory.studio.running import Runner
from backstory.studio.subject import Subject

State = dict[str, Any]


class Stage:
    """A part of a session; `Session` holds what is only named here."""

    _state: State
    _subject: Subject
    _outputs: Outputs
    _recording: Recording
    _runner: Runner
    _visited: int
    """Samples of the present batch that were stepped through one by one."""

    def _put(self, **changed: Any) -> None:
        raise NotImplementedError

    def _frame(self) -> None:
        raise NotImplementedError

    @property
    def _last(self) -> int:
        """The last step that was taken, which may lie after the present one."""
        return max(self._recording.last, self._subject.steps)
