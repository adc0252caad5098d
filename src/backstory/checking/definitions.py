"""Equations that are no derivatives: formulas of quantities and functions, and update rules."""

from __future__ import annotations

from backstory.checking.equation import Applied, Written
from backstory.checking.facts import Facts
from backstory.checking.terms import addends
from backstory.checking.vectors import Vector, constant_ratio, equal, fraction
from backstory.checking.verdict import Finding
from backstory.checking.whole import Whole
from backstory.expressions import Add, Name, Neg, Sub, evaluate, substitute, to_text, walk


class Definitions:
    """What one of them shows."""

    def __init__(self, facts: Facts, whole: Whole) -> None:
        self.facts, self.whole = facts, whole

    def of_a_quantity(self) -> list[Finding]:
        """Tell how a formula differs from the network's own."""
        span = self.facts.right.span or (0, len(self.facts.text))
        left, right = self.facts.values(self.facts.left), self.facts.values(self.facts.right)
        meaning = self.facts.names.meaning(self.facts.left) if isinstance(self.facts.left, Written) else None
        if meaning is None or meaning.node not in self.facts.program.formulas:
            if (ratio := constant_ratio(right, left)) is not None:
                return [self.whole.scale_finding(ratio, span)] if ratio > 0 else [self.whole.sign_finding(span)]
            return [Finding("wrong_definition", span, "The two sides differ.")]
        node = meaning.node
        own = self.visible_formula(node)
        message = f"The formula of {node} is {node} = {own}."
        inner = self.facts.names.sum_of(node)
        if inner is not None and equal(right, [point.values[inner] for point in self.facts.points]):
            message = f"The activation is missing: that is the weighted sum, {node} = {own}."
        elif (ratio := constant_ratio(right, left)) is not None:
            message = f"It is {fraction(ratio)} times the loss of this network. " + message
        elif (difference := self.missing_addend(node, right)) is not None:
            message = f"{difference} is missing. " + message
        return [Finding("wrong_definition", span, message, f"{self.facts.text[: span[0]]}{own}")]

    def missing_addend(self, node: str, right: Vector) -> str | None:
        """Return the addend of a formula that a definition leaves out."""
        formula = self.facts.program.formulas[node]
        own = [point.values[node] for point in self.facts.points]
        for part in addends(formula) if isinstance(formula, Add | Sub) else []:
            values = self.facts.program_values(part)
            for sign in (1, -1):
                if equal([one + sign * other for one, other in zip(right, values, strict=True)], own):
                    return to_text(part)
        return None

    def visible_formula(self, node: str) -> str:
        formula = self.facts.program.formulas[node]
        hidden = {
            name: self.facts.program.formulas[name]
            for name in self.facts.program.hidden
            if name in self.facts.program.formulas
        }
        return to_text(substitute(formula, hidden))

    def of_a_function(self) -> list[Finding]:
        """Tell what is wrong with a formula for a function or its derivative."""
        assert isinstance(self.facts.left, Applied)
        row = self.facts.meaning.row(self.facts.left)
        span = self.facts.right.span or (0, len(self.facts.text))
        left, right = self.facts.values(self.facts.left), self.facts.values(self.facts.right)
        shown = self.facts.text[slice(*(self.facts.left.span or (0, 0)))]
        slope = (
            f"a*(1 - a) with a = {row.name}" if row.name == "sigmoid" else to_text(row.slope) + f" with a = {row.name}"
        )
        truth = f"{shown} = {slope}(z)" if self.facts.left.primes else f"{shown} = {row.formula}"
        if equal([-value for value in left], right):
            return [Finding("wrong_sign", span, f"The sign is wrong: {truth}.")]
        mirrored = self.mirrored()
        if not self.facts.left.primes and mirrored is not None and equal(mirrored, right):
            return [
                Finding("wrong_sign", span, f"The sign of the exponent is wrong, that is the function at -z: {truth}.")
            ]
        if (ratio := constant_ratio(right, left)) is not None:
            return [Finding("wrong_scale", span, f"It is {fraction(ratio)} times too large: {truth}.")]
        if self.facts.left.primes and self.uses_argument_for_value(row.name, right):
            message = f"The rule a*(1 - a) is used with z in place of a = {row.name}(z): {truth}."
            return [Finding("wrong_argument", span, message)]
        return [Finding("wrong_definition", span, f"{truth}.")]

    def mirrored(self) -> Vector | None:
        """The function of the negative argument."""
        assert isinstance(self.facts.left, Applied)
        arg = self.facts.left.arg
        return self.facts.values(Applied(self.facts.left.function, Neg(arg), self.facts.left.primes))

    def uses_argument_for_value(self, name: str, right: Vector) -> bool:
        """Whether the slope's formula in a was written with z."""
        assert isinstance(self.facts.left, Applied)
        slope = self.facts.meaning.row(self.facts.left).slope
        if "a" not in {each.id for each in walk(slope) if isinstance(each, Name)}:
            return False
        z = self.facts.values(self.facts.left.arg)
        return equal([float(evaluate(slope, {"a": value, "z": value})) for value in z], right)

    def of_an_update(self, parameter: str, constant: bool) -> list[Finding]:
        """Tell what is wrong with an update rule."""
        span = self.facts.right.span or (0, len(self.facts.text))
        loss = self.facts.program.loss
        if constant:
            message = (
                f"This step climbs: the gradient points to where {loss} grows, so it is subtracted. "
                f"{parameter} = {parameter} - eta*d{loss}/d{parameter}."
            )
            fix = self.facts.text[: span[0]] + self.facts.text[slice(*span)].replace("+", "-", 1)
            return [Finding("wrong_sign", span, message, fix)]
        message = (
            f"The step is no constant times d{loss}/d{parameter}: {parameter} - eta*d{loss}/d{parameter} goes down."
        )
        return [Finding("wrong_factor", span, message)]
