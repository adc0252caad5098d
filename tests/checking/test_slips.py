"""Mistakes made on purpose: each can be made, keeps the left side, and changes the right one."""

from __future__ import annotations

import random

import pytest

from backstory.checking.derivations import STYLES, Deriver, factors, to_tree
from backstory.checking.random_networks import random_network
from backstory.checking.slips import MISTAKES, Mistake
from backstory.checking.verdict import Kind
from backstory.story.program import read_program


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_each_mistake_changes_an_equation(mistake: Mistake) -> None:
    assert mistake.kind in Kind.__args__  # type: ignore[attr-defined]  # an alias of Literal
    changed = 0
    for seed in range(400):
        generator = random.Random(seed)
        program = read_program(random_network(generator))
        quantities = [*program.parameters, *(name for name in program.formulas if program.users[name])]
        by = generator.choice([name for name in quantities if program.users[name]])
        derivation = Deriver(program, generator, generator.choice(STYLES)).derivation(program.loss, by)
        slip = mistake.made(derivation, program, generator)
        if slip is None:
            continue
        changed += 1
        assert slip.left == derivation.left
        assert slip.right != to_tree(derivation.right)
        assert (slip.kind, slip.name) == (mistake.kind, mistake.name)
        if changed == 10:
            break
    assert changed >= 5


def test_a_derivation_knows_its_factors() -> None:
    program = read_program("x = 1\nt = 1\nw = 1\nv = 1\nh = sigmoid(w*x)\ny = v*h\nL = 1/2*(y - t)^2")
    derivation = Deriver(program, random.Random(0), "formulas").derivation("L", "w")
    assert {factor.role for factor in factors(derivation.right)} == {"input", "residual", "slope"}
    names = Deriver(program, random.Random(0), "names").derivation("L", "w")
    assert {factor.role for factor in names.factors()} == {"derivative"}
