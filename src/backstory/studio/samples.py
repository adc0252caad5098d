"""`Samples`: the rows a network learns from and those held out, and what its inputs and classes are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.table import Table
from backstory.errors import ConfigurationError
from backstory.functions import Loss, Values

Array = NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """Rows as a network takes them; those that are held out come last.

    Attributes
    ----------
    X : ndarray (n, n_in), float64
    y : ndarray (n,), int64 class indices or float64 numbers
    held_out : int
    inputs : tuple of str
        What the inputs are called, where they have names.
    classes : tuple of str
        What the classes are called; empty for numbers.
    target : str
    image : tuple of int
        Height and width, where a row is an image.
    table : Table, optional
        The encoding, where the rows come from a table.
    """

    X: Array
    y: Array
    held_out: int = 0
    inputs: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    target: str = "y"
    image: tuple[int, int] | None = None
    table: Table | None = None

    def __len__(self) -> int:
        return len(self.X)

    @property
    def trained(self) -> int:
        """How many rows are learned from."""
        return len(self.X) - self.held_out

    @property
    def kind(self) -> str:
        """How they are shown: as points in a ``"plane"``, a ``"curve"``, ``"images"`` or ``"rows"``."""
        if self.image:
            return "images"
        return {1: "curve", 2: "plane"}.get(self.X.shape[1], "rows")

    @property
    def outputs(self) -> tuple[int, ...]:
        """How many outputs a network for them may have, the usual number first."""
        if not self.classes:
            return (1,)
        return (1, 2) if len(self.classes) == 2 else (len(self.classes),)

    def require_sizes(self, sizes: list[int]) -> None:
        """Raise ConfigurationError for a network of other inputs or outputs."""
        n_in = self.X.shape[1]
        if sizes[0] != n_in or sizes[-1] not in self.outputs:
            outputs = " or ".join(map(str, self.outputs))
            raise ConfigurationError(
                f"A network for these samples must have {n_in} inputs and {outputs} outputs. Got {sizes}."
            )

    def targets(self, loss: Loss, n_out: int) -> Array:
        """Return y as a network of that loss takes it: one output for two classes sees 0 and 1, or -1 and 1."""
        if self.classes and n_out == 1:
            low = -1.0 if isinstance(loss.targets, Values) else 0.0
            return np.where(self.y == 1, 1.0, low)
        return self.y
