"""What the first difference between two stories is, and what it means, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backstory.expressions import Name, Number, evaluate, names, to_text
from backstory.story.address import read_address
from backstory.story.chain import shown
from backstory.story.formula_graph import FormulaGraph
from backstory.story.network_graph import NetworkGraph

if TYPE_CHECKING:
    from backstory.story.compare import Pair, Side
    from backstory.story.story import Story

CLOSE = 1e-9
"""Numbers that differ by less than this part of themselves are called equal."""

_POINTS = ((0.3, 0.0), (0.8, 1.0), (0.6, 0.25))
"""Outputs and targets at which a formula is tried."""


def sentence(left: Story, right: Story, rows: Sequence[Pair]) -> str:
    """Say what is equal, what is the first difference, and what it means."""
    different = [row for row in rows if row.difference]
    if not rows:
        return "There are no factors to compare."
    if not different:
        return _all_equal(left, right, len(rows))
    first, equal, more = different[0], len(rows) - len(different), len(different) - 1
    parts = [f"The first difference is the {first.kind} {_told(first)}."]
    if len(rows) > 1:
        others = f"; {more} more differ{'s' if more == 1 else ''}" if more else ""
        parts.append(f"Of {len(rows)} factors {equal or 'none'} {'is' if equal == 1 else 'are'} equal{others}.")
    if first.kind == "loss derivative" and (why := _cancelled(left, right, first)):
        parts.append(why)
    if left.batch is not None and right.batch is not None and left.batch.row != right.batch.row:
        parts.append(
            f"The left story tells row {left.batch.row}, the right one row {right.batch.row}: "
            "give both the same row= to compare them."
        )
    return " ".join(parts)


def _all_equal(left: Story, right: Story, count: int) -> str:
    """Say that nothing differs; of two weights of one network, what follows from it."""
    equal = "The one factor is equal." if count == 1 else f"All {count} factors are equal."
    if not math.isclose(left.value, right.value, rel_tol=CLOSE):
        return f"{equal} The values differ nevertheless, as the other rows of the batches do."
    if not _in_one_layer(left, right):
        return equal
    if left.graph.values[left.by] != right.graph.values[right.by]:
        return f"{equal} {left.by} and {right.by} get the same gradient, though they are not equal."
    return (
        f"{equal} {left.by} and {right.by} are equal and get equal gradients, so every optimizer moves them alike. "
        "Where that holds for all weights of two units, the units stay equal for ever: this is the symmetry that "
        "different first weights break."
    )


def _in_one_layer(left: Story, right: Story) -> bool:
    """Whether two different parameters of one network are compared, that have the same place in it."""
    if left.by == right.by or {story.graph.node_kind(story.by) for story in (left, right)} - {"weight", "bias"}:
        return False
    if isinstance(left.graph, FormulaGraph) and isinstance(right.graph, FormulaGraph):
        return left.graph.program is right.graph.program
    places = read_address(left.by), read_address(right.by)
    return places[0] is not None and places[1] is not None and places[0].layer == places[1].layer


def _told(row: Pair) -> str:
    left, right = row.left, row.right
    if left is None or right is None:
        only, where = (left, "left") if right is None else (right, "right")
        return f"{only} stands on the {where} only"
    symbol, other = to_text(left.symbol), to_text(right.symbol)
    begun = f"{symbol}: {left.worth} on the left, "
    if row.difference == "formula":
        return f"{begun}{right.worth if symbol == other else right} on the right"
    end = f"{shown(right.number) if symbol == other else right} on the right, the same formula with another value"
    if row.kind != "activation derivative":
        return begun + end
    return f"{begun}{end}, at {left.source} = {shown(left.at)} and {right.source} = {shown(right.at)}"


@dataclass(frozen=True)
class _Output:
    """What loss and output activation come to together.

    Attributes
    ----------
    cancels : bool
        Whether to output less target, the loss dividing by the activation's slope.
    slope : float or None
        That slope, where it is one factor.
    difference : str
        Output less target.
    """

    cancels: bool
    slope: float | None
    difference: str


def _cancelled(left: Story, right: Story, row: Pair) -> str:
    """Say where the slope of the output activation went, if one of two losses divides by it."""
    one, other = _output(left, row.left), _output(right, row.right)
    if one is None or other is None or one.cancels == other.cancels:
        return ""
    gone, kept, where = (one, other, "left") if one.cancels else (other, one, "right")
    stays = "it stays" if kept.slope is None else f"it stays, here as {shown(kept.slope)},"
    return (
        f"On the {where} the loss divides by just the slope that the output activation multiplies by: the two cancel, "
        f"and the derivative by the weighted sum is {gone.difference}, output less target. That is where σ' went; on "
        f"the other side {stays} and makes the gradient of a saturated output small."
    )


def _output(story: Story, side: Side | None) -> _Output | None:
    """Look at an output's two last factors; None where they are not there to be looked at."""
    if side is None:
        return None
    graph = story.graph
    if graph.node_kind(side.source) == "sum":
        return _Output(isinstance(graph, NetworkGraph) and graph.collapsed, None, to_text(side.formula))
    before = [name for name in graph.values if any(target == side.source for target, _ in graph.out.get(name, ()))]
    if len(before) != 1 or graph.node_kind(before[0]) != "sum":
        return None
    local, slope = graph.local(before[0], side.source), graph.edge(before[0], side.source).number
    product = local * side.formula
    targets = sorted(names(product) - {side.source})
    if len(targets) != 1 or isinstance(local, Number):
        return _Output(False, slope, "")
    difference = Name(side.source) - Name(targets[0])
    points = [{side.source: a, targets[0]: y} for a, y in _POINTS]
    same = (math.isclose(evaluate(product, at), evaluate(difference, at), rel_tol=CLOSE) for at in points)
    return _Output(all(same), slope, to_text(difference))
