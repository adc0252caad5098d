"""`TableReport`: what a network trained on a table is worth on rows, and where that comes from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.frame import Frame
from backstory.data.table import Table
from backstory.errors import ConfigurationError
from backstory.model.flow import GradientFlow
from backstory.model.network import Network
from backstory.model.tables import opened
from backstory.model.work import Work
from backstory.reporting.calibration import Calibration, of_classes, of_numbers
from backstory.reporting.figures import Figure, confusion_counts, figures
from backstory.reporting.importance import REPEATS, Importance, permutation_importance
from backstory.training.history import History

FLOW_ROWS = 500
"""Rows that the gradient is followed for; all its sizes are means over rows."""


@dataclass(frozen=True)
class Seen:
    """The rows a network was made from.

    Parameters
    ----------
    name : str
        The table's.
    rows : int
        The table's, those of a validation table aside.
    train, validation, test : int
        Rows.
    origin : str
        Where those to validate with come from.
    """

    name: str
    rows: int
    train: int
    validation: int
    test: int
    origin: str

    @classmethod
    def by(cls, work: Work) -> Seen:
        """The rows of a run."""
        parts, name = work.parts, work.frame.name.strip("'")
        rows = work.trained + len(parts.validation) + len(parts.test)
        return cls(name, rows, work.trained, len(work.validation), len(parts.test), parts.origin)


@dataclass(frozen=True, eq=False)
class TableReport:
    """Prints as text; `to_html` makes a page of it, `to_dict` plain data. Made by `report`.

    Attributes
    ----------
    table : Table
        The columns, by kind, and those left out with their reasons.
    network : str
    seen : Seen or None
        The rows it was made from, where that is known.
    history : History or None
        The course of training, where the network was trained just now.
    measured : str
        Which rows the rest is about.
    rows : int
        How many they are.
    figures : tuple of Figure
        The first is the one to look at; among them what a constant answer would reach.
    confusion : ndarray (classes, classes) of int64, or None
        Rows of each true class (first axis) by the class answered.
    calibration : Calibration
    importance : tuple of Importance
        By raw column, the most important first.
    flow : GradientFlow
    """

    table: Table
    network: str
    seen: Seen | None
    history: History | None
    measured: str
    rows: int
    figures: tuple[Figure, ...]
    confusion: NDArray[np.int64] | None
    calibration: Calibration
    importance: tuple[Importance, ...]
    flow: GradientFlow

    def __str__(self) -> str:
        from backstory.reporting.text import page

        return page(self)

    def to_html(self) -> str:
        """One file that needs nothing else: light or dark as the reader has it, and readable on a phone."""
        from backstory.reporting.html import document

        return document(self)

    def _repr_html_(self) -> str:
        from backstory.reporting.html import body

        return body(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        history = None
        if self.history is not None:
            history = {
                "loss": self.history.loss.tolist(),
                "validation_loss": self.history.validation_loss.tolist(),
                "best_epoch": self.history.best_epoch,
                "stopped": self.history.stopped,
            }
        return {
            "table": self.table.to_dict(),
            "network": self.network,
            "seen": None if self.seen is None else asdict(self.seen),
            "history": history,
            "measured": self.measured,
            "rows": self.rows,
            "figures": {figure.name: figure.value for figure in self.figures},
            "confusion": None if self.confusion is None else self.confusion.tolist(),
            "calibration": asdict(self.calibration),
            "importance": [asdict(column) for column in self.importance],
            "gradient_flow": self.flow.to_dict(),
        }


def report(
    net: Network, data: Any, *, repeats: int = REPEATS, threads: int | None = None, work: Work | None = None
) -> TableReport:
    """Measure a network that was trained on a table, on rows of such a table.

    Parameters
    ----------
    net : Network
        Made by `train`, or loaded from a file that it was saved to.
    data : a pandas, polars or pyarrow frame, a dict of names to columns, or the path of a table
        Raw rows, with the target: best such as training has not seen.
    repeats : int >= 1
        Shuffles for each column's importance.
    threads : int, optional
    work : Work, optional
        The run that made the network.

    Raises
    ------
    ConfigurationError
        The network was not trained on a table.
    DataError
        A column is missing, or holds what cannot be read.

    Examples
    --------
    >>> from backstory.model.tables import train
    >>> rows = {"width": [1, 2, 3, 4, 5, 6] * 5, "color": ["red", "blue", "red"] * 10, "dear": [0, 0, 0, 1, 1, 1] * 5}
    >>> found = report(train(rows, "dear", epochs=50, threads=1), rows, threads=1)
    >>> found.figures[0].name, found.confusion.tolist(), found.importance[0].column
    ('accuracy', [[15, 0], [0, 15]], 'width')
    """
    table = net.table
    if table is None:
        raise ConfigurationError(
            "report needs a network that knows the columns it was trained on. Got one without a table; make it with "
            "bs.train."
        )
    frame, _ = opened(data, table.target)
    X, y = table.inputs(frame, net.spec.dtype), table.targets(frame)
    outputs = net.predict(X, threads=threads)
    some = np.linspace(0, len(y) - 1, min(len(y), FLOW_ROWS)).astype(np.int64)
    return TableReport(
        table=table,
        network=described(net),
        seen=None if work is None else Seen.by(work),
        history=net.history,
        measured=_measured(frame, work),
        rows=len(y),
        figures=tuple(figures(table, outputs, y)),
        confusion=None if table.classes is None else confusion_counts(outputs.argmax(axis=1), y, len(table.classes)),
        calibration=_calibration(table, outputs, y),
        importance=tuple(permutation_importance(net, X, y, repeats=repeats, threads=threads)),
        flow=net.gradient_flow(X[some], y[some]),
    )


def of_work(work: Work, repeats: int = REPEATS, threads: int | None = None) -> TableReport:
    """The report of a run, on the rows kept for the test, or else on those held out."""
    rows = work.frame.take(work.parts.test) if len(work.parts.test) else work.validation
    return report(work.net, rows, repeats=repeats, threads=threads, work=work)


def described(net: Network) -> str:
    """A network in a line."""
    spec = net.spec
    hidden = ", ".join(dict.fromkeys(row.name for row in spec.activations[:-1]))
    return ", ".join(
        filter(None, ["-".join(map(str, spec.sizes)), hidden, spec.output.name, spec.loss.name, spec.dtype])
    )


def _measured(frame: Frame, work: Work | None) -> str:
    if work is None:
        return f"rows of {frame.name.strip(chr(39))}"
    return "rows kept for the test" if len(work.parts.test) else "rows held out"


def _calibration(table: Table, outputs: NDArray[Any], y: NDArray[Any]) -> Calibration:
    if table.classes is not None:
        return of_classes(outputs, y)
    return of_numbers(table.restored(outputs)[:, 0], table.restored(y))
