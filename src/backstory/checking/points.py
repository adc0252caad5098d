"""Random points at which both sides of an equation are computed: values of every quantity, numbers of every edge.

All leaves are drawn anew, of both signs and away from zero, so that two formulas which agree at several points agree.
The formulas and their local derivatives are compiled once to a function of the leaves.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from backstory.expressions import Expr, expand_calls, substitute, to_python
from backstory.functions.activation import Activation
from backstory.story.formula_graph import Derivatives
from backstory.story.program import Program, aggregated

_TRIES = 400
_LEAST_SEEN, _MOST_POINTS = 2, 32
"""How often each side of a kink is met at least, if it can be, in at most so many points."""
_IN_VAIN = 40
"""After so many points that show nothing new, no more are drawn."""
_NEAREST, _FARTHEST = 0.3, 1.7
_KINK = 0.05
"""How near to a kink no weighted sum may come."""


@dataclass
class Point:
    """A value of every quantity, and the number of every edge by source and target."""

    values: dict[str, float]
    edges: dict[tuple[str, str], float]
    out: Mapping[str, tuple[str, ...]]
    order: tuple[str, ...]
    _totals: dict[tuple[str, frozenset[str]], dict[str, float]] = field(default_factory=dict)

    def total(self, of: str, by: str, avoiding: frozenset[str] = frozenset()) -> float:
        """Return the total derivative of one quantity by another, over the paths that avoid some others."""
        key = of, avoiding - {of, by}
        if key not in self._totals:
            found = {of: 1.0}
            for name in reversed(self.order):
                if name == of or name in key[1]:
                    continue
                terms = [
                    self.edges[name, target] * found[target] for target in self.out.get(name, ()) if target in found
                ]
                if terms:
                    found[name] = sum(terms)
            self._totals[key] = found
        return self._totals[key].get(by, 0.0)

    def local(self, of: str, by: str) -> float:
        """Return the partial derivative of a quantity's own formula; 0 where that does not name the other."""
        return 1.0 if of == by else self.edges.get((by, of), 0.0)


class Sampler:
    """Draws points of a program of one sample.

    Parameters
    ----------
    program : Program
    derivatives : callable, optional
        From two neighbors to the derivative of the second by the first; by the rules of differentiation unless given.
    prepare : callable, optional
        Brings drawn leaves to where the formulas have values; changes them.
    """

    def __init__(
        self,
        program: Program,
        derivatives: Callable[[str, str], Expr] | None = None,
        prepare: Callable[[dict[str, float], random.Random], None] | None = None,
    ) -> None:
        self.program = program
        self.prepare = prepare
        self.derivatives = derivatives or Derivatives(program)
        self.out = {
            name: program.users.get(name, ()) for name in (*program.leaves, *program.samples, *program.formulas)
        }
        self.order = (*program.leaves, *program.samples, *program.formulas)
        self.leaves = (*program.leaves, *program.samples)
        self.pairs = [(source, target) for target, used in program.uses.items() for source in used]
        self._run = self._compiled()

    def points(self, count: int, seed: int = 0) -> list[Point]:
        """Return so many points; fewer only where the formulas have a value almost nowhere.

        More where activations have a kink, so that each is met on both sides of it and no unit is dead at all points.
        """
        found: list[Point] = []
        seen: Counter[Hashable] = Counter()
        in_vain = 0
        for point in self._candidates(random.Random(seed)):
            states = self._states(point)
            if len(found) < count or any(seen[state] < _LEAST_SEEN for state in states):
                found.append(point)
                seen.update(states)
                in_vain = 0
            else:
                in_vain += 1
            if (len(found) >= count and not self._kinked) or len(found) == _MOST_POINTS or in_vain == _IN_VAIN:
                break
        return found

    def _candidates(self, generator: random.Random) -> Iterator[Point]:
        """Points at random leaves; after half of all tries about where the file has them."""
        for attempt in range(_TRIES):
            leaves = {name: self._drawn(name, generator, near=attempt > _TRIES // 2) for name in self.leaves}
            if self.prepare is not None:
                self.prepare(leaves, generator)
            if (point := self.at(leaves)) is not None and self._is_ordinary(point):
                yield point

    def _states(self, point: Point) -> list[Hashable]:
        """On which side of its kink each activation is, whether the loss depends on it there, and each two of these."""
        loss = self.program.loss
        single: list[Hashable] = [
            (
                name,
                sum(point.values[name] > kink for kink in kinks),
                bool(point.total(loss, self.program.users[name][0])),
            )
            for name, kinks in self._kinked.items()
        ]
        return [*single, *combinations(single, 2)]

    def at(self, leaves: Mapping[str, float]) -> Point | None:
        """Return the point of given leaves, or None where a value is not finite there."""
        try:
            values, edges = self._run(*(leaves[name] for name in self.leaves))
        except (ValueError, OverflowError, ZeroDivisionError):
            return None
        if not all(map(_is_finite, values)) or not all(map(_is_finite, edges)):
            return None
        return Point(
            dict(zip(self.order, (*leaves.values(), *values), strict=True)),
            dict(zip(self.pairs, edges, strict=True)),
            self.out,
            self.order,
        )

    def _drawn(self, name: str, generator: random.Random, near: bool) -> float:
        size = generator.uniform(_NEAREST, _FARTHEST)
        given = self.program.leaves.get(name, 1.0)
        if near:  # where random leaves leave a function's domain: about where the file has them
            return given * generator.uniform(0.8, 1.2) + generator.uniform(-0.01, 0.01)
        return size if generator.random() < 0.5 else -size

    def _is_ordinary(self, point: Point) -> bool:
        """Whether no activation stands near its kink."""
        return all(
            abs(point.values[argument] - kink) > _KINK for argument, kinks in self._kinked.items() for kink in kinks
        )

    def _compiled(self) -> Callable[..., tuple[list[float], list[float]]]:
        program, derivatives = self.program, self.derivatives
        place = {name: f"v{index}" for index, name in enumerate(self.order)}
        self._kinked: dict[str, tuple[float, ...]] = {}
        rows = {**program.rows}
        lines = ["def run(" + ", ".join(place[name] for name in self.leaves) + "):"]
        for name, tree in program.formulas.items():
            inner = aggregated(tree)
            source = place[inner] if inner else self._source(tree, rows, place)
            lines.append(f"    {place[name]} = {source}")
            function = getattr(tree, "function", None)
            if function in rows and rows[function].kinks:
                argument = tree.children[0]
                if (known := getattr(argument, "id", None)) is not None:
                    self._kinked[known] = rows[function].kinks
        values = ", ".join(place[name] for name in program.formulas)
        numbers = ", ".join(
            "1.0" if aggregated(program.formulas[target]) else self._source(derivatives(source, target), rows, place)
            for source, target in self.pairs
        )
        lines.append(f"    return [{values}], [{numbers}]")
        scope: dict[str, Any] = {"math": math}
        exec("\n".join(lines), scope)
        return scope["run"]  # type: ignore[no-any-return]  # defined by the text above

    def _source(self, tree: Expr, rows: Mapping[str, Activation], place: Mapping[str, str]) -> str:
        elementary = expand_calls(tree, {name: _definition(row) for name, row in rows.items()})
        return to_python(elementary, name=lambda name: place.get(name, _CONSTANTS.get(name, name)))


_CONSTANTS = {"pi": "math.pi", "e": "math.e"}


def _definition(row: Activation) -> Callable[[Expr], Expr]:
    return lambda argument: substitute(row.value, {"z": argument})


def _is_finite(value: float) -> bool:
    return isinstance(value, float | int) and math.isfinite(value)
