"""A story told again in the notation of a book or a library: its letters, and the constants of its loss."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from backstory.expressions import Expr, evaluate, names
from backstory.story.chain import ELLIPSIS, chain, shown
from backstory.story.conventions import Constants, Convention, Family, Joined
from backstory.story.formula_graph import FormulaGraph
from backstory.story.graph import Graph
from backstory.story.network_graph import NetworkGraph, network_graph, scaled

if TYPE_CHECKING:
    from backstory.story.stale import Stale
    from backstory.story.story import Batch, PenaltyTerm, Story

_POINTS = ((0.3, 0.9), (0.8, 0.4), (0.6, 0.25))
"""Outputs and targets at which a loss is looked at."""

_CANONICAL: Mapping[Family, Callable[[float, float], float]] = {
    "squared_error": lambda a, y: a - y,
    "binary_cross_entropy": lambda a, y: (a - y) / (a * (1 - a)),
    "cross_entropy": lambda a, y: -y / a,
}
"""The slope of each family where its constant is 1."""
_WORDS = {Fraction(2): "twice", Fraction(1, 2): "half"}


@dataclass(frozen=True)
class Retelling:
    """What a story in a convention was made of.

    Attributes
    ----------
    convention : Convention
    original : Story
    ratio : Fraction
        The new value divided by the original's.
    remarks : tuple of str
        What is different, in sentences; first of all how many times the original gradient is this one, and why.
    """

    convention: Convention
    original: Story = field(repr=False)
    ratio: Fraction
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class LossOfStory:
    """What a story's loss is, found by looking at its slopes.

    Attributes
    ----------
    family : Family
    constant : Fraction
        k in k(a - y), k(a - y)/(a(1 - a)) or -ky/a.
    n_outputs : int
    """

    family: Family
    constant: Fraction
    n_outputs: int

    @property
    def constants(self) -> Constants | None:
        """Its ½ and its mean over outputs, or None where its constant is another; the rows are not looked at."""
        choices: tuple[tuple[bool | None, Joined], ...] = (
            (True, "sum"),
            (False, "sum"),
            (False, "mean"),
            (True, "mean"),
        )
        for half, outputs in choices:
            found = Constants(outputs, "", half if self.family == "squared_error" else None)
            if found.of_a_row(self.n_outputs) == self.constant:
                return found
        return None


@dataclass(frozen=True, eq=False)
class ScaledFormulaGraph(FormulaGraph):
    """A graph of formulas in which one of them, the loss of a sample, is multiplied by a constant."""

    told: str = field(kw_only=True)
    scale: Fraction = field(kw_only=True)

    def definition(self, name: str, around: str | None = None) -> Expr | None:
        found = super().definition(name, around)
        return scaled(found, self.scale) if found is not None and name == self.told else found

    def local(self, source: str, target: str) -> Expr:
        return scaled(super().local(source, target), self.scale if target == self.told else Fraction(1))


def retold(story: Story, convention: Convention) -> Story:
    """Tell a story in a convention.

    Parameters
    ----------
    story : Story
        As it was first told.
    convention : Convention
    """
    loss = loss_of(story.graph, story.told)
    theirs = None if loss is None else convention.losses.get(loss.family)
    of_a_row = of_the_rows = Fraction(1)
    if loss is not None and theirs is not None:
        of_a_row = theirs.of_a_row(loss.n_outputs) / loss.constant
        of_the_rows = _of_the_rows(story.batch, theirs)
    ratio = of_a_row * of_the_rows
    changed = dataclasses.replace(
        story,
        graph=_scaled_graph(story, of_a_row),
        batch=story.batch and _scaled_batch(story.batch, theirs, of_a_row, of_the_rows),
        penalty=story.penalty and _scaled_penalty(story.penalty, ratio),
        loss_at=_scaled_loss(story, ratio),
        retelling=Retelling(convention, story, ratio, tuple(_remarks(story, convention, loss, ratio))),
    )
    if ratio != 1:
        return dataclasses.replace(changed, update=None, stale=None)
    stale = story.stale
    return changed if stale is None else dataclasses.replace(changed, stale=_retold_stale(stale, convention))


def loss_of(graph: Graph, told: str) -> LossOfStory | None:
    """Look at the derivatives of a loss by the outputs; None where it is of no known family, or told is no loss.

    The family and the constant are found from the formulas' values, so that they hold for formulas as for networks.
    """
    if graph.node_kind(told) != "loss":
        return None
    found = list(_slopes(graph, told))
    for family in _CANONICAL:
        constants = {_constant(expr, output, targets, family) for expr, output, targets in found}
        if len(constants) == 1 and (constant := constants.pop()) is not None:
            n_outputs = graph.row.sizes[-1] if isinstance(graph, NetworkGraph) else len(found)
            return LossOfStory(family, constant, n_outputs)
    return None


def _slopes(graph: Graph, told: str) -> Iterator[tuple[Expr, str, list[str]]]:
    """Go through the outputs: the loss's slope by each, its name, and the names of possible targets."""
    if isinstance(graph, NetworkGraph):
        row = graph.row
        loss = row.loss.replace(label_smoothing=0.0) if "label_smoothing" in dict(row.loss.parameters) else row.loss
        yield loss.slope(row.sizes[-1]), "a", ["y"]
        return
    into_loss = {
        name: [(target, number) for target, number in edges if graph.node_kind(target) == "loss"]
        for name, edges in graph.out.items()
    }
    direct = dataclasses.replace(graph, out=into_loss)
    for name in graph.values:
        is_output = graph.node_kind(name) not in ("loss", "weight", "bias", "input", "target", "constant")
        if is_output and into_loss.get(name):
            slope = chain(direct, name, told).formulas
            yield slope, name, sorted(names(slope) - {name})


def _constant(slope: Expr, output: str, targets: list[str], family: Family) -> Fraction | None:
    """Return what a slope is a constant multiple of, or None where it is none."""
    if len(targets) != 1 or ELLIPSIS.id in targets:
        return None
    found = [evaluate(slope, {output: a, targets[0]: y}) / _CANONICAL[family](a, y) for a, y in _POINTS]
    if not all(math.isclose(each, found[0], rel_tol=1e-9) for each in found) or found[0] <= 0:
        return None
    return Fraction(found[0]).limit_denominator(10**6)


def _of_the_rows(batch: Batch | None, theirs: Constants) -> Fraction:
    """Return by what the way of joining the rows changes a gradient; 1 where either leaves it open."""
    if batch is None or not batch.combine or not theirs.rows:
        return Fraction(1)
    n = len(batch.gradients)
    return theirs.of_the_rows(n) / Constants("sum", "mean" if batch.combine == "mean" else "sum").of_the_rows(n)


def _scaled_graph(story: Story, scale: Fraction) -> Graph:
    graph = story.graph
    if scale == 1:
        return graph
    if isinstance(graph, NetworkGraph):
        row = dataclasses.replace(graph.row, scale=scale, loss_value=graph.row.loss_value * float(scale))
        return network_graph(row, story.by, story.told, story.told)
    assert isinstance(graph, FormulaGraph)
    values = {name: value * float(scale) if name == story.told else value for name, value in graph.values.items()}
    out = {
        name: [(target, number * float(scale) if target == story.told else number) for target, number in edges]
        for name, edges in graph.out.items()
    }
    return ScaledFormulaGraph(
        values, out, program=graph.program, derivatives=graph.derivatives, told=story.told, scale=scale
    )


def _scaled_batch(batch: Batch, theirs: Constants | None, of_a_row: Fraction, of_the_rows: Fraction) -> Batch:
    joined = batch.combine if theirs is None or not batch.combine else theirs.rows or batch.combine
    return dataclasses.replace(
        batch,
        combine=joined,
        gradients=tuple(gradient * float(of_a_row) for gradient in batch.gradients),
        factor=batch.factor * float(of_the_rows),
        rest=batch.rest * float(of_a_row * of_the_rows),
    )


def _scaled_penalty(term: PenaltyTerm, ratio: Fraction) -> PenaltyTerm:
    return dataclasses.replace(
        term,
        formula=scaled(term.formula, ratio),
        slope=scaled(term.slope, ratio),
        value=term.value * float(ratio),
    )


def _scaled_loss(story: Story, ratio: Fraction) -> Callable[[float], float] | None:
    if story.loss_at is None or ratio == 1:
        return story.loss_at
    loss_at = story.loss_at
    return lambda value: float(ratio) * loss_at(value)


def _retold_stale(stale: Stale, convention: Convention) -> Stale:
    return dataclasses.replace(stale, story=retold(stale.story, convention))


# -- in words


def _remarks(story: Story, convention: Convention, loss: LossOfStory | None, ratio: Fraction) -> Iterator[str]:
    """Say what the new notation is, what lies between the two gradients, and why."""
    yield f"Notation and constants: {convention.source}."
    if isinstance(story.graph, FormulaGraph):
        yield "Formulas keep their own names; only the constants of the loss and what δ means follow the convention."
    if loss is None:
        if story.graph.node_kind(story.told) == "loss":
            yield "The constants are yours: this loss is none of those whose constants the convention states."
    elif loss.family not in convention.losses:
        yield f"The constants are yours: the source gives no {loss.family.replace('_', ' ')}."
    else:
        yield _compared(story.batch, loss, convention.losses[loss.family], ratio)
    if story.penalty is not None and convention.l2 is not None:
        yield from _strength(story, convention, ratio)
    if convention.delta == "a":
        yield "δ is the derivative of the loss by an activation here, not by a weighted sum."
    if convention.remark and not isinstance(story.graph, FormulaGraph):
        yield convention.remark
    if ratio != 1 and story.update is not None:
        rate = f"a learning rate {1 / ratio} times yours"
        yield f"The step is left out: plain gradient descent takes the same one with {rate}."


def _compared(batch: Batch | None, loss: LossOfStory, theirs: Constants, ratio: Fraction) -> str:
    """Say how many times this gradient yours is, and which constants make it so."""
    n, reasons = loss.n_outputs, []
    yours = loss.constants
    if yours is None:
        reasons.append(f"your loss has a constant of its own, {loss.constant} where ½ of a sum of squares has 1")
    else:
        if yours.half != theirs.half:
            reasons.append("your loss has no ½" if theirs.half else "your loss has a ½ and this one has none")
        if n > 1 and yours.outputs != theirs.outputs:
            reasons.append(f"your loss is the {yours.outputs} over {n} outputs, this one their {theirs.outputs}")
    if batch is not None and batch.combine and theirs.rows and batch.combine != theirs.rows:
        yours_of_rows = "the mean" if batch.combine == "mean" else "the sum"
        reasons.append(f"yours is {yours_of_rows} over {len(batch.gradients)} rows, this one their {theirs.rows}")
    times = 1 / ratio
    if not reasons:
        return "Your gradient is this one: the constants are the same."
    because = "; and ".join(reasons)
    if times == 1:
        return f"Your gradient is this one, as its constants cancel: {because}."
    return f"Your gradient is {_WORDS.get(times, f'{times} times')} this one because {because}."


def _strength(story: Story, convention: Convention, ratio: Fraction) -> Iterator[str]:
    """Say how strong an L2 penalty is as the convention writes it."""
    assert story.penalty is not None
    assert convention.l2 is not None
    at = [evaluate(scaled(story.penalty.slope, ratio), {story.by: value}) for value in (1.0, 2.0, -1.0)]
    if math.isclose(at[1], 2 * at[0]) and math.isclose(at[2], -at[0]):
        n = len(story.batch.gradients) if story.batch else 1
        strength = convention.l2.of(at[0], n)
        rows = f" with n = {n}" if convention.l2.over_rows else ""
        yield f"L2 is written {convention.l2} there; your penalty is {convention.l2.letter} = {shown(strength)}{rows}."
