"""The picture of a network as SVG: circles for units, lines for weights, those on the paths in color."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape

from backstory.expressions.symbols import Symbol, read_symbol
from backstory.story.chain import shown
from backstory.story.picture import Column, Line, Node, Picture

_STEP_X, _STEP_Y, _RADIUS = 150, 74, 22
_MARGIN, _HEAD = 60, 34

Place = tuple[float, float]


def svg(picture: Picture, title: str, name: Callable[[str], str] = str) -> str:
    """Return a picture as an ``<svg>`` element; its colors are those of classes, for a page to set.

    Parameters
    ----------
    picture : Picture
    title : str
        What a screen reader says.
    name : callable
        From a name to the name that is set in its place.
    """
    tallest = max(len(column.nodes) + bool(column.more) for column in picture.columns)
    width = 2 * _MARGIN + _STEP_X * (len(picture.columns) - 1)
    top = _HEAD if any(column.title for column in picture.columns) else 0
    height = top + _STEP_Y * tallest
    middle = (top + height) / 2 - 7  # the number below a node is part of it
    places: dict[str, Place] = {
        node.name: (_MARGIN + _STEP_X * x, _place(column, y, middle))
        for x, column in enumerate(picture.columns)
        for y, node in enumerate(column.nodes)
    }
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return "\n".join(
        [
            f'<svg role="img" aria-labelledby="network-title" {size} xmlns="http://www.w3.org/2000/svg">',
            f'<title id="network-title">{escape(title)}</title>',
            *(_line(line, places) for line in picture.lines),
            *(part for x, column in enumerate(picture.columns) for part in _column(column, x, places, middle, name)),
            *(_label(line, places, name) for line in picture.lines if line.label),
            "</svg>",
        ]
    )


def _place(column: Column, y: int, middle: float) -> float:
    """Return how far down a node of a column stands, so that the column is in the middle."""
    count = len(column.nodes) + bool(column.more)
    return middle + _STEP_Y * (y - (count - 1) / 2)


def _line(line: Line, places: dict[str, Place]) -> str:
    (x1, y1), (x2, y2) = places[line.source], places[line.target]
    kind = "lit" if line.lit else "dim"
    return f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def _label(line: Line, places: dict[str, Place], name: Callable[[str], str]) -> str:
    (x1, y1), (x2, y2) = places[line.source], places[line.target]
    x, y = x1 + 0.4 * (x2 - x1), y1 + 0.4 * (y2 - y1) - 6
    return f'<text class="lit label" x="{x:g}" y="{y:g}">{_set(name(line.label))}</text>'


def _column(
    column: Column, x: int, places: dict[str, Place], middle: float, name: Callable[[str], str]
) -> Iterator[str]:
    left = _MARGIN + _STEP_X * x
    if column.title:
        yield f'<text class="head" x="{left}" y="18">{escape(column.title)}</text>'
    for node in column.nodes:
        yield from _node(node, *places[node.name], name)
    if column.more:
        y = _place(column, len(column.nodes), middle)
        yield f'<text class="more" x="{left}" y="{y:g}">… {column.more:,} more</text>'


def _node(node: Node, x: float, y: float, name: Callable[[str], str]) -> Iterator[str]:
    kind = "lit" if node.lit else "dim"
    if node.square:
        side = 2 * _RADIUS
        yield f'<rect class="{kind}" x="{x - _RADIUS:g}" y="{y - _RADIUS:g}" width="{side}" height="{side}" rx="4"/>'
    else:
        yield f'<circle class="{kind}" cx="{x:g}" cy="{y:g}" r="{_RADIUS}"/>'
    yield f'<text class="name" x="{x:g}" y="{y + 4:g}">{_set(name(node.name))}</text>'
    if node.value is not None:
        yield f'<text class="value" x="{x:g}" y="{y + _RADIUS + 13:g}">{shown(float(f"{node.value:.4g}"))}</text>'


def _set(name: str) -> str:
    """Return a name with its subscripts lowered; the layer stands above the column and is left out."""
    symbol = read_symbol(name)
    below = ",".join(_flat(each) for each in symbol.below)
    lowered = f'<tspan class="sub" dy="4">{escape(below)}</tspan>' if below else ""
    return escape(_flat_base(symbol)) + lowered


def _flat_base(symbol: Symbol) -> str:
    argument = f"({_flat(symbol.argument)})" if symbol.argument else ""
    return symbol.base + symbol.accent + argument


def _flat(symbol: Symbol) -> str:
    return _flat_base(symbol) + "".join(_flat(each) for each in symbol.below)
