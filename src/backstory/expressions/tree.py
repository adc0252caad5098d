"""The expression tree: frozen, hashable nodes that everything else in this package reads and makes.

Nodes are equal when they say the same; where they come from does not count: the `span` that the parser notes (start and
end in the text), and the `edge` (source and target) whose local derivative a factor of a derivation is or belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

Scalar: TypeAlias = int | float | Fraction
Span: TypeAlias = tuple[int, int]
Comparison: TypeAlias = Literal[">", ">=", "<", "<="]


@dataclass(frozen=True)
class Expr:
    """A node; build trees from nodes and plain numbers with Python's own operators.

    >>> z = Name("z")
    >>> (1 + z) ** 2
    Pow(left=Add(left=Number(value=1), right=Name(id='z')), right=Number(value=2))
    """

    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)
    edge: tuple[str, str] | None = field(default=None, compare=False, repr=False, kw_only=True)

    @property
    def children(self) -> tuple[Expr, ...]:
        """The nodes directly below, from left to right."""
        return ()

    def with_children(self, *children: Expr) -> Expr:
        """Return this node with other nodes below it; itself where they are the same objects."""
        return self

    def __add__(self, other: Expr | Scalar) -> Expr:
        return Add(self, as_expr(other))

    def __radd__(self, other: Scalar) -> Expr:
        return Add(as_expr(other), self)

    def __sub__(self, other: Expr | Scalar) -> Expr:
        return Sub(self, as_expr(other))

    def __rsub__(self, other: Scalar) -> Expr:
        return Sub(as_expr(other), self)

    def __mul__(self, other: Expr | Scalar) -> Expr:
        return Mul(self, as_expr(other))

    def __rmul__(self, other: Scalar) -> Expr:
        return Mul(as_expr(other), self)

    def __truediv__(self, other: Expr | Scalar) -> Expr:
        return Div(self, as_expr(other))

    def __rtruediv__(self, other: Scalar) -> Expr:
        return Div(as_expr(other), self)

    def __pow__(self, other: Expr | Scalar) -> Expr:
        return Pow(self, as_expr(other))

    def __rpow__(self, other: Scalar) -> Expr:
        return Pow(as_expr(other), self)

    def __neg__(self) -> Expr:
        return Neg(self)


@dataclass(frozen=True)
class Number(Expr):
    """A number: an exact int or Fraction, or a finite float."""

    value: Scalar


@dataclass(frozen=True)
class Name(Expr):
    """A quantity, given its value when the expression is evaluated; `pi` and `e` have one unless it is overridden."""

    id: str


@dataclass(frozen=True)
class Partial(Expr):
    """∂of/∂by: a derivative by name, not yet worked out; derivations are printed from it, it has no value itself."""

    of: str
    by: str


@dataclass(frozen=True)
class Binary(Expr):
    """What the five operators with two sides have in common."""

    left: Expr
    right: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        """The left and the right side."""
        return self.left, self.right

    def with_children(self, *children: Expr) -> Expr:
        """Return the same operator between other sides."""
        left, right = children
        return self if left is self.left and right is self.right else type(self)(left, right, span=self.span)


@dataclass(frozen=True)
class Add(Binary):
    """left + right."""


@dataclass(frozen=True)
class Sub(Binary):
    """left - right."""


@dataclass(frozen=True)
class Mul(Binary):
    """left * right."""


@dataclass(frozen=True)
class Div(Binary):
    """left / right."""


@dataclass(frozen=True)
class Pow(Binary):
    """left ^ right."""


@dataclass(frozen=True)
class Neg(Expr):
    """-operand."""

    operand: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        """The operand."""
        return (self.operand,)

    def with_children(self, *children: Expr) -> Expr:
        """Return the negative of another operand."""
        (operand,) = children
        return self if operand is self.operand else Neg(operand, span=self.span)


@dataclass(frozen=True)
class Call(Expr):
    """function(args…), for example exp(z)."""

    function: str
    args: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        """The arguments."""
        return self.args

    def with_children(self, *children: Expr) -> Expr:
        """Return a call of the same function with other arguments."""
        same = all(new is old for new, old in zip(children, self.args, strict=True))
        return self if same else Call(self.function, children, span=self.span)


@dataclass(frozen=True)
class Compare(Expr):
    """left op right, a condition; it stands only as the first argument of `where`."""

    op: Comparison
    left: Expr
    right: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        """The left and the right side."""
        return self.left, self.right

    def with_children(self, *children: Expr) -> Expr:
        """Return the same comparison of other sides."""
        left, right = children
        return self if left is self.left and right is self.right else Compare(self.op, left, right, span=self.span)


def as_expr(value: Expr | Scalar) -> Expr:
    """Return a node as it is and a plain number as a `Number`.

    >>> as_expr(2)
    Number(value=2)
    """
    return value if isinstance(value, Expr) else Number(value)


def call(function: str, *args: Expr | Scalar) -> Call:
    """Return the call of a function with nodes or plain numbers.

    >>> call("max", Name("z"), 0)
    Call(function='max', args=(Name(id='z'), Number(value=0)))
    """
    return Call(function, tuple(as_expr(arg) for arg in args))
