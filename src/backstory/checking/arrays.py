"""Matrices whose rows and columns know which layer's units they stand for, and what the parts of an equation make them.

A vector is a column where weights stand before what they multiply, W a, and a row where they stand behind it, a W.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import mul

from backstory.checking.address_names import AddressNames
from backstory.checking.equation import Applied, Elementwise, MatrixProduct, Ratio, Transposed, Written
from backstory.checking.indexed_names import GENERIC_FUNCTIONS, Absent, Convention, IndexedNames
from backstory.checking.layers import Units
from backstory.checking.meaning import Meaning
from backstory.checking.points import Point
from backstory.errors import ExpressionError
from backstory.expressions import MATH, Add, Call, Div, Expr, Mul, Neg, Number, Pow, Sub, evaluate
from backstory.expressions.tree import Span
from backstory.story.address import Address

Dim = int | None
"""The layer whose units rows or columns stand for; None where there is only one."""


@dataclass(frozen=True)
class Matrix:
    """Numbers in rows; `dims` says of which layers rows and columns are."""

    rows: tuple[tuple[float, ...], ...]
    dims: tuple[Dim, Dim]

    @property
    def is_number(self) -> bool:
        """Whether it is one number."""
        return self.dims == (None, None)

    @property
    def transposed(self) -> Matrix:
        """Rows and columns exchanged."""
        return Matrix(tuple(zip(*self.rows, strict=True)), self.dims[::-1])

    def map(self, function: Callable[[float], float]) -> Matrix:
        """Apply a function to every entry."""
        return Matrix(tuple(tuple(map(function, row)) for row in self.rows), self.dims)

    def with_each(self, other: Matrix, function: Callable[[float, float], float]) -> Matrix:
        """Join two of the same shape entry by entry; a number is joined with every entry."""
        if other.is_number:
            return self.map(lambda value: function(value, other.rows[0][0]))
        if self.is_number:
            return other.map(lambda value: function(self.rows[0][0], value))
        pairs = zip(self.rows, other.rows, strict=True)
        return Matrix(tuple(tuple(map(function, *pair)) for pair in pairs), self.dims)

    def times(self, other: Matrix) -> Matrix:
        """Return the matrix product."""
        columns = other.transposed.rows
        rows = tuple(tuple(sum(map(mul, row, column)) for column in columns) for row in self.rows)
        return Matrix(rows, (self.dims[0], other.dims[1]))


def number(value: float) -> Matrix:
    """Return a number as a matrix of one entry."""
    return Matrix(((value,),), (None, None))


class Clash(Exception):
    """Two shapes do not fit: `what` is "product", "elementwise" or "sum"; `parts` are the two with their shapes."""

    def __init__(self, what: str, span: Span, parts: tuple[tuple[Span, Matrix], tuple[Span, Matrix]]) -> None:
        super().__init__(what)
        self.what, self.span, self.parts = what, span, parts


@dataclass(frozen=True)
class ArrayMeaning:
    """Computes parts of equations about whole layers at one point.

    Attributes
    ----------
    written : IndexedNames
    names : AddressNames
    units : Units
    point : Point
    layers : mapping of str to int
        What the letters of layers stand for.
    convention : Convention
    by_rows : bool
        Whether vectors are rows.
    star_is_elementwise : bool
        Whether * is, as in an equation that writes its matrix products with @.
    free : mapping of str to float
        Values of names that are no quantities of the network.
    """

    written: IndexedNames
    names: AddressNames
    units: Units
    point: Point
    layers: Mapping[str, int]
    convention: Convention
    by_rows: bool = False
    star_is_elementwise: bool = False
    free: Mapping[str, float] = field(default_factory=dict)

    def value(self, node: Expr) -> Matrix:
        """Return what a part comes to.

        Raises
        ------
        Clash
            Shapes do not fit.
        Absent
            There is no such layer.
        """
        match node:
            case Number(value):
                return number(float(value))
            case Written():
                return self._named(node)
            case Ratio():
                return self._ratio(node)
            case Applied():
                return self._applied(node)
            case Transposed(matrix):
                return self.value(matrix).transposed
            case Neg(operand):
                return self.value(operand).map(lambda value: -value)
            case Add(left, right):
                return self._each(node, left, right, "sum", lambda one, other: one + other)
            case Sub(left, right):
                return self._each(node, left, right, "sum", lambda one, other: one - other)
            case Elementwise(left, right):
                return self._each(node, left, right, "elementwise", lambda one, other: one * other)
            case MatrixProduct(left, right):
                return self._product(node, left, right)
            case Mul(left, right) if self.star_is_elementwise:
                return self._each(node, left, right, "elementwise", lambda one, other: one * other)
            case Mul(left, right):
                return self._product(node, left, right)
            case Div(left, right):
                return self._each(node, left, right, "elementwise", _quotient)
            case Pow(left, Number(value)):
                return self.value(left).map(lambda entry: float(entry**value) if entry or value > 0 else math.nan)
            case Call(function, args) if len(args) == 1:
                return self.value(args[0]).map(lambda entry: _computed(function, entry))
        at = node.span[0] if node.span else 0
        raise ExpressionError("This is not read in an equation of whole layers.", "", at, "Write it with indices.")

    def _each(
        self, node: Expr, left: Expr, right: Expr, what: str, function: Callable[[float, float], float]
    ) -> Matrix:
        one, other = self.value(left), self.value(right)
        if not one.is_number and not other.is_number and one.dims != other.dims:
            raise self._clash(what, node, left, one, right, other)
        return one.with_each(other, function)

    def _product(self, node: Expr, left: Expr, right: Expr) -> Matrix:
        one, other = self.value(left), self.value(right)
        if one.is_number or other.is_number:
            return one.with_each(other, lambda first, second: first * second)
        if one.dims[1] != other.dims[0]:
            raise self._clash("product", node, left, one, right, other)
        return one.times(other)

    def _clash(self, what: str, node: Expr, left: Expr, one: Matrix, right: Expr, other: Matrix) -> Clash:
        return Clash(what, node.span or (0, 0), ((left.span or (0, 0), one), (right.span or (0, 0), other)))

    def _named(self, name: Written) -> Matrix:
        if (constant := self.written.constant(name)) is not None:
            return number(constant)
        parsed = self.written.parse(name)
        if parsed is None:
            word = name.base + name.below
            if word not in self.free and word not in ("e", "pi"):
                at = name.span[0] if name.span else 0
                raise ExpressionError(f"{word!r} is no quantity of this network.", "", at)
            return number(self.free[word] if word in self.free else {"e": math.e, "pi": math.pi}[word])
        if parsed.letter == "L":
            return number(self.point.values["L"])
        if parsed.letter == "delta":
            return self.gradient(name)
        return self._array(name, lambda node: self.point.values[node])

    def _array(self, name: Written, entry: Callable[[str], float]) -> Matrix:
        """Return one number for each unit of a name's layer, or for each weight."""
        nodes = self.nodes(name)
        found = Matrix(tuple(tuple(map(entry, row)) for row in nodes), self.dims(name))
        return found.transposed if self.by_rows else found

    def dims(self, name: Written) -> tuple[Dim, Dim]:
        """The layers of rows and columns where vectors are columns."""
        layer = self.layer(name)
        parsed = self.written.parse(name)
        return layer, layer - 1 if parsed is not None and parsed.letter == "w" else None

    def layer(self, name: Written) -> int:
        """Return a name's layer."""
        parsed = self.written.parse(name)
        if parsed is None or parsed.units or parsed.address is not None or parsed.layer is None:
            at = name.span[0] if name.span else 0
            hint = "Write all names with indices, or none."
            raise ExpressionError(f"{name} is one unit beside whole layers.", "", at, hint)
        layer = self.written.layer(parsed, self.layers, self.convention)
        self.written.require_layer(name, parsed, layer)
        return layer

    def nodes(self, name: Written) -> list[list[str]]:
        """Return the quantities of a name, as a column or as the matrix that stands before what it multiplies."""
        layer = self.layer(name)
        parsed = self.written.parse(name)
        assert parsed is not None
        if parsed.letter == "b" and not self.written.layers.biases:
            raise Absent("name", "This network has no biases.")
        if parsed.letter == "w":
            return [[str(Address("w", layer, j, k)) for k in self.units[layer - 1]] for j in self.units[layer]]
        if parsed.letter == "a":
            return [[self.written.layers.a(layer, unit)] for unit in self.units[layer]]
        letter = "z" if parsed.letter == "delta" else parsed.letter
        return [[str(Address(letter, layer, unit))] for unit in self.units[layer]]

    def _ratio(self, ratio: Ratio) -> Matrix:
        of = self.written.parse(ratio.of)
        if of is not None and of.letter == "L":
            return self.gradient(ratio.by)
        tops, bottoms = self.nodes(ratio.of), self.nodes(ratio.by)
        if len(tops[0]) > 1 or len(bottoms[0]) > 1:
            at = ratio.span[0] if ratio.span else 0
            raise ExpressionError("A derivative of a layer by a matrix has three indices.", "", at, "Write them.")
        rows = tuple(tuple(self.point.total(top[0], bottom[0]) for bottom in bottoms) for top in tops)
        found = Matrix(rows, (self.layer(ratio.of), self.layer(ratio.by)))
        return found.transposed if self.by_rows else found

    def gradient(self, name: Written) -> Matrix:
        """Return the derivatives of the loss by all that a name stands for, by the weighted sums for a delta."""
        return self._array(name, lambda node: self.point.total(self.names.program.loss, node))

    def _applied(self, node: Applied) -> Matrix:
        arg = node.arg
        parsed = self.written.parse(arg) if isinstance(arg, Written) else None
        if isinstance(arg, Written) and parsed is not None and node.function.base in GENERIC_FUNCTIONS:
            if parsed.letter == "z" and node.primes < 2:
                return self._array(arg, lambda name: self._of_unit(name, node.primes))
            return self._by_row(node, self.layer(arg))
        return self._by_row(node, None)

    def _of_unit(self, weighted_sum: str, primes: int) -> float:
        value = self.names.value_of(weighted_sum)
        return self.point.edges[weighted_sum, value] if primes else self.point.values[value]

    def _by_row(self, node: Applied, layer: int | None) -> Matrix:
        """Apply a function by its own row, or that of the layer whose values it is applied to."""
        row = self.written.layers.activations[layer - 1] if layer else Meaning(self.names).row(node)
        if row.couples:
            at = node.span[0] if node.span else 0
            raise ExpressionError(f"{row.name} is applied to weighted sums only.", "", at)

        def computed(z: float) -> float:
            a = float(evaluate(row.value, {"z": z}))
            return float(evaluate(row.slope, {"z": z, "a": a})) if node.primes else a

        return self.value(node.arg).map(computed)


def _quotient(one: float, other: float) -> float:
    return one / other if other else math.nan


def _computed(function: str, value: float) -> float:
    try:
        return float(MATH[function](value))
    except (ValueError, OverflowError):
        return math.nan
