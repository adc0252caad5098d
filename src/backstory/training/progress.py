"""A progress bar on a terminal and in notebooks; silent everywhere else."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from backstory.training.history import History


def interactive() -> bool:
    """Whether somebody watches: standard error is a terminal, or this is a Jupyter kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return sys.stderr.isatty() or hasattr(shell, "kernel")


class Progress:
    """A bar over the epochs of one `fit`.

    Parameters
    ----------
    epochs : int
    wanted : bool or None
        None shows it only where somebody watches.
    """

    def __init__(self, epochs: int, wanted: bool | None) -> None:
        self.visible = interactive() if wanted is None else wanted
        self.epochs = epochs
        self._bar: Any = None

    def __enter__(self) -> Progress:
        if self.visible:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                "epoch",
                MofNCompleteColumn(),
                BarColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}"),
            )
            self._bar = Bar(*columns, console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task("", total=self.epochs)
        return self

    def show(self, history: History) -> None:
        """Bring the bar up to the last recorded epoch."""
        if self._bar is None:
            return
        last = history.epochs[-1]
        figures = {"loss": last.loss, **last.metrics}
        if last.validation_loss == last.validation_loss:  # not NaN
            figures["validation loss"] = last.validation_loss
        text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self._bar.update(self._task, completed=len(history), description=text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
