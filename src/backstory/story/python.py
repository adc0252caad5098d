"""A story as Python source: the values on the way and the gradient once more, with plain arithmetic."""

from __future__ import annotations

import builtins
import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from backstory.expressions import CONSTANTS, Expr, Name, Number, expand_calls, names, substitute, to_python
from backstory.functions.activation import Activation, callable_rows
from backstory.story.network_graph import NetworkGraph

if TYPE_CHECKING:
    from backstory.story.story import Story

_TAKEN = {"math", *dir(builtins), *keyword.kwlist}
_GIVEN = ("weight", "bias", "input", "target", "constant")


def source(story: Story) -> str:
    """Return a program that computes the gradient again and prints it."""
    return "\n".join(_Program(story).lines()) + "\n"


class _Program:
    """Writes a program line by line; a quantity is set before the first line that names it."""

    def __init__(self, story: Story) -> None:
        self.story, self.graph = story, story.graph
        self.way = list(story.names)
        self.identifiers: dict[str, str] = {}
        self.set: set[str] = set()
        rows = {**callable_rows(), **self.graph.rows()}
        self.calls = {name: _value_of(row) for name, row in rows.items()}

    def lines(self) -> Iterator[str]:
        story = self.story
        yield f'"""∂{story.of}/∂{story.by} with plain arithmetic: forward to {story.told}, then the chain rule back."""'
        yield ""
        yield "import math"
        yield ""
        if not self.way:
            yield f"gradient = 0.0  # no path leads from {story.by} to {story.of}"
        else:
            yield "# Forward: the values on the way; others are given as numbers."
            yield from self.forward()
            yield ""
            yield "# Backward: the derivative of each by what follows it, last first."
            yield from self.backward()
            yield ""
            yield from self.whole()
        yield "print(gradient)"

    def forward(self) -> Iterator[str]:
        for name in self.with_outputs():
            if name == self.story.by:
                yield self.given(name)
                continue
            formula = self.graph.among(name, self.way_and_outputs)
            yield from self.assigned(self.identifier(name), formula)
            self.set.add(name)

    def backward(self) -> Iterator[str]:
        of, graph = self.story.told, self.graph
        totals = graph.totals(of)
        yield f"{self.slope(of)} = 1.0"
        for name in reversed(self.way):
            if name == of:
                continue
            edges = [(target, number) for target, number in graph.out[name] if target in totals]
            shown = [target for target, _ in edges if target in self.way]
            terms = [graph.local(name, target) * Name(_SLOPE + target) for target in shown]
            others = [number * totals[target] for target, number in edges if target not in self.way]
            formula = _sum([*terms, *([Number(math.fsum(others))] if others else [])])
            remark = f"  # the last number comes through {len(others):,} others" if others else ""
            yield from self.assigned(self.slope(name), formula, remark)

    def whole(self) -> Iterator[str]:
        """Put the row's derivative among those of its batch, and add the penalty's."""
        story = self.story
        yield f"gradient = {self.slope(story.by)}"
        if (batch := story.batch) is not None:
            others = math.fsum(batch.gradients) - batch.gradients[batch.row]
            rest = f" + {_literal(batch.rest)}" if batch.rest else ""
            yield f"others = {_literal(others)}  # what the other {len(batch.gradients) - 1:,} rows give, added up"
            yield f"gradient = (gradient + others) * {_literal(batch.factor)}{rest}"
        if story.penalty is not None:
            yield from self.assigned("penalty", story.penalty.slope)
            yield "gradient += penalty"

    @property
    def way_and_outputs(self) -> list[str]:
        return list(self.with_outputs())

    def with_outputs(self) -> Iterator[str]:
        """Go through the quantities on the way; where output activation and loss are one edge, the outputs too."""
        graph = self.graph
        for name in self.way:
            if name == self.story.told and isinstance(graph, NetworkGraph) and graph.collapsed:
                last = f"z{graph.row.n_layers}["
                yield from ("a" + each[1:] for each in self.way if each.startswith(last))
            yield name

    def assigned(self, identifier: str, formula: Expr, remark: str = "") -> Iterator[str]:
        """Write an assignment, before it those of the numbers it needs."""
        formula = expand_calls(formula, self.calls)
        for name in sorted(names(formula)):
            if name not in self.set and not name.startswith(_SLOPE) and name not in CONSTANTS:
                yield self.given(name)
        yield f"{identifier} = {to_python(formula, name=self.called)}{remark}"

    def given(self, name: str) -> str:
        self.set.add(name)
        plain = name == self.story.by or self.graph.node_kind(name) in _GIVEN
        remark = "" if plain else f"  # given: {self.story.by} does not reach it"
        return f"{self.identifier(name)} = {_literal(self.graph.value(name))}{remark}"

    def called(self, name: str) -> str:
        if name.startswith(_SLOPE):
            return self.slope(name.removeprefix(_SLOPE))
        return f"math.{name}" if name in CONSTANTS and name not in self.set else self.identifier(name)

    def slope(self, name: str) -> str:
        """Return the identifier of the derivative by a quantity."""
        return self.identifier(_SLOPE + name)

    def identifier(self, name: str) -> str:
        """Return an identifier of its own for each quantity: w1[2->0] is w1_2_0."""
        if name not in self.identifiers:
            plain = unicodedata.normalize("NFKC", name.replace(_SLOPE, "d_"))
            found = re.sub(r"\W+", "_", plain).strip("_")
            found = found if found.isidentifier() else f"q_{found}"
            while found in _TAKEN or found in self.identifiers.values():
                found += "_"
            self.identifiers[name] = found
        return self.identifiers[name]


_SLOPE = "∂"
"""What a name begins with that stands for the derivative by a quantity."""


def _sum(terms: list[Expr]) -> Expr:
    found = terms[0]
    for term in terms[1:]:
        found = found + term
    return found


def _literal(value: float) -> str:
    return repr(value) if math.isfinite(value) else f'float("{value}")'


def _value_of(row: Activation) -> Callable[[Expr], Expr]:
    return lambda argument: substitute(row.value, {"z": argument})
