"""Judges equations about whole layers: matrices and vectors, with weights before what they multiply or behind it."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from backstory.checking.array_repairs import array_repairs
from backstory.checking.arrays import ArrayMeaning, Clash, Matrix, number
from backstory.checking.equation import Equation, MatrixProduct, Ratio, Written
from backstory.checking.index_repairs import Repair
from backstory.checking.indexed_names import Absent, Convention
from backstory.checking.instances import names_in
from backstory.checking.meaning import same
from backstory.checking.vectors import constant_ratio, fraction
from backstory.checking.verdict import Finding, Numbers, Verdict
from backstory.errors import ExpressionError
from backstory.expressions import Expr, walk
from backstory.expressions.tree import Span

if TYPE_CHECKING:
    from backstory.checking.layered import LayeredJudge

_POINTS = 4
_PATIENCE = 0.4
_ORDERS = {"product": "multiplied", "elementwise": "multiplied entry by entry", "sum": "added"}
Sides = tuple[Matrix, Matrix]


@dataclass(frozen=True)
class Layout:
    """Whether vectors are rows, and what weights are called."""

    by_rows: bool
    convention: Convention


class ArrayJudgment:
    """One equation about whole layers of one network.

    Parameters
    ----------
    judge : LayeredJudge
    equation : Equation
    free : frozenset of str
        Names that stand for any number.
    """

    def __init__(self, judge: LayeredJudge, equation: Equation, free: frozenset[str]) -> None:
        self.judge, self.equation, self.free = judge, equation, free
        self.spelling, self.layers = judge.spelling, judge.layers
        self.text = equation.text
        self.left, self.right = equation.sides[0], equation.sides[-1]
        self.units = self.layers.shrunk({}, generic=True)
        self.ordinary = judge.judge(self.units)
        self.points = self.ordinary.points[:_POINTS]
        generator = random.Random(7)
        self.free_values = {name: generator.uniform(0.2, 1.3) for name in sorted(free - {"e", "pi"})}

    def verdict(self) -> Verdict:
        """Judge the sides one after another; the first that is wrong is told."""
        for right in self.equation.sides[1:]:
            self.right = right
            found = self.of_two_sides()
            if not found.ok:
                return found
        return Verdict(self.text, "right")

    def of_two_sides(self) -> Verdict:
        usual = [Layout(by_rows, Convention()) for by_rows in (False, True)]
        if any(self.holds(self.left, self.right, layout) for layout in usual):
            return self.structural(usual)
        for convention in (Convention(first_layer=1), Convention(ahead=True)):
            for by_rows in (False, True):
                if self.holds(self.left, self.right, Layout(by_rows, convention)):
                    return self.in_convention(convention)
        return self.wrong(usual)

    def structural(self, layouts: list[Layout]) -> Verdict:
        """See whether an equation that is right would be so were the identity activations others."""
        parsed = [self.spelling.parse(name) for name in names_in(self.right)]
        letters = {each.letter for each in parsed if each is not None}
        is_of_gradients = "delta" in letters or any(isinstance(node, Ratio) for node in walk(self.right))
        if is_of_gradients and "identity" in {row.name for row in self.layers.activations}:
            self.points = self.judge.generic(self.units, whole="y" not in letters).points[:_POINTS]
            if not any(self.holds(self.left, self.right, layout) for layout in layouts):
                return replace(self.wrong(layouts), status="right_here_only")
        return Verdict(self.text, "right")

    def in_convention(self, convention: Convention) -> Verdict:
        said = (
            "W^(l) leads from layer l to layer l+1; here W^(l) leads to layer l"
            if convention.ahead
            else "the layer of inputs has number 1; here it has number 0"
        )
        finding = Finding("wrong_layer", self.span, f"It is right where {said}.")
        return Verdict(self.text, "right_in_convention", (finding,))

    @property
    def span(self) -> Span:
        return self.right.span or (0, len(self.text))

    # -- values

    def environments(self, left: Expr, right: Expr) -> list[dict[str, int]]:
        names = [*names_in(left), *names_in(right)]
        letters = list(dict.fromkeys(letter for name in names for letter in self.spelling.letters(name)[0]))
        numbers = product(range(self.layers.n_layers + 1), repeat=len(letters))
        return [dict(zip(letters, each, strict=True)) for each in numbers]

    def sides(self, left: Expr, right: Expr, layout: Layout) -> Iterator[tuple[dict[str, int], Matrix, Matrix | Clash]]:
        """Yield both sides for each layer at each point; a clash of shapes in place of the right side.

        Raises
        ------
        Absent
            There is no layer for which the equation means something.
        """
        has_products = any(isinstance(node, MatrixProduct) for node in [*walk(left), *walk(right)])
        stated = False
        problem: Absent | None = None
        for environment in self.environments(left, right):
            for point in self.points:
                meaning = ArrayMeaning(
                    self.spelling,
                    self.judge.address_names(self.units),
                    self.units,
                    point,
                    environment,
                    layout.convention,
                    layout.by_rows,
                    has_products,
                    self.free_values,
                )
                mine = number(0.0)
                try:
                    mine = meaning.value(left)
                    yours: Matrix | Clash = meaning.value(right)
                    if (parameter := self.updated(left, right)) is not None and isinstance(yours, Matrix):
                        mine, yours = self.step(meaning, parameter, mine, yours)
                except Absent as error:
                    problem = problem or error
                    break
                except Clash as clash:
                    yours = clash
                stated = True
                yield environment, mine, yours
        if not stated and problem is not None:
            raise problem

    def updated(self, left: Expr, right: Expr) -> Written | None:
        """Return the parameters that an equation updates, if it is an update rule."""
        parsed = self.spelling.parse(left) if isinstance(left, Written) else None
        if parsed is None or parsed.letter not in ("w", "b"):
            return None
        assert isinstance(left, Written)
        inside = any((name.base, name.above) == (left.base, left.above) for name in names_in(right))
        return left if inside or self.equation.is_update else None

    def step(self, meaning: ArrayMeaning, parameter: Written, old: Matrix, new: Matrix) -> Sides:
        """Return what a step should be, as large as this one, and this one."""
        if new.dims != old.dims:
            return old, new
        step = new.with_each(old, lambda one, other: one - other)
        slope = meaning.gradient(parameter)
        size = sum(abs(value) for row in step.rows for value in row)
        whole = sum(abs(value) for row in slope.rows for value in row)
        return slope.map(lambda value: -value * size / whole if whole else value), step

    def holds(self, left: Expr, right: Expr, layout: Layout) -> bool:
        """Whether both sides have the same shape and entries for all layers."""
        stated = False
        try:
            for _, mine, yours in self.sides(left, right, layout):
                stated = True
                if not isinstance(yours, Matrix) or not equal(mine, yours):
                    return False
        except (Absent, ExpressionError):
            return False
        return stated

    # -- saying

    def wrong(self, layouts: list[Layout]) -> Verdict:
        """Name the first clash of shapes, or what else is wrong, with the change that makes it right."""
        changed = self.changed(layouts)
        layout = changed[0] if changed else layouts[0]
        first = self.first_problem(layout)
        if isinstance(first[1], Clash):
            finding = self.clash_finding(first[0], first[1])
        elif (scaled := self.constant(layout)) is not None:
            return Verdict(self.text, "wrong", (scaled,), numbers=self.numbers(first))
        else:
            finding = self.plain_finding(first)
        if changed is not None:
            _, repair = changed
            if finding.kind == "wrong_definition":
                finding = replace(finding, message=repair.message, fix=repair.text)
            elif finding.kind == "wrong_shape":
                finding = replace(finding, message=f"{finding.message} {repair.message}", fix=repair.text)
            else:
                finding = Finding(repair.kind, repair.span, repair.message, repair.text)
        return Verdict(self.text, "wrong", (finding,), numbers=self.numbers(first))

    def first_problem(self, layout: Layout) -> tuple[dict[str, int], Clash | Sides]:
        """Return the first layer at which the sides differ, with both."""
        try:
            for environment, mine, yours in self.sides(self.left, self.right, layout):
                if isinstance(yours, Clash):
                    return environment, yours
                if isinstance(yours, Matrix) and not equal(mine, yours):
                    return environment, (mine, yours)
        except Absent as error:
            raise ExpressionError(str(error), self.text, 0) from None
        problem = "The equation speaks of layers that this network does not have."
        raise ExpressionError(problem, self.text, 0)

    def clash_finding(self, environment: dict[str, int], clash: Clash) -> Finding:
        (one, first), (other, second) = clash.parts
        where = ", ".join(f"{letter} = {layer}" for letter, layer in environment.items())
        message = (
            f"{self.text[slice(*one)]} is {self.shape(first)} and {self.text[slice(*other)]} is {self.shape(second)}"
            f"{f' (with {where})' if where else ''}: they cannot be {_ORDERS[clash.what]}."
        )
        return Finding("wrong_shape", clash.span, message)

    def shape(self, matrix: Matrix) -> str:
        """Return rows and columns, in units of the whole network."""
        sizes = [1 if dim is None else self.layers.sizes[dim] for dim in matrix.dims]
        return f"{sizes[0]}×{sizes[1]}"

    def plain_finding(self, first: tuple[dict[str, int], Clash | Sides]) -> Finding:
        assert not isinstance(first[1], Clash)
        mine, yours = first[1]
        if mine.dims != yours.dims:
            message = f"The left side is {self.shape(mine)}, the right side {self.shape(yours)}."
            return Finding("wrong_shape", self.span, message)
        parsed = self.spelling.parse(self.left) if isinstance(self.left, Written) else None
        if parsed is not None and parsed.letter != "delta" and self.updated(self.left, self.right) is None:
            formula = {"z": "z^(l) = W^(l) a^(l-1) + b^(l)", "a": "a^(l) = f(z^(l))"}.get(parsed.letter)
            message = (
                f"The formula of this network is {formula}." if formula else "That is not what this network computes."
            )
            return Finding("wrong_definition", self.span, message)
        if self.layers.activations[-1].couples and isinstance(self.left, Written):
            message = "Each output of softmax depends on all weighted sums, so their paths are missing."
            return Finding("missing_path", self.span, message)
        return Finding("wrong_factor", self.span, "The two sides differ; no single slip explains it.")

    def constant(self, layout: Layout) -> Finding | None:
        """Find a constant or a sign between the sides."""
        found: float | None = None
        for _, mine, yours in self.sides(self.left, self.right, layout):
            if not isinstance(yours, Matrix) or mine.dims != yours.dims:
                return None
            ratio = constant_ratio(_entries(yours), _entries(mine))
            if ratio is None or (found is not None and not math.isclose(found, ratio, rel_tol=1e-8)):
                return None
            found = ratio
        if found is None:
            return None
        start, end = self.span
        if self.updated(self.left, self.right) is not None and found < 0:
            return Finding("wrong_sign", self.span, "This step climbs: the gradient is subtracted.")
        if math.isclose(found, -1):
            fix = f"{self.text[:start]}-({self.text[start:end]}){self.text[end:]}"
            return Finding("wrong_sign", self.span, "The sign is wrong: everything else is right.", fix)
        loss = self.judge.address_names(self.units).loss_text
        message = f"It is {fraction(found)} times what it should be: the constant must be that of this loss: {loss}."
        fix = f"{self.text[:start]}{fraction(1 / found)}*({self.text[start:end]}){self.text[end:]}"
        return Finding("wrong_scale", self.span, message, fix)

    def changed(self, layouts: list[Layout]) -> tuple[Layout, Repair] | None:
        """Return the first change that makes it right, and the layout in which it does."""
        until = time.perf_counter() + _PATIENCE
        place = self.equation.sides.index(self.right)
        for repair in array_repairs(self.text, self.left, self.right, self.spelling):
            if time.perf_counter() > until:
                return None
            try:
                right = self.judge.read(repair.text).sides[place]
            except ExpressionError:
                continue
            for layout in layouts:
                if self.holds(self.left, right, layout):
                    return layout, repair
        return None

    def numbers(self, first: tuple[dict[str, int], Clash | Sides]) -> Numbers | None:
        """Return the first entries that differ."""
        if isinstance(first[1], Clash):
            return None
        mine, yours = first[1]
        if mine.dims != yours.dims:
            return None
        pairs = zip(_entries(mine), _entries(yours), strict=True)
        left, right = next(((one, other) for one, other in pairs if one != other), (0.0, 0.0))
        point = self.points[0]
        return Numbers({name: point.values[name] for name in self.ordinary.sampler.leaves}, left, right)


def _entries(matrix: Matrix) -> list[float]:
    return [value for row in matrix.rows for value in row]


def equal(mine: Matrix, yours: Matrix) -> bool:
    """Whether two matrices have the same shape and entries, but for rounding."""
    if mine.dims != yours.dims:
        return False
    pairs = zip(_entries(mine), _entries(yours), strict=True)
    return all(math.isfinite(other) and same(one, other, max(abs(one), abs(other))) for one, other in pairs)
