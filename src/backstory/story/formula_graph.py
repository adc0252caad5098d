"""The graph of a network written as formulas, for one sample: local derivatives by the rules of differentiation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from backstory.expressions import (
    ELEMENTARY_RULES,
    Call,
    Expr,
    Name,
    Number,
    derivative,
    evaluate,
    names,
    to_text,
    walk,
)
from backstory.expressions.differentiate import Rule
from backstory.functions.activation import Activation, builtin, call_rule
from backstory.story.graph import EdgeKind, Graph, NodeKind
from backstory.story.program import Program, aggregated

_TIES = {"abs": "what it takes is 0", "max": "both are equal", "min": "both are equal"}
_TIED = "the slope of abs at 0 is 0, that of max and min at a tie that of a constant argument."
"""Functions that have no derivative where their argument is 0 or their arguments are equal."""

TANH = builtin("tanh")
"""A row that is an elementary function too, so that it is not among those that a formula calls by their rows."""


class Derivatives:
    """The local derivatives of a program, each worked out once, when it is first asked for."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.rules: Mapping[str, Rule] = {
            **ELEMENTARY_RULES,
            **{name: call_rule(row) for name, row in program.rows.items()},
        }
        self._found: dict[tuple[str, str], Expr] = {}

    def __call__(self, source: str, target: str) -> Expr:
        """Return ∂target/∂source as a formula, what the target's formula computes named instead of repeated."""
        pair = source, target
        if pair not in self._found:
            formula = self.program.formulas[target]
            if aggregated(formula) is not None:
                of_mean = formula.function == "mean"  # type: ignore[attr-defined]  # aggregated: it is a call
                self._found[pair] = Number(1) / Number(self.program.n_samples) if of_mean else Number(1)
            else:
                found = derivative(formula, source, self.rules)
                self._found[pair] = found if isinstance(formula, Name) else _named(found, formula, target)
        return self._found[pair]


def _named(expr: Expr, formula: Expr, name: str) -> Expr:
    """Put a name wherever its formula stands: forward values are stored, not computed twice."""
    if expr == formula:
        return Name(name)
    if not expr.children:
        return expr
    return expr.with_children(*(_named(child, formula, name) for child in expr.children))


@dataclass(frozen=True, eq=False)
class FormulaGraph(Graph):
    """The graph of a program at given values; made by `formula_graph`."""

    program: Program = field(repr=False, kw_only=True)
    derivatives: Derivatives = field(repr=False, kw_only=True)

    def definition(self, name: str, around: str | None = None) -> Expr | None:
        return self.program.formulas.get(name)

    def rows(self) -> Mapping[str, Activation]:
        return self.program.rows

    def local(self, source: str, target: str) -> Expr:
        return self.derivatives(source, target)

    def node_kind(self, name: str) -> NodeKind:
        if name in self.program.formulas:
            if name in self.loss_parts:
                return "loss"
            return "activation" if self._is_activation(name) else "sum" if self._is_sum(name) else "quantity"
        if name in self.program.parameters:
            return "bias" if name.startswith("b") else "weight"
        users = self.program.users[name]
        return "target" if users and all(user in self.loss_parts for user in users) else "input"

    def edge_kind(self, source: str, target: str) -> EdgeKind:
        formula = self.program.formulas[target]
        local = self.local(source, target)
        if aggregated(formula) is not None:
            return "average"
        if target in self.loss_parts:
            return "loss derivative"
        if self._is_activation(target):
            return "activation derivative"
        if isinstance(local, Number):
            return "constant"
        if isinstance(local, Name):
            return "input" if self.node_kind(source) in ("weight", "bias") else "weight"
        return "derivative" if _is_polynomial(formula) else "activation derivative"

    def activation(self, name: str) -> Activation | None:
        formula = self.program.formulas.get(name)
        if not isinstance(formula, Call):
            return None
        return TANH if formula.function == "tanh" else self.program.rows.get(formula.function)

    def kink(self, source: str, target: str) -> str:
        for node in walk(self.program.formulas[target]):
            if isinstance(node, Call) and node.function in _TIES:
                first, second = (*node.args, Number(0))[:2]
                values = [evaluate(each, self.values, self.program.functions) for each in (first, second)]
                if values[0] == values[1] and source in names(node):
                    return f"{to_text(node)} has no derivative where {_TIES[node.function]}. By convention: {_TIED}"
        return super().kink(source, target)

    @cached_property
    def loss_parts(self) -> frozenset[str]:
        """The loss, and whatever only the loss uses that is neither an activation nor weighs a computed quantity."""
        found = {self.program.loss}
        for name in reversed(self.program.formulas):
            users = self.program.users[name]
            if users and found.issuperset(users) and not self._is_activation(name) and not self._weighs(name):
                found.add(name)
        return frozenset(found)

    def _weighs(self, name: str) -> bool:
        """Whether a formula holds a parameter, or multiplies a computed quantity by a given one."""
        for source in self.program.uses[name]:
            local = self.local(source, name) if source in self.program.formulas else None
            if source in self.program.parameters or (isinstance(local, Name) and local.id in self.program.leaves):
                return True
        return False

    def _is_activation(self, name: str) -> bool:
        return self.activation(name) is not None and name != self.program.loss

    def _is_sum(self, name: str) -> bool:
        """Whether only activations use it: what they take is a weighted sum."""
        users = self.program.users[name]
        return bool(users) and all(self._is_activation(user) for user in users)


def _is_polynomial(expr: Expr) -> bool:
    return not any(isinstance(node, Call) for node in walk(expr))


def formula_graph(
    program: Program, shared: Mapping[str, float], row: Mapping[str, float] | None, derivatives: Derivatives
) -> FormulaGraph:
    """Build the graph of a program, for one of its samples where it has them.

    Parameters
    ----------
    program : Program
    shared, row : mapping of str to float
        What `Program.values` computed: what is the same for all samples, and what one of them has of its own.
    derivatives : Derivatives
        Of the same program.
    """
    known = {**shared, **(row or {})}
    leaves = [name for name in known if name not in program.formulas]
    values = {name: known[name] for name in [*leaves, *program.formulas] if name in known}
    out: dict[str, list[tuple[str, float]]] = {name: [] for name in values}
    for target in program.formulas:
        for source in program.uses[target] if target in values else ():
            if source in values:
                number = float(evaluate(derivatives(source, target), values, program.functions))
                out[source].append((target, number))
    return FormulaGraph(values, out, program=program, derivatives=derivatives)
