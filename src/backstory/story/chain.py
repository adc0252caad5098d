"""The chain rule as backpropagation factors it: a product up to each fork, a sum over the branches in parentheses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from backstory.expressions import Add, Div, Expr, Mul, Name, Neg, Number, Sub, evaluate
from backstory.story.graph import Edge, Graph

SIGNIFICANT = 6
"""Digits of a printed result."""
_MOST_DIGITS = 15
_MOST_BRANCHES = 6
_STRONGEST = 3
"""A fork of more branches shows only the strongest; the others are one term."""

ELLIPSIS = Name("…")


@dataclass(frozen=True)
class Chain:
    """One derivative in three faces.

    Attributes
    ----------
    symbols, formulas, numbers : Expr
        The same factored sum of products: of ∂v/∂u, of their formulas, of their numbers.
    value : float
    rounded : bool
        Whether the printed numbers, multiplied as printed, miss the printed result.
    """

    symbols: Expr
    formulas: Expr
    numbers: Expr
    value: float
    rounded: bool


def chain(graph: Graph, by: str, of: str, stop: Callable[[str], Expr | None] = lambda name: None) -> Chain:
    """Write a derivative as a factored sum of products.

    Parameters
    ----------
    graph : Graph
    by, of : str
        There is a path from `by` to `of`.
    stop : callable
        From a quantity to what stands for the derivative of `of` by it, where the writing is to end there; the number
        of such a name is its total derivative.
    """
    totals = graph.totals(of)

    def written(face: Callable[[Edge], Expr], ended: Callable[[str, Expr], Expr], digits: int = 0) -> Expr:
        def end(name: str) -> Expr | None:
            found = None if name == by else stop(name)
            return None if found is None else ended(name, found)

        return _product(_Writer(graph, of, totals, face, end, digits).factors(by))

    def numbers(digits: int) -> Expr:
        return written(
            lambda edge: rounded(edge.number, digits), lambda name, end: rounded(totals[name], digits), digits
        )

    value = totals[by]
    digits, exact = _enough_digits(numbers, value)
    return Chain(
        symbols=written(lambda edge: edge.symbol, lambda name, end: end),
        formulas=written(lambda edge: graph.local(edge.source, edge.target), lambda name, end: end),
        numbers=numbers(digits),
        value=value,
        rounded=not exact,
    )


def rounded(value: float, digits: int = SIGNIFICANT) -> Number:
    """Return a number to so many significant digits; whole numbers as integers."""
    number = float(f"{value:.{digits}g}")
    return Number(int(number)) if abs(number) < 1e6 and number == int(number) else Number(number)


def shown(value: float) -> str:
    """Return a result as it is printed: six significant digits."""
    return f"{value + 0.0:.{SIGNIFICANT}g}"


def _enough_digits(numbers: Callable[[int], Expr], value: float) -> tuple[int, bool]:
    """Return how few digits give the printed result, and whether any do."""
    for digits in range(SIGNIFICANT, _MOST_DIGITS + 1):
        if shown(float(evaluate(numbers(digits), {}))) == shown(value):
            return digits, True
    return SIGNIFICANT, False


@dataclass(frozen=True)
class _Writer:
    """Writes the derivative of `of` by quantities in one face: symbols, formulas, or numbers to so many digits."""

    graph: Graph
    of: str
    totals: Mapping[str, float]
    face: Callable[[Edge], Expr]
    end: Callable[[str], Expr | None]
    digits: int

    def factors(self, name: str) -> list[Expr]:
        """Return the factors; a fork is one factor, the sum over its branches."""
        found: list[Expr] = []
        while name != self.of:
            if (end := self.end(name)) is not None:
                return [*found, end]
            edges = [Edge(name, target, number) for target, number in self.graph.out[name] if target in self.totals]
            if len(edges) > 1:
                return [*found, self.fork(edges)]
            found += self.step(edges[0])
            name = edges[0].target
        return found

    def step(self, edge: Edge) -> list[Expr]:
        """Return the factors of one local derivative, each with the edge that it belongs to."""
        return [replace(factor, edge=(edge.source, edge.target)) for factor in _flat(self.face(edge))]

    def fork(self, edges: list[Edge]) -> Expr:
        """Return the sum over the branches; of many the strongest, and the others as one term."""
        listed, others = edges, 0.0
        if len(edges) > _MOST_BRANCHES:
            by_size = sorted(edges, key=lambda edge: -abs(edge.number * self.totals[edge.target]))
            listed = [edge for edge in edges if edge in by_size[:_STRONGEST]]
            others = sum(edge.number * self.totals[edge.target] for edge in by_size[_STRONGEST:])
        terms = [_product([*self.step(edge), *self.factors(edge.target)]) for edge in listed]
        if len(listed) < len(edges):
            terms.append(rounded(others, self.digits) if self.digits else ELLIPSIS)
        return added(terms)


def added(terms: Sequence[Expr]) -> Expr:
    """Return a sum as it is written, nothing in it worked out: a negative term is subtracted."""

    def plus(left: Expr, right: Expr) -> Expr:
        if isinstance(right, Neg):
            return Sub(left, replace(right.operand, edge=right.edge))
        if isinstance(right, Number) and right.value < 0:
            return Sub(left, Number(-right.value, edge=right.edge))
        return Add(left, right)

    return reduce(plus, terms)


def _flat(expr: Expr) -> list[Expr]:
    """Return the factors of a product, from left to right; nothing for a factor of one."""
    if expr == Number(1):
        return []
    if isinstance(expr, Mul):
        return [*_flat(expr.left), *_flat(expr.right)]
    if isinstance(expr, Div) and isinstance(expr.left, Mul):
        return [*_flat(expr.left.left), Div(expr.left.right, expr.right)]
    return [expr]


def _product(factors: Sequence[Expr]) -> Expr:
    """Return a product, without parentheses between its factors; 1 for none."""
    return reduce(Mul, factors) if factors else Number(1)
