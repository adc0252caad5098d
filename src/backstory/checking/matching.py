"""What each term of an equation stands for: the paths it covers or is meant to cover, and those that no term covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from backstory.checking.chains import Chains
from backstory.checking.facts import Facts
from backstory.checking.paths import Paths
from backstory.checking.products import Explanation, Products
from backstory.checking.terms import Term, ratios
from backstory.checking.vectors import equal
from backstory.checking.verdict import Finding, WrittenTerm


@dataclass(frozen=True)
class Match:
    """A term, by its place among the terms, with the paths it stands for, by number, and what is wrong with it."""

    place: int
    paths: frozenset[int]
    findings: tuple[Finding, ...] = ()


class Matching:
    """The terms of one equation, each with its paths; every path is given to one term at most.

    Parameters
    ----------
    facts : Facts
    paths : Paths
    chains : Chains
    products : Products
    """

    def __init__(self, facts: Facts, paths: Paths, chains: Chains, products: Products) -> None:
        self.facts, self.paths, self.chains, self.products = facts, paths, chains, products

    def exact(self) -> list[Match] | None:
        """Return each term with paths whose sum it is, so that all are covered once; None where they are not."""
        left = frozenset(range(len(self.paths.all)))
        found: list[Match] = []
        for place, term in enumerate(self.facts.terms):
            mine = self.facts.term_values(term)
            sets = (each for each in self.paths.sets() if each <= left and equal(mine, self.paths.total(each)))
            if (paths := next(sets, None)) is None:
                return None
            left -= paths
            found.append(Match(place, paths))
        return None if left else found

    def by_links(self) -> list[Match] | None:
        """Follow the chains, where every term is one of derivatives by name; else None."""
        found: list[Match] = []
        for place, term in enumerate(self.facts.terms):
            chain = self.chains.chain_of(term)
            if chain is None:
                return None
            findings, covered = chain
            found.append(Match(place, covered, tuple(findings)))
        return found

    def by_values(self) -> list[Match]:
        """Give paths to terms by what these come to, the cheapest explanation first; terms without come last."""
        explained = sorted(
            (
                (explanation.cost, place, explanation)
                for place, term in enumerate(self.facts.terms)
                for explanation in self.products.explanations(term)
            ),
            key=lambda entry: entry[:2],
        )
        taken: set[int] = set()
        done: dict[int, Explanation] = {}
        for _, place, explanation in explained:
            if place not in done and not explanation.paths & taken:
                done[place] = explanation
                taken |= explanation.paths
        matched = [
            Match(place, found.paths, () if found.finding is None else (found.finding,))
            for place, found in done.items()
        ]
        others = [(place, term) for place, term in enumerate(self.facts.terms) if place not in done]
        return [*matched, *(Match(place, frozenset(), (self.paths.unmatched(term),)) for place, term in others)]

    def written(self, is_right: bool) -> tuple[tuple[WrittenTerm, ...], tuple[tuple[str, ...], ...]]:
        """Return the terms as data, and the paths that none of them covers.

        Parameters
        ----------
        is_right : bool
            Whether the equation is; nothing is told of its terms where these do not show it.
        """
        if not self.paths.all:
            return (), ()
        matches = self.exact()
        if matches is None and is_right:
            return (), ()
        if matches is None:
            matches = self.by_links() or self.by_values()
        told: list[WrittenTerm] = []
        taken: set[int] = set()
        for match in sorted(matches, key=lambda match: match.place):
            term = self.facts.terms[match.place]
            paths = match.paths or self._meant(term)
            right = bool(match.paths) and not match.findings and not paths & taken
            told.append(self._told(term, right, paths))
            taken |= paths
        missing = sorted(set(range(len(self.paths.all))) - taken)
        return tuple(told), tuple(self.paths.all[index] for index in missing)

    def _told(self, term: Term, is_right: bool, paths: frozenset[int]) -> WrittenTerm:
        nodes = tuple(self.paths.all[index] for index in sorted(paths))
        return WrittenTerm(self._text(term), self.facts.closed(term.span), "right" if is_right else "wrong", nodes)

    def _meant(self, term: Term) -> frozenset[int]:
        """Return the paths through all that a wrong chain names and that lies on a path."""
        pairs = [self.facts.meaning.nodes(ratio) for factor in term.factors for ratio in ratios(factor.node)]
        on_a_path = {name for path in self.paths.all for name in path}
        names = {name for pair in pairs for name in pair} & on_a_path - {self.paths.all[0][0], self.paths.all[0][-1]}
        through = (index for index, path in enumerate(self.paths.all) if names <= set(path))
        return frozenset(through) if names else frozenset()

    def _text(self, term: Term) -> str:
        """Return a term as written; of a product that was multiplied out, its factors."""
        text = self.facts.text
        spans = sorted(other.span for other in self.facts.terms)
        if all(one[1] <= other[0] for one, other in pairwise(spans)):
            return text[slice(*self.facts.closed(term.span))]
        factors = [("1/" if factor.below else "") + self._enclosed(text, factor.span) for factor in term.factors]
        sign = "-" if term.coefficient < 0 else ""
        number = [] if abs(term.coefficient) == 1 else [f"{abs(term.coefficient):g}"]
        return sign + "*".join([*number, *factors])

    @staticmethod
    def _enclosed(text: str, span: Sequence[int]) -> str:
        """Return a factor, in the parentheses in which it stands."""
        start, end = span
        before, after = text[:start].rstrip(), text[end:].lstrip()
        return f"({text[start:end]})" if before.endswith("(") and after.startswith(")") else text[start:end]
