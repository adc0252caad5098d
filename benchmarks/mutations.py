"""`python -m benchmarks.mutations`: how often the checker is right about equations with one mistake made on purpose.

Each case is a random network, a right equation about it in a random equivalent form, and the same with one of the
mistakes that people make. Whether that really differs is decided by central differences, not by the checker. The
figures stand in docs/proofs.md.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import backstory as bs
from backstory.checking.catalogue import catalogue
from backstory.checking.derivations import STYLES, Deriver, to_tree
from backstory.checking.equation import Applied, Ratio, Written
from backstory.checking.random_networks import random_network
from backstory.checking.slips import MISTAKES, Slip
from backstory.checking.spelling import random_spelling
from backstory.checking.statements import Statement, statement
from backstory.checking.tokens import MAX_CHARACTERS
from backstory.checking.verdict import Verdict
from backstory.expressions import Add, Call, Div, Expr, Mul, Neg, Number, Pow, Sub, evaluate, substitute
from backstory.functions.activation import builtin
from backstory.story.program import Program

POINTS = 12
STEP = 1e-5
STATEMENTS = 0.05
"""How often an equation that is no derivative is tried: a formula, a rule, an update."""
LEAST_DIFFERENCE = 1e-4
"""Two sides differ where they do by this share of the larger: central differences are exact to about a millionth."""

SAME_ABOUT_SLOPES = {"wrong_factor", "wrong_argument", "wrong_layer", "wrong_index"}


class Oracle:
    """The value of an equation's parts by central differences at random leaves."""

    def __init__(self, program: Program, seed: int) -> None:
        self.program = program
        generator = random.Random(seed)
        self.points: list[tuple[dict[str, float], dict[str, float]]] = []
        while len(self.points) < POINTS:
            leaves = {name: generator.uniform(0.3, 1.6) * generator.choice((-1, 1)) for name in program.leaves}
            values = program.values(leaves)[0]
            if not self.is_near_a_kink(values):
                self.points.append((leaves, values))
        hidden = {name: program.formulas[name] for name in program.hidden}
        self.visible = {
            name: substitute(tree, hidden) if name not in hidden else tree for name, tree in program.formulas.items()
        }

    def is_near_a_kink(self, values: dict[str, float]) -> bool:
        """Whether a difference would reach over an activation's kink."""
        called = ((name, tree) for name, tree in self.program.formulas.items() if isinstance(tree, Call))
        return any(
            abs(values[self.program.uses[name][0]] - kink) < 10 * STEP
            for name, tree in called
            for kink in (builtin(tree.function).kinks if name != self.program.loss else ())
        )

    def differ(self, left: Expr, right: Expr) -> bool:
        """Whether the sides differ, with derivatives as total ones and, on the right, as partial ones too."""
        return all(
            any(
                _apart(self.value(left, point, partial=False), self.value(right, point, partial))
                for point in self.points
            )
            for partial in (False, True)
        )

    def value(self, node: Expr, point: tuple[dict[str, float], dict[str, float]], partial: bool) -> float:
        """What a part comes to."""
        match node:
            case Number(number):
                return float(number)
            case Written() if node.base == "delta":
                unit = self.name(Written(node.below))
                is_call = isinstance(self.program.formulas[unit], Call)
                by = self.program.uses[unit][0] if is_call else unit
                return self.slope(self.program.loss, by, point, partial=False)
            case Written():
                return point[1][self.name(node)]
            case Ratio(of, by):
                return self.slope(self.name(of), self.name(by), point, partial)
            case Applied(function, arg, primes):
                z = self.value(arg, point, partial)
                row = builtin(function.base)
                a = float(evaluate(row.value, {"z": z}))
                return float(evaluate(row.slope, {"z": z, "a": a})) if primes else a
            case Neg(operand):
                return -self.value(operand, point, partial)
            case Add(left, right):
                return self.value(left, point, partial) + self.value(right, point, partial)
            case Sub(left, right):
                return self.value(left, point, partial) - self.value(right, point, partial)
            case Mul(left, right):
                return self.value(left, point, partial) * self.value(right, point, partial)
            case Div(left, right):
                return self.value(left, point, partial) / self.value(right, point, partial)
            case Pow(left, right):
                return float(self.value(left, point, partial) ** self.value(right, point, partial))
        raise TypeError(type(node).__name__)

    def name(self, written: Written) -> str:
        return f"{written.base}_{written.below}" if written.below else written.base

    def slope(self, of: str, by: str, point: tuple[dict[str, float], dict[str, float]], partial: bool) -> float:
        """A derivative: everything between moves along, or only the formula of the quantity itself."""
        leaves, values = point
        if of == by:
            return 1.0
        up, down = (self.moved(of, by, leaves, values, step, partial) for step in (STEP, -STEP))
        return (up - down) / (2 * STEP)

    def moved(
        self, of: str, by: str, leaves: dict[str, float], values: dict[str, float], step: float, partial: bool
    ) -> float:
        if of not in self.program.formulas:
            return leaves[of]
        if partial:
            return float(evaluate(self.visible[of], {**values, by: values[by] + step}, self.program.functions))
        if by in leaves:
            return self.program.values({**leaves, by: leaves[by] + step})[0][of]
        return self.program.values(leaves, held=(by, values[by] + step))[0][of]


def _apart(left: float, right: float) -> bool:
    return abs(left - right) > LEAST_DIFFERENCE * max(abs(left), abs(right), 1e-3)


@dataclass(frozen=True)
class Case:
    """A network, a right equation about it, and the same with one mistake."""

    seed: int
    network: str
    right: str
    wrong: str
    slip: Slip


def case(seed: int) -> Case | None:
    """Make a case; None where the mistake chosen cannot be made, makes no difference, or the equation is too long."""
    generator = random.Random(seed)
    text = random_network(generator)
    formulas = bs.Formulas.read(text)
    program = formulas.program
    made = statement(program, generator) if generator.random() < STATEMENTS else _derived(program, generator)
    if made is None:
        return None
    called = {tree.function for tree in program.formulas.values() if isinstance(tree, Call)}
    spelling = random_spelling(generator, one_activation=len(called) == 1 and not made.is_certain)
    right = spelling.equation(made.left, made.right)
    wrong = spelling.equation(made.slip.left, made.slip.right)
    if max(len(right), len(wrong)) > MAX_CHARACTERS:
        return None
    try:
        is_different = made.is_certain or Oracle(program, seed).differ(made.slip.left, made.slip.right)
    except (OverflowError, ZeroDivisionError, ValueError):
        return None
    return Case(seed, text, right, wrong, made.slip) if is_different else None


def _derived(program: Program, generator: random.Random) -> Statement | None:
    """A derivative's equation and a mistake in it; None where the mistake cannot be made."""
    quantities = [*program.parameters, *(name for name in program.formulas if name != program.loss)]
    by = generator.choice([name for name in quantities if program.users[name]])
    derivation = Deriver(program, generator, generator.choice(STYLES)).derivation(program.loss, by)
    slip = generator.choice(MISTAKES).made(derivation, program, generator)
    return None if slip is None else Statement(derivation.left, to_tree(derivation.right), slip)


def cases(count: int, first: int = 0) -> Iterator[Case]:
    """So many cases, from one seed on."""
    seed = first
    while count:
        if (found := case(seed)) is not None:
            count -= 1
            yield found
        seed += 1


def names_it(verdict: Verdict, slip: Slip, strictly: bool = False) -> bool:
    """Whether the first finding names the mistake; `strictly` where no two kinds count as the same."""
    found = verdict.findings[0].kind if verdict.findings else ""
    if found == slip.kind or strictly:
        return found == slip.kind
    both = {found, slip.kind}
    return (
        both <= {"wrong_factor", "wrong_index"}
        or (slip.about == "slope" and both <= SAME_ABOUT_SLOPES)
        or (both <= {"missing_path", "missing_term"} and slip.name == "the penalty forgotten")
        or (both <= {"missing_factor", "broken_chain"} and slip.name == "a link skipped")
    )


@dataclass(frozen=True)
class Rates:
    """What was measured: shares of all cases, and the cases that failed."""

    count: int
    accepted: float
    refused: float
    named: float
    named_strictly: float
    mended: float
    milliseconds: float
    failed: tuple[tuple[str, Case, Verdict], ...]
    by_mistake: tuple[tuple[str, int, int], ...]


def measure(count: int, first: int = 0) -> Rates:
    """Judge so many cases, right and wrong."""
    failed: list[tuple[str, Case, Verdict]] = []
    seconds: list[float] = []
    strictly = mended = 0
    made: Counter[str] = Counter()
    named: Counter[str] = Counter()
    for each in cases(count, first):
        formulas = bs.Formulas.read(each.network)
        right = formulas.check(each.right)
        start = time.perf_counter()
        wrong = formulas.check(each.wrong)
        seconds.append(time.perf_counter() - start)
        made[each.slip.name] += 1
        if not right.ok:
            failed.append(("accepted", each, right))
        if wrong.ok or wrong.status == "unreadable":
            failed.append(("refused", each, wrong))
        if names_it(wrong, each.slip):
            named[each.slip.name] += 1
        else:
            failed.append(("named", each, wrong))
        strictly += names_it(wrong, each.slip, strictly=True)
        mended += bool(wrong.findings and wrong.findings[0].fix)

    def share(what: str) -> float:
        return 1 - sum(1 for kind, _, _ in failed if kind == what) / count

    return Rates(
        count,
        share("accepted"),
        share("refused"),
        share("named"),
        strictly / count,
        mended / count,
        1e3 * statistics.median(seconds),
        tuple(failed),
        tuple((name, made[name], named[name]) for name in sorted(made)),
    )


def small_network_milliseconds(repeats: int = 20) -> tuple[float, float]:
    """Median and longest time to judge an equation of the table about the 2-2-2 network, once it has been compiled."""
    formulas = bs.Formulas.read(catalogue().networks["A"]["formulas"])
    formulas.check("dL/dw1 = 0")
    found = []
    for entry in (each for each in catalogue().rows if each.network == "A"):
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            formulas.check(entry.equation)
            times.append(time.perf_counter() - start)
        found.append(1e3 * statistics.median(times))
    return statistics.median(found), max(found)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--show", type=int, default=0, help="so many failures are printed in full")
    options = parser.parse_args(arguments)
    rates = measure(options.count, options.first)
    print("| cases | right: accepted | wrong: refused | mistake named | to the very kind | mended |")
    print("|---|---|---|---|---|---|")
    shares = (rates.accepted, rates.refused, rates.named, rates.named_strictly, rates.mended)
    print(f"| {rates.count:,} | " + " | ".join(f"{100 * share:.2f} %" for share in shares) + " |\n")
    print("| mistake | made | named |\n|---|---|---|")
    for name, made, named in rates.by_mistake:
        print(f"| {name} | {made} | {100 * named / made:.1f} % |")
    median, longest = small_network_milliseconds()
    print(f"\nMedian time to judge a wrong equation: {rates.milliseconds:.1f} ms;")
    print(f"one of the table about the 2-2-2 network: {median:.1f} ms, the longest {longest:.1f} ms")
    for what, each, verdict in rates.failed[: options.show]:
        print(f"\n== not {what}: seed {each.seed}, {each.slip.name} ({each.slip.kind})\n{each.network}")
        print(f"right: {each.right}\nwrong: {each.wrong}\n{verdict}", file=sys.stdout)


if __name__ == "__main__":
    main()
