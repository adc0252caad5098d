"""Why: the story of a quantity, its paths, the nudge test with a chosen h, and the loss along one weight."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from itertools import count
from typing import TYPE_CHECKING, Any

from backstory.errors import ConfigurationError, unknown
from backstory.expressions import Name, Partial
from backstory.story.address import read_address
from backstory.story.mathml import Blocks, page
from backstory.story.nudge import nudge_by
from backstory.story.page import PARTS, Equation, Section, counted, percent, sections
from backstory.story.story import Story
from backstory.studio.symbols import symbol_class

if TYPE_CHECKING:
    from backstory.story.graph import Graph
    from backstory.studio.subject import Subject

State = dict[str, Any]
OVER = ("row", "batch")
"""A story is of one row's loss, or of that of all rows."""
FORMS: dict[str, Callable[[Story], str]] = {
    "text": str,
    "latex": Story.to_latex,
    "mathml": Story.to_mathml,
    "python": Story.to_python,
}
"""The other ways in which a story can be written."""
FIRST = ("question", "paths", "chain")
"""Parts of a story that are told at once; the others follow when these are on their way to the page."""
FOLDED = ("deltas", "batch", "softmax", "update", "stale", "cost")
"""Parts that are written only when a reader opens them."""
_LATER = tuple(part.__name__ for _, part in PARTS if part.__name__ not in (*FIRST, "nudge"))
"""Parts that follow; the nudge test takes long and is asked for by itself."""
_NUMBERS = count(1)
_POINTS = 41
_STRONGEST_UNITS = 6


def told(subject: Subject, row: int, story: Story, quantity: str, over: str) -> State:
    """Return a story as the key `story` holds it."""
    kind = symbol_class(story.graph)
    blocks = Blocks(story.named, kind)
    return {
        "id": next(_NUMBERS),
        "quantity": quantity,
        "of": story.of,
        "by": story.by,
        "over": over,
        "value": _finite(story.value),
        "step": subject.steps,
        "row": story.batch.row if story.batch else row,
        "symbol": blocks.inline(story.symbol),
        "answer": blocks.inline(Equation(story.symbol, (story.value,))),
        "sections": [_section(part, story, kind, ("paths",)) for part in sections(story, only=FIRST)],
        "paths": paths(story, blocks),
        "movable": is_parameter(subject, story.by),
    }


def rest(story: Story, id: int, opened: Collection[str]) -> State:
    """Return what follows a story of that id as the key `rest` holds it; what is folded is written where it is open."""
    kind = symbol_class(story.graph)
    shut = [key for key in FOLDED if key not in opened]
    return {
        "id": id,
        "sections": [_section(part, story, kind, shut) for part in sections(story, only=_LATER)],
        "deltas": {delta.name: delta.of for delta in story.deltas},
    }


def _section(part: Section, story: Story, kind: Callable[[str], str], unwritten: Collection[str]) -> State:
    html = None if part.key in unwritten else page([part], story.named, kind)
    return {"key": part.key, "title": part.title, "html": html}


def asked(subject: Subject, row: int, quantity: str, over: str, convention: str = "") -> Story:
    """Return the story of a quantity: of one row or of the batch, in a notation.

    Raises
    ------
    ConfigurationError, ExpressionError
        There is no such quantity; or `over` is neither "row" nor "batch".
    """
    if over not in OVER:
        raise unknown("extent of a story", over, OVER)
    story = subject.explain(quantity, row, whole=over == "batch")
    return story.in_convention(convention) if convention else story


def paths(story: Story, blocks: Blocks) -> State:
    """Return the paths with what each gives; of many the strongest, and what goes through each unit of each layer."""
    graph, by, of = story.graph, story.by, story.told
    listed = [
        {
            "nodes": list(path.nodes),
            "html": blocks.inline(Name(path.nodes[-2] if len(path.nodes) > 2 else by)),
            "value": _finite(path.value),
            "share": _finite(path.share),
        }
        for path in story.paths
    ]
    return {
        "symbol": blocks.inline(Partial(of, by)),
        "of": of,
        "value": _finite(graph.derivative(by, of)),
        "count": str(story.path_count),
        "counted": counted(story.path_count),
        "carried": percent(sum(path.share for path in story.paths)),
        "listed": listed,
        "layers": [] if len(listed) == story.path_count else layers(graph, by, of),
    }


def layers(graph: Graph, by: str, of: str) -> list[State]:
    """Return what goes through each unit of each layer: the strongest units, and the others together.

    The units of a layer that every path crosses once give the whole derivative between them.
    """
    through = graph.through(by, of)
    whole = graph.derivative(by, of)
    found: dict[int, dict[str, float]] = {}
    for name, depth in _depths(graph, by, of).items():
        if name not in (by, of):
            found.setdefault(depth, {})[name] = through[name]
    told: list[State] = []
    for depth in sorted(found):
        units = found[depth]
        if not math.isclose(sum(units.values()), whole, rel_tol=1e-9, abs_tol=1e-12 * sum(map(abs, units.values()))):
            continue
        strongest = sorted(units, key=lambda name: -abs(units[name]))[:_STRONGEST_UNITS]
        rest = [value for name, value in units.items() if name not in strongest]
        told.append(
            {
                "count": len(units),
                "units": [{"name": name, "value": _finite(units[name])} for name in strongest],
                "rest": {"count": len(rest), "value": _finite(sum(rest))},
            }
        )
    return told


def _depths(graph: Graph, by: str, of: str) -> dict[str, int]:
    """Return how many weighted sums lie behind each unit between two quantities, the sums themselves left out."""
    depths: dict[str, int] = {}
    way = graph.between(by, of)
    for name in way:
        depth = depths.setdefault(name, 0)
        for target, _ in graph.out.get(name, ()):
            if target in graph.totals(of):
                is_sum = graph.node_kind(target) == "sum"
                depths[target] = max(depths.get(target, 0), depth + is_sum)
    taken = {name for name in way if graph.node_kind(name) in ("activation", "quantity")}
    with_units = {depths[name] for name in taken}
    return {
        name: depths[name]
        for name in way
        if name in taken or (graph.node_kind(name) == "sum" and depths[name] not in with_units)
    }


def written(subject: Subject, row: int, story: State, convention: str, form: str) -> State:
    """Return a story written another way, as the key `written` holds it."""
    if form not in FORMS:
        raise unknown("form of a story", form, FORMS)
    found = asked(subject, row, story["quantity"], story["over"], convention)
    return {"quantity": story["quantity"], "form": form, "step": subject.steps, "text": FORMS[form](found)}


def nudged(subject: Subject, row: int, story: State, convention: str, h: float | None) -> State:
    """Return the nudge test, with a chosen h or one that shows most, as the key `nudge` holds it.

    Raises
    ------
    ConfigurationError
        `h` is 0, not finite, or too small to move the quantity; or the quantity cannot be moved by itself.
    """
    found = asked(subject, row, story["quantity"], story["over"], convention)
    if found.loss_at is None:
        raise ConfigurationError(f"{found.by} cannot be moved by itself over all rows. Choose the story of one row.")
    value = found.graph.values[found.by]
    if h is None:
        test = found.nudge
        assert test is not None
    else:
        number = float(h)
        if not math.isfinite(number) or value + number / 4 == value:
            raise ConfigurationError(f"h must be a number that moves {found.by} = {value:g}. Got {h!r}; try 0.01.")
        test = nudge_by(found.loss_at, value, found.value, number)
    trials = [
        {"h": trial.h, "change": _finite(trial.change), "promised": _finite(trial.promised)} for trial in test.trials
    ]
    for each, trial in zip(trials, test.trials, strict=True):
        each["error"] = _finite(trial.error)
    return {
        "quantity": story["quantity"],
        "by": found.by,
        "of": found.of,
        "h": h,
        "step": subject.steps,
        "trials": trials,
        "verdict": test.verdict,
        "sentence": test.sentence,
    }


def tangent(subject: Subject, row: int, story: State, convention: str, anchor: State | None = None) -> State:
    """Return the loss along one quantity and its tangent, as the key `tangent` holds it.

    Parameters
    ----------
    anchor : dict with value, loss, gradient, optional
        Where the tangent touched before, and still does if nothing else has changed; else where the quantity stands.
    """
    found = asked(subject, row, story["quantity"], story["over"], convention)
    if found.loss_at is None:
        raise ConfigurationError(f"{found.by} cannot be moved by itself over all rows. Choose the story of one row.")
    value = found.graph.values[found.by]
    loss = found.loss_at(value)
    if anchor is None or _finite(found.loss_at(anchor["value"])) != anchor["loss"]:
        anchor = {"value": value, "loss": _finite(loss), "gradient": _finite(found.value)}
    room = max(1.0, abs(anchor["value"]))
    low, high = min(anchor["value"] - room, value), max(anchor["value"] + room, value)
    places = [low + (high - low) * place / (_POINTS - 1) for place in range(_POINTS)]
    return {
        "quantity": story["quantity"],
        "over": story["over"],
        "of": found.of,
        "by": found.by,
        "step": subject.steps,
        "value": value,
        "loss": _finite(loss),
        "anchor": anchor,
        "points": [[each, _finite(found.loss_at(each))] for each in places],
    }


def is_parameter(subject: Subject, name: str) -> bool:
    """Whether a quantity is a weight or a bias, which can be given a value."""
    if subject.kind == "formulas":
        return name in subject.graph(0).program.parameters  # type: ignore[attr-defined]  # it is one of formulas
    address = read_address(name)
    return address is not None and address.letter in ("w", "b")


def _finite(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return float(value) if math.isfinite(value) else None
