"""Judges equations about formulas with a table of samples: on one sample, and with its sums over all of them.

A batch is the same formulas written out once for each of a few samples, so that it has a graph as one sample has.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from backstory.checking.equation import Applied, Equation, Ratio, SumOver, Written
from backstory.checking.judge import Judge, Judgment, WithFree, free_names, unreadable
from backstory.checking.names import Meaning, Names
from backstory.checking.reader import read_equation
from backstory.checking.terms import is_of_derivatives_only
from backstory.checking.vectors import constant_ratio
from backstory.checking.verdict import Finding, Verdict
from backstory.errors import ExpressionError
from backstory.expressions import Add, Expr, Mul, Name, Number, substitute, walk
from backstory.story.chain import added
from backstory.story.program import Program, aggregated

COUNT = 3
"""How many samples a batch has on which sums are judged."""
_SUM = re.compile(r"(?:sum|∑|Σ)\s*(?:\\limits)?\s*_\s*\{?\s*([A-Za-z])\b")
_USUAL_LETTERS = frozenset("ni")


def batch_program(program: Program, count: int) -> Program:
    """Write formulas with samples out for so many samples: `yhat` becomes `yhat[1]`, `yhat[2]` …"""
    formulas: dict[str, Expr] = {}
    for name, tree in program.formulas.items():
        if name in program.of_a_sample:
            for sample in range(1, count + 1):
                own = {each: Name(_of(each, sample)) for each in program.of_a_sample}
                formulas[_of(name, sample)] = substitute(tree, own)
        elif (inner := aggregated(tree)) is not None:
            total = added([Name(_of(inner, sample)) for sample in range(1, count + 1)])
            is_mean = tree.function == "mean"  # type: ignore[attr-defined]  # aggregated: it is a call
            formulas[name] = total / count if is_mean else total
        else:
            formulas[name] = tree
    columns = {
        _of(name, sample): column[(sample - 1) % len(column)]
        for sample in range(1, count + 1)
        for name, column in program.samples.items()
    }
    return replace(program, leaves={**program.leaves, **columns}, formulas=formulas, samples={})


def _of(name: str, sample: int) -> str:
    return f"{name}[{sample}]"


class _Written(Names):
    """The names of formulas written out for several samples, each as it stands there."""

    def meaning(self, name: Written) -> Meaning | None:
        return Meaning(name.base) if name.base in self.program.users and not name.below else None


class _OneSample(Exception):
    """A quantity that differs from sample to sample stands outside of all sums over them."""


@dataclass(frozen=True)
class _WithSamples(WithFree):
    """Names that may carry the index of a sample: yhat_n, x_{1,n}, y^{(n)}."""

    letters: frozenset[str] = _USUAL_LETTERS
    samples: bool = True

    def known(self, name: Written) -> bool:
        return super().known(name) or super().known(self.plain(name))

    def plain(self, name: Written) -> Written:
        """Return a name without the index of a sample."""
        if super().known(name):
            return name
        if name.above in self.letters:
            return replace(name, above="")
        if not name.above and name.below[-1:] in self.letters:
            return replace(name, below=name.below[:-1].rstrip(","))
        return name


class BatchJudge(Judge):
    """Judges equations about one network with a table of samples."""

    @cached_property
    def batch(self) -> Judge:
        """The judge of a batch written out."""
        program = batch_program(self.program, COUNT)
        return Judge(program, names=_Written(program))

    @property
    def is_mean(self) -> bool:
        """Whether the loss is a mean over the samples."""
        trees = [tree for tree in self.program.formulas.values() if aggregated(tree) is not None]
        return any(tree.function == "mean" for tree in trees)  # type: ignore[attr-defined]  # they are calls

    def vocabulary(self, text: str) -> _WithSamples:
        """Return the names that an equation may hold: those of samples too, and how many there are."""
        letters = frozenset(_SUM.findall(text)) or _USUAL_LETTERS
        return _WithSamples(self.names, free_names(text) | {"N"}, letters)

    def canonical(self, text: str) -> str:
        """Return what a function equals; nothing for others, as the chain rule's form holds the number of samples."""
        left = read_equation(text, self.vocabulary(text)).sides[0]
        return super().canonical(text) if isinstance(left, Applied) else ""

    def judged(self, text: str) -> Verdict:
        """Judge an equation on one sample, and where that holds, over a batch.

        The number of samples that there are, or a multiple of it, may stand where N does.
        """
        found = self.judged_as_written(text)
        if found.ok or not _SUM.search(text):
            return found
        n = self.program.n_samples

        def in_samples(match: re.Match[str]) -> str:
            times, rest = divmod(int(match[0]), n)
            return match[0] if rest or not times else f"({times}*N)"

        with_letter = re.sub(r"(?<![\w.^])\d{1,6}(?![\w.])", in_samples, text) if n > 1 else text
        again = self.judged_as_written(with_letter) if with_letter != text else found
        return replace(again, text=text) if again.ok else found

    def judged_as_written(self, text: str) -> Verdict:
        """Judge an equation that calls the number of samples N."""
        try:
            names = self.vocabulary(text)
            return _Batched(self, names, read_equation(text, names)).verdict()
        except (ExpressionError, RecursionError) as error:
            return unreadable(text, error)


class _Batched:
    """One equation about a batch."""

    def __init__(self, judge: BatchJudge, names: _WithSamples, equation: Equation) -> None:
        self.judge, self.names, self.equation, self.free = judge, names, equation, names.free
        self.program, self.text = judge.program, equation.text

    def verdict(self) -> Verdict:
        one = Equation(self.text, tuple(self.put(side, 1, 1) for side in self.equation.sides), self.equation.is_update)
        judgment = Judgment(self.judge, one, self.free, self.judge.values)
        found = judgment.verdict()
        if not found.ok or judgment.updated() is not None or not self.is_of_the_batch(one.sides[0]):
            return found
        for right in self.equation.sides[1:]:
            has_sums = any(isinstance(node, SumOver) for node in walk(right))
            if (has_sums or not is_of_derivatives_only(right)) and (finding := self.over_the_batch(right)) is not None:
                return replace(found, status="wrong", findings=(finding,))
        return found

    def is_of_the_batch(self, left: Expr) -> bool:
        """Whether a side is the loss of all samples, or its derivative by something that they share."""
        names = [left.of, left.by] if isinstance(left, Ratio) else [left]
        meanings = [self.judge.names.meaning(name) for name in names if isinstance(name, Written)]
        nodes = [meaning.node for meaning in meanings if meaning is not None and not meaning.is_delta]
        of_all = self.program.loss in nodes and not set(nodes) & self.program.of_a_sample
        return of_all and len(nodes) == len(names)

    def over_the_batch(self, right: Expr) -> Finding | None:
        """Return what is wrong over a batch with a side that is right on one sample."""
        span = right.span or (0, len(self.text))
        try:
            sides = self.put(self.equation.sides[0], None, COUNT), self.put(right, None, COUNT)
        except _OneSample:
            return self.missing_sum(span)
        judgment = Judgment(self.judge.batch, Equation(self.text, sides), self.free)
        if judgment.agrees():
            return None
        ratio = constant_ratio(judgment.values(sides[1]), judgment.values(sides[0]))
        if ratio is not None:
            return self.scale(ratio, span)
        message = "It is right on one sample only: the mean of a product is not the product of the means."
        return Finding("wrong_factor", span, message)

    @property
    def over(self) -> str:
        what = "mean" if self.judge.is_mean else "sum"
        return f"{self.program.loss} is the {what} over the N samples"

    def missing_sum(self, span: tuple[int, int]) -> Finding:
        before, inner, after = self.text[: span[0]], self.text[slice(*span)], self.text[span[1] :]
        over = "\\sum_n" if "\\" in self.text else "sum_n"
        mean = ("\\frac{1}{N} " if "\\" in self.text else "1/N*") if self.judge.is_mean else ""
        message = f"That is one sample's part: {self.over}, so the sum over them is missing."
        return Finding("missing_sum", span, message, f"{before}{mean}{over} ({inner}){after}")

    def scale(self, ratio: float, span: tuple[int, int]) -> Finding:
        before, inner, after = self.text[: span[0]], self.text[slice(*span)], self.text[span[1] :]
        power = round(math.log(abs(ratio)) / math.log(COUNT))
        if ratio > 0 and power and math.isclose(ratio, COUNT**power, rel_tol=1e-8):
            size = "N" if power == 1 else "1/N" if power == -1 else f"N^{power}"
            factor = "1/N" if power == 1 else "N" if power == -1 else f"N^({-power})"
            message = f"It is {size} times what it should be: {self.over}."
            return Finding("wrong_scale", span, message, f"{before}{factor}*({inner}){after}")
        return Finding("wrong_scale", span, f"It is {ratio:.6g} times what it should be: {self.over}.")

    # -- one equation on one sample, or written out

    def put(self, node: Expr, sample: int | None, count: int) -> Expr:
        """Return a side with the names of one sample, or of a batch written out.

        Parameters
        ----------
        node : Expr
        sample : int or None
            Which one stands here; None outside of all sums.
        count : int
            How many there are; with one, names stay as they are and sums have one term.

        Raises
        ------
        _OneSample
        """
        match node:
            case SumOver(_, body) if count == 1:
                return self.put(body, 1, 1)
            case SumOver(_, body):
                terms = [self.put(body, each, count) for each in range(1, count + 1)]
                total = terms[0]
                for term in terms[1:]:
                    total = Add(total, term, span=node.span)
                return total
            case Written():
                return self.named(node, sample, count)
            case Ratio(of, by, held) if count == 1:
                return replace(
                    node,
                    of=self.names.plain(of),
                    by=self.names.plain(by),
                    held=tuple(map(self.names.plain, held)),
                )
            case Ratio(of, by, held):
                return replace(
                    node,
                    of=self.quantity(of, sample),
                    by=self.quantity(by, sample),
                    held=tuple(self.quantity(name, sample) for name in held),
                )
        return node.with_children(*(self.put(child, sample, count) for child in node.children))

    def named(self, name: Written, sample: int | None, count: int) -> Expr:
        plain = self.names.plain(name)
        meaning = self.judge.names.meaning(plain)
        if meaning is None:
            return Number(count, span=name.span) if name.base + name.below == "N" else name
        if count == 1:
            return plain
        if not meaning.is_delta:
            return self.quantity(plain, sample)
        slope = Ratio(Written(self.program.loss), self.node(meaning.node, sample, name), span=name.span)
        return Mul(Number(count), slope, span=name.span) if self.judge.is_mean else slope

    def quantity(self, name: Written, sample: int | None) -> Written:
        meaning = self.judge.names.meaning(self.names.plain(name))
        if meaning is None:
            return name
        return self.node(meaning.node, sample, name)

    def node(self, node: str, sample: int | None, like: Written) -> Written:
        if node not in self.program.of_a_sample:
            return Written(node, span=like.span)
        if sample is None:
            raise _OneSample
        return Written(_of(node, sample), span=like.span)


def judge_of(program: Program, values: Mapping[str, float]) -> Judge:
    """Return what judges equations about formulas, with samples or without."""
    return (BatchJudge if program.samples else Judge)(program, values)
