"""The step taken with weights already updated: a slip of several published examples, worked out beside the right one.

Backpropagation takes every delta with the weights that the forward pass used. Whoever updates the last layer first and
then goes on backwards with the new weights gets numbers that are the gradient of nothing, though they often lie close.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backstory.expressions import Expr, Name, evaluate, names
from backstory.story.formula_graph import Derivatives, FormulaGraph, formula_graph
from backstory.story.program import Program

if TYPE_CHECKING:
    from backstory.story.story import Story

Step = Callable[[str, float], float]
"""From a parameter and its gradient to its new value."""


_MOST_NAMED = 4
"""Up to how many updated weights are named in a sentence."""


@dataclass(frozen=True)
class Updated:
    """A parameter before and after the step."""

    name: str
    old: float
    new: float


@dataclass(frozen=True)
class Stale:
    """One step taken both ways.

    Attributes
    ----------
    story : Story
        The same derivative with the new weights in its factors: not the gradient of anything.
    used : tuple of Updated
        The weights between the asked parameter and the loss that were updated before its delta was taken; of a network
        those on the paths that the story shows.
    loss : str
    loss_after, loss_after_stale : float
        The loss after a whole step of gradient descent, and after one taken with weights already updated.
    """

    story: Story
    used: tuple[Updated, ...]
    loss: str
    loss_after: float
    loss_after_stale: float

    @property
    def value(self) -> float:
        """What stands in the place of the gradient."""
        return self.story.value


NEW = "⁺"
"""What marks the name of a quantity as it is after the step."""

STALE_END = (
    "Only the first is gradient descent: all its derivatives belong to one point. Several published worked examples "
    "print the second, or a mixture of both."
)


def stale_beginning(stale: Stale) -> str:
    """Say what was done, and with which weights."""
    story = stale.story
    if not stale.used:
        return (
            f"No weight that is updated before it lies between {story.by} and {stale.loss}: both ways give the same "
            "derivative here, and differ in earlier layers only."
        )
    told = [f"{each.name}{NEW} = {each.new:.9g} (was {each.old:.9g})" for each in stale.used[:_MOST_NAMED]]
    more = [f"{len(stale.used) - _MOST_NAMED} more"] if len(stale.used) > _MOST_NAMED else []
    listed = [*told, *more]
    text = listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"
    return (
        f"A slip: the same step, its deltas taken through weights that it has already changed, {text}. "
        f"With {NEW} for values after the step,"
    )


def stale_rows(story: Story, stale: Stale) -> list[tuple[Expr, float, float]]:
    """Return what differs: its name, by gradient descent, with updated weights."""
    wrong = stale.story
    rows: list[tuple[Expr, float, float]] = [(story.symbol, story.value, wrong.value)]
    if story.update is not None and wrong.update is not None:
        rows.append((Name(story.by + NEW), story.update.new, wrong.update.new))
    return [*rows, (Name(stale.loss + NEW), stale.loss_after, stale.loss_after_stale)]


@dataclass(frozen=True)
class StaleSweep:
    """A sweep backwards through formulas in which each parameter is updated as soon as its gradient is complete.

    Attributes
    ----------
    graphs : tuple of FormulaGraph
        By sample (the only one where there are none), with the numbers that the edges then have.
    direct : FormulaGraph
        Of what is the same for all samples.
    gradients, new : dict of str to float
        Of every parameter.
    renewed : dict of (str, str) to set of str
        The edges that took new values, and of which parameters.
    """

    graphs: tuple[FormulaGraph, ...]
    direct: FormulaGraph
    gradients: dict[str, float]
    new: dict[str, float]
    renewed: dict[tuple[str, str], frozenset[str]]

    def used_on(self, graph: FormulaGraph, by: str, of: str) -> tuple[str, ...]:
        """Return the parameters that enter, updated, into the factors between two quantities."""
        there = set(graph.between(by, of))
        found = {each for edge, used in self.renewed.items() if there.issuperset(edge) for each in used}
        return tuple(name for name in graph.values if name in found)


def stale_sweep(
    program: Program,
    shared: Mapping[str, float],
    rows: Sequence[Mapping[str, float]],
    derivatives: Derivatives,
    step: Step,
) -> StaleSweep:
    """Go backwards through formulas, updating on the way.

    An edge takes a parameter's new value where everything that uses the parameter lies behind the edge's source, so
    that its gradient was complete before; the values of the forward pass stay as they were.

    Parameters
    ----------
    program : Program
    shared, rows : mapping, sequence of mappings of str to float
        What `Program.values` computed.
    derivatives : Derivatives
        Of the same program.
    step : callable
        From a parameter and its gradient to its new value.
    """
    known = [{**shared, **row} for row in rows]
    direct = formula_graph(program, shared, None, derivatives)
    graphs = [formula_graph(program, shared, row, derivatives) for row in rows]
    sweep = StaleSweep(tuple(graphs or [direct]), direct, {}, {}, {})
    totals: dict[int, dict[str, float]] = {id(graph): {program.loss: 1.0} for graph in (direct, *graphs)}
    behind: dict[str, set[str]] = {}

    def total(graph: FormulaGraph, name: str) -> float:
        found = totals[id(graph)]
        if name not in found:
            found[name] = sum(number * found.get(target, 0.0) for target, number in graph.out.get(name, ()))
        return found[name]

    def update(name: str) -> None:
        without = total(direct, name)
        sweep.gradients[name] = without + sum(total(graph, name) - without for graph in graphs)
        sweep.new[name] = step(name, sweep.gradients[name])

    def renewed(source: str, target: str, values: Mapping[str, float]) -> float:
        new = {each: sweep.new[each] for each in sweep.renewed[source, target]}
        return float(evaluate(derivatives(source, target), {**values, **new}, program.functions))

    for name in reversed(program.formulas):
        users = program.users[name]
        behind[name] = {*users, *(later for user in users for later in behind[user])}
        fresh = {each for each in program.parameters if set(program.users[each]) <= behind[name]}
        for each in fresh - set(sweep.new):
            update(each)
        for target in users:
            if changed := names(derivatives(name, target)) & fresh:
                sweep.renewed[name, target] = changed
        for graph, values in zip((direct, *graphs), (shared, *known), strict=True):
            graph.out[name] = [
                (target, renewed(name, target, values) if (name, target) in sweep.renewed else number)
                for target, number in graph.out.get(name, ())
            ]
            if name != program.loss:
                total(graph, name)
    for each in program.parameters:
        if each not in sweep.new:
            update(each)
    return sweep
