"""A report on a terminal: the same parts as on the page, at most 80 columns wide, curves as lines of small bars."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from backstory.data.columns import KINDS
from backstory.data.table import Table
from backstory.data.wording import listed
from backstory.reporting.calibration import Calibration
from backstory.reporting.importance import Importance
from backstory.reporting.terminal import MOST_CLASSES, confusion, pairs, plural
from backstory.training.history import History

if TYPE_CHECKING:
    from backstory.reporting.report import Seen, TableReport

BARS = "▁▂▃▄▅▆▇█"
CURVE = 40
"""Characters of a curve."""

MOST_COLUMNS = 20
"""Columns whose importance is listed; the page has all."""

PLURALS = {"number": "numbers", "yes/no": "yes/no", "category": "categories"}


def page(report: TableReport) -> str:
    """The whole report as plain text."""
    text = io.StringIO()
    console = Console(file=text, width=80, color_system=None, highlight=False, force_jupyter=False)
    console.print(pairs(opening(report.seen, report.table, report.network)))
    for part in results(report):
        console.print(part)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def opening(seen: Seen | None, table: Table, network: str) -> list[tuple[str, str, str]]:
    """What was seen and what was made of it, as name and value."""
    if table.classes is None:
        aim = f"{table.target}: a number, as {table.aim.reason}"
    else:
        aim = f"{table.target}: {plural(len(table.classes), 'class')}, as {table.aim.reason}: {listed(table.classes)}"
    lines = [("target", aim, ""), *columns(table), ("network", network, "")]
    if seen is None:
        return lines
    test = f", {seen.test:,} kept for the test" if seen.test else ""
    rows = f"{seen.train:,} to train on, {seen.validation:,} held out for validation{test} ({seen.origin})"
    head = ("table", f"{seen.name}: {plural(seen.rows, 'row')}, {plural(len(table.columns), 'input column')}", "")
    return [head, *lines, ("rows", rows, "")]


def columns(table: Table) -> list[tuple[str, str, str]]:
    """The columns by kind, and those left out with their reasons."""
    by_kind = {kind: [column.name for column in table.columns if column.kind == kind] for kind in KINDS}
    lines = [(PLURALS[kind], listed(names), "") for kind, names in by_kind.items() if names]
    titles = ["left out"] + [""] * len(table.left_out)
    return lines + [
        (title, f"{column.name}: {column.reason}", "") for title, column in zip(titles, table.left_out, strict=False)
    ]


def results(report: TableReport) -> Iterator[RenderableType]:
    """What came of it, part by part."""
    if report.history is not None and len(report.history):
        yield _heading("Course")
        yield curves(report.history)
    yield _heading(f"On the {report.rows:,} {report.measured}")
    yield pairs((f"  {figure.name}", figure.text, figure.remark) for figure in report.figures)
    if report.table.classes is not None and report.confusion is not None and len(report.table.classes) <= MOST_CLASSES:
        yield ""
        yield confusion(report.table.classes, report.confusion)
    yield _heading("Calibration")
    yield calibration(report.calibration, report.table)
    yield _heading("What it goes by")
    yield Text(f"How much the {_score(report.table)} falls when a column is shuffled among the rows.")
    yield importance(report.importance)
    yield _heading("Gradient flow")
    yield Text(str(report.flow))


def _heading(words: str) -> Text:
    return Text(f"\n{words}", style="bold")


def _score(table: Table) -> str:
    return "R²" if table.classes is None else "accuracy"


def curves(history: History) -> Grid:
    """Training and validation loss, each from its highest to its lowest bar."""
    grid = Grid.grid(padding=(0, 2, 0, 0))
    for name, values in (("training loss", history.loss), ("validation loss", history.validation_loss)):
        if np.isfinite(values).any():
            grid.add_row(f"  {name}", f"{values[0]:.4g}", Text(spark(values), style="blue"), f"{values[-1]:.4g}")
    return grid


def spark(values: NDArray[np.float64]) -> str:
    """A curve of at most `CURVE` small bars, each the mean of its epochs.

    >>> spark(np.array([3.0, 2.0, 1.0, 1.0]))
    '█▅▁▁'
    """
    pieces = np.array_split(values, min(len(values), CURVE))
    means = np.array([piece.mean() for piece in pieces])
    low, high = float(np.min(means)), float(np.max(means))
    heights = np.zeros(len(means)) if high == low else (means - low) / (high - low)
    return "".join(BARS[int(height)] for height in np.rint(heights * (len(BARS) - 1)))


def calibration(found: Calibration, table: Table) -> Grid:
    """What was said beside what was found, bin by bin."""
    share = table.classes is not None
    grid = Grid(box=None, padding=(0, 0, 0, 3), pad_edge=False, header_style="dim")
    for title in ("rows", "mean probability", "share right") if share else ("rows", "mean predicted", "mean true"):
        grid.add_column(title, justify="right")
    for each in found.bins:
        said, true = ((f"{value:.3f}" if share else f"{value:.5g}") for value in (each.said, each.found))
        grid.add_row(f"{each.rows:,}", said, true)
    name = "expected calibration error" if share else "mean distance"
    grid.caption = f"{name} {found.error:.4f}" if share else f"{name} {found.error:.4g}"
    grid.caption_justify = "left"
    return grid


def importance(found: tuple[Importance, ...]) -> Grid:
    """Columns with bars, the most important first."""
    grid = Grid.grid(padding=(0, 2, 0, 0))
    most = max((each.mean for each in found), default=0.0)
    for each in found[:MOST_COLUMNS]:
        length = round(30 * max(each.mean, 0.0) / most) if most > 0 else 0
        grid.add_row(Text(f"  {each.column}"), f"{each.mean:.4f} ± {each.std:.4f}", Text("━" * length, style="blue"))
    if len(found) > MOST_COLUMNS:
        grid.add_row(f"  and {len(found) - MOST_COLUMNS} more, each with less")
    return grid
