"""What an equation with free indices says for each of their values: sums written out, every name an address."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from backstory.checking.equation import Applied, Ratio, SumOver, Written
from backstory.checking.indexed_names import Absent, Convention, IndexedNames
from backstory.checking.layers import Units
from backstory.errors import ExpressionError
from backstory.expressions import Add, Expr, Number, walk

MOST = 48
"""How many instances are judged; of more, some of every layer."""
_MOST_TERMS = 64
"""How many terms sums within each other may have."""
Environment = dict[str, int]


def names_in(node: Expr) -> list[Written]:
    """Return the names of quantities that occur, those in derivatives included, from left to right."""
    found: list[Written] = []
    for each in walk(node):
        if isinstance(each, Written):
            found.append(each)
        elif isinstance(each, Ratio):
            found += [each.of, each.by, *each.held]
    return found


def free_names_in(
    node: Expr, spelling: IndexedNames, bound: frozenset[str] = frozenset()
) -> Iterator[tuple[str, bool]]:
    """Yield the index letters that no sum binds, and whether each is of a layer."""
    if isinstance(node, SumOver):
        bound = bound | {node.index}
    for name in [node] if isinstance(node, Written) else names_in(node) if isinstance(node, Ratio) else []:
        layers, units = spelling.letters(name)
        yield from ((letter, True) for letter in layers if letter not in bound)
        yield from ((letter, False) for letter in units if letter not in bound)
    for child in node.children:
        yield from free_names_in(child, spelling, bound)


@dataclass(frozen=True)
class Instances:
    """Two sides in one convention, over the units of one shrunk network.

    Attributes
    ----------
    spelling : IndexedNames
    units : Units
        By layer, the units there are.
    existing : frozenset of str
        The addresses of that network.
    left, right : Expr
    convention : Convention
    """

    spelling: IndexedNames
    units: Units
    existing: frozenset[str]
    left: Expr
    right: Expr
    convention: Convention

    @cached_property
    def letters(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The free letters: of layers, and of units."""
        found = dict.fromkeys([*self._free(self.left), *self._free(self.right)])
        layers = tuple(dict.fromkeys(letter for letter, of_layer in found if of_layer))
        return layers, tuple(dict.fromkeys(letter for letter, of_layer in found if letter not in layers))

    def _free(self, node: Expr) -> list[tuple[str, bool]]:
        return list(free_names_in(node, self.spelling))

    @cached_property
    def unbound(self) -> tuple[str, ...]:
        """The letters that are free on the right side and do not occur on the left."""
        left = {letter for letter, _ in self._free(self.left)}
        return tuple(dict.fromkeys(letter for letter, _ in self._free(self.right) if letter not in left))

    def environments(self) -> list[Environment]:
        """Return values of the free letters for which the left side exists and the right side's layers do."""
        layers, units = self.letters
        by_layer: list[list[Environment]] = []
        for numbers in product(range(self.spelling.layers.n_layers + 1), repeat=len(layers)):
            environment = dict(zip(layers, numbers, strict=True))
            found = list(self._of_layers(environment, units))
            if found:
                by_layer.append(found)
        share = max(4, MOST // max(len(by_layer), 1))
        return [environment for found in by_layer for environment in _some(found, share)]

    def _of_layers(self, environment: Environment, letters: Sequence[str]) -> Iterator[Environment]:
        try:
            domains = [self.domain(letter, environment, (self.left, self.right)) for letter in letters]
        except Absent:
            return
        for units in product(*domains):
            found = {**environment, **dict(zip(letters, units, strict=True))}
            if self._is_stated(found):
                yield found

    def _is_stated(self, environment: Environment) -> bool:
        """Whether the left side exists, and no layer of the right side lies beyond the network."""
        try:
            self.concrete(self.left, environment)
        except Absent:
            return False
        try:
            self.concrete(self.right, environment)
        except Absent as error:
            return error.what != "layer"
        return True

    def domain(self, letter: str, environment: Environment, sides: Sequence[Expr]) -> tuple[int, ...]:
        """Return the units that a letter may stand for: those of the layer where it first occurs.

        Raises
        ------
        Absent
            That layer does not exist, or the letter is not used.
        """
        for side in sides:
            for name in names_in(side):
                if not set(self.spelling.letters(name)[0]) <= set(environment):
                    continue
                for text, layer in self.spelling.slots(name, environment, self.convention):
                    if text == letter:
                        if not 0 <= layer < len(self.units):
                            raise Absent("layer", f"There is no layer {layer}.")
                        return self.units[layer]
        raise Absent("name", f"The index {letter} belongs to no unit here.")

    def concrete(self, node: Expr, environment: Environment) -> Expr:
        """Return a side with addresses for names and terms for sums.

        Raises
        ------
        Absent
            There is no such layer or unit.
        """
        match node:
            case Written():
                return self._address(node, environment)
            case Ratio(of, by, held):
                there = [self._address(name, environment) for name in held]
                of_there, by_there = self._address(of, environment), self._address(by, environment)
                assert isinstance(of_there, Written)
                assert isinstance(by_there, Written)
                return Ratio(of_there, by_there, tuple(n for n in there if isinstance(n, Written)), span=node.span)
            case Applied(function, arg, primes):
                return Applied(function, self.concrete(arg, environment), primes, span=node.span)
            case SumOver(index, body):
                return self._sum(node, index, body, environment)
        if not node.children:
            return node
        return node.with_children(*(self.concrete(child, environment) for child in node.children))

    def _sum(self, node: Expr, index: str, body: Expr, environment: Environment) -> Expr:
        if any(index in self.spelling.letters(name)[0] for name in names_in(body)):
            domain: Sequence[int] = range(1, len(self.units))
        else:
            domain = self.domain(index, environment, (body,))
        inner = math.prod(len(domain) for each in walk(body) if isinstance(each, SumOver))
        if len(domain) * inner > _MOST_TERMS:
            raise ExpressionError(
                "These sums have too many terms.", "", (node.span or (0, 0))[0], "Nest fewer of them."
            )
        terms = [self.concrete(body, {**environment, index: unit}) for unit in domain]
        total = terms[0]
        for term in terms[1:]:
            total = Add(total, term, span=node.span)
        return total

    def _address(self, name: Written, environment: Environment) -> Expr:
        if (constant := self.spelling.constant(name)) is not None:
            return Number(constant, span=name.span)
        if self.spelling.parse(name) is None:
            return name
        address = self.spelling.address(name, environment, self.convention)
        if address.letter == "L":
            return Written("L", span=name.span)
        found = str(address)
        node = found if address.letter != "delta" else f"z{address.layer}[{address.unit}]"
        if node not in self.existing:
            raise Absent("unit", f"{name} would be {found}, which the network does not have.")
        return Written(found, span=name.span)


def _some(found: list[Environment], share: int) -> list[Environment]:
    if len(found) <= share:
        return found
    return [found[index * len(found) // share] for index in range(share)]
