"""An equation's tree written out is read back as the same tree, in every spelling."""

from __future__ import annotations

import random

import pytest

import backstory as bs
from backstory.checking.derivations import STYLES, Deriver, to_tree
from backstory.checking.equation import Applied, Ratio, Written
from backstory.checking.random_networks import random_network
from backstory.checking.reader import read_equation
from backstory.checking.spelling import Spelling, as_written, random_spelling, spelling_of, written
from backstory.expressions import Mul, Name, Number, Pow, Sub, parse

DERIVATIVE = Ratio(Written("L"), Written("w1"))
DELTA = Mul(Written("delta", "h1"), Sub(Number(1), Pow(Written("h1"), Number(2))))
SLOPE = Mul(Mul(Number(0.5), Applied(Written("sigmoid"), Written("z", "h1"), 1)), Written("yhat"))


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        (Spelling(), ("dL/dw1", "delta_h1*(1 - h1^2)", "1/2*sigma'(z_h1)*yhat")),
        (Spelling(lowered=True, times=" "), ("dL/dw_1", "delta_h1 (1 - h_1^2)", "1/2 sigma'(z_h1) yhat")),
        (
            Spelling("unicode", "·", "net", lowered=True),
            ("∂L/∂w₁", "δ_h1·(1 - h₁²)", "½·σ'(net_h1)·ŷ"),
        ),
        (
            Spelling("latex", r"\cdot"),
            (
                r"\frac{\partial L}{\partial w_1}",
                r"\delta_{h1} \cdot \left(1 - h_1^{2}\right)",
                r"\frac{1}{2} \cdot \sigma'(z_{h1}) \cdot \hat{y}",
            ),
        ),
        (Spelling(sigma="f"), ("dL/dw1", "delta_h1*(1 - h1^2)", "1/2*f'(z_h1)*yhat")),
    ],
)
def test_spellings(spelling: Spelling, expected: tuple[str, str, str]) -> None:
    texts = [spelling.text(tree) for tree in (DERIVATIVE, DELTA, SLOPE)]
    assert [text.replace("y\u0302", "ŷ") for text in texts] == list(expected)
    assert spelling.equation(DERIVATIVE, DELTA) == f"{texts[0]} = {texts[1]}"


@pytest.mark.parametrize("seed", range(40))
def test_what_is_written_is_read_back_as_the_same_equation(seed: int) -> None:
    generator = random.Random(seed)
    formulas = bs.Formulas.read(random_network(generator, most_units=2))
    program = formulas.program
    by = generator.choice(program.parameters)
    derivation = Deriver(program, generator, generator.choice(STYLES)).derivation(program.loss, by)
    names = formulas._judge.names
    shown = [Spelling(), Spelling("unicode", "·"), Spelling("latex", " "), random_spelling(generator, False)]
    read = [read_equation(each.equation(derivation.left, to_tree(derivation.right)), names) for each in shown]
    for equation in read:
        assert all(formulas.check(equation.text).ok for equation in read), equation.text


@pytest.mark.parametrize(
    ("text", "kind", "times", "sum_word"),
    [
        ("dL/dw1 = a*b", "ascii", "*", "z"),
        ("dL/dw1 = dh1/dnet_h1", "ascii", "*", "net"),
        ("∂L/∂w₁ = a·b", "unicode", "·", "z"),
        ("∂L/∂w₁ = a b", "unicode", " ", "z"),
        (r"\frac{\partial L}{\partial w} = a \cdot b", "latex", r"\cdot", "z"),
        (r"\frac{\partial L}{\partial w} = a b", "latex", " ", "z"),
    ],
)
def test_the_spelling_of_a_text(text: str, kind: str, times: str, sum_word: str) -> None:
    found = spelling_of(text)
    assert (found.kind, found.times, found.sum_word) == (kind, times, sum_word)


def test_names_as_written() -> None:
    assert written("z_h1") == Written("z", "h1")
    assert as_written(parse("a1_1 + 2")).children[0] == Written("a1", "1")
    assert as_written(Name("x")) == Written("x")


def test_what_has_no_spelling_is_an_error() -> None:
    with pytest.raises(TypeError, match="No spelling for Name"):
        Spelling().text(Name("x"))
