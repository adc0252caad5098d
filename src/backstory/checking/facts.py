"""What every diagnosis asks about one wrong equation: its ends, its terms, numbers of its parts, its text changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

from backstory.checking.equation import Applied, Ratio, Written
from backstory.checking.meaning import Meaning
from backstory.checking.names import Names
from backstory.checking.points import Point
from backstory.checking.terms import Factor, Term, expand, written_names
from backstory.checking.vectors import Values, Vector
from backstory.expressions import Add, Expr, Sub, evaluate, to_text, walk
from backstory.expressions.tree import Span
from backstory.story.formula_graph import Derivatives


class Facts:
    """One wrong equation at the points of one network."""

    def __init__(
        self,
        names: Names,
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

    def role_of(self, node: Expr, several: bool = False) -> str:
        """Say what a factor, or several side by side such as a*(1 - a), is meant to be on a path."""
        if several or (isinstance(node, Applied) and node.primes):
            return "slope"
        if isinstance(node, Sub) and self.is_residual(node):
            return "residual"
        if isinstance(node, Sub | Add):
            return "part"
        meaning = self.names.meaning(node) if isinstance(node, Written) else None
        if meaning is None:
            return "other"
        return "weight" if meaning.node in self.program.parameters else "input"

    def closed(self, span: Span) -> Span:
        """Return a place widened to the parentheses that begin or end within it."""
        start, end = span
        for _ in range(self.text.count("(")):
            inside = self.text[start:end]
            depths = list(accumulate((character == "(") - (character == ")") for character in inside))
            after = len(self.text) - len(self.text[end:].lstrip())
            before = len(self.text[:start].rstrip())
            if depths and depths[-1] > 0 and self.text[after : after + 1] == ")":
                end = after + 1
            elif depths and min(depths) < 0 and self.text[before - 1 : before] == "(":
                start = before - 1
            else:
                break
        return start, end

    def before_it(self, span: Span, text: str) -> str:
        """Return the equation with something before a part, which gets parentheses."""
        start, end = self.closed(span)
        return f"{self.text[:start]}{text}({self.text[start:end]}){self.text[end:]}"

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
            fixed = without(fixed, span)
        return fixed

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

    @property
    def sampler_order(self) -> tuple[str, ...]:
        return self.points[0].order

    @cached_property
    def derivatives(self) -> Derivatives:
        return Derivatives(self.program)

    def edge_values(self, pair: tuple[str, str]) -> Vector:
        return [point.edges[pair] for point in self.points]

    def program_values(self, expr: Expr) -> Vector:
        """What a formula in the network's own names comes to at every point."""
        return [float(evaluate(expr, point.values, self.program.functions)) for point in self.points]

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

    def term_numbers(self, point: Point) -> tuple[tuple[str, float, float | None], ...]:
        """Each term of the right side with its number at a point."""
        found = []
        for term in self.terms[:6]:
            value = term.coefficient
            for factor in term.factors:
                number = self.meaning_value(factor.node, point)
                value = (value / number if number else math.nan) if factor.below else value * number
            found.append((self.text[slice(*self.closed(term.span))], value, None))
        return tuple(found)

    def meaning_value(self, node: Expr, point: Point) -> float:
        names = {each.base + each.below for each in written_names(node)}
        free = dict.fromkeys(names, 0.1)
        return Meaning(self.names, free).value(node, point)


def without(text: str, span: Span) -> str:
    """Return a text less a factor and the sign of multiplication beside it."""
    before, after = text[: span[0]].rstrip(), text[span[1] :].lstrip()
    if before.endswith("*"):
        before = before[:-1].rstrip()
    elif after.startswith("*"):
        after = after[1:].lstrip()
    return f"{before} {after}".strip() if before and after and after[0] not in "*/)+-" else before + after
