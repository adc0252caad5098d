"""Small changes of an equation with free indices, one of which may make it right: that one names the mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backstory.checking.equation import Applied, Elementwise, MatrixProduct, Ratio, SumOver, Written
from backstory.checking.facts import without
from backstory.checking.indexed_names import IndexedNames, Parsed, part
from backstory.checking.instances import names_in
from backstory.checking.verdict import Kind
from backstory.expressions import Add, Expr, Mul, Neg, Sub, walk
from backstory.expressions.tree import Span

_RAISED = re.compile(r"\^\s*(\{\s*[(\[]|[(\[]|\{)?")


@dataclass(frozen=True)
class Repair:
    """One change: what it says of the mistake, where, and the whole equation after it."""

    kind: Kind
    span: Span
    message: str
    text: str


def index_repairs(
    text: str, left: Expr, right: Expr, spelling: IndexedNames, unbound: tuple[str, ...]
) -> Iterator[Repair]:
    """Yield the changes of the right side, the most telling first.

    Parameters
    ----------
    text : str
        The whole equation.
    left, right : Expr
        Its sides, as read, with their spans.
    spelling : IndexedNames
    unbound : tuple of str
        The letters that occur on the right side alone, without a sum.
    """
    yield from _Repairs(text, left, right, spelling, unbound).all()


class _Repairs:
    def __init__(self, text: str, left: Expr, right: Expr, spelling: IndexedNames, unbound: tuple[str, ...]) -> None:
        self.text, self.left, self.right, self.spelling, self.unbound = text, left, right, spelling, unbound
        self.span = right.span or (0, len(text))
        found = [name for name in names_in(right) if name.span]
        self.names = [(name, parsed) for name in found if (parsed := spelling.parse(name)) is not None]

    def all(self) -> Iterator[Repair]:
        yield from self.sums()
        yield from self.swapped_weights()
        yield from self.layers()
        yield from self.other_letters()
        yield from self.arguments()
        yield from self.primes()
        yield from self.dropped()
        yield from self.inserted()
        yield from self.signs()
        yield from self.exchanged()
        yield from self.other_quantities()

    # -- text

    def shown(self, span: Span | None) -> str:
        return self.text[slice(*(span or (0, 0)))]

    def replaced(self, span: Span | None, new: str) -> str:
        start, end = span or (0, 0)
        return self.text[:start] + new + self.text[end:]

    def spelled(self, name: Written, like: str, letter: str = "", below: str | None = None, above: str = "") -> str:
        """Return a name with other indices, in the manner in which it was written."""
        base = letter or (re.match(r"\\?[A-Za-zα-ω]+|.", like) or [like])[0]
        below = name.below if below is None else below
        above = above or name.above
        latex = "{" in like or "\\" in self.text
        braced = "_{" in like or not below.isalnum() or (latex and len(below) > 1)
        lowered = f"_{{{below}}}" if below and braced else f"_{below}" if below else ""
        raised = ""
        if above:
            opened = _RAISED.search(like)
            bracket = (
                "[" if opened and "[" in opened[0] else "(" if opened and ("(" in opened[0] or len(above) > 1) else ""
            )
            close = {"[": "]", "(": ")", "": ""}[bracket]
            raised = f"^{{{bracket}{above}{close}}}" if latex else f"^{bracket}{above}{close}"
        return base + lowered + raised

    # -- the changes

    def sums(self) -> Iterator[Repair]:
        """Add a sum over an index that stands free on the right side; leave out a sum."""
        for letter in self.unbound:
            sign = f"\\sum_{letter} " if "\\" in self.text else f"sum_{letter} "
            inner = self.shown(self.span)
            inner = f"({inner})" if isinstance(self.right, Add | Sub) else inner
            message = (
                f"The index {letter} stands on the right side only: every unit {letter} contributes, so the sum over "
                f"{letter} is missing."
            )
            yield Repair("missing_sum", self.span, message, self.replaced(self.span, sign + inner))
        for node in walk(self.right):
            if isinstance(node, SumOver) and node.span and node.body.span:
                message = f"The sum over {node.index} does not belong there."
                yield Repair("extra_term", node.span, message, self.replaced(node.span, self.shown(node.body.span)))

    def swapped_weights(self) -> Iterator[Repair]:
        for name, parsed in self.names:
            if parsed.letter == "w" and len(parsed.units) == 2 and parsed.units[0] != parsed.units[1]:
                shown = self.shown(name.span)
                new = self.spelled(name, shown, below=_joined(parsed.units[::-1]))
                message = f"The indices of {shown} are the wrong way round: it should be {new}."
                yield Repair("wrong_index", name.span or (0, 0), message, self.replaced(name.span, new))

    def layers(self) -> Iterator[Repair]:
        for name, parsed in self.names:
            found = part(parsed.layer) if isinstance(parsed.layer, str) and name.above else None
            if found is None:
                continue
            letter, offset = found
            for step in (-1, 1, -2, 2):
                above = f"{letter}{offset + step:+d}" if letter and offset + step else letter or str(offset + step)
                shown = self.shown(name.span)
                new = self.spelled(name, shown, above=above)
                message = f"{shown} is of the wrong layer: it should be {new}."
                yield Repair("wrong_layer", name.span or (0, 0), message, self.replaced(name.span, new))

    @property
    def unit_letters(self) -> list[str]:
        found = [
            letter
            for name in [*names_in(self.left), *names_in(self.right)]
            for letter in self.spelling.letters(name)[1]
        ]
        return list(dict.fromkeys(found))

    def other_letters(self) -> Iterator[Repair]:
        for name, parsed in self.names:
            for place, unit in enumerate(parsed.units):
                for letter in self.unit_letters:
                    if letter == unit:
                        continue
                    shown = self.shown(name.span)
                    units = (*parsed.units[:place], letter, *parsed.units[place + 1 :])
                    new = self.spelled(name, shown, below=_joined(units))
                    message = f"{shown} has the wrong index: it should be {new}."
                    yield Repair("wrong_index", name.span or (0, 0), message, self.replaced(name.span, new))

    def arguments(self) -> Iterator[Repair]:
        """Take a derivative at z instead of a, or at a instead of z."""
        for node in walk(self.right):
            if isinstance(node, Applied) and isinstance(node.arg, Written) and node.arg.span:
                parsed = self.spelling.parse(node.arg)
                if parsed is None or parsed.letter not in "za" or parsed.address is not None:
                    continue
                shown = self.shown(node.arg.span)
                new = self.spelled(node.arg, shown, letter="z" if parsed.letter == "a" else "a")
                message = f"The function is taken at {shown}: it should be at {new}."
                yield Repair("wrong_argument", node.arg.span, message, self.replaced(node.arg.span, new))

    def primes(self) -> Iterator[Repair]:
        """Put a prime, or take it away."""
        for node in walk(self.right):
            if not isinstance(node, Applied) or node.span is None or node.function.span is None:
                continue
            shown, head = self.shown(node.span), self.shown(node.function.span)
            bare = re.sub(r"'|′|’|\^\s*\{?\\prime\}?", "", head)
            new = bare if node.primes else head + "'"
            text = self.replaced(node.function.span, new)
            what = "the function's value, not its derivative" if node.primes else "its derivative"
            yield Repair("wrong_factor", node.span, f"{shown}: {what} belongs there.", text)

    def products(self) -> list[list[Expr]]:
        """The factors of every product on the right side."""
        found: list[list[Expr]] = []

        def go(node: Expr) -> None:
            factors = _factors(node)
            found.append(factors)
            for factor in factors:
                for child in factor.children if not isinstance(factor, Applied) else ():
                    go(child)

        go(self.right)
        return found

    def dropped(self) -> Iterator[Repair]:
        for factors in self.products():
            shown = [self.shown(factor.span) for factor in factors]
            for place, factor in enumerate(factors):
                if factor.span is None or len(factors) == 1 or isinstance(factor, SumOver):
                    continue
                twin = shown.count(shown[place]) > 1
                message = f"The factor {shown[place]} " + ("stands there twice." if twin else "does not belong there.")
                kind: Kind = "repeated_factor" if twin else "extra_factor"
                yield Repair(kind, factor.span, message, without(self.text, factor.span))

    def inserted(self) -> Iterator[Repair]:
        """Multiply a product by a quantity that its indices allow."""
        for new in self.quantities():
            for factors in self.products():
                last = factors[-1].span
                if last is None:
                    continue
                end = max(factor.span[1] for factor in factors if factor.span)
                start = min(factor.span[0] for factor in factors if factor.span)
                if isinstance(factors[-1], SumOver):
                    continue
                glue = " " if "\\" in self.text else "*"
                text = f"{self.text[:end]}{glue}{new}{self.text[end:]}"
                yield Repair("missing_factor", (start, end), f"The factor {new} is missing.", text)
            start, end = self.span
            if isinstance(self.right, Add | Sub):
                text = self.replaced(self.span, f"({self.shown(self.span)})*{new}")
                yield Repair("missing_factor", self.span, f"The factor {new} is missing.", text)
            if isinstance(self.right, SumOver | Mul | Written | Applied | Ratio):
                text = f"{self.text[:start]}{new}{' ' if chr(92) in self.text else '*'}{self.text[start:]}"
                yield Repair("missing_factor", self.span, f"The factor {new} is missing.", text)

    def quantities(self) -> list[str]:
        """What a product may lack: slopes, activations, weights and deltas with the indices of the equation."""
        places: dict[tuple[str, str], None] = {}
        everything = [*names_in(self.left), *names_in(self.right)]
        for name in everything:
            parsed = self.spelling.parse(name)
            if parsed is None or parsed.layer is None or not parsed.units:
                continue
            layer = parsed.layer if isinstance(parsed.layer, str) else "L" if parsed.layer else "0"
            places[parsed.units[0], layer] = None
            if parsed.letter == "w" and len(parsed.units) == 2:
                places[parsed.units[1], _below(layer)] = None
        slopes = [self.name("z", unit, layer) for unit, layer in places if layer != "0"]
        f = self.function()
        found = [f"{f}'({slope})" for slope in slopes]
        found += [self.name("a", unit, layer) for unit, layer in places]
        for unit, layer in places:
            found += [
                self.name("w", _joined((unit, other)), layer) for other, before in places if before == _below(layer)
            ]
        return found + [self.name("delta", unit, layer) for unit, layer in places if layer != "0"]

    def function(self) -> str:
        for node in walk(self.right):
            if isinstance(node, Applied):
                return re.sub(r"'|′|’|\^\s*\{?\\prime\}?", "", self.shown(node.function.span))
        return "f"

    def name(self, letter: str, below: str, above: str) -> str:
        latex = "\\" in self.text
        if letter == "delta" and latex:
            letter = "\\delta"
        if above == "0":
            return f"x_{{{below}}}" if latex else f"x_{below}"
        raised = above if above in ("l", "L") and not latex else f"({above})" if not latex else f"{{({above})}}"
        return f"{letter}_{{{below}}}^{raised}" if latex else f"{letter}_{below}^{raised}"

    def signs(self) -> Iterator[Repair]:
        for node in walk(self.right):
            if isinstance(node, Add | Sub) and node.left.span and node.right.span:
                between = self.text[node.left.span[1] : node.right.span[0]]
                old, new = ("+", "-") if isinstance(node, Add) else ("-", "+")
                if old not in between:
                    continue
                at = node.left.span[1] + between.index(old)
                span = node.span or (at, at + 1)
                yield Repair("wrong_sign", span, f"There must be a {new} here.", self.replaced((at, at + 1), new))
            elif isinstance(node, Neg) and node.span:
                at = node.span[0]
                yield Repair(
                    "wrong_sign", node.span, "The minus does not belong there.", self.replaced((at, at + 1), "")
                )

    def exchanged(self) -> Iterator[Repair]:
        """Exchange two letters throughout the right side."""
        letters = self.unit_letters
        for place, one in enumerate(letters):
            for other in letters[place + 1 :]:
                text = self.text
                table = {one: other, other: one}
                for name, parsed in sorted(self.names, key=lambda entry: entry[0].span or (0, 0), reverse=True):
                    if set(parsed.units) & {one, other}:
                        units = tuple(table.get(unit, unit) for unit in parsed.units)
                        start, end = name.span or (0, 0)
                        new = self.spelled(name, self.shown(name.span), below=_joined(units))
                        text = text[:start] + new + text[end:]
                message = f"The indices {one} and {other} are exchanged throughout."
                yield Repair("wrong_index", self.span, message, text)

    def other_quantities(self) -> Iterator[Repair]:
        """Put one kind of quantity for another: z for a, a for delta."""
        for name, parsed in self.names:
            if parsed.address is not None or parsed.letter not in ("z", "a", "delta") or not parsed.units:
                continue
            for letter in ("a", "z", "delta"):
                if letter == parsed.letter and isinstance(parsed.layer, str):
                    continue
                for above in self.above(parsed):
                    shown = self.shown(name.span)
                    new = self.name(letter, _joined(parsed.units), above)
                    message = f"{shown} stands where {new} belongs."
                    yield Repair("wrong_factor", name.span or (0, 0), message, self.replaced(name.span, new))

    def above(self, parsed: Parsed) -> list[str]:
        """The layers that another quantity may be of."""
        if isinstance(parsed.layer, str):
            return [parsed.layer]
        found = [known.layer for name in names_in(self.left) if (known := self.spelling.parse(name)) is not None]
        layers = [layer for layer in found if isinstance(layer, str)]
        return [each for layer in layers for each in (layer, _below(layer))]


def _joined(units: tuple[str, ...]) -> str:
    return ("" if all(len(unit) == 1 for unit in units) else ",").join(units)


def _below(layer: str) -> str:
    """Return the layer before one, as it is written."""
    found = part(layer)
    if found is None:
        return layer
    letter, offset = found
    if not letter:
        return str(offset - 1)
    return f"{letter}{offset - 1:+d}" if offset != 1 else letter


def _factors(node: Expr) -> list[Expr]:
    if isinstance(node, Mul | Elementwise | MatrixProduct):
        return [*_factors(node.left), *_factors(node.right)]
    return [node]
