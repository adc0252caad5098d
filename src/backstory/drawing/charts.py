"""What charts are made of, as SVG text: axes, ticks, grid, curves, bars, legends; readable on white and on black.

Colors are of middle brightness and the background is transparent; where the viewer says whether the page is dark, text
and grid follow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

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
class Linear:
    """An axis from `low` to `high` (values) on `start` to `end` (pixels)."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        """At most so many round values within: multiples of 1, 2 or 5 times a power of 10.

        >>> Linear(0.0, 1.0, 0, 100).ticks(), Linear(3.0, 47.0, 0, 100).ticks(5)
        ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [10.0, 20.0, 30.0, 40.0])
        """
        least = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(least))
        step = next(size * power for size in (1.0, 2.0, 5.0, 10.0) if size * power >= least * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [float(f"{number * step:.10g}") for number in range(first, last + 1)]


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


def drawing(width: int, height: int, title: str, parts: Sequence[str], style: str = "") -> str:
    """An ``<svg>`` element, for a page that has the style of its classes; a screen reader says the title."""
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
    lines = [
        f'{opening} width="{width}" height="{height}">',
        f"<title>{escape(title)}</title>",
        style,
        *parts,
        "</svg>",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def document(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    """A whole file: a drawing with its style, the title in its first line."""
    heading = f'<text class="title" x="12" y="22">{escape(title)}</text>'
    return drawing(width, height, title, [heading, *parts], STYLE)


def text(x: float, y: float, words: str, anchor: str = "start") -> str:
    """Words at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def grid_line(x1: float, y1: float, x2: float, y2: float) -> str:
    """A thin line between two places."""
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def curve(points: Sequence[tuple[float, float]], color: str, dashed: bool = False) -> str:
    """Points joined."""
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="2"{dashes}/>'


def dot(x: float, y: float, color: str, size: float = 5) -> str:
    """A filled circle."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:g}" fill="{color}"/>'


def bar(x1: float, x2: float, y: float, height: float, color: str) -> str:
    """A filled bar from x1 to x2, around y."""
    left, width = min(x1, x2), abs(x2 - x1)
    return f'<rect x="{left:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:g}" fill="{color}"/>'


def legend(names: Sequence[str], colors: Mapping[str, str], left: float, top: float, right: float) -> tuple[str, float]:
    """Names with a dot of their color, wrapped into lines; and the y under the last."""
    parts, x, y = [], left, top
    for name in names:
        room = 30 + 7 * len(name)
        if x > left and x + room > right:
            x, y = left, y + 20
        parts.append(dot(x + 6, y - 4, colors[name]))
        parts.append(text(x + 16, y, name))
        x += room
    return "\n".join(parts), y + 20
