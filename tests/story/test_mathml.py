"""Stories as HTML in which a page finds names and factors again."""

from __future__ import annotations

import re

import backstory as bs
from backstory.expressions import Partial
from backstory.expressions.mathml import mathml_printer
from backstory.story.mathml import page


def test_factors_of_a_derivation_can_be_found_again_in_every_face() -> None:
    story = bs.Formulas.read("x = 2\nt = 1\nw = 0.5\nh = tanh(w*x)\nL = 1/2*(h - t)^2").explain("w")
    fragment = page(story.chosen(["chain"]), kind=lambda name: "k")
    rows = re.findall(r'<mtr data-face="(\w+)">(.*?)</mtr>', fragment)
    edges = {face: set(re.findall(r'data-source="(\w+)" data-target="(\w+)"', row)) for face, row in rows[::-1]}
    links = {("w", "z_h"), ("z_h", "h"), ("h", "L")}
    assert edges["symbols"] == links | {("w", "L")}
    assert edges["formulas"] == edges["numbers"] == links
    assert 'data-name="w"' in fragment
    assert "data-source" not in page(story.chosen(["chain"]))


def test_a_name_with_markup_stays_a_name_where_it_can_be_found_again() -> None:
    printed = mathml_printer(kind=lambda name: '"><b>')(Partial('"><img src=x>', "w"))
    assert "<img" not in printed
    assert "<b>" not in printed
