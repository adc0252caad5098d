"""The charts of the benchmarks as SVG files: dots or lines over logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backstory.drawing.charts import COLORS, Log, curve, document, dot, grid_line, legend, text, whole_powers
from benchmarks.report import duration, figure


def dots(title: str, rows: Sequence[tuple[str, Mapping[str, float]]], width: int = 960) -> str:
    """One line per row, with a dot per name at its time.

    Parameters
    ----------
    title : str
    rows : (label, {name: seconds}) pairs
    """
    names = list(dict.fromkeys(name for _, times in rows for name in times))
    colors = {name: COLORS[k % len(COLORS)] for k, name in enumerate(names)}
    left, right = 390.0, width - 24.0
    head, top = legend(names, colors, 12, 48, right)
    bottom = top + 8 + 26 * len(rows)
    axis = Log(*whole_powers([value for _, times in rows for value in times.values()]), left, right)
    parts = [head]
    for value in axis.powers():
        parts.append(grid_line(axis.at(value), top, axis.at(value), bottom))
        parts.append(text(axis.at(value), bottom + 18, duration(value), "middle"))
    for k, (label, times) in enumerate(rows):
        y = top + 20 + 26 * k
        parts.append(text(left - 12, y + 4, label, "end"))
        parts.append(grid_line(left, y, right, y))
        for name in reversed(names):  # the first is drawn last, over the others
            if name in times:
                size = 6.5 if name == names[0] else 5
                parts.append(dot(axis.at(times[name]), y, colors[name], size))
    return document(width, round(bottom + 34), title, parts)


def lines(title: str, across: str, curves: Mapping[str, Mapping[int, float]], width: int = 760) -> str:
    """Curves of seconds over a number, both logarithmic.

    Parameters
    ----------
    title, across : str
        Of the chart and of the horizontal axis.
    curves : {name: {number: seconds}}
    """
    colors = {name: COLORS[k % len(COLORS)] for k, name in enumerate(curves)}
    left, right = 76.0, width - 24.0
    head, top = legend(list(curves), colors, 12, 48, right)
    bottom = top + 260
    numbers = [x for points in curves.values() for x in points]
    along = Log(min(numbers), max(numbers) * 1.0001, left, right)
    up = Log(*whole_powers([y for points in curves.values() for y in points.values()]), bottom, top)
    parts = [head]
    for value in up.powers():
        parts.append(grid_line(left, up.at(value), right, up.at(value)))
        parts.append(text(left - 8, up.at(value) + 4, duration(value), "end"))
    for value in along.powers(2 if max(numbers) <= 4096 else 10):
        parts.append(grid_line(along.at(value), top, along.at(value), bottom))
        parts.append(text(along.at(value), bottom + 18, figure(value), "middle"))
    parts.append(text((left + right) / 2, bottom + 38, across, "middle"))
    for name, points in curves.items():
        parts.append(curve([(along.at(x), up.at(y)) for x, y in sorted(points.items())], colors[name]))
    return document(width, round(bottom + 52), title, parts)
