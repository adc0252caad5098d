"""Axes with round ticks, and drawings that are whole XML with a title."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.drawing.charts import Linear, Log, bar, curve, document, drawing, text, whole_powers
from backstory.drawing.page import whole


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 10))
def test_ticks_are_few_round_and_within(low: float, length: float, most: int) -> None:
    axis = Linear(low, low + length, 0.0, 100.0)
    ticks = axis.ticks(most)
    assert len(ticks) <= most + 1
    assert len(ticks) >= most // 3
    assert all(-1e-3 <= axis.at(value) <= 100 + 1e-3 for value in ticks)
    steps = {round((second - first) / length, 6) for first, second in pairwise(ticks)}
    assert len(steps) <= 1


def test_a_logarithmic_axis() -> None:
    axis = Log(1.0, 100.0, 0.0, 200.0)
    assert axis.at(10.0) == pytest.approx(100.0)
    assert axis.powers() == [1.0, 10.0, 100.0]
    assert whole_powers([0.002, 3.0]) == (pytest.approx(0.001), 10.0)


def test_a_drawing_is_whole_and_has_a_title() -> None:
    parts = [text(1, 2, "a < b & c"), curve([(0, 0), (1, 1)], "#fff", dashed=True), bar(5, 2, 10, 4, "#fff")]
    for svg in (drawing(10, 20, "x & y", parts), document(10, 20, "x & y", parts)):
        root = ElementTree.fromstring(svg)
        assert root.find("{http://www.w3.org/2000/svg}title").text == "x & y"  # type: ignore[union-attr]
        assert root.get("viewBox") == "0 0 10 20"
    rect = ElementTree.fromstring(drawing(9, 9, "", [bar(5, 2, 10, 4, "#fff")]))[1]
    assert (rect.get("x"), rect.get("width"), rect.get("y")) == ("2.0", "3.0", "8.0")


def test_a_page_follows_the_reader() -> None:
    page = whole("<a>", "<main></main>")
    assert "<title>&lt;a&gt;</title>" in page
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
