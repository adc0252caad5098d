"""The paths between the ends of a derivative, which its terms must cover once each."""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import cached_property
from itertools import pairwise

from backstory.checking.facts import Facts
from backstory.checking.terms import Term
from backstory.checking.vectors import Vector, equal
from backstory.checking.verdict import Finding

MOST_PATHS = 48


class Paths:
    """All paths of one equation, by number."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    @cached_property
    def all(self) -> list[tuple[str, ...]]:
        """All paths between the ends; empty where there are too many."""
        assert self.facts.ends is not None
        of, by = self.facts.ends
        found: list[tuple[str, ...]] = []

        def go(path: tuple[str, ...]) -> None:
            if len(found) > MOST_PATHS:
                return
            if path[-1] == of:
                found.append(path)
                return
            for target in self.facts.program.users.get(path[-1], ()):
                if target == of or self.facts.reaches(target, of):
                    go((*path, target))

        go((by,))
        return found if len(found) <= MOST_PATHS else []

    @cached_property
    def values(self) -> list[Vector]:
        return [
            [math.prod(point.edges[pair] for pair in pairwise(path)) for point in self.facts.points]
            for path in self.all
        ]

    def sets(self) -> list[frozenset[int]]:
        """The sets of paths that a term may stand for."""
        everything = frozenset(range(len(self.all)))
        through = [
            frozenset(index for index, path in enumerate(self.all) if name in path)
            for name in dict.fromkeys(name for path in self.all for name in path)
        ]
        single = [frozenset([index]) for index in everything]
        return list(dict.fromkeys([everything, *single, *through]))

    def total(self, paths: Collection[int]) -> Vector:
        """Return what some paths come to together."""
        return [sum(self.values[index][place] for index in paths) for place in range(len(self.facts.points))]

    def has_link(self, index: int, pair: tuple[str, str]) -> bool:
        path = self.all[index]
        return pair in pairwise(path)

    def plain(self) -> Finding:
        span = self.facts.right.span or (0, len(self.facts.text))
        return Finding("wrong_factor", span, "The two sides differ; no single slip explains it.")

    def unmatched(self, term: Term) -> Finding:
        shown = self.facts.text[slice(*self.facts.closed(term.span))]
        for other in self.facts.terms:
            if other is not term and equal(self.facts.term_values(other), self.facts.term_values(term)):
                return Finding("double_path", term.span, f"{shown} counts a path that another term counts already.")
        return Finding("extra_term", term.span, f"{shown} is not the product of any path from {self.facts.by_text}.")

    def missing(self, paths: set[int]) -> list[Finding]:
        """Name the paths that no term covers."""
        if not paths:
            return []
        span = self.facts.right.span or (0, len(self.facts.text))
        found: list[Finding] = []
        for index in sorted(paths)[:2]:
            path = [name for name in self.all[index] if name not in self.facts.program.hidden]
            way = " → ".join(path)
            if len(self.all[index]) == 2 and len(self.all) > 1:
                message = f"The term of {way} is missing: {path[-1]} holds {path[0]} itself too (a penalty)."
                found.append(Finding("missing_term", span, message))
            else:
                message = f"The path {way} is missing: {path[0]} acts on {path[-1]} that way too."
                found.append(Finding("missing_path", span, message))
        return found
