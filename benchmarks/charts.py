"""Charts as SVG text: dots or lines over logarithmic axes, readable on white and on black.

Colors are of middle brightness and the background is transparent; where the viewer says whether the page is dark, text
and grid follow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.report import duration, figure

COLORS = (
    *("#2f81f7", "#e5703a", "#2da44e", "#bf8700", "#a475f9", "#d6409f"),
    *("#1b9aaa", "#9a6b3f", "#7d8590", "#e5484d", "#5e9e1f", "#6e6ade"),
)
STYLE = """\
<style>
  text { font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #6e7781; }
  .title { font-size: 14px; font-weight: 600; }
  .grid { stroke: #8b949e; stroke-opacity: 0.35; stroke-width: 1; }
  @media (prefers-color-scheme: dark) { text { fill: #b1bac4; } }
</style>"""


@dataclass(frozen=True)
class Log:
    """A logarithmic axis from `low` to `high` (values) on `start` to `end` (pixels)."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def powers(self, base: int = 10) -> list[float]:
        """The powers of the base within."""
        first = math.ceil(math.log(self.low, base) - 1e-9)
        last = math.floor(math.log(self.high, base) + 1e-9)
        return [float(base) ** k for k in range(first, last + 1)]


def whole_powers(values: Sequence[float], base: int = 10) -> tuple[float, float]:
    """The powers of the base that enclose the values."""
    low = math.floor(math.log(min(values), base) + 1e-9)
    return float(base) ** low, float(base) ** max(low + 1, math.ceil(math.log(max(values), base) - 1e-9))


def document(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    """The whole file."""
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
    body = "\n".join(parts)
    name = escape(title)
    return (
        f'{opening} width="{width}" height="{height}">\n<title>{name}</title>\n{STYLE}\n'
        f'<text class="title" x="12" y="22">{name}</text>\n{body}\n</svg>\n'
    )


def text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def grid_line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def legend(names: Sequence[str], colors: Mapping[str, str], left: float, top: float, right: float) -> tuple[str, float]:
    """Names with a dot of their color, wrapped into lines; and the y under the last."""
    parts, x, y = [], left, top
    for name in names:
        room = 30 + 7 * len(name)
        if x > left and x + room > right:
            x, y = left, y + 20
        parts.append(f'<circle cx="{x + 6:.1f}" cy="{y - 4:.1f}" r="5" fill="{colors[name]}"/>')
        parts.append(text(x + 16, y, name))
        x += room
    return "\n".join(parts), y + 20


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
                parts.append(f'<circle cx="{axis.at(times[name]):.1f}" cy="{y}" r="{size}" fill="{colors[name]}"/>')
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
    numbers = [x for curve in curves.values() for x in curve]
    along = Log(min(numbers), max(numbers) * 1.0001, left, right)
    up = Log(*whole_powers([y for curve in curves.values() for y in curve.values()]), bottom, top)
    parts = [head]
    for value in up.powers():
        parts.append(grid_line(left, up.at(value), right, up.at(value)))
        parts.append(text(left - 8, up.at(value) + 4, duration(value), "end"))
    for value in along.powers(2 if max(numbers) <= 4096 else 10):
        parts.append(grid_line(along.at(value), top, along.at(value), bottom))
        parts.append(text(along.at(value), bottom + 18, figure(value), "middle"))
    parts.append(text((left + right) / 2, bottom + 38, across, "middle"))
    for name, curve in curves.items():
        points = " ".join(f"{along.at(x):.1f},{up.at(y):.1f}" for x, y in sorted(curve.items()))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colors[name]}" stroke-width="2"/>')
    return document(width, round(bottom + 52), title, parts)
