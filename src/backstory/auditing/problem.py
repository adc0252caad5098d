"""What is audited, in one form: a loss and a claimed gradient of one flat vector, with the names of its parts."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Arrays = dict[str, Floats]


@dataclass(frozen=True)
class Block:
    """One array of parameters within the flat vector.

    Attributes
    ----------
    name : str
    start : int
        Its first place in the flat vector.
    shape : tuple of int
    layer : str
        Blocks of one layer, its weights and its biases, carry the same text here.
    arrow : bool
        Whether entries are named as weights from unit to unit, ``w1[2->0]``.
    """

    name: str
    start: int
    shape: tuple[int, ...]
    layer: str = ""
    arrow: bool = False

    @property
    def size(self) -> int:
        """How many parameters."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def here(self) -> slice:
        """Its part of the flat vector."""
        return slice(self.start, self.start + self.size)

    def entry(self, place: int) -> str:
        """Name one entry, by its place in the flat vector.

        >>> Block("w1", 4, (3, 2), arrow=True).entry(9), Block("x", 0, (3, 2)).entry(5), Block("x", 0, ()).entry(0)
        ('w1[2->1]', 'x[2,1]', 'x')
        """
        if not self.shape:
            return self.name
        index = np.unravel_index(place - self.start, self.shape)
        return f"{self.name}[{('->' if self.arrow else ',').join(str(int(each)) for each in index)}]"


@dataclass(frozen=True)
class Alternative:
    """A gradient that a known mistake would give, and how to say so."""

    kind: str
    gradient: Floats  # laid out as the parameters
    cause: str


@dataclass(frozen=True)
class Problem:
    """A loss and a claimed gradient.

    Attributes
    ----------
    subject : str
        What is audited, for the report's first line.
    loss : callable
        From a flat vector (n,) to a float. Never given a vector that is used again.
    gradient : callable
        From a flat vector to the claimed derivatives (n,).
    at : ndarray (n,), float64
    blocks : tuple of Block
    sizes : mapping of str to int
        Counts that a wrong constant may be made of: rows, outputs.
    fixed : bool
        The claimed derivatives are numbers given once, so they cannot be asked for at another place.
    grain : float
        The relative rounding of the loss, where its type tells.
    coarse : bool
        What is audited computes in float32 and could not be made to use float64.
    complex_too : bool
        Whether the loss may be tried with complex numbers.
    penalty : ndarray (n,), optional
        The part of the true gradient that comes from a penalty, where it is known.
    alternatives : callable, optional
        From nothing to the gradients that known mistakes would give, and that need the network's structure.
    locate : callable, optional
        From nothing to kind, sentence and ratio of the part whose backward pass is wrong, where parts can be asked.
    turned : tuple of str
        Names of the arrays whose claimed derivatives came in the transposed shape.
    """

    subject: str
    loss: Callable[[Any], Any]
    gradient: Callable[[Floats], Floats]
    at: Floats
    blocks: tuple[Block, ...]
    sizes: Mapping[str, int] = field(default_factory=dict)
    fixed: bool = False
    grain: float = 0.0
    coarse: bool = False
    complex_too: bool = False
    penalty: Floats | None = None
    alternatives: Callable[[], Iterator[Alternative]] | None = None
    locate: Callable[[], tuple[str, str, float | None] | None] | None = None
    turned: tuple[str, ...] = ()

    def block_of(self, place: int) -> Block:
        """Return the array that a place of the flat vector belongs to."""
        starts = [block.start for block in self.blocks if block.size]
        full = [block for block in self.blocks if block.size]
        return full[int(np.searchsorted(starts, place, side="right")) - 1]

    def entry(self, place: int) -> str:
        """Name the parameter at a place of the flat vector."""
        return self.block_of(place).entry(place)

    def scales(self) -> Floats:
        """How far each parameter may be moved for a change that is neither lost nor large, (n,).

        Its own size, or a tenth of the root mean square of its array where that is more, or 1 where all are 0.
        """
        scales = np.abs(self.at)
        for block in self.blocks:
            part = scales[block.here]
            if part.size:
                typical = float(np.sqrt(np.mean(part * part)))
                np.maximum(part, 0.1 * typical if typical else 1.0, out=part)
        return scales


class Counted:
    """The loss of a problem along lines; counts its calls, and turns what cannot be computed into NaN."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.calls = 0

    def at(self, point: Floats) -> float:
        """Return the loss at a point, NaN where it cannot be computed there."""
        self.calls += 1
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return float(self.problem.loss(point.copy()))
            except (ArithmeticError, ValueError, TypeError):
                return float("nan")

    def along(self, direction: Floats, base: Floats | None = None) -> Callable[[float], float]:
        """Return the loss as a function of the step t: at base + t direction."""
        start = self.problem.at if base is None else base
        return lambda t: self.at(start + t * direction)
