"""Right equations that are no derivatives, with a mistake in each: formulas of units and losses, rules, updates."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from backstory.checking.derivations import Deriver, to_tree
from backstory.checking.equation import Applied, Ratio, Written
from backstory.checking.slips import Slip
from backstory.checking.spelling import as_written, written
from backstory.checking.verdict import Kind
from backstory.expressions import Add, Call, Expr, Mul, Neg, Number, Pow, Sub
from backstory.story.program import Program

_Z, _ETA = Written("z"), Written("eta")


@dataclass(frozen=True)
class Statement:
    """A right equation, and the same with a mistake.

    Attributes
    ----------
    left, right : Expr
    slip : Slip
    is_certain : bool
        Whether the mistake always makes a difference; otherwise that depends on the network.
    """

    left: Expr
    right: Expr
    slip: Slip
    is_certain: bool = False


def statement(program: Program, generator: random.Random) -> Statement:
    """Return one that suits a network, drawn at random."""
    kinds = (list(_units(program, generator)), list(_loss(program)), list(_rules()), list(_updates(program, generator)))
    return generator.choice(generator.choice([kind for kind in kinds if kind]))


def _units(program: Program, generator: random.Random) -> Iterator[Statement]:
    """A unit without its activation, a weighted sum without one of its terms."""
    for name, formula in program.formulas.items():
        if not isinstance(formula, Call) or name == program.loss:
            continue
        z = program.uses[name][0]
        weighted = as_written(program.formulas[z])
        if formula.function != "identity":
            applied = Applied(Written(formula.function), weighted)
            yield _stated(written(name), applied, weighted, "wrong_definition", "the activation forgotten")
        terms = _terms(weighted)
        if len(terms) > 1:
            less = terms[:]
            less.pop(generator.randrange(len(less)))
            right, wrong = _sum(terms, generator), _sum(less, generator)
            yield _stated(written(z), right, wrong, "wrong_definition", "a term forgotten")


def _loss(program: Program) -> Iterator[Statement]:
    """A squared error without its square."""
    right = as_written(program.formulas[program.loss])
    wrong = _without_squares(right)
    if wrong != right:
        yield _stated(written(program.loss), right, wrong, "wrong_definition", "the square forgotten")


def _rules() -> Iterator[Statement]:
    """The rules for the derivatives of the two activations that everyone learns by heart, a little wrong."""
    for function in ("sigmoid", "tanh"):
        left, a = Applied(Written(function), _Z, 1), Applied(Written(function), _Z)
        right = _slope(function, a)
        yield _stated(left, right, _slope(function, _Z), "wrong_argument", "z for a in the rule", is_certain=True)
        yield _stated(left, right, Neg(right), "wrong_sign", "a sign too many in the rule", is_certain=True)


def _slope(function: str, a: Expr) -> Expr:
    return Mul(a, Sub(Number(1), a)) if function == "sigmoid" else Sub(Number(1), Pow(a, Number(2)))


def _updates(program: Program, generator: random.Random) -> Iterator[Statement]:
    """A step uphill."""
    for name in program.parameters:
        if program.users[name]:
            by_name: Expr = Ratio(written(program.loss), written(name))
            derivation = Deriver(program, generator, "formulas").derivation(program.loss, name)
            gradient = generator.choice((by_name, to_tree(derivation.right)))
            right, wrong = (kind(written(name), Mul(_ETA, gradient)) for kind in (Sub, Add))
            yield _stated(written(name), right, wrong, "wrong_sign", "a step uphill", is_certain=True)


def _stated(left: Expr, right: Expr, wrong: Expr, kind: Kind, name: str, is_certain: bool = False) -> Statement:
    return Statement(left, right, Slip(left, wrong, kind, name), is_certain)


def _terms(expr: Expr) -> list[Expr]:
    return [*_terms(expr.left), *_terms(expr.right)] if isinstance(expr, Add) else [expr]


def _sum(terms: list[Expr], generator: random.Random) -> Expr:
    """Return the sum of terms in any order."""
    found, *rest = generator.sample(terms, len(terms))
    for term in rest:
        found = Add(found, term)
    return found


def _without_squares(expr: Expr) -> Expr:
    if isinstance(expr, Pow) and isinstance(expr.left, Sub):
        return expr.left
    return expr.with_children(*map(_without_squares, expr.children)) if expr.children else expr
