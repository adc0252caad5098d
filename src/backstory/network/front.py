"""What stands before the first dense layer: columns in, columns out, with parameters of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from backstory.functions.front import Periodic


@dataclass(frozen=True)
class Front:
    """An embedding, scales, or both: what the columns of X go through before the first dense layer reads them.

    Parameters
    ----------
    n_in : int
        Columns of X.
    embedding : Periodic or None
    scaling : bool
        Whether each column that comes out is multiplied by a learned factor.
    """

    n_in: int
    embedding: Periodic | None
    scaling: bool

    @cached_property
    def columns(self) -> tuple[int, ...]:
        """The columns of X that are embedded."""
        if self.embedding is None:
            return ()
        return tuple(range(self.n_in)) if self.embedding.columns is None else self.embedding.columns

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """(n_in + 1,) Where each column's numbers begin among those that come out, and how many these are."""
        embedded = set(self.columns)
        starts = [0]
        for column in range(self.n_in):
            wide = self.embedding is not None and column in embedded
            starts.append(starts[-1] + (self.embedding.width if wide and self.embedding else 1))
        return tuple(starts)

    @property
    def n_out(self) -> int:
        """How many columns come out."""
        return self.starts[-1]

    @cached_property
    def shapes(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """(name, shape) of its parameters; the first index counts the embedded columns."""
        arrays: list[tuple[str, tuple[int, ...]]] = []
        if self.embedding is not None:
            c, k, m = len(self.columns), self.embedding.frequencies, self.embedding.width - 1
            arrays += [("frequency", (c, k)), ("phase", (c, k)), ("mix", (c, k, m)), ("shift", (c, m))]
        if self.scaling:
            arrays.append(("scale", (self.n_out,)))
        return tuple(arrays)

    def source(self, output: int) -> tuple[int, int, int | None]:
        """Return what a number that comes out is made of.

        Returns
        -------
        column : int
            The column of X.
        embedded : int
            Its number among the embedded ones, or -1.
        mixture : int or None
            Which of its mixtures; None: the column itself.
        """
        column = next(c for c in range(self.n_in) if output < self.starts[c + 1])
        at = output - self.starts[column]
        embedded = self.columns.index(column) if column in self.columns else -1
        return column, embedded, None if at == 0 else at - 1
