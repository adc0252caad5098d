"""Judges equations about a network: right, right in another reading or convention, or wrong and why."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, pairwise

from backstory.checking.diagnosis import MOST_PARTS, Diagnosis
from backstory.checking.equation import Applied, Equation, Ratio, Written
from backstory.checking.facts import Facts
from backstory.checking.meaning import TOTAL, Meaning, Reading, same
from backstory.checking.names import FlatNames, Names
from backstory.checking.points import Point, Sampler
from backstory.checking.reader import UnknownName, Vocabulary, read_equation
from backstory.checking.terms import is_of_derivatives_only, ratios, written_names
from backstory.checking.verdict import MOST_FINDINGS, Finding, Kind, Numbers, Status, Verdict, WrittenTerm
from backstory.errors import ExpressionError
from backstory.expressions import Call, Expr, Name, substitute, to_text
from backstory.expressions.transform import size
from backstory.story.chain import chain
from backstory.story.formula_graph import Derivatives, FormulaGraph
from backstory.story.program import Program

POINTS = 8
_MOST_MIXED = 8
_MOST_MENDED = 6
"""How often an equation is mended before that is given up: a slip may have been made in every term."""
_RATES = ("eta", "alpha", "epsilon", "lr", "rate", "gamma", "nu", "learningrate")
_DEFINED = re.compile(
    r"\s*(?:\\[a-z]+\s*)?\{?[A-Za-zα-ω_\\]+\}?\s*(?:['′]|\^\s*\{?\\prime\}?)*"
    r"\s*(?:\\left\s*)?\(\s*([A-Za-z])\s*(?:\\right\s*)?\)\s*="
)


class Judge:
    """Judges equations about one network written as formulas; keeps what all judgments need.

    Parameters
    ----------
    program : Program
    values : mapping of str to float, optional
        The leaves as they are, for the numbers shown; the program's own unless given.
    names : Names, optional
        What the quantities are called in equations; as in the text of the formulas unless given.
    sampler : Sampler, optional
    """

    def __init__(
        self,
        program: Program,
        values: Mapping[str, float] | None = None,
        names: Names | None = None,
        sampler: Sampler | None = None,
    ) -> None:
        self.program = program
        self.values = dict(values or program.leaves)
        self.names = names or FlatNames(program)
        if sampler is not None:
            self.sampler = sampler

    @cached_property
    def sampler(self) -> Sampler:
        """Draws points."""
        return Sampler(self.program)

    @cached_property
    def points(self) -> list[Point]:
        """The points at which sides are compared."""
        return self.sampler.points(POINTS)

    def check(self, text: str) -> Verdict:
        """Judge an equation; never raises on text. What it offers as mended was judged too, and is right."""
        found = self.judged(text)
        if not found.findings or found.status == "unreadable":
            return found
        findings = [replace(each, fix=self.mended(each.fix)) if each.fix else each for each in found.findings]
        if not any(finding.fix for finding in findings):
            with suppress(ExpressionError):
                findings[0] = replace(findings[0], fix=self.mended(self.canonical(text)))
        return replace(found, findings=tuple(findings))

    def vocabulary(self, text: str) -> WithFree:
        """Return the names that an equation may hold."""
        return WithFree(self.names, free_names(text))

    def canonical(self, text: str) -> str:
        """Return the left side of an equation with what it equals, as the chain rule gives it; nothing for others."""
        left = read_equation(text, self.vocabulary(text)).sides[0]
        end = left.span[1] if left.span else 0
        begun = text[: end + text[end:].index("=") + 1]
        if isinstance(left, Applied):
            row = Meaning(self.names).row(left)
            formula = row.slope if left.primes else row.expression
            value = substitute(formula, {"a": Call(row.name, (Name("z"),))})
            return f"{begun} {to_text(substitute(value, {'z': Name(text[slice(*(left.arg.span or (0, 0)))])}))}"
        ends = Facts(self.names, text, left, left, self.points, lambda node: []).ends
        if ends is None or not self.points:
            return ""
        of, by = ends
        point = self.points[0]
        out = {name: [(to, point.edges[name, to]) for to in targets] for name, targets in point.out.items()}
        graph = FormulaGraph(point.values, out, program=self.program, derivatives=Derivatives(self.program))
        if not graph.count_paths(by, of):
            return f"{begun} 0"
        return f"{begun} {to_text(_primed(chain(graph, by, of).formulas, graph))}"

    def mended(self, text: str) -> str:
        return mended(text, self.judged)

    def judged(self, text: str) -> Verdict:
        """Judge an equation, its mended forms unseen."""
        try:
            names = self.vocabulary(text)
            return Judgment(self, read_equation(text, names), names.free, self.values).verdict()
        except (ExpressionError, RecursionError) as error:
            return unreadable(text, error)


def mended(text: str, judged: Callable[[str], Verdict]) -> str:
    """Go on mending until the equation is right; return nothing where that does not come about."""
    for _ in range(_MOST_MENDED):
        found = judged(text)
        if found.ok:
            return text
        fix = found.findings[0].fix if found.findings else ""
        if not fix or fix == text:
            break
        text = fix
    return ""


def unreadable(text: str, error: ExpressionError | RecursionError) -> Verdict:
    """Return the verdict on what cannot be read."""
    if isinstance(error, RecursionError):
        return Verdict(
            text, "unreadable", (Finding("unreadable", (0, len(text)), "It is nested too deep, or too long."),)
        )
    if isinstance(error, UnknownName):
        finding = Finding("unknown_name", error.span, error.problem, nearest=error.nearest)
        return Verdict(text, "unreadable", (finding,))
    kind: Kind = "unknown_name" if error.problem.startswith("Unknown name") else "unreadable"
    end = min(error.position + 1, len(text))
    message = f"{error.problem} {error.hint}".strip()
    return Verdict(text, "unreadable", (Finding(kind, (error.position, end), message),))


def _primed(expr: Expr, graph: FormulaGraph) -> Expr:
    """Write the derivatives of activations that have cases as f'(z), which an equation can hold."""
    cases = {
        graph.local(source, target): Name(f"{row.name}'({source})")
        for target, used in graph.program.uses.items()
        if (row := graph.activation(target)) is not None and row.kinks
        for source in used
    }

    def written(node: Expr) -> Expr:
        if node in cases:
            return cases[node]
        return node.with_children(*map(written, node.children)) if node.children else node

    return written(expr)


@dataclass(frozen=True)
class WithFree:
    """The names of a network, and names that stand for any number in one equation."""

    names: Vocabulary
    free: frozenset[str]

    @property
    def samples(self) -> bool:
        return self.names.samples

    def known(self, name: Written) -> bool:
        return self.names.known(name) or name.base + name.below in self.free

    def function(self, word: str) -> bool:
        return self.names.function(word)

    def has_layer(self, word: str) -> bool:
        return self.names.has_layer(word)

    def nearest(self, name: Written) -> str | None:
        return self.names.nearest(name)


def free_names(text: str) -> frozenset[str]:
    """Return the names that stand for any number: constants, rates, the argument of a function defined here."""
    found = {"e", "pi", *_RATES}
    if (match := _DEFINED.match(text)) or (
        match := re.match(r"\s*(?:\\?frac\s*\{)?d\s*\\?[a-zσφ]+\s*\}?\s*[/{]\s*\{?d\s*([a-z])\b", text)
    ):
        found.add(match[1])
    return frozenset(found)


class Judgment:
    """One equation at the points of one network.

    Parameters
    ----------
    judge : Judge
    equation : Equation
    free : frozenset of str
        Names that stand for any number.
    values : mapping of str to float, optional
        The leaves as they are, for the numbers shown.
    """

    def __init__(
        self, judge: Judge, equation: Equation, free: frozenset[str], values: Mapping[str, float] | None = None
    ) -> None:
        self.judge, self.equation, self.free_names = judge, equation, free
        self.left, self.right = equation.sides[0], equation.sides[-1]
        self.leaves = values
        generator = random.Random(7)
        varied = sorted(free - {"e", "pi"})
        self.points = judge.points
        self.free_values = [{name: generator.uniform(0.2, 1.3) for name in varied} for _ in judge.points]

    def values(self, node: Expr, reading: Reading = TOTAL) -> list[float]:
        """What a part comes to at every point."""
        return [
            Meaning(self.judge.names, free).value(node, point, reading)
            for point, free in zip(self.points, self.free_values, strict=False)
        ]

    def verdict(self) -> Verdict:
        """Judge the sides one after another; the first that is wrong is told."""
        found = Verdict(self.equation.text, "right")
        for right in self.equation.sides[1:]:
            self.right = right
            found = self.of_two_sides()
            if not found.ok:
                break
        return self.with_terms(found)

    def with_terms(self, found: Verdict) -> Verdict:
        """Tell what each term of a derivative's right side stands for."""
        if not isinstance(self.left, Ratio | Written) or size(self.right) > MOST_PARTS:
            return found
        diagnosis = self.diagnosis()
        if diagnosis.facts.ends is None or self.updated() is not None:
            return found
        terms, missing = diagnosis.matching.written(found.status != "wrong")
        return replace(found, terms=terms, missing=missing, numbers=self.with_paths(found.numbers, terms))

    def with_paths(self, numbers: Numbers | None, terms: Sequence[WrittenTerm]) -> Numbers | None:
        """Tell what the paths of each term come to, beside what the term does."""
        if numbers is None or len(numbers.terms) != len(terms):
            return numbers
        if (point := self.judge.sampler.at(dict(numbers.at))) is None:
            return numbers
        true = [
            sum(math.prod(point.edges[pair] for pair in pairwise(path)) for path in term.paths) if term.paths else None
            for term in terms
        ]
        yours = [yours for _, yours, _ in numbers.terms]
        told = tuple((term.text, own, each) for term, own, each in zip(terms, yours, true, strict=True))
        return replace(numbers, terms=told)

    def of_two_sides(self) -> Verdict:
        if not self.points:
            raise ExpressionError("The formulas have no value at the points tried.", self.equation.text, 0)
        if isinstance(self.left, Applied) and self.free_names & {name.base for name in written_names(self.left)}:
            return self.definition_of_a_function()
        if (parameter := self.updated()) is not None:
            return self.update(parameter)
        if self.equal(TOTAL):
            return self.structural()
        if self.equal(Reading(partial=True), left=TOTAL):
            return Verdict(self.equation.text, "right", reading="partial")
        if (mixed := self.mixed()) is not None:
            return mixed
        findings = self.diagnosis().findings()
        if self.has_delta() and self.equal(Reading(delta_at_a=True)):
            return self.told("right_in_convention", findings)
        return self.told("wrong", findings)

    def agrees(self, reading: Reading = TOTAL) -> bool:
        """Whether the sides are equal, or the step of an update goes down."""
        if (parameter := self.updated()) is not None:
            return self.update(parameter).ok
        return self.equal(reading)

    def equal(self, reading: Reading, left: Reading | None = None) -> bool:
        """Whether both sides agree at every point; ends at the first where they do not."""
        for point, free in zip(self.points, self.free_values, strict=False):
            meaning = Meaning(self.judge.names, free)
            one = meaning.value(self.left, point, left or reading)
            other = meaning.value(self.right, point, reading)
            if not same(one, other, max(abs(one), abs(other))):
                return False
        return True

    def structural(self) -> Verdict:
        """An equation of derivatives only must hold whatever the functions are: with random numbers on all edges."""
        if isinstance(self.left, Ratio) and is_of_derivatives_only(self.right):
            generator = random.Random(3)
            meaning = Meaning(self.judge.names)
            for point in self.points[:3]:
                edges = {
                    pair: 1.0 if self.is_one_always(*pair) else generator.uniform(0.5, 2.0) for pair in point.edges
                }
                generic = Point(point.values, edges, point.out, point.order)
                one, other = meaning.value(self.left, generic), meaning.value(self.right, generic)
                if not same(one, other, max(abs(one), abs(other))):
                    return self.told("right_here_only", self.diagnosis().findings())
        return Verdict(self.equation.text, "right")

    def is_one_always(self, by: str, of: str) -> bool:
        """Whether a link's derivative is 1 whatever the functions are: a bias in a weighted sum."""
        formula = self.judge.program.formulas[of]
        return not isinstance(formula, Call) and all(point.edges[by, of] == 1 for point in self.points)

    def mixed(self) -> Verdict | None:
        """Say so where some derivatives must be total and others partials of their own formulas."""
        factors = ratios(self.right)
        if not 2 <= len(factors) <= _MOST_MIXED:
            return None
        direct = [factor.span for factor in factors if factor.span and any(self.direct_values(factor))]
        for number in range(1, min(len(direct) + 1, len(factors))):
            for chosen in combinations(direct, number):
                if self.equal(Reading(partials=frozenset(chosen)), left=TOTAL):
                    return self.told("right_in_convention", [self.mixed_finding(factors, chosen)])
        return None

    def direct_values(self, factor: Ratio) -> list[float]:
        """What a derivative is as the partial of its quantity's own formula; all zero where that does not name it."""
        return self.values(factor, Reading(partial=True))

    def mixed_finding(self, factors: Sequence[Ratio], chosen: tuple[tuple[int, int], ...]) -> Finding:
        text = self.equation.text
        partial = next(factor for factor in factors if factor.span == chosen[0])
        written = text[slice(*partial.span)] if partial.span else ""
        of, by = Meaning(self.judge.names).nodes(partial)
        point = self.points[0]
        others = {self.judge.names.meaning(name): str(name) for other in factors for name in (other.of, other.by)}
        between = sorted(
            name
            for meaning, name in others.items()
            if meaning is not None and meaning.node not in (of, by)
            if point.total(of, meaning.node) and point.total(meaning.node, by)
        )
        held = ", ".join(between)
        start, end = chosen[0]
        return Finding(
            "double_path" if 2 * len(chosen) <= len(factors) else "missing_path",
            (start, end),
            f"{written} as a total derivative already holds the way through {held or 'the others'}, which another term "
            f"counts again. It is right only if {written} means the direct effect alone, "
            f"{held or 'the rest'} held fixed.",
            f"{text[:end]}|_{{{held}}}{text[end:]}" if held else "",
        )

    def has_delta(self) -> bool:
        found = [*written_names(self.left), *written_names(self.right)]
        return any((meaning := self.judge.names.meaning(name)) is not None and meaning.is_delta for name in found)

    def diagnosis(self) -> Diagnosis:
        return Diagnosis(self.facts())

    def facts(self) -> Facts:
        return Facts(self.judge.names, self.equation.text, self.left, self.right, self.points, self.values)

    # -- definitions and updates

    def definition_of_a_function(self) -> Verdict:
        """Judge sigma'(z) = …, for any z."""
        assert isinstance(self.left, Applied)
        if self.equal(TOTAL):
            return Verdict(self.equation.text, "right")
        return self.told("wrong", self.diagnosis().definitions.of_a_function())

    def updated(self) -> str | None:
        """Return the parameter that an equation updates, if it is an update rule."""
        if not isinstance(self.left, Written):
            return None
        plain = replace(self.left, below=self.left.below.removesuffix("new").rstrip(",_"))
        meaning = self.judge.names.meaning(plain) or self.judge.names.meaning(self.left)
        if meaning is None or meaning.is_delta or meaning.node not in self.judge.program.leaves:
            return None
        inside = {found.node for name in written_names(self.right) if (found := self.judge.names.meaning(name))}
        return meaning.node if meaning.node in inside or self.equation.is_update else None

    def update(self, parameter: str) -> Verdict:
        """Judge w = w - eta*dL/dw: the step goes down the gradient, by a positive constant times it."""
        loss = self.judge.program.loss
        new = self.values(self.right)
        steps = [value - point.values[parameter] for value, point in zip(new, self.points, strict=True)]
        slopes = [point.total(loss, parameter) for point in self.points]
        used = [
            name
            for name in self.free_names
            if any(name == each.base + each.below for each in written_names(self.right))
        ]
        used = [name for name in used if name not in ("e", "pi")]
        scaled = [
            step / slope / (free[used[0]] if used else 1.0)
            for step, slope, free in zip(steps, slopes, self.free_values, strict=True)
            if slope
        ]
        constant = bool(scaled) and all(same(value, scaled[0], abs(scaled[0])) for value in scaled)
        if constant and scaled[0] < 0:
            return Verdict(self.equation.text, "right")
        told = self.told("wrong", self.diagnosis().definitions.of_an_update(parameter, constant))
        return replace(told, numbers=None)  # the sides of a step are two values in time, not equals

    # -- saying

    def told(self, status: Status, findings: Sequence[Finding]) -> Verdict:
        closed = Facts(self.judge.names, self.equation.text, self.left, self.right, self.points, self.values).closed
        told = tuple(replace(each, span=closed(each.span)) for each in findings[:MOST_FINDINGS])
        return Verdict(self.equation.text, status, told, numbers=self.numbers())

    def numbers(self) -> Numbers:
        """Both sides at the network's own values, or at a random point where these show no difference."""
        own = None
        if self.leaves is not None:
            own = self.judge.sampler.at({name: self.leaves.get(name, 1.0) for name in self.judge.sampler.leaves})
        candidates = [point for point in (own, *self.points) if point is not None]
        for point in candidates:
            meaning = Meaning(self.judge.names, self.free_values[0])
            left, right = meaning.value(self.left, point), meaning.value(self.right, point)
            if not same(left, right, max(abs(left), abs(right))):
                break
        at = {name: point.values[name] for name in self.judge.sampler.leaves}
        return Numbers(at, left, right, self.facts().term_numbers(point))
