"""The charts of a report, as SVG elements for a page with their style."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backstory.drawing.charts import COLORS, Linear, bar, curve, dot, drawing, grid_line, legend, text
from backstory.reporting.calibration import Calibration
from backstory.reporting.importance import Importance
from backstory.training.history import History

BLUE, ORANGE = COLORS[0], COLORS[1]
LEFT, TOP, HEIGHT = 64.0, 34.0, 240.0
WIDTH = 520
MOST_POINTS = 400
"""Of a curve; of more epochs, some are left out."""

Points = Sequence[tuple[float, float]]


def course(history: History) -> str:
    """Training and validation loss over the epochs, with the best one marked."""
    curves = {"training loss": (history.loss, BLUE), "validation loss": (history.validation_loss, ORANGE)}
    shown = {name: pair for name, pair in curves.items() if np.isfinite(pair[0]).any()}
    across = Linear(1.0, max(len(history), 2), LEFT, WIDTH - 20.0)
    up = _axis([value for values, _ in shown.values() for value in values.tolist()])
    head, _ = legend(list(shown), {name: color for name, (_, color) in shown.items()}, LEFT, 16, WIDTH)
    parts = [head, *_frame(across, up, "epoch")]
    if history.best_epoch is not None:
        x = across.at(history.best_epoch + 1)
        parts += [curve([(x, TOP), (x, TOP + HEIGHT)], COLORS[8], dashed=True), text(x + 5, TOP + 12, "kept")]
    for values, color in shown.values():
        parts.append(curve([(across.at(epoch + 1), up.at(values[epoch])) for epoch in _thinned(values)], color))
    return drawing(WIDTH, round(TOP + HEIGHT + 44), "Loss over the epochs of training", parts)


def calibration(found: Calibration, share: bool) -> str:
    """What was found over what was said: on the dashed line where the network is to be believed."""
    said, true = [each.said for each in found.bins], [each.found for each in found.bins]
    low, high = (0.0, 1.0) if share else _range([*said, *true])
    across, up = Linear(low, high, LEFT, LEFT + HEIGHT + 60), Linear(low, high, TOP + HEIGHT, TOP)
    parts = _frame(across, up, "probability given" if share else "predicted")
    parts.append(text(LEFT, TOP - 12, "share right" if share else "true"))
    parts.append(curve([(across.at(low), up.at(low)), (across.at(high), up.at(high))], COLORS[8], dashed=True))
    parts.append(curve([(across.at(x), up.at(y)) for x, y in zip(said, true, strict=True)], BLUE))
    most = max(each.rows for each in found.bins)
    parts += [
        dot(across.at(each.said), up.at(each.found), BLUE, 3 + 6 * math.sqrt(each.rows / most)) for each in found.bins
    ]
    title = "Reliability: what was found over what was said; larger dots stand for more rows"
    return drawing(round(LEFT + HEIGHT + 80), round(TOP + HEIGHT + 44), title, parts)


def importance(found: Sequence[Importance]) -> str:
    """A bar per column, with its standard deviation."""
    names = [each.column if len(each.column) <= 24 else each.column[:23] + "…" for each in found]
    left = 16.0 + 8.5 * max(map(len, names))
    low = min(0.0, *(each.mean - each.std for each in found))
    high = max(1e-9, *(each.mean + each.std for each in found))
    across = Linear(low, high, left, WIDTH - 24.0)
    bottom = 12 + 24.0 * len(found)
    parts = []
    for value in across.ticks(4):
        parts += [grid_line(across.at(value), 6, across.at(value), bottom)]
        parts += [text(across.at(value), bottom + 18, f"{value:g}", "middle")]
    for place, (name, each) in enumerate(zip(names, found, strict=True)):
        y = 20 + 24.0 * place
        parts += [text(left - 8, y + 4, name, "end"), bar(across.at(0.0), across.at(each.mean), y, 12, BLUE)]
        ends = [(across.at(each.mean + sign * each.std), y) for sign in (-1, 1)]
        parts.append(curve(ends, ORANGE))
    return drawing(WIDTH, round(bottom + 30), "Permutation importance of the columns", parts)


def _thinned(values: NDArray[np.float64]) -> list[int]:
    """At most `MOST_POINTS` places of a curve, the first and the last among them."""
    return sorted({int(place) for place in np.linspace(0, len(values) - 1, min(len(values), MOST_POINTS))})


def _range(values: Sequence[float]) -> tuple[float, float]:
    """A little more than the values take."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite), max(finite)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _axis(values: Sequence[float]) -> Linear:
    return Linear(*_range(values), TOP + HEIGHT, TOP)


def _frame(across: Linear, up: Linear, name: str) -> list[str]:
    """Grid and numbers of both axes, and the name of the one across."""
    parts = []
    for value in up.ticks():
        parts += [grid_line(across.start, up.at(value), across.end, up.at(value))]
        parts += [text(LEFT - 8, up.at(value) + 4, f"{value:g}", "end")]
    for value in across.ticks():
        parts.append(text(across.at(value), TOP + HEIGHT + 18, f"{value:g}", "middle"))
    parts.append(text((across.start + across.end) / 2, TOP + HEIGHT + 38, name, "middle"))
    return parts
