"""What is worth saying beside a derivation: which factor makes it vanish, which convention holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from backstory.expressions import names
from backstory.story.chain import shown
from backstory.story.graph import Graph, Path

_SMALL_GRADIENT = 1e-3
_SMALL_FACTOR = 0.1
"""Below which a gradient is called small, and a factor may be what made it so."""


def notes(graph: Graph, by: str, of: str, paths: Sequence[Path]) -> Iterator[str]:
    """Go through what there is to say, the most telling first."""
    if by == of:
        yield f"{by} is differentiated by itself, which gives 1."
    elif not paths:
        yield _why_none(graph, by, of)
    else:
        yield from _why_small(graph, by, of, paths)
        yield from _shared(graph, by, paths)
        yield from _kinks(graph, paths)


def _why_none(graph: Graph, by: str, of: str) -> str:
    """Say why one quantity does not depend on another."""
    kind = graph.node_kind(of)
    if kind in ("weight", "bias", "input", "target"):
        what = {"weight": "a weight", "bias": "a bias", "input": "an input", "target": "a target"}[kind]
        return (
            f"{of} is {what}, an independent quantity: it is given, not computed from {by}, so it does not change "
            f"when {by} does and ∂{of}/∂{by} = 0."
        )
    if graph.between(of, by):
        return f"{by} depends on {of}, not {of} on {by}: the derivative that exists is ∂{by}/∂{of}."
    return f"No formula leads from {by} to {of}: {of} does not change when {by} does."


def _why_small(graph: Graph, by: str, of: str, paths: Sequence[Path]) -> Iterator[str]:
    """Name the factor that makes a gradient zero or small."""
    value = graph.derivative(by, of)
    zeros = dict.fromkeys(
        pair for path in paths for pair, number in zip(pairwise(path.nodes), path.numbers, strict=True) if number == 0
    )
    if value == 0 and zeros:
        for source, target in list(zeros)[:3]:
            yield f"The gradient is zero because ∂{target}/∂{source} = 0: {_reason(graph, source, target, 0.0)}."
    elif value == 0:
        yield "The gradient is zero because its paths cancel."
    elif abs(value) < _SMALL_GRADIENT:
        path = paths[0]
        number, place = min((abs(number), place) for place, number in enumerate(path.numbers))
        if number < _SMALL_FACTOR:
            source, target = path.nodes[place], path.nodes[place + 1]
            reason = _reason(graph, source, target, path.numbers[place])
            yield (
                f"The gradient is small chiefly because ∂{target}/∂{source} = {shown(path.numbers[place])}: {reason}."
            )


def _reason(graph: Graph, source: str, target: str, number: float) -> str:
    """Say what a zero or small factor means."""
    match graph.edge_kind(source, target):
        case "input":
            used = next(iter(names(graph.local(source, target))))
            return f"{used}, which enters here, is {shown(number)}"
        case "weight":
            return f"the weight between them is {shown(number)}"
        case "activation derivative":
            row, at = graph.activation(target), f"at {source} = {shown(graph.values[source])}"
            function = row.name if row is not None else "the function"
            if row is not None and row.kinks and number == graph.values[target] == 0:
                return f"the unit is dead here, {function} being flat {at}"
            return f"the unit is saturated, {function} being {'almost flat' if number else 'flat'} {at}"
        case "loss derivative":
            return f"the loss hardly changes with {source} here" if number else f"the loss is at its least in {source}"
        case "average":
            return "the loss is a mean over many samples"
    return "a factor of that size"


def _shared(graph: Graph, by: str, paths: Sequence[Path]) -> Iterator[str]:
    """Say that a parameter is used more than once."""
    uses = [target for target, _ in graph.out.get(by, ()) if any(target in path.nodes for path in paths)]
    if len(uses) > 1 and graph.node_kind(by) in ("weight", "bias"):
        yield (
            f"{by} is used {len(uses)} times, in {', '.join(uses[:4])}{', …' if len(uses) > 4 else ''}: "
            "its gradient is the sum over its uses."
        )


def _kinks(graph: Graph, paths: Sequence[Path]) -> Iterator[str]:
    """Name the convention that holds where a function has no derivative."""
    for source, target in dict.fromkeys(pair for path in paths for pair in pairwise(path.nodes)):
        if convention := graph.kink(source, target):
            yield convention
