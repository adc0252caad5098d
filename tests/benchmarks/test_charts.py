from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from backstory.drawing.charts import COLORS, Log, whole_powers
from benchmarks.charts import dots, lines


def test_axes_are_logarithmic() -> None:
    axis = Log(1.0, 100.0, 0.0, 200.0)
    assert axis.at(10.0) == pytest.approx(100.0)
    assert axis.powers() == [1.0, 10.0, 100.0]
    assert whole_powers([0.002, 3.0]) == (pytest.approx(0.001), 10.0)


def test_dots_are_placed_by_time_and_named() -> None:
    text = dots("a title & more", [("work", {"backstory": 1e-6, "peer": 1e-3}), ("other", {"peer": 1e-5})])
    root = ElementTree.fromstring(text)
    assert root.find("{http://www.w3.org/2000/svg}title").text == "a title & more"  # type: ignore[union-attr]
    assert "prefers-color-scheme: dark" in text
    marks = re.findall(r'<circle cx="([\d.]+)" cy="[\d.]+" r="([\d.]+)" fill="(#\w+)"', text)
    places = {(radius, color): float(x) for x, radius, color in marks}
    assert places["6.5", COLORS[0]] < places["5", COLORS[1]]
    assert all(word in text for word in ("1 µs", "1 ms", "work", "other", "peer"))


def test_lines_join_points_in_order() -> None:
    text = lines("title", "width", {"1 thread": {4: 4e-6, 1: 1e-6, 2: 2e-6}})
    ElementTree.fromstring(text)
    (points,) = re.findall(r'points="([^"]+)"', text)
    places = [tuple(map(float, point.split(","))) for point in points.split()]
    assert len(places) == 3
    assert places == sorted(places)
    assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)
