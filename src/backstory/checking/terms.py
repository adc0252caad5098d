"""A side of an equation as a sum of terms, each a product of factors with their places: what a diagnosis works on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from backstory.checking.equation import Ratio, Written
from backstory.expressions import Add, Div, Expr, Mul, Neg, Number, Pow, Sub, walk
from backstory.expressions.tree import Span

MOST_TERMS = 64


@dataclass(frozen=True)
class Factor:
    """One factor of a term; below the line it is divided by."""

    node: Expr
    below: bool = False

    @property
    def span(self) -> Span:
        """Where it stands."""
        return self.node.span or (0, 0)


@dataclass(frozen=True)
class Term:
    """coefficient * product of factors."""

    coefficient: float
    factors: tuple[Factor, ...]
    span: Span

    def times(self, other: Term, below: bool = False) -> Term:
        """Return the product, or the quotient, of two terms."""
        factors = other.factors
        coefficient = other.coefficient
        if below:
            factors = tuple(replace(factor, below=not factor.below) for factor in factors)
            coefficient = 1 / coefficient if coefficient else float("inf")
        spans = [span for span in (self.span, other.span) if span != (0, 0)]
        span = (min(start for start, _ in spans), max(end for _, end in spans)) if spans else (0, 0)
        return Term(self.coefficient * coefficient, self.factors + factors, span)


def expand(node: Expr, carries: Callable[[Expr], bool]) -> list[Term]:
    """Return the terms of a side.

    Parameters
    ----------
    node : Expr
    carries : callable
        Whether an addend carries part of a path, such as a derivative or a weight: only sums of such addends are
        multiplied out, (yhat - y) and (1 - a) stay whole.
    """
    match node:
        case Number(value):
            return [Term(float(value), (), node.span or (0, 0))]
        case Neg(operand):
            return [replace(term, coefficient=-term.coefficient) for term in expand(operand, carries)]
        case Add(left, right):
            return [*expand(left, carries), *expand(right, carries)]
        case Sub(left, right):
            negative = [replace(term, coefficient=-term.coefficient) for term in expand(right, carries)]
            return [*expand(left, carries), *negative]
        case Mul(left, right):
            return _products(_inside(left, carries), _inside(right, carries))
        case Div(left, right):
            below = _factor(right) if isinstance(right, Add | Sub | Neg) else expand(right, lambda _: False)
            if len(below) != 1:
                below = _factor(right)
            return [term.times(below[0], below=True) for term in _inside(left, carries)]
        case Pow(base, Number(value)) if isinstance(value, int) and 2 <= value <= 4 and not isinstance(base, Add | Sub):
            inner = expand(base, lambda _: False)
            if len(inner) == 1:
                power = inner[0]
                for _ in range(value - 1):
                    power = power.times(inner[0])
                return [replace(power, span=node.span or power.span)]
    return _factor(node)


def _inside(node: Expr, carries: Callable[[Expr], bool]) -> list[Term]:
    """Return the terms of a factor: of a sum only where each addend carries part of a path."""
    if isinstance(node, Add | Sub) and not all(carries(addend) for addend in addends(node)):
        return _factor(node)
    terms = expand(node, carries)
    return terms if len(terms) <= MOST_TERMS else _factor(node)


def _products(left: list[Term], right: list[Term]) -> list[Term]:
    if len(left) * len(right) > MOST_TERMS:
        left = left[:1]
    return [one.times(other) for one in left for other in right]


def _factor(node: Expr) -> list[Term]:
    return [Term(1.0, (Factor(node),), node.span or (0, 0))]


def addends(node: Expr) -> list[Expr]:
    """Return what a sum adds up, signs aside."""
    match node:
        case Add(left, right) | Sub(left, right):
            return [*addends(left), *addends(right)]
        case Neg(operand):
            return addends(operand)
    return [node]


def ratios(node: Expr) -> list[Ratio]:
    """Return the derivatives that occur, from left to right."""
    return [each for each in walk(node) if isinstance(each, Ratio)]


def written_names(node: Expr) -> list[Written]:
    """Return the names that occur, from left to right."""
    return [each for each in walk(node) if isinstance(each, Written)]


def is_of_derivatives_only(node: Expr) -> bool:
    """Whether a side is made of derivatives by name alone."""
    leaves = [each for each in walk(node) if not each.children]
    return bool(leaves) and all(isinstance(leaf, Ratio) or leaf == Number(1) for leaf in leaves)
