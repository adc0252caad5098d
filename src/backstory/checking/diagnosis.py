"""Names what is wrong with an equation: first what any factor shows by itself, then term by term against the paths."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations, pairwise

from backstory.checking.equation import Applied, Ratio, Written
from backstory.checking.meaning import Meaning, same
from backstory.checking.names import FlatNames
from backstory.checking.points import Point
from backstory.checking.terms import Factor, Term, addends, expand, ratios, written_names
from backstory.checking.verdict import Finding, Kind
from backstory.expressions import (
    Add,
    Call,
    Expr,
    Mul,
    Name,
    Neg,
    Number,
    Pow,
    Sub,
    evaluate,
    substitute,
    to_text,
    walk,
)
from backstory.expressions.tree import Span
from backstory.story.formula_graph import Derivatives

MOST_PATHS = 48
_CONSTANTS = (1 / 2, 2.0, 1 / 3, 3.0, 1 / 4, 4.0, 1 / 5, 5.0, -1.0)
Vector = list[float]
Values = Callable[[Expr], Vector]


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


class Diagnosis:
    """One wrong equation."""

    def __init__(
        self,
        names: FlatNames,
        text: str,
        left: Expr,
        right: Expr,
        points: Sequence[Point],
        values: Values,
    ) -> None:
        self.names, self.text, self.left, self.right = names, text, left, right
        self.points, self.values = points, values
        self.program = names.program
        self.meaning = Meaning(names)

    # -- what is asked about

    @cached_property
    def ends(self) -> tuple[str, str] | None:
        """What the left side differentiates, and by what; None where it is no derivative."""
        if isinstance(self.left, Ratio):
            return self.meaning.nodes(self.left)
        if isinstance(self.left, Written):
            meaning = self.names.meaning(self.left)
            if meaning is not None and meaning.is_delta:
                return self.program.loss, meaning.node
        return None

    @cached_property
    def terms(self) -> list[Term]:
        """The right side, multiplied out where its sums carry paths."""
        return expand(self.right, self.carries)

    def carries(self, node: Expr) -> bool:
        """Whether an addend carries part of a path."""
        for each in walk(node):
            if isinstance(each, Ratio) or (isinstance(each, Applied) and each.primes):
                return True
            meaning = self.names.meaning(each) if isinstance(each, Written) else None
            if meaning is not None and (meaning.is_delta or meaning.node in self.program.parameters):
                return True
        return False

    def findings(self) -> list[Finding]:
        """What is wrong, the most telling first."""
        if self.ends is None:
            return self.definition_findings()
        if found := self.link_findings():
            return _distinct(found)
        if found := list(self.whole_findings()):
            return _distinct(found)
        return _distinct(self.path_findings())

    # -- B: what a derivative factor shows by itself

    def link_findings(self) -> list[Finding]:
        """Derivatives that are zero or the wrong way round."""
        found: list[Finding] = []
        for ratio in ratios(self.right):
            of, by = self.meaning.nodes(ratio)
            if of == by or self.reaches(by, of):
                continue
            span = ratio.span or (0, 0)
            shown = self.text[slice(*span)]
            if of in self.program.leaves or of in self.program.samples:
                what = "a parameter" if of in self.program.parameters else "given"
                message = (
                    f"{shown} = 0: {ratio.of} is an independent quantity ({what}); it does not change when {ratio.by} "
                    f"does."
                )
                fix, merged = self.merged(ratio)
                if merged:
                    message += f" You mean the link that carries it: {merged}."
                found.append(Finding("independent", span, message, fix))
            elif self.reaches(of, by):
                flipped = f"d{ratio.by}/d{ratio.of}" if "\\" not in shown else shown
                message = (
                    f"{shown} stands upside down: {ratio.by} depends on {ratio.of}, not {ratio.of} on {ratio.by}. "
                    f"The derivative that exists is d{ratio.by}/d{ratio.of}."
                )
                found.append(Finding("upside_down", span, message, self.replaced(span, flipped)))
            else:
                message = f"{shown} = 0: {ratio.of} does not depend on {ratio.by}; no path leads from one to the other."
                found.append(Finding("unrelated", span, message))
        return found

    def merged(self, ratio: Ratio) -> tuple[str, str]:
        """Join dw7/dh1 * do2/dw7 to do2/dh1; return the mended equation and the link."""
        fixed, links = self.text, []
        edits: list[tuple[Span, str]] = []
        everything = ratios(self.right)
        for first in everything:
            of, by = self.meaning.nodes(first)
            if of not in self.program.leaves or of == by:
                continue
            for second in everything:
                next_of, next_by = self.meaning.nodes(second)
                if next_by == of and second is not first and self.reaches(by, next_of):
                    link = f"d{second.of}/d{first.by}"
                    edits += [(first.span or (0, 0), link), (second.span or (0, 0), "")]
                    if first == ratio and first.span == ratio.span:
                        links.append(link)
                    break
        for span, link in sorted(edits, reverse=True):
            fixed = _without(fixed, span) if not link else fixed[: span[0]] + link + fixed[span[1] :]
        return (fixed, links[0]) if links else ("", "")

    # -- A: the whole side

    def whole_findings(self) -> Iterator[Finding]:
        """A constant between the sides, factors added, something not differentiated."""
        left, right = self.values(self.left), self.values(self.right)
        span = self.right.span or (0, len(self.text))
        if (ratio := _constant(right, left)) is not None:
            yield self.sign_finding(span) if math.isclose(ratio, -1) else self.scale_finding(ratio, span)
            return
        if len(self.terms) > 1 and _equal(self.product_of_terms(), left):
            message = "The factors of a chain are multiplied, not added: each of these terms is a part of one chain."
            yield Finding("broken_chain", span, message)
            return
        if (shown := self.not_differentiated(right)) is not None:
            yield Finding("not_differentiated", span, f"That is {shown} itself, not its derivative by {self.by_text}.")

    def product_of_terms(self) -> Vector:
        columns = [self.term_values(term) for term in self.terms]
        return [math.prod(row) for row in zip(*columns, strict=True)]

    def sign_finding(self, span: Span) -> Finding:
        """The whole side is the negative of what it should be; a reversed residual is named."""
        for term in self.terms if len(self.terms) == 1 else []:
            for factor in term.factors:
                if isinstance(factor.node, Sub) and self.is_residual(factor.node):
                    one, other = self.shown(factor.node.left), self.shown(factor.node.right)
                    message = (
                        f"The sign is wrong: the derivative of the squared error has ({other} - {one}), not "
                        f"({one} - {other})."
                    )
                    fix = self.replaced(factor.span, f"{other} - {one}")
                    return Finding("wrong_sign", factor.span, message, fix)
        message = "The sign is wrong: everything else is right."
        return Finding("wrong_sign", span, message, f"{self.text[: span[0]]}-({self.text[slice(*span)]})")

    def is_residual(self, node: Sub) -> bool:
        kinds = {self.kind_of(part) for part in (node.left, node.right)}
        return "target" in kinds

    def kind_of(self, node: Expr) -> str:
        meaning = self.names.meaning(node) if isinstance(node, Written) else None
        if meaning is None:
            return ""
        users = self.program.users.get(meaning.node, ())
        is_leaf = meaning.node not in self.program.formulas and meaning.node not in self.program.parameters
        return "target" if is_leaf and users and all(user == self.program.loss or "L" in user for user in users) else ""

    def scale_finding(self, ratio: float, span: Span) -> Finding:
        """A constant too many or too few."""
        size = _fraction(ratio)
        why = "the constant must be that of this loss: " + self.loss_text
        if math.isclose(ratio, 2):
            why = f"the 2 that comes down from the square cancels the 1/2 of this loss, {self.loss_text}"
        elif math.isclose(ratio, 0.5):
            why = f"a 2 comes down from the square of this loss, {self.loss_text}"
        message = f"It is {size} times what it should be: {why}."
        if math.isclose(ratio, 2) or math.isclose(ratio, 0.5):
            other = "without the 1/2" if math.isclose(ratio, 2) else "with a 1/2 in front"
            message += f" It would be right for that loss {other}."
        inverse = _fraction(1 / ratio)
        return Finding("wrong_scale", span, message, f"{self.text[: span[0]]}{inverse}*({self.text[slice(*span)]})")

    @property
    def loss_text(self) -> str:
        return f"{self.program.loss} = {to_text(self.program.formulas[self.program.loss])}"

    def not_differentiated(self, right: Vector) -> str | None:
        """Return what the side is, where it is the quantity on top or the part of it that matters, up to a constant."""
        assert self.ends is not None
        of, by = self.ends
        if of not in self.program.formulas:
            return None
        formula = self.program.formulas[of]
        for part in [formula, *addends(formula)]:
            if by not in {each.id for each in walk(part) if isinstance(each, Name)}:
                continue
            if _constant(right, self.program_values(part)) is not None:
                return f"{to_text(part)}"
        return None

    # -- C to F: terms against paths

    @cached_property
    def paths(self) -> list[tuple[str, ...]]:
        """All paths between the ends; empty where there are too many."""
        assert self.ends is not None
        of, by = self.ends
        found: list[tuple[str, ...]] = []

        def go(path: tuple[str, ...]) -> None:
            if len(found) > MOST_PATHS:
                return
            if path[-1] == of:
                found.append(path)
                return
            for target in self.program.users.get(path[-1], ()):
                if target == of or self.reaches(target, of):
                    go((*path, target))

        go((by,))
        return found if len(found) <= MOST_PATHS else []

    @cached_property
    def path_values(self) -> list[Vector]:
        return [
            [math.prod(point.edges[pair] for pair in pairwise(path)) for point in self.points] for path in self.paths
        ]

    def path_findings(self) -> list[Finding]:
        """Match every term with paths, the cheapest explanation first; tell what does not fit."""
        if not self.paths:
            return [self.plain_finding()]
        chained = [self.chain_of(term) for term in self.terms]
        if all(found is not None for found in chained):
            return self.covering_findings([found for found in chained if found is not None])
        explained = sorted(
            (
                (explanation.cost, index, explanation)
                for index, term in enumerate(self.terms)
                for explanation in self.explanations(term)
            ),
            key=lambda entry: entry[:2],
        )
        taken: set[int] = set()
        done: dict[int, Explanation] = {}
        for _, index, explanation in explained:
            if index not in done and not explanation.paths & taken:
                done[index] = explanation
                taken |= explanation.paths
        found = [explanation.finding for explanation in done.values() if explanation.finding is not None]
        for index, term in enumerate(self.terms):
            if index not in done:
                found.append(self.unmatched(term))
        found += self.missing(set(range(len(self.paths))) - taken)
        return found or [self.plain_finding()]

    def plain_finding(self) -> Finding:
        span = self.right.span or (0, len(self.text))
        return Finding("wrong_factor", span, "The two sides differ; no single slip explains it.")

    def unmatched(self, term: Term) -> Finding:
        shown = self.text[slice(*term.span)]
        for other in self.terms:
            if other is not term and _equal(self.term_values(other), self.term_values(term)):
                return Finding("double_path", term.span, f"{shown} counts a path that another term counts already.")
        return Finding("extra_term", term.span, f"{shown} is not the product of any path from {self.by_text}.")

    def missing(self, paths: set[int]) -> list[Finding]:
        """Name the paths that no term covers."""
        if not paths:
            return []
        span = self.right.span or (0, len(self.text))
        found: list[Finding] = []
        for index in sorted(paths)[:2]:
            path = [name for name in self.paths[index] if name not in self.program.hidden]
            way = " → ".join(path)
            if len(self.paths[index]) == 2 and len(self.paths) > 1:
                message = f"The term of {way} is missing: {path[-1]} holds {path[0]} itself too (a penalty)."
                found.append(Finding("missing_term", span, message))
            else:
                message = f"The path {way} is missing: {path[0]} acts on {path[-1]} that way too."
                found.append(Finding("missing_path", span, message))
        return found

    # chains of derivatives

    def chain_of(self, term: Term) -> tuple[list[Finding], frozenset[int]] | None:
        """Follow a term made of derivatives by name from the weight on; None for other terms.

        Returns what is wrong with it and the paths it stands for.
        """
        assert self.ends is not None
        of, by = self.ends
        links = [factor for factor in term.factors if isinstance(factor.node, Ratio) and not factor.below]
        if len(links) != len(term.factors) or abs(term.coefficient) != 1:
            return None
        found: list[Finding] = []
        if term.coefficient < 0:
            found.append(Finding("wrong_sign", term.span, "This term has the wrong sign: a path's product is added."))
        pairs = [(self.meaning.nodes(link.node), link) for link in links]  # type: ignore[arg-type]  # they are ratios
        repeated = [pair for pair, times in Counter(pair for pair, _ in pairs).items() if times > 1]
        for pair in repeated:
            link = [each for each_pair, each in pairs if each_pair == pair][-1]
            shown = self.text[slice(*link.span)]
            found.append(Finding("repeated_factor", link.span, f"{shown} stands there twice.", self.dropped(link)))
        order = {name: place for place, name in enumerate(self.sampler_order)}
        chain = sorted(dict(pairs).items(), key=lambda entry: order[entry[0][1]])
        here, visited = by, [by]
        for (link_of, link_by), link in chain:
            if link_by != here:
                if self.reaches(here, link_by):
                    found.append(self.gap(here, link_by, term, link))
                    visited.append(link_by)
                else:
                    found.append(self.broken(term, link))
                    return found, frozenset()
            here = link_of
            visited.append(here)
        if here != of:
            if not self.reaches(here, of):
                found.append(self.broken(term, chain[-1][1]))
                return found, frozenset()
            found.append(self.gap(here, of, term, chain[-1][1]))
            visited.append(of)
        covered = frozenset(index for index, path in enumerate(self.paths) if all(name in path for name in visited))
        return found, covered

    @property
    def sampler_order(self) -> tuple[str, ...]:
        return self.points[0].order

    def gap(self, here: str, there: str, term: Term, link: Factor) -> Finding:
        """A link is missing in a chain."""
        wanted = f"d{there}/d{here}"
        message = f"The chain jumps from {here} to {there}: the factor {wanted} is missing."
        end = term.span[1]
        return Finding("missing_factor", term.span, message, f"{self.text[:end]}*{wanted}{self.text[end:]}")

    def broken(self, term: Term, link: Factor) -> Finding:
        shown = self.text[slice(*link.span)]
        return Finding("broken_chain", link.span, f"{shown} does not join the other factors to one chain.")

    def covering_findings(self, chains: list[tuple[list[Finding], frozenset[int]]]) -> list[Finding]:
        """Terms of derivatives: each path must be covered once."""
        found = [finding for findings, _ in chains for finding in findings]
        times = Counter(index for _, covered in chains for index in covered)
        missing = set(range(len(self.paths))) - set(times)
        doubled = [index for index, count in times.items() if count > 1]
        if doubled:
            path = [name for name in self.paths[doubled[0]] if name not in self.program.hidden]
            which = [term for term, (_, covered) in zip(self.terms, chains, strict=True) if doubled[0] in covered]
            whole = max(which, key=lambda term: len(term.span) and -len(term.factors))
            later = which[-1]
            message = (
                f"The path {' → '.join(path)} is counted {times[doubled[0]]} times: "
                f"{self.text[slice(*whole.span)]} holds it already."
            )
            found.append(Finding("double_path", later.span, message))
        if missing and not any(finding.kind in ("missing_factor", "broken_chain") for finding in found):
            found += self.missing(missing)
        return found or [self.plain_finding()]

    # products of concrete factors

    def explanations(self, term: Term) -> Iterator[Explanation]:
        """Compare a term with each path, with all paths, and with all paths through one quantity."""
        mine = self.term_values(term)
        for paths in self.path_sets():
            whole = [sum(self.path_values[index][place] for index in paths) for place in range(len(self.points))]
            price = 0.0 if len(paths) == 1 or len(self.terms) == 1 else 0.05
            if len(self.terms) == 1 and len(paths) < len(self.paths):
                price = 0.6
            if (found := self.explained(term, mine, whole, paths)) is not None:
                cost, finding = found
                yield Explanation(cost + price, paths, finding)

    def path_sets(self) -> list[frozenset[int]]:
        """The sets of paths that a term may stand for."""
        everything = frozenset(range(len(self.paths)))
        through = [
            frozenset(index for index, path in enumerate(self.paths) if name in path)
            for name in dict.fromkeys(name for path in self.paths for name in path)
        ]
        single = [frozenset([index]) for index in everything]
        return list(dict.fromkeys([everything, *single, *through]))

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
        constant = _constant_of(ratio)
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
        shown = self.text[slice(*term.span)]
        if math.isclose(constant, -1):
            message = f"The sign of {shown} is wrong."
            for factor in term.factors:
                if isinstance(factor.node, Sub) and self.is_residual(factor.node):
                    one, other = self.shown(factor.node.left), self.shown(factor.node.right)
                    message = f"The sign is wrong: it should be ({other} - {one})."
                    return 1.0, Finding(
                        "wrong_sign", factor.span, message, self.replaced(factor.span, f"{other} - {one}")
                    )
            return 1.0, Finding("wrong_sign", term.span, message)
        message = f"{shown} is {_fraction(constant)} times what it should be."
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
            constant = _constant_of(product)
            if constant is not None and (price := _price(constant)) is not None:
                best.append((1.5 + price + _PIECE_PRICE.get(piece.kind, 0.2), self.lacking(term, piece)))
        for group, values in own:
            over = [one / other if other else math.nan for one, other in zip(ratio, values, strict=True)]
            constant = _constant_of(over)
            if constant is not None and (price := _price(constant)) is not None:
                best.append((1.6 + price + 0.3 * (len(group) - 1), self.superfluous(term, group)))
            for piece, wanted in right:
                swapped = _constant_of([one * other for one, other in zip(over, wanted, strict=True)])
                if swapped is not None and (price := _price(swapped)) is not None:
                    alike = 0.0 if self.group_kind(group) == piece.kind else 0.25
                    cost = 2.0 + price + alike + 0.2 * (len(group) - 1)
                    best.append((cost, self.instead(group, piece)))
        for (one, first), (other, second) in combinations(right, 2):
            if one.link == other.link and "part" in (one.kind, other.kind):
                continue
            product = [r * a * b for r, a, b in zip(ratio, first, second, strict=True)]
            if (constant := _constant_of(product)) is not None and _price(constant) == 0:
                best.append((3.0, self.lacking(term, one)))
        return min(best, key=lambda entry: entry[0]) if best else None

    def group_values(self, group: Sequence[Factor], live: list[int]) -> Vector:
        columns = []
        for factor in group:
            values = self.values(factor.node)
            columns.append([1 / values[place] if factor.below and values[place] else values[place] for place in live])
        return [math.prod(row) for row in zip(*columns, strict=True)]

    def group_kind(self, group: Sequence[Factor]) -> str:
        """What a factor of the equation is meant to be."""
        node = group[0].node
        if len(group) > 1 or (isinstance(node, Applied) and node.primes):
            return "slope"
        if isinstance(node, Sub) and self.is_residual(node):
            return "residual"
        if isinstance(node, Sub | Add):
            return "part"
        meaning = self.names.meaning(node) if isinstance(node, Written) else None
        if meaning is None:
            return "other"
        return "weight" if meaning.node in self.program.parameters else "input"

    def pieces(self, paths: frozenset[int]) -> list[Piece]:
        """The factors that belong into a set of paths: of every link its derivative and that derivative's factors."""
        links = dict.fromkeys(pair for index in sorted(paths) for pair in pairwise(self.paths[index]))
        if len(paths) > 1:
            common = [pair for pair in links if all(self.has_link(index, pair) for index in paths)]
            links = dict.fromkeys(common)
        return [piece for pair in links for piece in self.link_pieces(pair)]

    def has_link(self, index: int, pair: tuple[str, str]) -> bool:
        path = self.paths[index]
        return pair in pairwise(path)

    def link_pieces(self, pair: tuple[str, str]) -> list[Piece]:
        local = self.derivatives(*pair)
        kind = self.link_kind(pair, local)
        found = []
        if local != Number(1):
            found.append(Piece(self.slope_text(pair, local), tuple(self.edge_values(pair)), kind, pair))
        parts = _parts(local)
        if len(parts) > 1:
            found += [
                Piece(to_text(part), tuple(self.program_values(part)), "part", pair)
                for part in parts
                if not isinstance(part, Number)
            ]
        return found

    def slope_text(self, pair: tuple[str, str], local: Expr) -> str:
        text = to_text(local)
        return text if len(text) <= 24 else f"d{pair[1]}/d{pair[0]}"

    def link_kind(self, pair: tuple[str, str], local: Expr) -> str:
        formula = self.program.formulas[pair[1]]
        if isinstance(formula, Call) and pair[1] != self.program.loss:
            return "slope"
        if isinstance(local, Name):
            return "weight" if local.id in self.program.parameters else "input"
        return "residual" if pair[1] == self.program.loss else "other"

    @cached_property
    def derivatives(self) -> Derivatives:
        return Derivatives(self.program)

    def edge_values(self, pair: tuple[str, str]) -> Vector:
        return [point.edges[pair] for point in self.points]

    def program_values(self, expr: Expr) -> Vector:
        """What a formula in the network's own names comes to at every point."""
        return [float(evaluate(expr, point.values, self.program.functions)) for point in self.points]

    # findings about factors

    def lacking(self, term: Term, piece: Piece) -> Finding:
        by, of = piece.link
        names = {"slope": "the derivative of the activation", "weight": "the weight", "residual": "the error's part"}
        what = names.get(piece.kind, "the factor")
        message = (
            f"The factor {piece.text} is missing: d{of}/d{by} = {piece.text}, {what}"
            if piece.kind in names
            else (f"The factor {piece.text} is missing: d{of}/d{by} = {to_text(self.derivatives(by, of))}")
        )
        end = term.span[1]
        shown = piece.text if _is_simple(piece.text) else f"({piece.text})"
        return Finding("missing_factor", term.span, f"{message}.", f"{self.text[:end]}*{shown}{self.text[end:]}")

    def superfluous(self, term: Term, group: Sequence[Factor]) -> Finding:
        span = _span(group)
        shown = self.text[slice(*span)]
        values = self.values(group[0].node)
        twins = [factor for factor in term.factors if factor not in group and _equal(self.values(factor.node), values)]
        if len(group) == 1 and twins:
            return Finding("repeated_factor", span, f"{shown} stands there twice.", self.dropped(group[0]))
        return Finding("extra_factor", span, f"The factor {shown} does not belong there.", self.dropped(*group))

    def instead(self, group: Sequence[Factor], piece: Piece) -> Finding:
        """One factor in the place of another."""
        span = _span(group)
        shown = self.text[slice(*span)]
        kind, reason = self.swap_kind(group, piece)
        message = f"{shown} stands where {piece.text} belongs: {reason}"
        return Finding(kind, span, message, self.replaced(span, piece.text))

    def swap_kind(self, group: Sequence[Factor], piece: Piece) -> tuple[Kind, str]:
        by, of = piece.link
        node = group[0].node
        local = to_text(self.derivatives(by, of))
        why = f"d{of}/d{by} = {local}."
        if isinstance(node, Applied) and node.primes:
            given = self.names.meaning(node.arg) if isinstance(node.arg, Written) else None
            if given is not None and given.node == of:
                return "wrong_argument", f"the derivative is taken at the weighted sum {by}, not at {of}."
            return "wrong_layer", f"the derivative of this link is taken at {by}: {why}"
        if isinstance(node, Written) and (meaning := self.names.meaning(node)) is not None:
            if meaning.node in self.program.parameters and piece.kind == "weight":
                return "wrong_index", f"that is the weight between {by} and {of}: {why}"
            if piece.kind == "slope" or piece.kind == "part":
                return "wrong_factor", why
        return "wrong_factor", why

    def term_values(self, term: Term) -> Vector:
        found = []
        for place in range(len(self.points)):
            value = term.coefficient
            for factor in term.factors:
                number = self.factor_values(factor)[place]
                value = (value / number if number else math.nan) if factor.below else value * number
            found.append(value)
        return found

    def factor_values(self, factor: Factor) -> Vector:
        if not hasattr(self, "_factor_values"):
            self._factor_values: dict[int, Vector] = {}
        key = id(factor.node)
        if key not in self._factor_values:
            self._factor_values[key] = self.values(factor.node)
        return self._factor_values[key]

    # -- definitions, functions, updates

    def definition_findings(self) -> list[Finding]:
        """Tell how a formula differs from the network's own."""
        span = self.right.span or (0, len(self.text))
        left, right = self.values(self.left), self.values(self.right)
        meaning = self.names.meaning(self.left) if isinstance(self.left, Written) else None
        if meaning is None or meaning.node not in self.program.formulas:
            if (ratio := _constant(right, left)) is not None:
                return [self.scale_finding(ratio, span)] if ratio > 0 else [self.sign_finding(span)]
            return [Finding("wrong_definition", span, "The two sides differ.")]
        node = meaning.node
        own = self.visible_formula(node)
        message = f"The formula of {node} is {node} = {own}."
        inner = self.names.sum_of(node)
        if inner is not None and _equal(right, [point.values[inner] for point in self.points]):
            message = f"The activation is missing: that is the weighted sum, {node} = {own}."
        elif (ratio := _constant(right, left)) is not None:
            message = f"It is {_fraction(ratio)} times the loss of this network. " + message
        elif (difference := self.missing_addend(node, right)) is not None:
            message = f"{difference} is missing. " + message
        return [Finding("wrong_definition", span, message, f"{self.text[: span[0]]}{own}")]

    def missing_addend(self, node: str, right: Vector) -> str | None:
        """Return the addend of a formula that a definition leaves out."""
        formula = self.program.formulas[node]
        own = [point.values[node] for point in self.points]
        for part in addends(formula) if isinstance(formula, Add | Sub) else []:
            values = self.program_values(part)
            for sign in (1, -1):
                if _equal([one + sign * other for one, other in zip(right, values, strict=True)], own):
                    return to_text(part)
        return None

    def visible_formula(self, node: str) -> str:
        formula = self.program.formulas[node]
        hidden = {name: self.program.formulas[name] for name in self.program.hidden if name in self.program.formulas}
        return to_text(substitute(formula, hidden))

    def function_findings(self) -> list[Finding]:
        """Tell what is wrong with a formula for a function or its derivative."""
        assert isinstance(self.left, Applied)
        row = self.meaning.row(self.left)
        span = self.right.span or (0, len(self.text))
        left, right = self.values(self.left), self.values(self.right)
        shown = self.text[slice(*(self.left.span or (0, 0)))]
        slope = (
            f"a*(1 - a) with a = {row.name}" if row.name == "sigmoid" else to_text(row.slope) + f" with a = {row.name}"
        )
        truth = f"{shown} = {slope}(z)" if self.left.primes else f"{shown} = {row.formula}"
        if _equal([-value for value in left], right):
            return [Finding("wrong_sign", span, f"The sign is wrong: {truth}.")]
        mirrored = self.mirrored()
        if not self.left.primes and mirrored is not None and _equal(mirrored, right):
            return [
                Finding("wrong_sign", span, f"The sign of the exponent is wrong, that is the function at -z: {truth}.")
            ]
        if (ratio := _constant(right, left)) is not None:
            return [Finding("wrong_scale", span, f"It is {_fraction(ratio)} times too large: {truth}.")]
        if self.left.primes and self.uses_argument_for_value(row.name, right):
            message = f"The rule a*(1 - a) is used with z in place of a = {row.name}(z): {truth}."
            return [Finding("wrong_argument", span, message)]
        return [Finding("wrong_definition", span, f"{truth}.")]

    def mirrored(self) -> Vector | None:
        """The function of the negative argument."""
        assert isinstance(self.left, Applied)
        arg = self.left.arg
        return self.values(Applied(self.left.function, Neg(arg), self.left.primes))

    def uses_argument_for_value(self, name: str, right: Vector) -> bool:
        """Whether the slope's formula in a was written with z."""
        assert isinstance(self.left, Applied)
        slope = self.meaning.row(self.left).slope
        if "a" not in {each.id for each in walk(slope) if isinstance(each, Name)}:
            return False
        z = self.values(self.left.arg)
        return _equal([float(evaluate(slope, {"a": value, "z": value})) for value in z], right)

    def update_findings(self, parameter: str, constant: bool) -> list[Finding]:
        """Tell what is wrong with an update rule."""
        span = self.right.span or (0, len(self.text))
        loss = self.program.loss
        if constant:
            message = (
                f"This step climbs: the gradient points to where {loss} grows, so it is subtracted. "
                f"{parameter} = {parameter} - eta*d{loss}/d{parameter}."
            )
            fix = self.text[: span[0]] + self.text[slice(*span)].replace("+", "-", 1)
            return [Finding("wrong_sign", span, message, fix)]
        message = (
            f"The step is no constant times d{loss}/d{parameter}: {parameter} - eta*d{loss}/d{parameter} goes down."
        )
        return [Finding("wrong_factor", span, message)]

    # -- numbers and text

    def term_numbers(self, point: Point) -> tuple[tuple[str, float, float | None], ...]:
        """Each term of the right side with its number at a point."""
        found = []
        for term in self.terms[:6]:
            value = term.coefficient
            for factor in term.factors:
                number = self.meaning_value(factor.node, point)
                value = (value / number if number else math.nan) if factor.below else value * number
            found.append((self.text[slice(*term.span)], value, None))
        return tuple(found)

    def meaning_value(self, node: Expr, point: Point) -> float:
        names = {each.base + each.below for each in written_names(node)}
        free = dict.fromkeys(names, 0.1)
        return Meaning(self.names, free).value(node, point)

    def reaches(self, by: str, of: str) -> bool:
        """Whether one quantity depends on another."""
        if not hasattr(self, "_reached"):
            self._reached: dict[str, set[str]] = {}
        if by not in self._reached:
            found: set[str] = set()
            pending = [by]
            while pending:
                for target in self.program.users.get(pending.pop(), ()):
                    if target not in found:
                        found.add(target)
                        pending.append(target)
            self._reached[by] = found
        return of in self._reached[by]

    @property
    def by_text(self) -> str:
        return self.ends[1] if self.ends else ""

    def shown(self, node: Expr) -> str:
        return self.text[slice(*node.span)] if node.span else to_text(node)

    def replaced(self, span: Span, text: str) -> str:
        return self.text[: span[0]] + text + self.text[span[1] :]

    def dropped(self, *factors: Factor) -> str:
        fixed = self.text
        for span in sorted((factor.span for factor in factors), reverse=True):
            fixed = _without(fixed, span)
        return fixed


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


def _price(constant: float) -> float | None:
    """Return what it costs to assume a constant beside another slip; None where it is no usual one."""
    if math.isclose(constant, 1, rel_tol=1e-8):
        return 0.0
    if math.isclose(constant, -1, rel_tol=1e-8):
        return 0.8
    return 1.0 if any(math.isclose(constant, each, rel_tol=1e-8) for each in _CONSTANTS) else None


def _constant_of(values: Vector) -> float | None:
    """Return the number that all values are, or None."""
    first = values[0] if values else math.nan
    if not math.isfinite(first) or first == 0:
        return None
    return first if all(math.isclose(value, first, rel_tol=1e-8) for value in values) else None


def _constant(right: Vector, left: Vector) -> float | None:
    """Return c where right = c*left at every point and left is not always zero."""
    live = [(one, other) for one, other in zip(right, left, strict=True) if abs(other) > 1e-12]
    if len(live) < 2 or any(abs(one) > 1e-11 for one, other in zip(right, left, strict=True) if abs(other) <= 1e-12):
        return None
    return _constant_of([one / other for one, other in live])


def _equal(left: Vector, right: Vector) -> bool:
    return all(
        math.isfinite(one) and same(one, other, max(abs(one), abs(other)))
        for one, other in zip(left, right, strict=True)
    )


def _fraction(value: float) -> str:
    found = Fraction(value).limit_denominator(1000)
    return str(found) if math.isclose(float(found), value, rel_tol=1e-9) else f"{value:.6g}"


def _is_simple(text: str) -> bool:
    return text.isidentifier()


def _without(text: str, span: Span) -> str:
    """Return a text less a factor and the sign of multiplication beside it."""
    before, after = text[: span[0]].rstrip(), text[span[1] :].lstrip()
    if before.endswith("*"):
        before = before[:-1].rstrip()
    elif after.startswith("*"):
        after = after[1:].lstrip()
    return f"{before} {after}".strip() if before and after and after[0] not in "*/)+-" else before + after


def _distinct(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings less those that say the same of a sibling term."""
    found: list[Finding] = []
    for finding in findings:
        if not any(finding.kind == other.kind and finding.message == other.message for other in found):
            found.append(finding)
    return found
