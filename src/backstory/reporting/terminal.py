"""How results look on a terminal: at most 80 columns, plain text when piped."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

WIDEST = len("categories")
"""What names of values take at least, so that lines printed one after another are aligned."""

MOST_CLASSES = 12
"""A confusion table of more classes does not fit 80 columns."""


def console() -> Console:
    """The terminal: nothing colored by guess, no lines wrapped in files, no error for signs it cannot show."""
    stdout = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        stdout.reconfigure(errors="replace")
    return Console(highlight=False, soft_wrap=not stdout.isatty())


def pairs(rows: Iterable[tuple[str, str, str]]) -> Grid:
    """Name, value and remark, a line each, aligned; a long value goes on under itself."""
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=WIDEST)
    grid.add_column()
    grid.add_column(style="dim")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    return grid


def confusion(labels: Sequence[Any], counts: NDArray[np.int64]) -> Grid:
    """Rows of each true class by the class predicted for them; the right ones in bold, none as a dot."""
    grid = Grid(box=None, padding=(0, 0, 0, 1), pad_edge=False)
    grid.add_column("true \\ predicted", style="bold", no_wrap=True, max_width=20)
    for label in labels:
        grid.add_column(Text(str(label)), justify="right", min_width=4, max_width=12, no_wrap=True)
    for true, row in enumerate(counts):
        cells = [
            Text(str(count) if count else "·", style="bold green" if true == guess else "red" if count else "dim")
            for guess, count in enumerate(row)
        ]
        grid.add_row(Text(str(labels[true])), *cells)
    return grid


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "row"), plural(1797, "row"), plural(2, "class")
    ('1 row', '1,797 rows', '2 classes')
    """
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{ending}"
