"""The picture of the package's parts, drawn from its own imports: who knows whom."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent.parent / "src" / "backstory"
FACES = {"cli", "studio", "estimators", "reporting", "auditing"}
LEFT_OUT = {"", "__main__", "errors", "configuration"}
WIDTH, HEIGHT, GAP_X, GAP_Y = 118, 40, 26, 46
INK, QUIET, ENGINE, STORY, FACE = "#1d2129", "#a9adb6", "#1568b3", "#c2186f", "#006b48"
COLUMNS = {
    "data": 0, "distributed": 1, "training": 1, "engine": 1, "network": 1, "model": 2, "interop": 2, "functions": 2,
    "expressions": 2, "checking": 3, "story": 3, "drawing": 4,
}  # fmt: skip
"""Where a part stands from left to right; rows of parts that are not here are spread over the width."""
COLORS = {
    "engine": ENGINE,
    "training": ENGINE,
    "distributed": ENGINE,
    "story": STORY,
    "checking": STORY,
} | dict.fromkeys(FACES, FACE)


def knows() -> dict[str, set[str]]:
    """Return by part the parts that its modules import, at any depth of the code."""
    found: dict[str, set[str]] = {}
    for path in SOURCES.rglob("*.py"):
        part = path.relative_to(SOURCES).parts[0].removesuffix(".py")
        if part in LEFT_OUT | {"__init__"}:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            other = module.removeprefix("backstory.").split(".")[0] if module.startswith("backstory.") else ""
            found.setdefault(part, set()).update({other} - LEFT_OUT - {part})
    return found


def rows(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the parts by height: each stands above all it knows."""
    height: dict[str, int] = {}
    for part in TopologicalSorter(graph).static_order():
        height[part] = 1 + max((height[other] for other in graph.get(part, ())), default=-1)
    return [sorted(part for part in height if height[part] == level) for level in range(max(height.values()), -1, -1)]


def direct(graph: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Return the pairs that no longer way leads between."""

    def reach(part: str) -> set[str]:
        return {part}.union(*(reach(other) for other in graph.get(part, ())))

    return [
        (part, other)
        for part in graph
        for other in graph[part]
        if not any(other in reach(way) for way in graph[part] - {other})
    ]


def picture() -> str:
    """Return the parts as SVG: each stands above those it knows, and a line joins it with the nearest of them."""
    graph = knows()
    levels = rows(graph)
    most = 1 + max(COLUMNS.values())
    width, height = most * (WIDTH + GAP_X) + GAP_X, len(levels) * (HEIGHT + GAP_Y)
    place = {}
    for level, parts in enumerate(levels):
        for number, part in enumerate(parts):
            column = COLUMNS.get(part, (most - len(parts)) / 2 + number)
            place[part] = (GAP_X + column * (WIDTH + GAP_X), GAP_Y / 2 + level * (HEIGHT + GAP_Y))
    lines = [_line(*place[part], *place[other]) for part, other in sorted(direct(graph))]
    boxes = [_box(part, *place[part]) for part in sorted(place)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" '
        f'font-size="14">{"".join(lines)}{"".join(boxes)}</svg>'
    )


def _line(x: float, y: float, to_x: float, to_y: float) -> str:
    start, end = (x + WIDTH / 2, y + HEIGHT), (to_x + WIDTH / 2, to_y)
    bend = (end[1] - start[1]) / 2
    return (
        f'<path d="M{start[0]:g} {start[1]:g} C{start[0]:g} {start[1] + bend:g} {end[0]:g} {end[1] - bend:g} '
        f'{end[0]:g} {end[1]:g}" fill="none" stroke="{QUIET}"/>'
    )


def _box(part: str, x: float, y: float) -> str:
    color = COLORS.get(part, INK)
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="7" fill="#fdfdfb" stroke="{color}" '
        f'stroke-width="1.6"/><text x="{x + WIDTH / 2:g}" y="{y + HEIGHT / 2 + 5:g}" text-anchor="middle" '
        f'fill="{color}">{escape(part)}</text>'
    )
