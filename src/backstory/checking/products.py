"""Terms made of concrete factors: which factor is missing, too many or in the place of another, by value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from backstory.checking.equation import Applied, Written
from backstory.checking.facts import Facts
from backstory.checking.paths import Paths
from backstory.checking.terms import Factor, Term
from backstory.checking.vectors import Vector, equal, fraction, only_value, price_of
from backstory.checking.verdict import Finding, Kind
from backstory.expressions import Call, Compare, Expr, Mul, Name, Number, Pow, Sub, to_text, walk
from backstory.expressions.tree import Span


@dataclass(frozen=True)
class Piece:
    """A factor that belongs into a path: the derivative of one link, or a part of it.

    Attributes
    ----------
    text : str
        As it is to be written.
    values : tuple of float
    kind : str
        "weight", "slope", "input", "residual", "part" (such as 1 - a) or "other".
    link : (str, str)
        By and of.
    """

    text: str
    values: tuple[float, ...]
    kind: str
    link: tuple[str, str]


@dataclass(frozen=True)
class Explanation:
    """How a term comes to be what it is, measured against a set of paths: the less cost the more plausible."""

    cost: float
    paths: frozenset[int]
    finding: Finding | None


class Products:
    """The terms of one equation, each measured against sets of paths."""

    def __init__(self, facts: Facts, paths: Paths) -> None:
        self.facts, self.paths = facts, paths
        self._pieces: dict[tuple[str, str], list[Piece]] = {}

    def explanations(self, term: Term) -> Iterator[Explanation]:
        """Compare a term with each path, with all paths, and with all paths through one quantity."""
        mine = self.facts.term_values(term)
        for paths in self.paths.sets():
            whole = self.paths.total(paths)
            price = 0.0 if len(paths) == 1 or len(self.facts.terms) == 1 else 0.05
            if len(self.facts.terms) == 1 and len(paths) < len(self.paths.all):
                price = 0.6
            if (found := self.explained(term, mine, whole, paths)) is not None:
                cost, finding = found
                yield Explanation(cost + price, paths, finding)

    def explained(
        self, term: Term, mine: Vector, whole: Vector, paths: frozenset[int]
    ) -> tuple[float, Finding | None] | None:
        """Return the cheapest way in which a term differs from the paths' sum, or None where there is none."""
        live = [place for place, value in enumerate(whole) if abs(value) > 1e-12]
        if len(live) < 3:
            return None
        ratio = [mine[place] / whole[place] for place in live]
        if not all(math.isfinite(value) for value in ratio):
            return None
        dead_differs = any(abs(mine[place]) > 1e-12 for place in range(len(whole)) if place not in live)
        constant = only_value(ratio)
        if constant is not None and not dead_differs:
            if math.isclose(constant, 1, rel_tol=1e-9):
                return 0.0, None
            return self.constant_term(term, constant)
        pieces = self.pieces(paths)
        if constant is not None and math.isclose(constant, 1, rel_tol=1e-9):
            slope = next((piece for piece in pieces if piece.kind == "slope" and len(set(piece.values)) > 1), None)
            return (1.5, self.lacking(term, slope)) if slope is not None else None
        return self.by_factors(term, ratio, live, pieces)

    def constant_term(self, term: Term, constant: float) -> tuple[float, Finding]:
        shown = self.facts.text[slice(*term.span)]
        if math.isclose(constant, -1):
            message = f"The sign of {shown} is wrong."
            for factor in term.factors:
                if isinstance(factor.node, Sub) and self.facts.is_residual(factor.node):
                    one, other = self.facts.shown(factor.node.left), self.facts.shown(factor.node.right)
                    message = f"The sign is wrong: it should be ({other} - {one})."
                    return 1.0, Finding(
                        "wrong_sign", factor.span, message, self.facts.replaced(factor.span, f"{other} - {one}")
                    )
            return 1.0, Finding("wrong_sign", term.span, message)
        message = f"{shown} is {fraction(constant)} times what it should be."
        return 1.2, Finding("wrong_scale", term.span, message)

    def by_factors(
        self, term: Term, ratio: Vector, live: list[int], pieces: Sequence[Piece]
    ) -> tuple[float, Finding] | None:
        """Explain a ratio by a factor too few, too many, or in the place of another."""
        best: list[tuple[float, Finding]] = []
        own = [(group, self.group_values(group, live)) for group in _groups(term)]
        right = [(piece, [piece.values[place] for place in live]) for piece in pieces]
        for piece, values in right:
            product = [one * other for one, other in zip(ratio, values, strict=True)]
            constant = only_value(product)
            if constant is not None and (price := price_of(constant)) is not None:
                best.append((1.5 + price + _PIECE_PRICE.get(piece.kind, 0.2), self.lacking(term, piece)))
        for group, values in own:
            over = [one / other if other else math.nan for one, other in zip(ratio, values, strict=True)]
            constant = only_value(over)
            if constant is not None and (price := price_of(constant)) is not None:
                best.append((1.6 + price + 0.3 * (len(group) - 1), self.superfluous(term, group)))
            for piece, wanted in right:
                swapped = only_value([one * other for one, other in zip(over, wanted, strict=True)])
                if swapped is not None and (price := price_of(swapped)) is not None:
                    alike = 0.0 if self.facts.role_of(group[0].node, len(group) > 1) == piece.kind else 0.25
                    cost = 2.0 + price + alike + 0.2 * (len(group) - 1)
                    best.append((cost, self.instead(group, piece)))
        for (one, first), (other, second) in combinations(right, 2):
            if one.link == other.link and "part" in (one.kind, other.kind):
                continue
            product = [r * a * b for r, a, b in zip(ratio, first, second, strict=True)]
            if (constant := only_value(product)) is not None and price_of(constant) == 0:
                best.append((3.0, self.lacking(term, one)))
        return min(best, key=lambda entry: entry[0]) if best else None

    def group_values(self, group: Sequence[Factor], live: list[int]) -> Vector:
        columns = []
        for factor in group:
            values = self.facts.values(factor.node)
            columns.append([1 / values[place] if factor.below and values[place] else values[place] for place in live])
        return [math.prod(row) for row in zip(*columns, strict=True)]

    def pieces(self, paths: frozenset[int]) -> list[Piece]:
        """The factors that belong into a set of paths: of every link its derivative and that derivative's factors."""
        links = dict.fromkeys(pair for index in sorted(paths) for pair in pairwise(self.paths.all[index]))
        if len(paths) > 1:
            common = [pair for pair in links if all(self.paths.has_link(index, pair) for index in paths)]
            links = dict.fromkeys(common)
        return [piece for pair in links for piece in self.link_pieces(pair)]

    def link_pieces(self, pair: tuple[str, str]) -> list[Piece]:
        if pair not in self._pieces:
            self._pieces[pair] = self.found_pieces(pair)
        return self._pieces[pair]

    def found_pieces(self, pair: tuple[str, str]) -> list[Piece]:
        local = self.facts.derivatives(*pair)
        kind = self.link_kind(pair, local)
        found = []
        if local != Number(1):
            found.append(Piece(self.slope_text(pair, local), tuple(self.facts.edge_values(pair)), kind, pair))
        parts = _parts(local)
        if len(parts) > 1:
            found += [
                Piece(to_text(part), tuple(self.facts.program_values(part)), "part", pair)
                for part in parts
                if not isinstance(part, Number)
            ]
        return found

    def slope_text(self, pair: tuple[str, str], local: Expr) -> str:
        formula = self.facts.program.formulas[pair[1]]
        if isinstance(formula, Call) and any(isinstance(each, Compare) for each in walk(local)):
            return f"{formula.function}'({pair[0]})"
        text = to_text(local)
        return text if len(text) <= 24 else f"d{pair[1]}/d{pair[0]}"

    def link_kind(self, pair: tuple[str, str], local: Expr) -> str:
        formula = self.facts.program.formulas[pair[1]]
        if isinstance(formula, Call) and pair[1] != self.facts.program.loss:
            return "slope"
        if isinstance(local, Name):
            return "weight" if local.id in self.facts.program.parameters else "input"
        return "residual" if pair[1] == self.facts.program.loss else "other"

    def lacking(self, term: Term, piece: Piece) -> Finding:
        by, of = piece.link
        names = {"slope": "the derivative of the activation", "weight": "the weight", "residual": "the error's part"}
        what = names.get(piece.kind, "the factor")
        message = (
            f"The factor {piece.text} is missing: d{of}/d{by} = {piece.text}, {what}"
            if piece.kind in names
            else (f"The factor {piece.text} is missing: d{of}/d{by} = {to_text(self.facts.derivatives(by, of))}")
        )
        end = self.facts.closed(term.span)[1]
        shown = piece.text if _is_simple(piece.text) else f"({piece.text})"
        return Finding(
            "missing_factor", term.span, f"{message}.", f"{self.facts.text[:end]}*{shown}{self.facts.text[end:]}"
        )

    def superfluous(self, term: Term, group: Sequence[Factor]) -> Finding:
        span = _span(group)
        shown = self.facts.text[slice(*span)]
        values = self.facts.values(group[0].node)
        twins = [
            factor
            for factor in term.factors
            if not any(factor is each for each in group) and equal(self.facts.values(factor.node), values)
        ]
        if len(group) == 1 and twins:
            return Finding("repeated_factor", span, f"{shown} stands there twice.", self.facts.dropped(group[0]))
        return Finding("extra_factor", span, f"The factor {shown} does not belong there.", self.facts.dropped(*group))

    def instead(self, group: Sequence[Factor], piece: Piece) -> Finding:
        """One factor in the place of another."""
        span = _span(group)
        shown = self.facts.text[slice(*span)]
        kind, reason = self.swap_kind(group, piece)
        message = f"{shown} stands where {piece.text} belongs: {reason}"
        return Finding(kind, span, message, self.facts.replaced(span, piece.text))

    def swap_kind(self, group: Sequence[Factor], piece: Piece) -> tuple[Kind, str]:
        by, of = piece.link
        node = group[0].node
        local = to_text(self.facts.derivatives(by, of))
        why = f"d{of}/d{by} = {local}."
        if isinstance(node, Applied) and node.primes:
            given = self.facts.names.meaning(node.arg) if isinstance(node.arg, Written) else None
            if given is not None and given.node == of:
                return "wrong_argument", f"the derivative is taken at the weighted sum {by}, not at {of}."
            return "wrong_layer", f"the derivative of this link is taken at {by}: {why}"
        if piece.kind == "weight" and self.facts.role_of(node) == "weight":
            return "wrong_index", f"that is the weight between {by} and {of}: {why}"
        return "wrong_factor", why


_PIECE_PRICE = {"slope": 0.0, "weight": 0.0, "input": 0.0, "residual": 0.0, "part": 0.3, "other": 0.2}


def _groups(term: Term) -> list[tuple[Factor, ...]]:
    """Return every factor of a term, and every two that stand side by side: z*(1 - z) is one thing."""
    single = [(factor,) for factor in term.factors]
    pairs = [(one, other) for one, other in zip(term.factors, term.factors[1:], strict=False)]
    return [*single, *pairs]


def _parts(local: Expr) -> list[Expr]:
    match local:
        case Mul(left, right):
            return [*_parts(left), *_parts(right)]
        case Pow(left, Number(value)) if value == 2:
            return [left, left]
    return [local]


def _span(group: Sequence[Factor]) -> Span:
    return min(factor.span[0] for factor in group), max(factor.span[1] for factor in group)


def _is_simple(text: str) -> bool:
    return text.isidentifier()
