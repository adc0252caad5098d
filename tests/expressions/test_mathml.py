"""Printing as MathML: well-formed whatever the names, and what a person would set."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.expressions import Call, Name, Number, Partial, parse, to_mathml
from tests.expressions.strategies import expressions

CORE = {"math", "mi", "mn", "mo", "mrow", "mfrac", "msup", "msub", "msubsup", "msqrt", "mover"} | {
    "mtable",
    "mtr",
    "mtd",
    "mtext",
}

MINUS = '<mo form="prefix">−</mo>'


def read(mathml: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<math>{mathml}</math>")


def test_a_fraction_needs_no_parentheses():
    found = to_mathml(parse("1/(1 + exp(-z))"))
    assert found.startswith("<mfrac><mrow><mn>1</mn></mrow>")
    assert "<mo>(</mo>" not in found


@pytest.mark.parametrize(
    ("name", "mathml"),
    [
        ("x", "<mi>x</mi>"),
        ("w12", "<msub><mi>w</mi><mn>12</mn></msub>"),
        (
            "w1[2->0]",
            "<msubsup><mi>w</mi><mrow><mn>0</mn><mo>,</mo><mn>2</mn></mrow><mi>(1)</mi></msubsup>",
        ),
        ("δ_h1", "<msub><mi>δ</mi><msub><mi>h</mi><mn>1</mn></msub></msub>"),
        ("ŷ", '<mover accent="true"><mi>y</mi><mo>^</mo></mover>'),
        ("<b>&", "<mi>&lt;b&gt;&amp;</mi>"),
    ],
)
def test_names(name, mathml):
    assert to_mathml(Name(name)) == mathml


def test_numbers():
    assert to_mathml(Number(-1.5e-7)) == (
        f"{MINUS}<mn>1.5</mn><mo>·</mo><msup><mn>10</mn><mrow>{MINUS}<mn>7</mn></mrow></msup>"
    )
    assert to_mathml(Number(-2) ** 2).startswith(f"<msup><mrow><mo>(</mo>{MINUS}")


def test_a_derivative_is_a_fraction():
    assert to_mathml(Partial("L", "w")) == (
        "<mfrac><mrow><mo>∂</mo><mi>L</mi></mrow><mrow><mo>∂</mo><mi>w</mi></mrow></mfrac>"
    )


@given(expressions())
def test_what_is_printed_is_mathml_core(tree):
    assert {element.tag for element in read(to_mathml(tree)).iter()} <= CORE


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1))
def test_any_name_is_escaped(name):
    tree = Call(name, (Name(name), Partial(name, name)))
    assert {element.tag for element in read(to_mathml(tree)).iter()} <= CORE
