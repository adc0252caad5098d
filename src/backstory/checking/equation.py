"""What an equation about gradients is made of, beyond arithmetic: names with indices, derivatives, primes, sums.

The nodes stand in one tree with those of `backstory.expressions`; every one carries the span of text it came from.
"""

from __future__ import annotations

from dataclasses import dataclass

from backstory.expressions import Expr
from backstory.expressions.tree import Binary


@dataclass(frozen=True)
class Written(Expr):
    """A name as it was written.

    Attributes
    ----------
    base : str
        The letter or word, Greek spelled out, an accent after it: yhat.
    below : str
        Its subscript, as written but for spaces and braces: "jk", "1,1", "h1".
    above : str
        Its layer: "l", "l+1", "2".
    """

    base: str
    below: str = ""
    above: str = ""

    def __str__(self) -> str:
        return self.base + (f"_{self.below}" if self.below else "") + (f"^({self.above})" if self.above else "")


@dataclass(frozen=True)
class Ratio(Expr):
    """∂of/∂by; `held` are the names that are held fixed, where that was written."""

    of: Written
    by: Written
    held: tuple[Written, ...] = ()


@dataclass(frozen=True)
class Applied(Expr):
    """A function of a quantity, f(z), or with `primes` its derivative there, f'(z)."""

    function: Written
    arg: Expr
    primes: int = 0

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.arg,)

    def with_children(self, *children: Expr) -> Expr:
        (arg,) = children
        return self if arg is self.arg else Applied(self.function, arg, self.primes, span=self.span)


@dataclass(frozen=True)
class SumOver(Expr):
    """The sum of a term over an index."""

    index: str
    body: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.body,)

    def with_children(self, *children: Expr) -> Expr:
        (body,) = children
        return self if body is self.body else SumOver(self.index, body, span=self.span)


@dataclass(frozen=True)
class Transposed(Expr):
    """A matrix, rows and columns exchanged."""

    matrix: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.matrix,)

    def with_children(self, *children: Expr) -> Expr:
        (matrix,) = children
        return self if matrix is self.matrix else Transposed(matrix, span=self.span)


@dataclass(frozen=True)
class Elementwise(Binary):
    """left ⊙ right."""


@dataclass(frozen=True)
class MatrixProduct(Binary):
    """left @ right."""


@dataclass(frozen=True)
class Equation:
    """A whole equation.

    Attributes
    ----------
    text : str
        As it was written.
    sides : tuple of Expr
        Two or more, all said to be equal.
    is_update : bool
        Whether it was written as an assignment, with an arrow or ':='.
    """

    text: str
    sides: tuple[Expr, ...]
    is_update: bool = False
