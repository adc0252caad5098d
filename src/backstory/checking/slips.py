"""Mistakes made on purpose in a right equation: one function per mistake that people make, each with its kind.

For exercises in which the error is to be found, and for measuring how often the checker names it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from backstory.checking.derivations import Derivation, Factor, Product, Sum, factors, products, to_tree
from backstory.checking.equation import Applied, Ratio, Written
from backstory.checking.spelling import written
from backstory.checking.verdict import Kind
from backstory.expressions import Add, Call, Expr, Mul, Number, Pow, Sub
from backstory.story.program import Program


@dataclass(frozen=True)
class Slip:
    """A wrong equation and the mistake in it.

    Attributes
    ----------
    left, right : Expr
        Its sides.
    kind : str
        What the checker should call it.
    name : str
        Which mistake it is, in a few words.
    about : str
        The role of the factor in which it was made; empty where it is no single factor's.
    """

    left: Expr
    right: Expr
    kind: Kind
    name: str
    about: str = ""


@dataclass(frozen=True)
class _Made:
    right: Sum
    about: str = ""


Made = Iterator[_Made]
"""The ways in which one mistake can be made in one equation."""


@dataclass(frozen=True)
class Mistake:
    """One mistake that people make: its kind, a name, and the ways to make it in an equation."""

    kind: Kind
    name: str
    ways: Callable[[Derivation, Program, random.Random], Made]

    def made(self, derivation: Derivation, program: Program, generator: random.Random) -> Slip | None:
        """Make the mistake in one of the places where it can be made; None where there is none."""
        ways = list(self.ways(derivation, program, generator))
        if not ways:
            return None
        chosen = generator.choice(ways)
        return Slip(derivation.left, to_tree(chosen.right), self.kind, self.name, chosen.about)


# -- changing a part


def _with(part: Sum, old: Factor | Product | Sum, new: tuple[Product, ...] | tuple[Factor | Sum, ...]) -> Sum:
    """Return a sum in which one of its parts, found by identity, is replaced by any number of others."""
    terms: list[Product] = []
    for term in part.terms:
        if term is old:
            terms += new  # type: ignore[arg-type]  # products stand for a product
        else:
            terms.append(_in_product(term, old, new))
    return Sum(tuple(terms))


def _in_product(term: Product, old: Factor | Product | Sum, new: tuple[object, ...]) -> Product:
    found: list[Factor | Sum] = []
    for factor in term.factors:
        if factor is old:
            found += new  # type: ignore[arg-type]  # factors stand for a factor
        elif isinstance(factor, Sum):
            found.append(_with(factor, old, new))  # type: ignore[arg-type]
        else:
            found.append(factor)
    return Product(tuple(found), term.sign)


def _replaced(derivation: Derivation, old: Factor, *nodes: Expr) -> _Made:
    """Write other factors in the place of one."""
    new = tuple(replace(old, node=node) for node in nodes)
    return _Made(_with(derivation.right, old, new), old.role)


def _of_role(derivation: Derivation, *roles: str) -> list[Factor]:
    return [factor for factor in derivation.factors() if factor.role in roles]


def _size(term: Product) -> int:
    return sum(1 for _ in factors(term))


# -- mistakes with derivatives by name


def independent(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """do2/dh1 by way of the weight on that link, which does not depend on h1."""
    for factor in _of_role(derivation, "derivative"):
        if weight := _weight_between(program, factor.by, factor.of):
            first, second = Ratio(written(weight), written(factor.by)), Ratio(written(factor.of), written(weight))
            yield _replaced(derivation, factor, first, second)


def _weight_between(program: Program, by: str, of: str) -> str | None:
    """Return the weight of the link between two units."""
    for name in (of, *program.uses.get(of, ())):
        for addend in _addends(program.formulas.get(name)):
            if isinstance(addend, Mul):
                ids = {getattr(side, "id", "") for side in (addend.left, addend.right)}
                if by in ids and (weights := ids & set(program.parameters)):
                    return weights.pop()
    return None


def _addends(expr: Expr | None) -> list[Expr]:
    if isinstance(expr, Add):
        return [*_addends(expr.left), *_addends(expr.right)]
    return [] if expr is None else [expr]


def upside_down(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """dh1/do1 for do1/dh1."""
    for factor in _of_role(derivation, "derivative"):
        yield _replaced(derivation, factor, Ratio(written(factor.by), written(factor.of)))


def unrelated(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """dh2/dw1, where w1 does not feed h2."""
    depends = _Depends(program)
    for factor in _of_role(derivation, "derivative"):
        for sibling in program.formulas:
            if not depends(sibling, factor.by) and not depends(factor.by, sibling) and sibling != factor.by:
                yield _replaced(derivation, factor, Ratio(written(sibling), written(factor.by)))


def repeated(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """The same factor twice."""
    for factor in _of_role(derivation, "derivative", "slope", "weight", "input"):
        yield _replaced(derivation, factor, factor.node, factor.node)


def added(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """The factors of a chain added instead of multiplied."""
    if len(derivation.right.terms) == 1:
        (term,) = derivation.right.terms
        own = [factor for factor in term.factors if isinstance(factor, Factor) and factor.role != "constant"]
        own.sort(key=lambda factor: isinstance(factor.node, Add | Sub))  # a sum first would lose its parentheses
        if 2 <= len(own) == len(term.factors) <= 4 and not isinstance(own[0].node, Add | Sub):
            yield _Made(Sum(tuple(Product((factor,), term.sign) for factor in own)))


# -- a factor too few or too many


def missing_factor(role: str) -> Callable[[Derivation, Program, random.Random], Made]:
    """A factor of one role left out."""

    def ways(derivation: Derivation, program: Program, generator: random.Random) -> Made:
        for term in products(derivation.right):
            own = [factor for factor in term.factors if isinstance(factor, Factor)]
            for factor in own:
                link = [each for each in own if (each.of, each.by, each.role) == (factor.of, factor.by, factor.role)]
                if factor.role == role and factor is link[0] and len(term.factors) > len(link):
                    right = derivation.right
                    for each in link:
                        right = _with(right, each, ())
                    yield _Made(right, role)

    return ways


def extra_factor(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """A quantity multiplied that does not belong there."""
    for term in derivation.right.terms:
        near = {name for factor in factors(term) for name in (factor.of, factor.by)} & set(program.formulas)
        names = [name for name in near if name != program.loss]
        names += [name for name in program.leaves if name not in program.parameters and program.users[name]]
        present = {str(factor.node) for factor in factors(term)}
        for name in sorted(names):
            if str(written(name)) not in present:
                extra = Factor(written(name), "input", "", "")
                yield _Made(_with(derivation.right, term, (Product((*term.factors, extra), term.sign),)))


def extra_slope(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """An activation's derivative multiplied that is not on the way, or that a delta holds already."""
    present = {(factor.of, factor.by) for factor in _of_role(derivation, "slope")}
    for term in products(derivation.right):
        for delta in [factor for factor in term.factors if isinstance(factor, Factor) and factor.role == "delta"]:
            unit = program.users[delta.by][0]
            formula = program.formulas[unit]
            if isinstance(formula, Call) and (unit, delta.by) not in present and formula.function != "identity":
                slope = Applied(Written(formula.function), written(delta.by), 1)
                yield _Made(_with(derivation.right, delta, (delta, Factor(slope, "slope", unit, delta.by))))


# -- paths


def missing_path(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """One of several terms left out."""
    for total in _sums(derivation.right):
        for term in total.terms if len(total.terms) > 1 else ():
            if not _is_penalty(term):
                yield _Made(_with(derivation.right, term, ()))


def missing_penalty(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """The penalty's term left out."""
    for term in derivation.right.terms if len(derivation.right.terms) > 1 else ():
        if _is_penalty(term):
            yield _Made(_with(derivation.right, term, ()))


def double_path(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """One of several terms written twice."""
    for total in _sums(derivation.right):
        for term in total.terms if len(total.terms) > 1 else ():
            if not _is_penalty(term):
                yield _Made(_with(derivation.right, term, (term, Product(tuple(reversed(term.factors)), term.sign))))


def _sums(part: Sum) -> Iterator[Sum]:
    yield part
    for term in part.terms:
        for factor in term.factors:
            if isinstance(factor, Sum):
                yield from _sums(factor)


def _is_penalty(term: Product) -> bool:
    return any(factor.role == "penalty" for factor in factors(term))


# -- one thing in the place of another


def reversed_residual(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """(y - o) for (o - y)."""
    for factor in _of_role(derivation, "residual"):
        if isinstance(factor.node, Sub):
            yield _replaced(derivation, factor, Sub(factor.node.right, factor.node.left))


def wrong_sign(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """A minus before one term, or one lost."""
    for term in products(derivation.right):
        yield _Made(_with(derivation.right, term, (replace(term, sign=-term.sign),)))


def wrong_scale(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """A 2 or a 1/2 too many, or the loss's own constant lost."""
    if constants := _of_role(derivation, "constant"):
        right = derivation.right
        for factor in constants:
            right = _with(right, factor, ())
        if all(term.factors for term in products(right)):
            yield _Made(right)
    if len(derivation.right.terms) == 1:
        (term,) = derivation.right.terms
        for number in (2, 0.5, 1 / 3):
            constant = Factor(Number(number), "constant", "", "")
            yield _Made(Sum((Product((constant, *term.factors), term.sign),)))


def not_differentiated(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """(o - y)^2 for its derivative, where that is all there is."""
    own = list(derivation.factors())
    if len(derivation.right.terms) == 1 and all(factor.role in ("residual", "constant") for factor in own):
        for factor in own:
            if factor.role == "residual" and isinstance(factor.node, Sub):
                yield _Made(Sum((Product((replace(factor, node=Pow(factor.node, Number(2))),)),)))


def wrong_argument(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """sigma'(a) for sigma'(z)."""
    for factor in _of_role(derivation, "slope"):
        if isinstance(factor.node, Applied):
            yield _replaced(derivation, factor, replace(factor.node, arg=written(factor.of)))


def wrong_layer(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """sigma'(z2) for sigma'(z1): of another unit on the way."""
    slopes = _of_role(derivation, "slope")
    others = {link for factor in [*slopes, *_of_role(derivation, "weight")] for link in _call_links(program, factor)}
    for factor in slopes:
        own = program.formulas[factor.of]
        for of, by in sorted(others) if isinstance(own, Call) and own.function != "identity" else ():
            formula = program.formulas[of]
            if isinstance(factor.node, Applied) and by != factor.by and isinstance(formula, Call):
                yield _replaced(derivation, factor, Applied(Written(formula.function), written(by), 1))


def _call_links(program: Program, factor: Factor) -> Iterator[tuple[str, str]]:
    """The activations that a factor's link touches, as (a, z)."""
    for name in (factor.of, factor.by, *program.users.get(factor.of, ())):
        formula = program.formulas.get(name)
        if isinstance(formula, Call) and name != program.loss and formula.function != "identity":
            yield name, program.uses[name][0]


def wrong_index(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """Another weight of the same layer."""
    for factor in _of_role(derivation, "weight"):
        for weight in _siblings(program, factor):
            yield _replaced(derivation, factor, written(weight))


def _siblings(program: Program, factor: Factor) -> list[str]:
    """The other weights into the unit, and those out of the one that feeds it."""
    near = {*program.uses[factor.of]}
    for user in program.users[factor.by]:
        near |= {*program.uses[user]}
    own = str(factor.node)
    return sorted(name for name in near if name in program.parameters and str(written(name)) != own and name[0] == "w")


def wrong_input(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """x1 where h1 belongs."""
    computed = [name for name in program.formulas if name != program.loss and name not in program.hidden]
    given = [name for name in program.leaves if name not in program.parameters]
    for factor in _of_role(derivation, "input"):
        for name in (*computed, *given):
            if str(written(name)) != str(factor.node) and _is_value(program, name):
                yield _replaced(derivation, factor, written(name))


def _is_value(program: Program, name: str) -> bool:
    """Whether a name is an input or a unit's value: what some weight multiplies."""
    return any(
        getattr(side, "id", "") == name and isinstance(addend, Mul)
        for user in program.users[name]
        if user != program.loss
        for addend in _addends(program.formulas[user])
        for side in addend.children
    )


def plus_for_minus(derivation: Derivation, program: Program, generator: random.Random) -> Made:
    """a*(1 + a) for a*(1 - a)."""
    for factor in _of_role(derivation, "slope"):
        if isinstance(factor.node, Sub):
            yield _replaced(derivation, factor, Add(factor.node.left, factor.node.right))


class _Depends:
    """Whether one quantity depends on another."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.found: dict[str, frozenset[str]] = {}

    def __call__(self, of: str, by: str) -> bool:
        return of in self.reached(by)

    def reached(self, name: str) -> frozenset[str]:
        if name not in self.found:
            users = self.program.users.get(name, ())
            self.found[name] = frozenset(users).union(*(self.reached(user) for user in users))
        return self.found[name]


MISTAKES: tuple[Mistake, ...] = (
    Mistake("independent", "a weight as a stepping stone", independent),
    Mistake("upside_down", "a derivative upside down", upside_down),
    Mistake("unrelated", "a unit that the weight does not feed", unrelated),
    Mistake("repeated_factor", "a factor twice", repeated),
    Mistake("broken_chain", "factors added", added),
    Mistake("missing_factor", "a link skipped", missing_factor("derivative")),
    Mistake("missing_factor", "the activation's derivative forgotten", missing_factor("slope")),
    Mistake("missing_factor", "the weight forgotten", missing_factor("weight")),
    Mistake("missing_factor", "the input forgotten", missing_factor("input")),
    Mistake("missing_factor", "the error forgotten", missing_factor("residual")),
    Mistake("extra_factor", "a quantity too many", extra_factor),
    Mistake("extra_factor", "the activation's derivative beside a delta", extra_slope),
    Mistake("missing_path", "a path forgotten", missing_path),
    Mistake("missing_term", "the penalty forgotten", missing_penalty),
    Mistake("double_path", "a path twice", double_path),
    Mistake("wrong_sign", "the error the wrong way round", reversed_residual),
    Mistake("wrong_sign", "a sign lost", wrong_sign),
    Mistake("wrong_scale", "a constant of the loss", wrong_scale),
    Mistake("not_differentiated", "the loss itself", not_differentiated),
    Mistake("wrong_argument", "the derivative taken at a", wrong_argument),
    Mistake("wrong_layer", "the derivative of another unit", wrong_layer),
    Mistake("wrong_index", "another weight of the layer", wrong_index),
    Mistake("wrong_factor", "another unit's value", wrong_input),
    Mistake("wrong_factor", "1 + a for 1 - a", plus_for_minus),
)
"""The mistakes that can be made in a derivative's equation."""
