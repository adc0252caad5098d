"""What belongs on the way between the ends of a derivative, as numbers that a wrong part can be compared with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, TypeAlias

from backstory.checking.equation import Applied, Ratio, Written
from backstory.checking.facts import Facts
from backstory.checking.paths import Paths
from backstory.checking.spelling import as_written, written
from backstory.checking.vectors import Vector
from backstory.expressions import Call, Compare, Div, Expr, Mul, Name, Number, Pow, Sub, walk
from backstory.expressions.transform import size
from backstory.story.formula_graph import Derivatives

Role: TypeAlias = Literal["weight", "slope", "input", "residual", "part", "link", "other"]


@dataclass(frozen=True)
class Quantity:
    """A factor that belongs on the way: the derivative of a link, a part of it, or the derivative over several links.

    Attributes
    ----------
    tree : Expr
        How it is written.
    values : list of float
        At each point.
    role : str
        "link" is a derivative over several links at once; "part" a factor such as 1 - a of a link's derivative.
    of, by : str
        The ends of the link.
    """

    tree: Expr
    values: Vector
    role: Role
    of: str
    by: str


@dataclass(frozen=True)
class Way:
    """Some of the paths between the ends: those through given quantities.

    Attributes
    ----------
    through : tuple of str
    values : list of float
        The sum of their products, at each point.
    """

    through: tuple[str, ...]
    values: Vector


class Table:
    """Numbers found again by their values at one point, whichever that is."""

    def __init__(self, vectors: list[Vector]) -> None:
        self.vectors = vectors
        self._by_place: dict[int, dict[str, list[int]]] = {}

    def find(self, wanted: Vector, live: list[int]) -> Iterator[int]:
        """Yield the places in the table of what has the wanted values at the live points."""
        place = max(live, key=lambda each: abs(wanted[each]))
        if place not in self._by_place:
            found: dict[str, list[int]] = {}
            for index, vector in enumerate(self.vectors):
                found.setdefault(_key(vector[place]), []).append(index)
            self._by_place[place] = found
        near = 1e-7 * abs(wanted[place])
        for index in self._by_place[place].get(_key(wanted[place]), ()):
            vector = self.vectors[index]
            if all(abs(vector[each] - wanted[each]) <= near for each in live):
                yield index


def _key(value: float) -> str:
    return f"{value:.6e}" if value else "0"


class Quantities:
    """Everything that may stand in a right equation for one derivative."""

    def __init__(self, facts: Facts, paths: Paths) -> None:
        self.facts, self.paths = facts, paths
        self.program = facts.program
        assert facts.ends is not None
        self.of, self.by = facts.ends

    @cached_property
    def derivatives(self) -> Derivatives:
        return self.facts.derivatives

    @cached_property
    def names(self) -> list[str]:
        """The quantities on the way, in their order, the ends with them."""
        found = [self.by]
        found += [
            name
            for name in self.program.formulas
            if name not in (self.of, self.by)
            and self.facts.reaches(self.by, name)
            and self.facts.reaches(name, self.of)
        ]
        return [*found, self.of] if self.of != self.by else found

    @cached_property
    def links(self) -> list[tuple[str, str]]:
        """The links on the way, as (by, of)."""
        inside = set(self.names)
        return [(by, of) for by in self.names for of in self.program.users.get(by, ()) if of in inside]

    @cached_property
    def all(self) -> list[Quantity]:
        """Each link's derivative and its parts, and the derivatives over several links."""
        found = [quantity for by, of in self.links for quantity in self.of_link(of, by)]
        links = set(self.links)
        for place, by in enumerate(self.names):
            for of in self.names[place + 1 :]:
                if (by, of) not in links and self.facts.reaches(by, of) and (by, of) != (self.by, self.of):
                    tree = Ratio(written(of), written(by))
                    found.append(Quantity(tree, self.total(of, by), "link", of, by))
        return found

    @cached_property
    def table(self) -> Table:
        return Table([quantity.values for quantity in self.all])

    def like(self, values: Vector, live: list[int]) -> Iterator[Quantity]:
        """Yield what has given values; of differences also those that have them the other way round."""
        for index in self.table.find(values, live):
            yield self.all[index]
        for index in self.table.find([-value for value in values], live):
            found = self.all[index]
            difference = found.tree
            if isinstance(difference, Sub) and found.role in ("residual", "part"):
                tree = Sub(difference.right, difference.left)
                yield Quantity(tree, [-value for value in found.values], found.role, found.of, found.by)

    def total(self, of: str, by: str) -> Vector:
        """The total derivative of one quantity by another at each point."""
        return [point.total(of, by) for point in self.facts.points]

    def of_link(self, of: str, by: str) -> Iterator[Quantity]:
        """Return a link's derivative and, where that is a product, its factors."""
        local = self.derivatives(by, of)
        if local == Number(1):
            return
        yield Quantity(self.link_tree(of, by, local), self.facts.edge_values((by, of)), self.role(of, local), of, by)
        parts = list(_parts(local))
        for part in parts if parts != [local] else ():
            if not isinstance(part, Number):
                yield Quantity(as_written(part), self.facts.program_values(part), "part", of, by)
        if (by, of) != (self.by, self.of) and not self.paths_are_single(of, by):
            yield Quantity(Ratio(written(of), written(by)), self.total(of, by), "link", of, by)

    def link_tree(self, of: str, by: str, local: Expr) -> Expr:
        """How the derivative of a link is written: worked out where that is short, or is what is asked for."""
        formula = self.program.formulas[of]
        is_plain = not any(isinstance(each, Call | Compare) for each in walk(local))
        if is_plain and (size(local) <= 8 or (of, by) == (self.of, self.by)):
            return as_written(local)
        if isinstance(formula, Call) and of != self.program.loss:
            return Applied(Written(formula.function), written(by), 1)
        return Ratio(written(of), written(by))

    def paths_are_single(self, of: str, by: str) -> bool:
        """Whether a link is the only path between its ends."""
        return not any(user != of and self.facts.reaches(user, of) for user in self.program.users[by])

    def role(self, of: str, local: Expr) -> Role:
        """What the derivative of a link is to a reader."""
        if of == self.program.loss:
            return "residual"
        if isinstance(self.program.formulas[of], Call):
            return "slope"
        if isinstance(local, Name):
            return "weight" if local.id in self.program.parameters else "input"
        return "other"

    # -- sums of paths

    @cached_property
    def ways(self) -> list[Way]:
        """All paths through one or two quantities or along a link; and each path by itself."""
        inner = self.names[1:-1]
        found = [Way((name,), self.through(name)) for name in inner]
        found += [
            Way((first, second), self.through(first, second))
            for place, first in enumerate(inner)
            for second in inner[place + 1 :]
            if self.facts.reaches(first, second)
        ]
        found += [Way((by, of), self.along(by, of)) for by, of in self.links]
        found += [
            Way((first, by, of), self.along(by, of, first))
            for first in inner
            for by, of in self.links
            if first != by and self.facts.reaches(first, by)
        ]
        found += [Way(path, values) for path, values in zip(self.paths.all, self.paths.values, strict=True)]
        return found

    @cached_property
    def way_table(self) -> Table:
        return Table([way.values for way in self.ways])

    def through(self, *names: str) -> Vector:
        """The sum over all paths through some quantities."""
        stops = (self.by, *names, self.of)
        return [math.prod(point.total(of, by) for by, of in pairwise(stops)) for point in self.facts.points]

    def along(self, by: str, of: str, through: str = "") -> Vector:
        """The sum over all paths along one link, and through a quantity before it."""
        first = self.through_to(by, through)
        return [
            one * point.edges[by, of] * point.total(self.of, of)
            for one, point in zip(first, self.facts.points, strict=True)
        ]

    def through_to(self, end: str, through: str) -> Vector:
        stops = (self.by, through, end) if through else (self.by, end)
        return [math.prod(point.total(of, by) for by, of in pairwise(stops)) for point in self.facts.points]


def _parts(local: Expr) -> Iterator[Expr]:
    match local:
        case Mul(left, right):
            yield from _parts(left)
            yield from _parts(right)
        case Div(left, Number()):
            yield from _parts(left)
        case Pow(left, Number(value)) if value == 2:
            yield left
            yield left
        case _:
            yield local
