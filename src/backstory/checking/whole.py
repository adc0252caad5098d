"""What a whole side shows: a constant or a sign between the sides, factors added, something not differentiated."""

from __future__ import annotations

import math
from collections.abc import Iterator

from backstory.checking.edits import applied, rescaled
from backstory.checking.facts import Facts
from backstory.checking.terms import addends
from backstory.checking.vectors import Vector, constant_ratio, equal, fraction
from backstory.checking.verdict import Finding
from backstory.expressions import Div, Expr, Name, Number, Pow, Sub, to_text, walk
from backstory.expressions.tree import Span


class Whole:
    """The right side as one number."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def findings(self) -> Iterator[Finding]:
        """A constant between the sides, factors added, something not differentiated."""
        left, right = self.facts.values(self.facts.left), self.facts.values(self.facts.right)
        span = self.facts.right.span or (0, len(self.facts.text))
        if (ratio := constant_ratio(right, left)) is not None:
            yield self.sign_finding(span) if math.isclose(ratio, -1) else self.scale_finding(ratio, span)
            return
        if len(self.facts.terms) > 1 and equal(self.product_of_terms(), left):
            message = "The factors of a chain are multiplied, not added: each of these terms is a part of one chain."
            yield Finding("broken_chain", span, message)
            return
        if (shown := self.not_differentiated(right)) is not None:
            yield Finding(
                "not_differentiated", span, f"That is {shown} itself, not its derivative by {self.facts.by_text}."
            )

    def product_of_terms(self) -> Vector:
        columns = [self.facts.term_values(term) for term in self.facts.terms]
        return [math.prod(row) for row in zip(*columns, strict=True)]

    def sign_finding(self, span: Span) -> Finding:
        """The whole side is the negative of what it should be; a reversed residual is named."""
        for term in self.facts.terms if len(self.facts.terms) == 1 else []:
            for factor in term.factors:
                if isinstance(factor.node, Sub) and self.facts.is_residual(factor.node):
                    one, other = self.facts.shown(factor.node.left), self.facts.shown(factor.node.right)
                    message = (
                        f"The sign is wrong: the derivative of the squared error has ({other} - {one}), not "
                        f"({one} - {other})."
                    )
                    fix = self.facts.replaced(factor.span, f"{other} - {one}")
                    return Finding("wrong_sign", factor.span, message, fix)
        message = "The sign is wrong: everything else is right."
        return Finding("wrong_sign", span, message, self.facts.before_it(span, "-"))

    def scale_finding(self, ratio: float, span: Span) -> Finding:
        """A constant too many or too few."""
        message = f"It is {fraction(ratio)} times what it should be"
        squares = self.squares()
        if math.isclose(ratio, 2) and any(map(_has_half, squares)):
            message += (
                ": the 2 that comes down from the square cancels the 1/2 of this loss, "
                f"{self.facts.names.loss_text}. It would be right for that loss without the 1/2"
            )
        elif math.isclose(ratio, 0.5) and squares:
            message += (
                f": a 2 comes down from the square of this loss, {self.facts.names.loss_text}. It would be right for "
                "that loss with a 1/2 in front"
            )
        elif self.facts.ends is not None and self.facts.ends[0] == self.facts.program.loss:
            message += f": the constant must be that of this loss: {self.facts.names.loss_text}"
        fix = applied(self.facts.text, [rescaled(self.facts.text, self.facts.right, ratio)])
        return Finding("wrong_scale", span, f"{message}.", fix)

    def squares(self) -> list[Expr]:
        """The formulas with squares in them, where what is differentiated is a loss of squares; a penalty is none."""
        if self.facts.ends is None:
            return []
        of, program = self.facts.ends[0], self.facts.program
        if of not in program.formulas or (of != program.loss and not self.has_square(program.formulas[of])):
            return []
        inner = (tree for name, tree in program.formulas.items() if name == of or self.facts.reaches(name, of))
        return [tree for tree in inner if self.has_square(tree)]

    def has_square(self, formula: Expr) -> bool:
        """Whether a formula holds a square, other than of a leaf by itself."""
        leaves = self.facts.program.leaves
        return any(
            isinstance(node, Pow)
            and node.right == Number(2)
            and not (isinstance(node.left, Name) and node.left.id in leaves)
            for node in walk(formula)
        )

    def not_differentiated(self, right: Vector) -> str | None:
        """Return what the side is, where it is the quantity on top or the part of it that matters, up to a constant."""
        assert self.facts.ends is not None
        of, by = self.facts.ends
        if of not in self.facts.program.formulas:
            return None
        formula = self.facts.program.formulas[of]
        for part in [formula, *addends(formula)]:
            if by not in {each.id for each in walk(part) if isinstance(each, Name)}:
                continue
            if constant_ratio(right, self.facts.program_values(part)) is not None:
                return f"{to_text(part)}"
        return None


def _has_half(formula: Expr) -> bool:
    return any((isinstance(node, Div) and node.right == Number(2)) or node == Number(0.5) for node in walk(formula))
