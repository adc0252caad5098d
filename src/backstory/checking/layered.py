"""Judges equations about a network of layers: for all units and layers that their indices may stand for."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

from backstory.checking.address_names import AddressNames
from backstory.checking.array_judge import ArrayJudgment
from backstory.checking.equation import Equation, Ratio, SumOver, Written
from backstory.checking.free_diagnosis import FreeDiagnosis
from backstory.checking.indexed_names import Absent, Convention, IndexedNames, Parsed, Style, part
from backstory.checking.instances import Environment, Instances, names_in
from backstory.checking.judge import Judge, Judgment, WithFree, free_names, mended, unreadable
from backstory.checking.layers import Layers, Units, named_units
from backstory.checking.meaning import TOTAL, Reading
from backstory.checking.points import Point, Sampler
from backstory.checking.reader import read_equation
from backstory.checking.verdict import Finding, Kind, Verdict
from backstory.errors import ExpressionError
from backstory.expressions import Div, Expr, Mul, Number, walk
from backstory.story.address import read_address

_ADDRESS = re.compile(
    r"(?<![A-Za-z])(d?)(w\d+\[\d+->\d+\]|(?:delta|alpha|[bza])\d+\[\d+\]|(?:scale|[xyes])\[\d+\]"
    r"|(?:frequency|phase|angle|wave|shift|mix)\[\d+(?:,\d+)+\])"
)

_SAMPLES = frozenset("nms")
"""Letters of sums over samples, where no unit or layer has them."""
_MANY = 7
_FEW_POINTS = 4
_PATIENCE = 0.4
"""Seconds after which no mended equation is judged any more, and so none is offered."""

Values = Mapping[str, float]


class LayeredJudge:
    """Judges equations about one network of layers; keeps what all judgments need.

    Parameters
    ----------
    layers : Layers
    """

    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self.spelling = IndexedNames(layers)
        self._judges: dict[Units, Judge] = {}

    def check(self, text: str, values: Values | None = None) -> Verdict:
        """Judge an equation; never raises on text.

        Parameters
        ----------
        text : str
        values : mapping of str to float, optional
            What stands at an address, for the numbers shown.
        """
        until = time.perf_counter() + _PATIENCE
        found = self.judged(text, values)
        fixes = {
            each.fix: mended(each.fix, self.judged)
            for each in found.findings
            if each.fix and time.perf_counter() < until
        }
        return replace(found, findings=tuple(replace(each, fix=fixes.get(each.fix, "")) for each in found.findings))

    def judged(self, text: str, values: Values | None = None) -> Verdict:
        """Judge an equation, its mended forms unseen."""
        try:
            found = self.of_equation(self.read(text), values or {})
            if not found.ok or (batch := self.read(text, _MANY)) == self.read(text):
                return found
            return found if self.of_equation(batch, {}).ok else self.over_the_batch(found, batch)
        except (ExpressionError, RecursionError) as error:
            return unreadable(text, error)

    def read(self, text: str, count: int = 1) -> Equation:
        """Read an equation as what it says of a batch of so many samples, all of them alike."""
        vocabulary = WithFree(self.spelling, free_names(text) | {"N"})
        equation = read_equation(text, vocabulary)
        left, *right = (of_samples(side, count, self.spelling) for side in equation.sides)
        if count > 1 and not self.layers.is_mean:
            right = [Div(side, Number(count), span=side.span) for side in right]
        return replace(equation, sides=(left, *right))

    def of_equation(self, equation: Equation, values: Values) -> Verdict:
        """Judge an equation about one sample."""
        free = free_names(equation.text) | {"N"}
        names = [name for side in equation.sides for name in names_in(side)]
        if any(map(self.spelling.is_array, names)):
            return ArrayJudgment(self, equation, free).verdict()
        return LayeredJudgment(self, equation, free, values).verdict()

    def over_the_batch(self, found: Verdict, batch: Equation) -> Verdict:
        """Tell what is wrong with an equation that is right for a batch of one sample, but for no other."""
        span = batch.sides[-1].span or (0, len(batch.text))
        what = "mean" if self.layers.is_mean else "sum"
        message = f"It is right for a single sample only: the loss is the {what} over the N samples."
        before, inner, after = batch.text[: span[0]], batch.text[slice(*span)], batch.text[span[1] :]
        changed = [f"{before}{factor}*({inner}){after}" for factor in ("1/N", "N")]
        fix = next((text for text in changed if self.of_equation(self.read(text, _MANY), {}).ok), "")
        return replace(found, status="wrong", findings=(Finding("wrong_scale", span, message, fix),))

    def judge(self, units: Units) -> Judge:
        """Return the judge of the network of these units."""
        if units not in self._judges:
            program = self.layers.program(units)
            sampler = Sampler(program, self.layers.derivative, self.layers.prepare)
            self._judges[units] = Judge(program, names=AddressNames(program, self.layers), sampler=sampler)
        return self._judges[units]

    def address_names(self, units: Units) -> AddressNames:
        """Return the names of the network of these units."""
        return AddressNames(self.judge(units).program, self.layers)

    def generic(self, units: Units, whole: bool) -> Judge:
        """Return a judge for whom the derivatives of identity activations are any numbers.

        Parameters
        ----------
        whole : bool
            The last layer's too; else the hidden layers' alone.
        """
        ordinary = self.judge(units)
        generator = random.Random(5)
        rows = self.layers.activations if whole else self.layers.activations[:-1]
        linear = {layer for layer, row in enumerate(rows, start=1) if row.name == "identity"}

        def edges(point: Point) -> dict[tuple[str, str], float]:
            found = dict(point.edges)
            for source, target in found:
                address = read_address(target)
                if address is not None and address.letter == "a" and address.layer in linear:
                    found[source, target] = generator.uniform(0.5, 2.0)
            return found

        return self.at(units, [Point(point.values, edges(point), point.out, point.order) for point in ordinary.points])

    def quick(self, units: Units) -> Judge:
        """Return a judge of fewer points, for equations that are judged for many values of their indices."""
        ordinary = self.judge(units)
        kinked = any(row.kinks for row in self.layers.activations)
        return ordinary if kinked else self.at(units, ordinary.points[:_FEW_POINTS])

    def at(self, units: Units, points: list[Point]) -> Judge:
        """Return the judge of a network at other points."""
        ordinary = self.judge(units)
        judge = Judge(ordinary.program, names=ordinary.names, sampler=ordinary.sampler)
        judge.points = points
        return judge


class LayeredJudgment:
    """One equation about one network of layers."""

    def __init__(self, judge: LayeredJudge, equation: Equation, free: frozenset[str], values: Values) -> None:
        self.judge, self.equation, self.free, self.values = judge, equation, free, values
        self.spelling, self.layers = judge.spelling, judge.layers
        self.text = equation.text
        self.left, self.right = equation.sides[0], equation.sides[-1]

    def verdict(self) -> Verdict:
        """Judge the sides one after another; the first that is wrong is told."""
        found = Verdict(self.text, "right")
        for right in self.equation.sides[1:]:
            self.right = right
            found = self.of_two_sides()
            if not found.ok:
                return found
        return found

    def of_two_sides(self) -> Verdict:
        self.require_used_sums()
        conventions = self.conventions()
        first = conventions[0]
        found = self.in_convention(first)
        if found.ok or found.status == "right_here_only":
            return found
        for other in conventions[1:]:
            if self.holds(self.left, self.right, other):
                finding = self.convention_finding(first, other, found.findings[:1])
                return self.respelled(replace(found, status="right_in_convention", findings=(finding,)), first)
        return self.respelled(found, first)

    def require_used_sums(self) -> None:
        """Refuse a sum over an index that its term does not have."""
        for node in [*walk(self.left), *walk(self.right)]:
            if isinstance(node, SumOver):
                letters = [each for name in names_in(node.body) for each in self.spelling.letters(name)]
                if not any(node.index in each for each in letters):
                    problem = f"The sum is over {node.index}, which nothing in it has for an index."
                    raise ExpressionError(problem, self.text, (node.span or (0, 0))[0])

    # -- conventions

    def conventions(self) -> list[Convention]:
        """Return the ways to count and to order in which every name without free indices exists, the usual first.

        Raises
        ------
        ExpressionError
            There is none: a name means nothing here.
        """
        names = [*names_in(self.left), *names_in(self.right)]
        flat = any((parsed := self.spelling.parse(name)) is not None and parsed.flat for name in names)
        found: list[Convention] = []
        problem: tuple[Written, Absent] | None = None
        for ahead, from_to, layer, unit in product((False, True), (False, True), (0, 1), (0, 1)):
            if flat and (unit == 0 or layer or ahead):
                continue
            convention = Convention(from_to, unit, layer, ahead)
            absent = self.first_absent(names, convention)
            if absent is None:
                found.append(convention)
            problem = problem or absent
        if not found and problem is not None:
            name, error = problem
            at = name.span[0] if name.span else 0
            raise ExpressionError(f"Unknown name {str(name)!r}. {error}", self.text, at)
        return [convention for convention in found if self.differs(convention, found[0], names)]

    def first_absent(self, names: list[Written], convention: Convention) -> tuple[Written, Absent] | None:
        for name in names:
            parsed = self.spelling.parse(name)
            if parsed is None or self.spelling.letters(name)[0]:
                continue
            try:
                if parsed.letter != "L" and parsed.address is None:
                    self.spelling.require_layer(name, parsed, self.spelling.layer(parsed, {}, convention))
                if not self.spelling.is_concrete(name):
                    continue
                address = self.spelling.address(name, {}, convention)
                if not self.spelling.exists(address):
                    raise Absent("unit", f"It would be {address}; the network has layers of {self.sizes} units.")
            except Absent as error:
                return name, error
        return None

    @property
    def sizes(self) -> str:
        return ", ".join(map(str, self.layers.sizes))

    def differs(self, convention: Convention, first: Convention, names: list[Written]) -> bool:
        """Whether a convention reads some name differently than the first does."""
        if convention == first:
            return True
        parsed = [found for name in names if (found := self.spelling.parse(name)) is not None and not found.address]
        return (
            (convention.from_to != first.from_to and any(len(each.units) == 2 for each in parsed))
            or (convention.first_unit != first.first_unit and any(map(_has_number, parsed)))
            or (convention.first_layer != first.first_layer and any(_layer_number(each) for each in parsed))
            or (convention.ahead != first.ahead and any(each.letter in "wb" for each in parsed))
        )

    def convention_finding(self, first: Convention, other: Convention, told: tuple[Finding, ...]) -> Finding:
        """Say what convention makes it right, and what is wrong in the usual one."""
        kind: Kind = "wrong_index"
        if other.from_to != first.from_to:
            said = "the first index of a weight is the unit it comes from; here w_{jk} leads to unit j from unit k"
        elif other.first_unit != first.first_unit:
            said = f"units are counted from {other.first_unit}; here they are counted from {first.first_unit}"
        elif other.ahead != first.ahead:
            kind = "wrong_layer"
            said = "w^(l) leads from layer l to layer l+1; here w^(l) leads to layer l"
        else:
            kind = "wrong_layer"
            said = f"the layer of inputs has number {other.first_layer}; here it has number {first.first_layer}"
        finding = (
            told[0] if told and told[0].kind == kind else Finding(kind, self.right.span or (0, len(self.text)), "")
        )
        return replace(finding, message=f"It is right where {said}. {finding.message}".strip())

    # -- one convention

    def instances(self, left: Expr, right: Expr, convention: Convention, generic: bool = False) -> Instances:
        """Return the equation over the units of a network shrunk for it."""
        addresses = []
        for name in [*names_in(left), *names_in(right)]:
            if self.spelling.parse(name) is not None and self.spelling.is_concrete(name):
                address = self.spelling.address(name, {}, convention)
                if address.letter != "L":
                    addresses.append(address)
        units = self.layers.shrunk(named_units(addresses, self.layers), generic)
        existing = frozenset(self.judge.judge(units).program.users)
        return Instances(self.spelling, units, existing, left, right, convention)

    def judgments(
        self, instances: Instances, judge: Judge | None = None
    ) -> Iterator[tuple[Environment, Judgment | None]]:
        """Yield a judgment for each value of the indices; None where a unit of the right side does not exist."""
        environments = instances.environments()
        if judge is None:
            many = len(environments) > _FEW_POINTS
            judge = self.judge.quick(instances.units) if many else self.judge.judge(instances.units)
        for environment in environments:
            left = instances.concrete(instances.left, environment)
            try:
                right = instances.concrete(instances.right, environment)
            except Absent:
                yield environment, None
                continue
            yield environment, self.judgment(judge, left, right)

    def judgment(self, judge: Judge, left: Expr, right: Expr) -> Judgment:
        is_whole = all(map(judge.program.leaves.__contains__, self.values)) and bool(self.values)
        equation = Equation(self.text, (left, right), self.equation.is_update)
        return Judgment(judge, equation, self.free, self.values if is_whole else None)

    def holds(self, left: Expr, right: Expr, convention: Convention, reading: Reading = TOTAL) -> bool:
        """Whether two sides agree for all values of the indices."""
        try:
            instances = self.instances(left, right, convention)
            stated = False
            for _, judgment in self.judgments(instances):
                stated = True
                if judgment is None or not judgment.agrees(reading):
                    return False
        except Absent:
            return False
        return stated

    def in_convention(self, convention: Convention) -> Verdict:
        instances = self.instances(self.left, self.right, convention)
        try:
            judged = list(self.judgments(instances))
        except Absent as error:
            raise ExpressionError(str(error), self.text, (self.right.span or (0, 0))[0]) from None
        if not judged:
            raise ExpressionError(self.why_nothing(), self.text, 0)
        if judged[0][0] == {} and judged[0][1] is not None:
            found = judged[0][1].verdict()
            if not found.ok or found.reading != "total":
                return found
            return replace(self.structural(convention), terms=found.terms, missing=found.missing)
        failed = [(each, judgment) for each, judgment in judged if judgment is None or not judgment.agrees()]
        if not failed:
            return self.structural(convention)
        if self.has_delta() and self.holds(self.left, self.right, convention, reading=Reading(delta_at_a=True)):
            found = FreeDiagnosis(self, instances, judged, failed).verdict()
            return replace(found, status="right_in_convention")
        return FreeDiagnosis(self, instances, judged, failed).verdict()

    def has_delta(self) -> bool:
        return any(self.is_gradient(name) for name in [*names_in(self.left), *names_in(self.right)])

    def why_nothing(self) -> str:
        return f"The equation speaks of layers that this network, of {self.layers.n_layers}, does not have."

    def structural(self, convention: Convention) -> Verdict:
        """See whether an equation that is right would be so in a network of other widths and activations too."""
        right = Verdict(self.text, "right")
        names = names_in(self.right)
        has_target = any((parsed := self.spelling.parse(name)) is not None and parsed.letter == "y" for name in names)
        instances = self.instances(self.left, self.right, convention)
        is_free = instances.letters != ((), ())
        if instances.letters[1]:
            instances = self.instances(self.left, self.right, convention, generic=True)
        if not is_free and (has_target or not any(self.is_gradient(node) for node in walk(self.right))):
            return right
        if isinstance(self.left, Written) and not self.is_gradient(self.left):
            return right
        judge = self.judge.generic(instances.units, whole=not has_target)
        judged = list(self.judgments(instances, judge))
        failed = [(each, judgment) for each, judgment in judged if judgment is None or not judgment.agrees()]
        if not failed:
            return right
        found = FreeDiagnosis(self, instances, judged, failed, judge).verdict()
        return replace(found, status="right_here_only")

    def is_gradient(self, node: Expr) -> bool:
        if isinstance(node, Ratio):
            return True
        parsed = self.spelling.parse(node) if isinstance(node, Written) else None
        return parsed is not None and (parsed.letter if parsed.address is None else parsed.address.letter) == "delta"

    # -- saying

    def respelled(self, verdict: Verdict, convention: Convention) -> Verdict:
        """Put names as they are written in the equation for addresses."""
        if "[" in self.text and _ADDRESS.search(self.text):
            return verdict

        names = [*names_in(self.left), *names_in(self.right)]
        flat = any((parsed := self.spelling.parse(name)) is not None and parsed.flat for name in names)
        style: Style = "flat" if flat else "latex" if "{" in self.text else "plain"

        def named(match: re.Match[str]) -> str:
            address = read_address(match[2])
            assert address is not None
            return match[1] + self.spelling.written(address, convention, style)

        findings = tuple(
            replace(finding, message=_ADDRESS.sub(named, finding.message), fix=_ADDRESS.sub(named, finding.fix))
            for finding in verdict.findings
        )
        return replace(verdict, findings=findings)


def of_samples(node: Expr, count: int, spelling: IndexedNames) -> Expr:
    """Return a side with its sums over so many samples, which are all alike, worked out."""
    if isinstance(node, SumOver) and node.index in _SAMPLES:
        letters = [each for name in names_in(node.body) for each in spelling.letters(name)]
        if not any(node.index in each for each in letters):
            body = of_samples(node.body, count, spelling)
            return body if count == 1 else Mul(Number(count), body, span=node.span)
    if isinstance(node, Written) and str(node) == "N":
        return Number(count, span=node.span)
    return node.with_children(*(of_samples(child, count, spelling) for child in node.children))


def _has_number(parsed: Parsed) -> bool:
    return any(unit.lstrip("+-").isdigit() for unit in parsed.units)


def _layer_number(parsed: Parsed) -> bool:
    found = part(parsed.layer) if isinstance(parsed.layer, str) else None
    return found is not None and found[0] == ""
