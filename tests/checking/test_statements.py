"""Equations that are no derivatives: the right ones are accepted, each mistake in them gets its kind."""

from __future__ import annotations

import random

import pytest

import backstory as bs
from backstory.checking.random_networks import random_network
from backstory.checking.spelling import Spelling
from backstory.checking.statements import statement

NAMES = {
    "the activation forgotten": "wrong_definition",
    "a term forgotten": "wrong_definition",
    "the square forgotten": "wrong_definition",
    "z for a in the rule": "wrong_argument",
    "a sign too many in the rule": "wrong_sign",
    "a step uphill": "wrong_sign",
}


@pytest.mark.parametrize("seed", range(60))
def test_statements_and_their_mistakes(seed: int) -> None:
    generator = random.Random(seed)
    formulas = bs.Formulas.read(random_network(generator, most_hidden=1, most_units=2))
    made = statement(formulas.program, generator)

    spelling = Spelling("latex", " ") if seed % 2 else Spelling()
    right, wrong = spelling.equation(made.left, made.right), spelling.equation(made.slip.left, made.slip.right)
    assert formulas.check(right).ok, right
    verdict = formulas.check(wrong)
    assert not verdict.ok, wrong
    assert verdict.findings[0].kind == made.slip.kind == NAMES[made.slip.name], str(verdict)
