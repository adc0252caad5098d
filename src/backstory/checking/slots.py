"""The places of a right side, each with the number it would need to hold for the side to be right.

A side made of sums and products is A*part + B in each of its parts, so a part that is wrong by itself shows what
belongs there: (left - B)/A.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from backstory.checking.vectors import Vector
from backstory.expressions import Add, Div, Expr, Mul, Neg, Sub
from backstory.expressions.tree import Span

_LEAST_LIVE = 3


@dataclass(frozen=True)
class Slot:
    """A part of the right side, and what it should be.

    Attributes
    ----------
    nodes : tuple of Expr
        One part; or several that stand side by side, as the factors z and (1 - z), or some of a sum's terms.
    copies : tuple of Expr
        The same factor in other terms, where the mistake is in all of them.
    is_factor : bool
        Whether it stands among other factors; otherwise it is the whole of a sum's term, or of the side.
    is_addend : bool
        Whether it stands among other terms.
    siblings : tuple of Expr
        The factors or terms that stand beside it.
    slope, rest : list of float
        A and B.
    value, wanted : list of float
        What it is and what it should be, at each point; NaN where the side does not depend on it.
    live : list of int
        The points where the side depends on it.
    """

    nodes: tuple[Expr, ...]
    is_factor: bool
    is_addend: bool
    siblings: tuple[Expr, ...]
    slope: Vector
    rest: Vector
    value: Vector
    wanted: Vector
    live: list[int]
    copies: tuple[Expr, ...] = ()

    @property
    def node(self) -> Expr:
        """The part, where it is one."""
        return self.nodes[0]

    @cached_property
    def span(self) -> Span:
        """Where it stands."""
        spans = [node.span for node in self.nodes if node.span]
        return (min(start for start, _ in spans), max(end for _, end in spans)) if spans else (0, 0)

    def mends(self, values: Vector, left: Vector) -> bool:
        """Whether the side is right with other numbers there, at every point."""
        return all(
            math.isclose(a * value + b, wanted, rel_tol=1e-8, abs_tol=1e-11)
            for a, b, value, wanted in zip(self.slope, self.rest, values, left, strict=True)
        )


class Slots:
    """All places of one right side.

    Parameters
    ----------
    right : Expr
    left : list of float
        What it should be at each point.
    values : callable
        What a part comes to at each point.
    is_whole : callable
        Whether a sum is one place, as (1 - a) is, and not one for each of its terms.
    """

    def __init__(
        self, right: Expr, left: Vector, values: Callable[[Expr], Vector], is_whole: Callable[[Expr], bool]
    ) -> None:
        self.right, self.left, self.is_whole = right, left, is_whole
        self._values = values
        self._known: dict[int, Vector] = {}

    def values(self, node: Expr) -> Vector:
        """What a part comes to at each point."""
        if id(node) not in self._known:
            self._known[id(node)] = self._values(node)
        return self._known[id(node)]

    def all(self) -> Iterator[Slot]:
        """Every place, a whole before its parts."""
        count = len(self.left)
        yield from self.below(self.right, [1.0] * count, [0.0] * count, is_addend=False)

    def below(self, node: Expr, slope: Vector, rest: Vector, is_addend: bool) -> Iterator[Slot]:
        """The place of a term and those within it."""
        terms = addends(node, is_whole=self.is_whole)
        yield from self.slot((node,), slope, rest, is_addend=is_addend)
        if len(terms) > 1:
            yield from self.of_sum(terms, slope, rest)
        else:
            yield from self.of_product(terms[0][1], _scaled(slope, terms[0][0]), rest)

    def of_sum(self, terms: list[tuple[int, Expr]], slope: Vector, rest: Vector) -> Iterator[Slot]:
        signed = [_scaled(self.values(term), sign) for sign, term in terms]
        total = [sum(row) for row in zip(*signed, strict=True)]
        for (sign, term), value in zip(terms, signed, strict=True):
            others = [b + a * (whole - own) for a, b, whole, own in zip(slope, rest, total, value, strict=True)]
            siblings = tuple(each for _, each in terms if each is not term)
            for place in self.below(term, _scaled(slope, sign), others, is_addend=True):
                yield place if place.node is not term else replace(place, is_addend=True, siblings=siblings)
            if len(terms) > 2:  # all terms but one, such as the paths without the penalty
                alone = [b + a * own for a, b, own in zip(slope, rest, value, strict=True)]
                most = [whole - own for whole, own in zip(total, value, strict=True)]
                if (slot := self.made(siblings, slope, alone, most, is_addend=True)) is not None:
                    yield slot
        yield from self.of_groups(terms, signed, slope, rest)

    def of_groups(
        self, signed_terms: list[tuple[int, Expr]], signed: list[Vector], slope: Vector, rest: Vector
    ) -> Iterator[Slot]:
        """The terms that share a factor, taken together, and what they share: for the same mistake in each of them."""
        signs, terms = [sign for sign, _ in signed_terms], [term for _, term in signed_terms]
        total = [sum(row) for row in zip(*signed, strict=True)]
        told: set[tuple[int, ...]] = set()
        for shared in self.shared(terms):
            members = tuple(shared)
            value = [sum(signed[each][place] for each in members) for place in range(len(total))]
            others = [b + a * (whole - own) for a, b, whole, own in zip(slope, rest, total, value, strict=True)]
            if members not in told and len(members) < len(terms):
                chosen = tuple(terms[each] for each in members)
                if (slot := self.made(chosen, slope, others, value, is_addend=True)) is not None:
                    yield slot
            told.add(members)
            first, *copies = shared.values()
            own = self.values(first)
            rests = [self.beside(factor, terms[each], signs[each]) for each, factor in shared.items()]
            inner = [a * sum(row) for a, row in zip(slope, zip(*rests, strict=True), strict=True)]
            siblings = tuple(each for each, _ in factors_of(terms[members[0]]) if each is not first)
            if (slot := self.made((first,), inner, others, own, is_factor=True, siblings=siblings)) is not None:
                yield replace(slot, copies=tuple(copies))

    def beside(self, factor: Expr, term: Expr, sign: int) -> Vector:
        """The product of the other factors of a term."""
        others = [(self.values(each), below) for each, below in factors_of(term) if each is not factor]
        return [sign * _product(others, place) for place in range(len(self.left))]

    def shared(self, terms: list[Expr]) -> list[dict[int, Expr]]:
        """The factors that several terms have, by the term's place."""
        found: dict[str, dict[int, Expr]] = {}
        for index, term in enumerate(terms):
            for factor, below in factors_of(term):
                if not below:
                    values = self.values(factor)
                    found.setdefault(f"{values[0]:.7e} {values[-1]:.7e}", {}).setdefault(index, factor)
        return [members for members in found.values() if len(members) > 1]

    def of_product(self, node: Expr, slope: Vector, rest: Vector) -> Iterator[Slot]:
        factors = list(factors_of(node))
        if len(factors) < 2:
            return
        values = [self.values(factor) for factor, _ in factors]
        for start in range(len(factors)):
            for width in (1, 2):
                chosen = factors[start : start + width]
                if len(chosen) < width or any(below for _, below in chosen):
                    continue
                others = [
                    (value, below)
                    for place, ((_, below), value) in enumerate(zip(factors, values, strict=True))
                    if not start <= place < start + width
                ]
                inner = [a * _product(others, place) for place, a in enumerate(slope)]
                nodes = tuple(factor for factor, _ in chosen)
                siblings = tuple(factor for factor, _ in factors if not any(factor is each for each in nodes))
                own = [math.prod(row) for row in zip(*values[start : start + width], strict=True)]
                if (slot := self.made(nodes, inner, rest, own, True, siblings=siblings)) is not None:
                    yield slot
                terms = addends(nodes[0], is_whole=self.is_whole)
                if width == 1 and len(terms) > 1:
                    yield from self.of_sum(terms, inner, rest)

    def slot(
        self,
        nodes: tuple[Expr, ...],
        slope: Vector,
        rest: Vector,
        is_addend: bool,
    ) -> Iterator[Slot]:
        if (slot := self.made(nodes, slope, rest, self.values(nodes[0]), is_addend=is_addend)) is not None:
            yield slot

    def made(
        self,
        nodes: tuple[Expr, ...],
        slope: Vector,
        rest: Vector,
        value: Vector,
        is_factor: bool = False,
        is_addend: bool = False,
        siblings: tuple[Expr, ...] = (),
    ) -> Slot | None:
        """Return a place, or None where too few points tell anything about it."""
        live = [place for place, a in enumerate(slope) if math.isfinite(a) and abs(a) > 1e-12]
        if len(live) < _LEAST_LIVE:
            return None
        wanted = [
            (left - b) / a if abs(a) > 1e-12 else math.nan for a, b, left in zip(slope, rest, self.left, strict=True)
        ]
        return Slot(nodes, is_factor, is_addend, siblings, slope, rest, value, wanted, live)


def addends(node: Expr, sign: int = 1, is_whole: Callable[[Expr], bool] = lambda node: False) -> list[tuple[int, Expr]]:
    """Return the terms of a sum with their signs; a sum that is whole is one of them."""
    match node:
        case Add() | Sub() if is_whole(node):
            return [(sign, node)]
        case Add(left, right):
            return [*addends(left, sign, is_whole), *addends(right, sign, is_whole)]
        case Sub(left, right):
            return [*addends(left, sign, is_whole), *addends(right, -sign, is_whole)]
        case Neg(operand):
            return addends(operand, -sign, is_whole)
    return [(sign, node)]


def spine(node: Expr) -> list[Expr]:
    """Return the terms of a sum as they were written, those in parentheses whole."""
    match node:
        case Add(left, right) | Sub(left, right):
            return [*spine(left), right]
        case Neg(operand):
            return [operand]
    return [node]


def factors_of(node: Expr, below: bool = False) -> Iterator[tuple[Expr, bool]]:
    """Yield the factors of a product, and whether each is divided by."""
    match node:
        case Mul(left, right):
            yield from factors_of(left, below)
            yield from factors_of(right, below)
        case Div(left, right):
            yield from factors_of(left, below)
            yield from factors_of(right, not below)
        case _:
            yield node, below


def _product(others: list[tuple[Vector, bool]], place: int) -> float:
    found = 1.0
    for values, below in others:
        if below and not values[place]:
            return math.nan
        found = found / values[place] if below else found * values[place]
    return found


def _scaled(values: Vector, sign: int) -> Vector:
    return values if sign == 1 else [sign * value for value in values]
