"""Equations as MathML, as they are read."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from backstory.checking.equation import Equation, Written
from backstory.checking.mathml import equation_mathml
from backstory.checking.names import FlatNames
from backstory.checking.reader import read_equation
from backstory.expressions import Number
from backstory.story.program import read_program

PROGRAM = read_program("x = 1\nt = 0\nw = 2\nh = tanh(w*x)\nL = 1/2*(h - t)^2")


def printed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<math>{equation_mathml(read_equation(text, FlatNames(PROGRAM)))}</math>")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dL/dw = (h - t)*x", "∂L∂w=(h−t)·x"),
        ("dL/dw = dL/dh*tanh'(z_h)*x", "∂L∂w=∂L∂h·tanh′(zh)·x"),
        ("w <- w - 2*dL/dw", "w←w−2·∂L∂w"),
        ("dL/dh|_{t} = h - t", "∂L∂h|t=h−t"),
    ],
)
def test_an_equation_is_set_as_it_is_read(text: str, shown: str) -> None:
    assert "".join(printed(text).itertext()) == shown


def test_every_name_and_derivative_has_its_place_in_the_text() -> None:
    text = "dL/dw = (h - t)*x"
    places = [each.get("data-span") for each in printed(text).iter() if each.get("data-span")]
    assert [text[slice(*map(int, place.split()))] for place in places] == ["dL/dw", "h", "t", "x"]


def test_a_name_with_markup_stays_a_name() -> None:
    name = Written('<img src="x">', "<b>", "</b>", span=(0, 1))
    assert "<img" not in equation_mathml(Equation("", (name, Number(1))), lambda name: '"><i>')
    assert "<b>" not in equation_mathml(Equation("", (name, Number(1))))
