"""Two stories side by side: their factors aligned, the first difference named, and what it means."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from backstory.expressions import Expr, Name, Number, Partial, substitute, to_text, walk
from backstory.story.chain import chain, shown
from backstory.story.difference import CLOSE, sentence

if TYPE_CHECKING:
    from backstory.story.story import Story

Difference: TypeAlias = Literal["", "formula", "number", "missing"]


@dataclass(frozen=True)
class Side:
    """One factor of one of the two stories.

    Attributes
    ----------
    source, target : str
        It is ∂target/∂source.
    formula : Expr
    number : float
    at : float
        The value of `source`.
    """

    source: str
    target: str
    formula: Expr
    number: float
    at: float

    @property
    def symbol(self) -> Partial:
        """∂target/∂source."""
        return Partial(self.target, self.source)

    def __str__(self) -> str:
        return f"{to_text(self.symbol)} = {self.worth}"

    @property
    def worth(self) -> str:
        """Its formula and its number."""
        formula, number = to_text(self.formula), shown(self.number)
        return formula if formula == number else f"{formula} = {number}"


@dataclass(frozen=True)
class Pair:
    """A factor of the left story and the one that stands in its place in the right story.

    Attributes
    ----------
    kind : str
        Which kind of factor it is, as `Factor.kind` says, or "penalty".
    left, right : Side or None
        None where a story has no such factor.
    difference : {"", "formula", "number", "missing"}
        "" where both are equal; "number" where the same formula has another value.
    """

    kind: str
    left: Side | None
    right: Side | None
    difference: Difference

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: kind, difference, and symbol, formula and number of either side."""
        return {
            "kind": self.kind,
            "difference": self.difference,
            **{name: side and _plain(side) for name, side in (("left", self.left), ("right", self.right))},
        }


@dataclass(frozen=True)
class Comparison:
    """Two stories side by side; made by `compare`.

    Attributes
    ----------
    left, right : Story
    rows : tuple of Pair
        The factors in the order of the chain rule, from what is differentiated by to the loss; along the strongest path
        where there are more than 12.
    first_difference : Pair or None
        None where all factors are equal.
    sentence : str
        The first difference in words, and what it means.
    ratio : float or None
        The right value divided by the left one; None where the left is 0.
    """

    left: Story = field(repr=False)
    right: Story = field(repr=False)
    rows: tuple[Pair, ...]
    first_difference: Pair | None
    sentence: str
    ratio: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON.

        Returns
        -------
        dict
            ``left`` and ``right`` (``quantity`` and ``value``), ``ratio``, ``sentence``, ``rows``, and
            ``first_difference``, the number of a row or None.
        """
        return {
            **{
                name: {"quantity": to_text(story.symbol), "value": story.value}
                for name, story in (("left", self.left), ("right", self.right))
            },
            "ratio": self.ratio,
            "sentence": self.sentence,
            "first_difference": None if self.first_difference is None else self.rows.index(self.first_difference),
            "rows": [row.to_dict() for row in self.rows],
        }

    def to_html(self) -> str:
        """Return both as an HTML file that needs nothing else."""
        from backstory.story.compare_text import comparison_sections
        from backstory.story.html import document

        return document("Two stories side by side", comparison_sections(self))

    def __str__(self) -> str:
        from backstory.story.compare_text import comparison_page

        return comparison_page(self)


def compare(left: Story, right: Story) -> Comparison:
    r"""Put two stories side by side, factor by factor, and name the first difference.

    Factors are aligned by their place in the chain, not by name, so that a network and formulas, or two units of one
    layer, can be compared. Where the two ways differ in length, as softmax with cross-entropy is one factor and other
    losses are two, what lies between the nearest common places is one factor.

    Parameters
    ----------
    left, right : Story
        As `Network.explain` and `Formulas.explain` tell them. Of batches give both the same `row`.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> from backstory import Formulas
    >>> text = "x = 1\nt = 0\nw = 2\nz = w*x\na = sigmoid(z)\nL = "
    >>> squared = Formulas.read(text + "1/2*(a - t)^2").explain("w")
    >>> entropy = Formulas.read(text + "-(t*log(a) + (1 - t)*log(1 - a))").explain("w")
    >>> found = compare(squared, entropy)
    >>> found.first_difference.kind, round(found.ratio, 3)
    ('loss derivative', 9.524)
    """
    rows = tuple(_Aligned(left, right).rows())
    first = next((row for row in rows if row.difference), None)
    return Comparison(left, right, rows, first, sentence(left, right, rows), _ratio(left.value, right.value))


def _ratio(left: float, right: float) -> float | None:
    return right / left if left else None


class _Aligned:
    """Goes through two graphs together, from what is differentiated by to what is differentiated."""

    def __init__(self, left: Story, right: Story) -> None:
        self.left, self.right = left, right
        self.there = set(left.graph.between(left.by, left.told)), set(right.graph.between(right.by, right.told))
        self.told = {(factor.source, factor.target) for factor in left.factors}

    def rows(self) -> Iterator[Pair]:
        """Each pair of factors once, those nearer to what is differentiated by before those nearer to the loss."""
        if self.there[0] and self.there[1]:
            yield from self.factors()
        for kind, part in (("penalty", _penalty), ("average", _share)):
            left, right = part(self.left), part(self.right)
            if left is not None or right is not None:
                yield _pair(kind, left, right)

    def factors(self) -> Iterator[Pair]:
        pending, seen = [(self.left.by, self.right.by)], set()
        while pending:
            pair = pending.pop(0)
            if pair in seen:
                continue
            seen.add(pair)
            steps = self.steps(*pair)
            for (source, target), (other, end) in steps:
                is_told = (source, target) in self.told or target == self.left.told
                if is_told or not source:
                    yield self.compared((source, target), (other, end))
                    if target and end and (target, end) != (self.left.told, self.right.told):
                        pending.append((target, end))

    def steps(self, source: str, other: str) -> list[tuple[tuple[str, str], tuple[str, str]]]:
        """Pair the edges that leave two quantities; one edge to the loss for each where they do not agree."""
        targets = [target for target, _ in self.left.graph.out.get(source, ()) if target in self.there[0]]
        ends = [end for end, _ in self.right.graph.out.get(other, ()) if end in self.there[1]]
        kinds = [self.left.graph.node_kind(target) for target in targets]
        other_kinds = [self.right.graph.node_kind(end) for end in ends]
        if len(targets) == len(ends) and all(map(_alike, kinds, other_kinds)):
            return [((source, target), (other, end)) for target, end in zip(targets, ends, strict=True)]
        if set(kinds) == set(other_kinds) == {"sum"}:
            several = [((source, target), (other, end)) for target, end in zip(targets, ends, strict=False)]
            several += [((source, target), ("", "")) for target in targets[len(ends) :]]
            return several + [(("", ""), (other, end)) for end in ends[len(targets) :]]
        return [((source, self.left.told), (other, self.right.told))]

    def compared(self, edge: tuple[str, str], other: tuple[str, str]) -> Pair:
        left, right = _side(self.left, *edge), _side(self.right, *other)
        story, (source, target) = (self.left, edge) if left is not None else (self.right, other)
        direct = target in (name for name, _ in story.graph.out.get(source, ()))
        return _pair(story.graph.edge_kind(source, target) if direct else "loss derivative", left, right)


def _penalty(story: Story) -> Side | None:
    """Return the penalty's own term of a gradient."""
    term = story.penalty
    return None if term is None else Side(story.by, "penalty", term.slope, term.value, story.graph.values[story.by])


def _share(story: Story) -> Side | None:
    """Return what each row of a batch is multiplied by."""
    if story.batch is None:
        return None
    factor = story.batch.factor
    return Side(story.told, story.of, Number(1) / Number(len(story.batch.gradients)), factor, math.nan)


def _alike(kind: str, other: str) -> bool:
    """Whether two quantities may stand in the same place."""
    return kind == other or ("quantity" in (kind, other) and "loss" not in (kind, other))


def _side(story: Story, source: str, target: str) -> Side | None:
    """Return a factor, or what several factors between two quantities come to."""
    if not source:
        return None
    graph = story.graph
    number = dict(graph.out[source]).get(target)
    if number is not None:
        return Side(source, target, graph.local(source, target), number, graph.values[source])
    whole = chain(graph, source, target)
    return Side(source, target, whole.formulas, whole.value, graph.values[source])


def _pair(kind: str, left: Side | None, right: Side | None) -> Pair:
    if left is None or right is None:
        return Pair(kind, left, right, "missing")
    if not math.isclose(left.number, right.number, rel_tol=CLOSE):
        return Pair(kind, left, right, "number" if _skeleton(left.formula) == _skeleton(right.formula) else "formula")
    return Pair(kind, left, right, "")


def _skeleton(expr: Expr) -> Expr:
    """Return a formula with its names numbered in the order in which they first stand there."""
    found = dict.fromkeys(node.id for node in walk(expr) if isinstance(node, Name))
    return substitute(expr, {name: Name(f"_{place}") for place, name in enumerate(found)})


def _plain(side: Side) -> dict[str, Any]:
    return {"symbol": to_text(side.symbol), "formula": to_text(side.formula), "number": side.number}
