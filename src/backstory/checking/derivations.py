"""Right equations about a network: the derivative of one quantity by another, in a random one of its equivalent forms.

The right side is a sum of products whose factors still know what they are, so that a mistake can be made on purpose.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from backstory.checking.equation import Applied, Ratio, Written
from backstory.checking.spelling import as_written, written
from backstory.expressions import Add, Call, Div, Expr, Mul, Name, Neg, Number, Pow, Sub
from backstory.story.formula_graph import Derivatives
from backstory.story.program import Program

Role: TypeAlias = Literal["derivative", "delta", "weight", "input", "slope", "residual", "penalty", "constant"]
Style: TypeAlias = Literal["names", "formulas", "deltas", "mixed"]
STYLES: tuple[Style, ...] = ("names", "formulas", "deltas", "mixed")
MOST_TERMS = 24
_WRITABLE_SLOPES = ("sigmoid", "tanh")
"""Activations whose derivative people write in terms of a: the others' have cases or no short form."""


@dataclass(frozen=True, eq=False)
class Factor:
    """One factor: how it is written, and the link (of, by) whose derivative it is or belongs to."""

    node: Expr
    role: Role
    of: str
    by: str


@dataclass(frozen=True, eq=False)
class Product:
    """±1 times factors, of which some may be sums in parentheses."""

    factors: tuple[Factor | Sum, ...]
    sign: int = 1


@dataclass(frozen=True, eq=False)
class Sum:
    """A sum of products."""

    terms: tuple[Product, ...]


@dataclass(frozen=True)
class Derivation:
    """A right equation: the derivative of `of` by `by`."""

    of: str
    by: str
    left: Expr
    right: Sum

    def factors(self) -> Iterator[Factor]:
        """All factors, from left to right."""
        return factors(self.right)


def factors(part: Sum | Product | Factor) -> Iterator[Factor]:
    """All factors of a part, from left to right."""
    if isinstance(part, Factor):
        yield part
        return
    for inner in part.terms if isinstance(part, Sum) else part.factors:
        yield from factors(inner)


def products(part: Sum) -> Iterator[Product]:
    """All products, those in parentheses too."""
    for term in part.terms:
        yield term
        for factor in term.factors:
            if isinstance(factor, Sum):
                yield from products(factor)


def to_tree(part: Sum | Product | Factor) -> Expr:
    """Return the tree of a part, as it is written."""
    if isinstance(part, Factor):
        return part.node
    if isinstance(part, Product):
        nodes = [to_tree(factor) for factor in part.factors] or [Number(1)]
        found = nodes[0]
        for node in nodes[1:]:
            found = Mul(found, node)
        return Neg(found) if part.sign < 0 else found
    found = to_tree(part.terms[0])
    for term in part.terms[1:]:
        tree = to_tree(term)
        found = Sub(found, tree.operand) if isinstance(tree, Neg) else Add(found, tree)
    return found


class Deriver:
    """Writes right equations about one program.

    Parameters
    ----------
    program : Program
    generator : random.Random
    style : str
        "names": a product of derivatives by name; "formulas": every factor worked out; "deltas": worked out, with
        deltas of later units; "mixed": each factor as chance will have it.
    """

    def __init__(self, program: Program, generator: random.Random, style: Style) -> None:
        self.program, self.generator, self.style = program, generator, style
        self.derivatives = Derivatives(program)
        self.asked = ("", "")

    def derivation(self, of: str, by: str) -> Derivation:
        """Return a right equation for one derivative."""
        self.asked = of, by
        left: Expr = Ratio(written(of), written(by))
        unit = self.unit_of(by)
        if of == self.program.loss and unit and self.chance(0.5):
            left = Written("delta", unit)
        terms = self.terms(of, by)
        if self.chance(0.4):
            terms = expanded(terms)
        return Derivation(of, by, left, Sum(tuple(self.shuffled(term) for term in terms)))

    def chance(self, probability: float) -> bool:
        return self.generator.random() < probability

    def shuffled(self, term: Product) -> Product:
        """Return a product with its factors in another order, those of its sums too."""
        inner = [
            Sum(tuple(self.shuffled(each) for each in factor.terms)) if isinstance(factor, Sum) else factor
            for factor in term.factors
        ]
        if self.chance(0.6):
            self.generator.shuffle(inner)
        constants = [each for each in inner if isinstance(each, Factor) and each.role == "constant"]
        return Product((*constants, *(each for each in inner if each not in constants)), term.sign)

    # -- following the links

    def terms(self, of: str, by: str) -> list[Product]:
        """One product per link that leads from `by` towards `of`."""
        found = []
        users = [user for user in self.program.users[by] if user == of or self.reaches(user, of)]
        for user in users:
            sign, link = self.link(user, by)
            found += [Product((*link, *term.factors), sign * term.sign) for term in self.rest(of, user)]
        return found

    def rest(self, of: str, user: str) -> list[Product]:
        """The derivative of `of` by what a link leads to: by name, as a delta, or worked out."""
        if user == of:
            return [Product(())]
        unit = self.unit_of(user)
        if unit and of == self.program.loss and self.style in ("deltas", "mixed") and self.chance(0.7):
            return [Product((Factor(Written("delta", unit), "delta", of, user),))]
        stop = {"names": 0.4, "formulas": 0.0, "deltas": 0.0, "mixed": 0.25}[self.style]
        if self.chance(stop) and user not in self.program.hidden:
            return [Product((Factor(Ratio(written(of), written(user)), "derivative", of, user),))]
        terms = self.terms(of, user)
        return terms if len(terms) == 1 else [Product((Sum(tuple(terms)),))]

    def link(self, of: str, by: str) -> tuple[int, tuple[Factor, ...]]:
        """The sign and the factors of the derivative along one link: by name, or worked out."""
        by_name = self.style == "names" or (self.style == "mixed" and self.chance(0.4))
        if by_name and self.is_only_way(of, by) and (of, by) != self.asked:
            return 1, (Factor(Ratio(written(of), written(by)), "derivative", of, by),)
        local = self.derivatives(by, of)
        formula = self.program.formulas[of]
        if isinstance(formula, Call) and of != self.program.loss:
            return 1, self.slope(of, by, formula.function, local)
        if of == self.program.loss:
            return self.of_loss(of, by, local)
        if local == Number(1):
            return 1, ()
        role: Role = "weight" if isinstance(local, Name) and local.id in self.program.parameters else "input"
        return 1, (Factor(as_written(local), role, of, by),)

    def slope(self, of: str, by: str, function: str, local: Expr) -> tuple[Factor, ...]:
        """An activation's derivative: f'(z), or in terms of a."""
        if function == "identity" and self.style in ("formulas", "deltas") and self.chance(0.5):
            return ()
        if function in _WRITABLE_SLOPES and self.chance(0.6):
            if function == "tanh" and self.chance(0.6):
                return (Factor(Sub(Number(1), Pow(written(of), Number(2))), "slope", of, by),)
            return tuple(Factor(as_written(part), "slope", of, by) for part in _factors(local))
        return (Factor(Applied(Written(function), written(by), 1), "slope", of, by),)

    def of_loss(self, of: str, by: str, local: Expr) -> tuple[int, tuple[Factor, ...]]:
        """The derivative of the loss by one of the quantities it names."""
        sign, found = 1, []
        for part in _factors(local):
            if isinstance(part, Number):
                found.append(Factor(part, "constant", of, by))
            elif by in self.program.parameters:
                found.append(Factor(as_written(part), "penalty", of, by))
            else:
                if isinstance(part, Sub) and isinstance(part.left, Name) and self.chance(0.3):
                    sign, part = -sign, Sub(part.right, part.left)
                found.append(Factor(as_written(part), "residual", of, by))
        return sign, tuple(found)

    def unit_of(self, name: str) -> str | None:
        """Return the unit whose weighted sum a quantity is."""
        users = self.program.users.get(name, ())
        only = users[0] if len(users) == 1 else None
        if only is None or only == self.program.loss or not isinstance(self.program.formulas[only], Call):
            return None
        return only

    def is_only_way(self, of: str, by: str) -> bool:
        """Whether the link is the only path between its ends, so that the total derivative is the link's own."""
        return not any(user != of and self.reaches(user, of) for user in self.program.users[by])

    def reaches(self, by: str, of: str) -> bool:
        """Whether one quantity depends on another."""
        return any(user == of or self.reaches(user, of) for user in self.program.users.get(by, ()))


def _factors(expr: Expr) -> list[Expr]:
    """The factors of a product, its constants as one number in front."""
    match expr:
        case Mul(left, right):
            return [*_factors(left), *_factors(right)]
        case Div(left, Number() as right):
            return [Number(1 / Fraction(right.value)), *_factors(left)]
    return [expr]


def expanded(terms: list[Product]) -> list[Product]:
    """Multiply the sums out, unless that makes too many terms."""
    found = [term for product in terms for term in _expanded(product)]
    return found if len(found) <= MOST_TERMS else terms


def _expanded(product: Product) -> list[Product]:
    found = [Product((), product.sign)]
    for factor in product.factors:
        inner = (
            [Product((factor,))]
            if isinstance(factor, Factor)
            else [each for term in factor.terms for each in _expanded(term)]
        )
        found = [Product(one.factors + other.factors, one.sign * other.sign) for one in found for other in inner]
    return found
