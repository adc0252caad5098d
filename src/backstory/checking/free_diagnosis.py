"""Names what is wrong with an equation with free indices: the small change that makes it right for all their values."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from backstory.checking.equation import Written
from backstory.checking.index_repairs import Repair, index_repairs
from backstory.checking.indexed_names import Absent
from backstory.checking.instances import Environment, Instances
from backstory.checking.judge import Judge, Judgment
from backstory.checking.vectors import constant_ratio
from backstory.checking.verdict import MOST_FINDINGS, Finding, Numbers, Status, Verdict
from backstory.checking.whole import Whole
from backstory.errors import ExpressionError
from backstory.expressions import Expr

if TYPE_CHECKING:
    from backstory.checking.layered import LayeredJudgment

_PATIENCE = 0.4
"""Seconds after which no more changes are tried."""
Judged = Sequence[tuple[Environment, Judgment | None]]


class FreeDiagnosis:
    """One equation that is wrong for some values of its indices.

    Parameters
    ----------
    judgment : LayeredJudgment
    instances : Instances
    judged, failed : sequence of (environment, judgment)
        All values of the indices, and those for which it is wrong.
    judge : Judge, optional
        Of another network than the ordinary one.
    """

    def __init__(
        self,
        judgment: LayeredJudgment,
        instances: Instances,
        judged: Judged,
        failed: Judged,
        judge: Judge | None = None,
    ) -> None:
        self.judgment, self.instances, self.judged, self.failed = judgment, instances, judged, failed
        self.judge = judge or judgment.judge.quick(instances.units)
        self.text = judgment.text
        self.span = instances.right.span or (0, len(self.text))

    def verdict(self) -> Verdict:
        """Return status, findings and the numbers of the first counter-example."""
        findings = self.findings()
        part = self.part()
        status: Status = "wrong"
        if part:
            status = "right_in_part"
            findings = [replace(findings[0], message=f"{part} {findings[0].message}"), *findings[1:]]
        return Verdict(self.text, status, tuple(findings)[:MOST_FINDINGS], numbers=self.numbers())

    @property
    def example(self) -> Judgment | None:
        """The first counter-example that can be computed."""
        return next((judgment for _, judgment in self.failed if judgment is not None), None)

    def numbers(self) -> Numbers | None:
        return None if self.example is None else self.example.numbers()

    def part(self) -> str:
        """Say for which layers it holds, where it holds for some of them."""
        letters = self.instances.letters[0]
        if len(letters) != 1:
            return ""
        (letter,) = letters
        wrong = sorted({environment[letter] for environment, _ in self.failed})
        right = sorted({environment[letter] for environment, _ in self.judged} - set(wrong))
        if not right:
            return ""
        first = self.instances.convention.first_layer
        holds = ", ".join(str(layer + first) for layer in right)
        return f"It holds for {letter} = {holds} and fails for {letter} = {wrong[0] + first}."

    def findings(self) -> list[Finding]:
        """What is wrong, the most telling first."""
        left = self.instances.left
        if self.example is not None and self.example.updated() is not None:
            return self.of_the_example()
        if isinstance(left, Written) and not self.judgment.is_gradient(left) and self.example is not None:
            return self.of_the_example()
        if (found := self.constant()) is not None:
            return [found]
        if (repair := self.repair()) is not None:
            return [Finding(repair.kind, repair.span, repair.message, repair.text)]
        if self.example is None:
            return [self.nowhere()]
        return self.of_the_example()

    def of_the_example(self) -> list[Finding]:
        assert self.example is not None
        found = self.example.verdict().findings or tuple(self.example.diagnosis().findings())
        return [replace(finding, fix="") for finding in found]

    def nowhere(self) -> Finding:
        message = "The indices of the right side run over units that the network does not have."
        return Finding("wrong_index", self.span, message)

    def constant(self) -> Finding | None:
        """Find a constant or a sign between the sides, the same for all values of the indices."""
        found: float | None = None
        for _, judgment in self.judged:
            if judgment is None:
                return None
            ratio = constant_ratio(judgment.values(judgment.right), judgment.values(judgment.left))
            if ratio is None or (found is not None and not math.isclose(ratio, found, rel_tol=1e-8)):
                return None
            found = ratio
        if found is None or math.isclose(found, 1, rel_tol=1e-8) or self.example is None:
            return None
        whole = Whole(self.example.facts())
        return whole.sign_finding(self.span) if math.isclose(found, -1) else whole.scale_finding(found, self.span)

    def repair(self) -> Repair | None:
        """Return the first change that makes the equation right for all values of the indices."""
        until = time.perf_counter() + _PATIENCE
        judgment, instances = self.judgment, self.instances
        changes = index_repairs(self.text, instances.left, instances.right, judgment.spelling, instances.unbound)
        tried = {self.text}
        for change in changes:
            if time.perf_counter() > until:
                return None
            if change.text not in tried and self.is_right(change.text):
                return change
            tried.add(change.text)
        return None

    def is_right(self, text: str) -> bool:
        """Whether a changed equation holds: first at the counter-example, then everywhere."""
        try:
            right = self.side(text)
            changed = replace(self.instances, right=right)
            environment = self.failed[0][0]
            if not self.agree(changed, environment):
                return False
            environments = changed.environments()
            return bool(environments) and all(self.agree(changed, each) for each in environments)
        except (ExpressionError, Absent, RecursionError):
            return False

    def agree(self, instances: Instances, environment: Environment) -> bool:
        left = instances.concrete(instances.left, environment)
        right = instances.concrete(instances.right, environment)
        return self.judgment.judgment(self.judge, left, right).agrees()

    def side(self, text: str) -> Expr:
        """Read the side of a changed equation that stands where the wrong one stood."""
        equation = self.judgment.judge.read(text)
        place = self.judgment.equation.sides.index(self.instances.right)
        return equation.sides[place]
