"""The one change that makes a wrong side right, and what kind of mistake it undoes.

Every part of the side is compared with what would have to stand there (`Slots`), and that with everything that belongs
on the way (`Quantities`). A change that is found is certain to mend the equation at every point; of several the most
plausible is told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from backstory.checking.edits import (
    Edit,
    applied,
    outer,
    rescaled,
    with_other_sign,
    without_factor,
    without_term,
)
from backstory.checking.equation import Applied, Ratio, Written
from backstory.checking.facts import Facts
from backstory.checking.paths import Paths
from backstory.checking.quantities import Quantities, Quantity, Way
from backstory.checking.slots import Slot, Slots, addends, factors_of, spine
from backstory.checking.spelling import Spelling, spelling_of, written
from backstory.checking.terms import is_of_derivatives_only
from backstory.checking.vectors import CONSTANTS, Vector, equal, fraction, only_value, price_of
from backstory.checking.verdict import Finding, Kind
from backstory.expressions import Add, Expr, Mul, Number, Pow, Sub, to_text

_ROLE_PRICE = {"slope": 0.0, "weight": 0.0, "input": 0.0, "residual": 0.0, "part": 0.2, "link": 0.3, "other": 0.2}
_ROLE_WORDS = {
    "slope": "the derivative of the activation",
    "weight": "the weight",
    "residual": "the derivative of the loss",
    "input": "what the weight multiplies",
}


@dataclass(frozen=True)
class Repair:
    """A change that mends the equation: the less it costs the more plausible it is."""

    cost: float
    finding: Callable[[], Finding]


class Repairs:
    """The single changes that mend one equation."""

    def __init__(self, facts: Facts, paths: Paths) -> None:
        self.facts = facts
        self.quantities = Quantities(facts, paths)
        self.left, self.right = facts.values(facts.left), facts.values(facts.right)
        self.slots = Slots(facts.right, self.left, facts.values, self.is_whole)
        self.spelling: Spelling = spelling_of(facts.text)

    def is_whole(self, node: Expr) -> bool:
        """Whether a sum stands in parentheses and no term of it carries part of a path: (1 - a), (o - y)."""
        span = node.span
        is_closed = span is not None and outer(self.facts.text, span) != span
        return is_closed and not self.facts.carries(node)

    def best(self) -> Finding | None:
        """Return the finding of the most plausible change, or None where no single one mends the equation."""
        found = min(self.all(), key=lambda repair: repair.cost, default=None)
        return None if found is None else found.finding()

    def all(self) -> Iterator[Repair]:
        """Every single change that mends the equation."""
        yield from self.of_paths()
        for slot in self.slots.all():
            yield from self.of_factor(slot) if slot.is_factor else self.of_term(slot)

    # -- paths too few or too many

    def of_paths(self) -> Iterator[Repair]:
        """A path that no term covers, or one that is counted twice."""
        lacking = [left - right for left, right in zip(self.left, self.right, strict=True)]
        if (way := self.way_of(lacking)) is not None:
            yield Repair(1.3, lambda: self.missing_path(way))
        if (twice := self.way_of([-value for value in lacking])) is not None:
            yield Repair(1.45, lambda: self.double_path(twice))

    def way_of(self, values: Vector) -> Way | None:
        """Return the paths whose products add up to given values, told as exactly as they can be."""
        found = self.quantities.way_table.find(values, list(range(len(values))))
        ways = (self.quantities.ways[index] for index in found)
        return max(ways, key=lambda way: (len(self.route(way)), len(way.through)), default=None)

    def route(self, way: Way) -> list[str]:
        """The quantities that a way goes through, less those that the network's text does not name."""
        stops = dict.fromkeys((self.quantities.by, *way.through, self.quantities.of))
        return [name for name in stops if name not in self.facts.program.hidden]

    def missing_path(self, way: Way) -> Finding:
        span = self.facts.right.span or (0, len(self.facts.text))
        of, by = self.quantities.of, self.quantities.by
        if way.through == (by, of):
            message = f"The term of {by} → {of} is missing: {of} holds {by} itself too (a penalty)."
            return Finding("missing_term", span, message, self.with_term(self.link_text(of, by)))
        message = f"The path {' → '.join(self.route(way))} is missing: {by} acts on {of} that way too."
        return Finding("missing_path", span, message, self.with_term(self.product_along(way)))

    def double_path(self, way: Way) -> Finding:
        span = self.facts.right.span or (0, len(self.facts.text))
        return Finding("double_path", span, f"The path {' → '.join(self.route(way))} is counted twice.")

    def link_text(self, of: str, by: str) -> str:
        return self.spelling.text(self.quantities.link_tree(of, by, self.facts.derivatives(by, of)))

    def product_along(self, way: Way) -> str:
        """Return the product of the links of a way, by name or worked out as the equation has them."""
        is_by_name = is_of_derivatives_only(self.facts.right)
        stops = (
            self.route(way)
            if is_by_name
            else list(dict.fromkeys((self.quantities.by, *way.through, self.quantities.of)))
        )
        factors: list[Expr] = []
        for by, of in pairwise(stops):
            is_link = not is_by_name and (by, of) in self.quantities.links
            local = self.facts.derivatives(by, of) if is_link else None
            if local is None:
                factors.append(Ratio(written(of), written(by)))
            elif local != Number(1):
                tree = self.quantities.link_tree(of, by, local)
                parts = list(factors_of(tree))
                factors += [tree] if any(below for _, below in parts) else [part for part, _ in parts]
        node = factors[0] if factors else Number(1)
        for factor in factors[1:]:
            node = Mul(node, factor)
        return self.spelling.text(node)

    def with_term(self, term: str) -> str:
        end = outer(self.facts.text, self.facts.right.span or (0, len(self.facts.text)))[1]
        return self.edited(Edit((end, end), f" + {term}"))

    # -- a term, or the whole side

    def of_term(self, slot: Slot) -> Iterator[Repair]:
        """A sign, a constant, a missing factor, a term too many, factors added."""
        if slot.is_addend and len(slot.nodes) == 1 and self.is_nothing(slot):
            yield Repair(1.1 if self.is_twin(slot) else 1.4, lambda: self.superfluous_term(slot))
            return
        if len(slot.nodes) == 1 and len(terms := spine(slot.node)) > 1:
            columns = [self.slots.values(term) for term in terms]
            product = [math.prod(row) for row in zip(*columns, strict=True)]
            if slot.mends(product, self.left) or slot.mends([-value for value in product], self.left):
                yield Repair(1.0, lambda: self.added(slot))
        if len(slot.nodes) == 1 and isinstance(slot.node, Pow):
            yield from self.of_shape(slot)
        ratio = self.ratio(slot)
        if ratio is None:
            return
        values, live = ratio
        constant = values[max(live, key=lambda place: abs(slot.value[place]))]
        if constant and slot.mends([constant * value for value in slot.value], self.left):
            if math.isclose(constant, -1, rel_tol=1e-6):
                yield Repair(1.0, lambda: self.sign(slot))
            else:
                times, cost = 1 / constant, 1.2 if price_of(constant) is not None else 2.7
                yield Repair(cost, lambda: self.scale(slot, times))
            return
        for quantity in self.quantities.like(values, live):
            product = [one * other for one, other in zip(slot.value, quantity.values, strict=True)]
            if slot.mends(product, self.left):
                cost = 1.5 + _ROLE_PRICE[quantity.role]
                yield Repair(cost, lambda q=quantity: self.missing_factor(slot, q))  # type: ignore[misc]
        for number in (each for each in CONSTANTS if each > 0):
            for quantity in self.quantities.like([value / number for value in values], live):
                product = [number * one * other for one, other in zip(slot.value, quantity.values, strict=True)]
                if slot.mends(product, self.left):
                    scaled = replace(quantity, tree=Mul(Number(number), quantity.tree), role="other")
                    yield Repair(2.6, lambda q=scaled: self.missing_factor(slot, q))  # type: ignore[misc]

    def is_nothing(self, slot: Slot) -> bool:
        """Whether the side is right without the term."""
        return slot.mends([0.0] * len(self.left), self.left)

    def is_twin(self, slot: Slot) -> bool:
        """Whether another term says the same."""
        return any(equal(self.slots.values(other), slot.value) for other in slot.siblings)

    def ratio(self, slot: Slot) -> tuple[Vector, list[int]] | None:
        """Return what a term must be multiplied by, and where that is known."""
        live = [place for place in slot.live if abs(slot.value[place]) > 1e-12]
        if len(live) < 3:
            return None
        found = [math.nan] * len(slot.value)
        for place in live:
            found[place] = slot.wanted[place] / slot.value[place]
        known = [found[place] for place in live]
        return (found, live) if all(map(math.isfinite, known)) else None

    def superfluous_term(self, slot: Slot) -> Finding:
        shown = self.shown(slot)
        fix = self.edited(without_term(self.facts.text, slot.span))
        values = slot.value
        share = [a * value for a, value in zip(slot.slope, values, strict=True)]
        if self.is_twin(slot) or any(self.quantities.way_table.find(share, list(range(len(share))))):
            return Finding("double_path", slot.span, f"{shown} counts a path that another term counts already.", fix)
        message = f"{shown} is not the product of any path from {self.quantities.by}."
        return Finding("extra_term", slot.span, message, fix)

    def added(self, slot: Slot) -> Finding:
        terms = spine(slot.node)
        message = "The factors of a chain are multiplied, not added: each of these terms is a part of one chain."
        node = terms[0]
        for term in terms[1:]:
            node = Mul(node, term)
        return Finding("broken_chain", slot.span, message, self.facts.replaced(slot.span, self.spelling.text(node)))

    def sign(self, slot: Slot) -> Finding:
        for node in slot.nodes:
            for factor, _ in factors_of(addends(node)[0][1]):
                if isinstance(factor, Sub) and self.is_reversed(factor):
                    one, other = self.facts.shown(factor.left), self.facts.shown(factor.right)
                    message = f"The sign is wrong: it should be ({other} - {one}), not ({one} - {other})."
                    span = factor.span or slot.span
                    return Finding("wrong_sign", span, message, self.facts.replaced(span, f"{other} - {one}"))
        message = f"The sign of {self.shown(slot)} is wrong."
        fix = self.edited(*(with_other_sign(self.facts.text, node.span or slot.span) for node in slot.nodes))
        return Finding("wrong_sign", slot.span, message, fix)

    def is_reversed(self, factor: Sub) -> bool:
        """Whether a difference is the negative of one that belongs there."""
        everywhere = list(range(len(self.left)))
        values = self.slots.values(factor)
        negative = [-value for value in values]
        find = self.quantities.table.find
        return any(find(negative, everywhere)) and not any(find(values, everywhere))

    def scale(self, slot: Slot, times: float) -> Finding:
        message = f"{self.shown(slot)} is {fraction(times)} times what it should be."
        fix = self.edited(*(rescaled(self.facts.text, node, times) for node in slot.nodes))
        return Finding("wrong_scale", slot.span, message, fix)

    def missing_factor(self, slot: Slot, quantity: Quantity) -> Finding:
        text = self.spelling.text(quantity.tree)
        name = f"d{quantity.of}/d{quantity.by}"
        if quantity.role == "link":
            message = f"The chain jumps from {quantity.by} to {quantity.of}: the factor {text} is missing."
        elif quantity.role in _ROLE_WORDS and isinstance(quantity.tree, Ratio):
            message = f"The factor {text} is missing, {_ROLE_WORDS[quantity.role]}."
        elif quantity.role in _ROLE_WORDS:
            message = f"The factor {text} is missing: {name} = {text}, {_ROLE_WORDS[quantity.role]}."
        else:
            whole = to_text(self.facts.derivatives(quantity.by, quantity.of))
            message = f"The factor {text} is missing: {name} = {whole}."
        return Finding("missing_factor", slot.span, message, self.with_factor(slot, quantity.tree))

    # -- one factor

    def of_factor(self, slot: Slot) -> Iterator[Repair]:
        """A factor too many, or one in the place of another."""
        wide = 0.3 * (len(slot.nodes) - 1)
        if slot.mends([1.0] * len(self.left), self.left):
            later = 1e-9 * slot.span[0]  # of two that are the same the second is one too many
            yield Repair(1.6 + wide - later, lambda: self.superfluous_factor(slot))
        if len(slot.nodes) == 1:
            yield from self.of_shape(slot)
        for quantity in self.quantities.like(slot.wanted, slot.live):
            if quantity.role == "link" and not self.is_another_link(slot, quantity):
                continue
            if slot.mends(quantity.values, self.left):
                alike = 0.0 if self.role_of(slot) == quantity.role else 0.25
                cost = 2.0 + wide + alike + _ROLE_PRICE[quantity.role] / 2
                yield Repair(cost, lambda q=quantity: self.instead(slot, q))  # type: ignore[misc]

    def is_another_link(self, slot: Slot, quantity: Quantity) -> bool:
        """Whether a derivative by name stands for another, and not only for the first part of it."""
        node = slot.node
        if not isinstance(node, Ratio):
            return self.role_of(slot) == "link" and len(slot.nodes) == 1
        of, by = self.facts.meaning.nodes(node)
        return not (by == quantity.by and self.facts.reaches(of, quantity.of))

    def of_shape(self, slot: Slot) -> Iterator[Repair]:
        """A plus for a minus, a square left standing."""
        node = slot.node
        if isinstance(node, Add | Sub) and not self.facts.carries(node):
            one, other = self.slots.values(node.left), self.slots.values(node.right)
            sign = -1 if isinstance(node, Add) else 1
            mended = [a + sign * b for a, b in zip(one, other, strict=True)]
            if slot.mends(mended, self.left):
                yield Repair(1.7, lambda: self.other_sign_inside(slot))
        if isinstance(node, Pow):
            base = self.slots.values(node.left)
            live = [place for place in slot.live if base[place]]
            constant = only_value([slot.wanted[place] / base[place] for place in live])
            if constant is not None:
                cost = 1.7 if price_of(constant) is not None else 2.5
                yield Repair(cost, lambda: self.still_squared(slot, constant))

    def superfluous_factor(self, slot: Slot) -> Finding:
        shown = self.shown(slot)
        fix = self.without_factor(slot)
        if len(slot.nodes) == 1 and any(equal(self.slots.values(other), slot.value) for other in slot.siblings):
            return Finding("repeated_factor", slot.span, f"{shown} stands there twice.", fix)
        return Finding("extra_factor", slot.span, f"The factor {shown} does not belong there.", fix)

    def other_sign_inside(self, slot: Slot) -> Finding:
        node = slot.node
        assert isinstance(node, Add | Sub)
        other = Sub(node.left, node.right) if isinstance(node, Add) else Add(node.left, node.right)
        text = self.spelling.text(other)
        message = f"{self.shown(slot)} should be ({text})."
        return Finding("wrong_factor", slot.span, message, self.facts.replaced(slot.span, text))

    def still_squared(self, slot: Slot, constant: float) -> Finding:
        node = slot.node
        assert isinstance(node, Pow)
        base = node.left
        text = self.spelling.text(base if math.isclose(constant, 1) else Mul(Number(constant), base))
        message = f"{self.shown(slot)} is not differentiated: its derivative has {text}."
        return Finding("not_differentiated", slot.span, message, self.facts.replaced(slot.span, f"({text})"))

    def instead(self, slot: Slot, quantity: Quantity) -> Finding:
        """One factor in the place of another."""
        tree, node = quantity.tree, slot.node
        if (
            isinstance(node, Applied)
            and node.primes
            and quantity.role == "slope"
            and not self.at_its_sum(slot, quantity)
        ):
            tree = replace(node, arg=written(quantity.by))
        kind, reason = self.kind_of_swap(slot, quantity)
        message = f"{self.shown(slot)} stands where {self.spelling.text(tree)} belongs: {reason}"
        return Finding(kind, slot.span, message, self.replaced(slot, tree))

    def kind_of_swap(self, slot: Slot, quantity: Quantity) -> tuple[Kind, str]:
        by, of = quantity.by, quantity.of
        why = (
            f"d{of}/d{by} = {to_text(self.facts.derivatives(by, of))}." if quantity.role != "link" else "of the chain."
        )
        node = slot.node
        if isinstance(node, Applied) and node.primes and quantity.role in ("slope", "part"):
            given = self.facts.names.meaning(node.arg) if isinstance(node.arg, Written) else None
            if given is not None and given.node == of:
                return "wrong_argument", f"the derivative is taken at the weighted sum {by}, not at {of}."
            if self.at_its_sum(slot, quantity):
                return "wrong_factor", f"that is another function's derivative: {why}"
            return "wrong_layer", f"the derivative of this link is taken at {by}: {why}"
        if self.role_of(slot) == "weight" == quantity.role:
            return "wrong_index", f"that is the weight between {by} and {of}: {why}"
        return "wrong_factor", why

    def at_its_sum(self, slot: Slot, quantity: Quantity) -> bool:
        """Whether f'(z) stands there for the right z."""
        arg = slot.node.arg if isinstance(slot.node, Applied) else None
        given = self.facts.names.meaning(arg) if isinstance(arg, Written) else None
        return given is not None and given.node == quantity.by

    def role_of(self, slot: Slot) -> str:
        """What a factor of the equation is meant to be; a link is a derivative by name, or a delta."""
        node, several = slot.node, len(slot.nodes) > 1
        meaning = self.facts.names.meaning(node) if isinstance(node, Written) else None
        if not several and (isinstance(node, Ratio) or (meaning is not None and meaning.is_delta)):
            return "link"
        return self.facts.role_of(node, several)

    # -- text

    def shown(self, slot: Slot) -> str:
        """Return a part's text; of several terms the first's."""
        span = slot.span if slot.is_factor else slot.node.span or slot.span
        return self.facts.text[slice(*self.facts.closed(outer(self.facts.text, span)))]

    def edited(self, *edits: Edit) -> str:
        return applied(self.facts.text, edits)

    def with_factor(self, slot: Slot, factor: Expr) -> str:
        """Return the equation with a factor more in a term, or in each of several."""
        extra = self.spelling.within(factor, 3)
        edits = []
        for node in slot.nodes:
            span = node.span or slot.span
            start, end = outer(self.facts.text, span)
            inside = self.facts.text[start:end]
            if len(addends(node)) > 1 and (start, end) == span:
                inside = f"({inside})"
            edits.append(Edit((start, end), self.spelling.product(inside, extra)))
        return self.edited(*edits)

    def without_factor(self, slot: Slot) -> str:
        """Return the equation less a factor, in all terms that have it too often."""
        nodes = [*slot.nodes, *slot.copies]
        return self.edited(*(without_factor(self.facts.text, node.span or slot.span) for node in nodes))

    def replaced(self, slot: Slot, tree: Expr) -> str:
        """Return the equation with another factor in the place of one, in all terms that have it."""
        text = self.spelling.text(tree)
        text = text if isinstance(tree, Written | Applied | Ratio) else f"({text})"
        spans = [slot.span, *(node.span or slot.span for node in slot.copies)]
        return self.edited(*(Edit(outer(self.facts.text, span), text) for span in spans))
