"""What stands before the first dense layer, as quantities of a story: embeddings and learned scales.

``frequency[c,k]``, ``phase[c,k]``, ``mix[c,k,m]``, ``shift[c,m]`` and ``scale[j]`` are its parameters; ``angle[c,k]``,
``wave[c,k]``, ``e[j]`` (embedded) and ``s[j]`` (scaled) what they make of the inputs ``x[k]``. c counts the embedded
columns, k frequencies, m mixtures, j what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from backstory.expressions import Expr, Name, derivative, simplify
from backstory.functions.front import ANGLE, MIXED, SCALED, WAVE
from backstory.story.address import Address
from backstory.story.chain import added

ORDER = ("x", "frequency", "phase", "angle", "wave", "mix", "shift", "e", "scale", "s")
"""The letters of addresses in a front, each after those it depends on."""
FRONT_PARAMETERS = ("frequency", "phase", "mix", "shift", "scale")


def _unknown(address: Address) -> float:
    raise KeyError(f"{address} has no value: only the formulas are known.")


@dataclass(frozen=True)
class FrontPart:
    """A front with its values for one row.

    Attributes
    ----------
    columns : sequence of int
        The columns of X that are embedded.
    starts : sequence of int
        Where each column's numbers begin among those that come out, and how many these are.
    frequencies, mixtures : int
    scaling : bool
    value : callable from an Address to its value
        Without it the formulas alone are known.
    """

    columns: Sequence[int]
    starts: Sequence[int]
    frequencies: int
    mixtures: int
    scaling: bool
    value: Callable[[Address], float] = field(default=_unknown, repr=False)

    @property
    def letter(self) -> str:
        """What the first layer reads is called so."""
        return "s" if self.scaling else "e"

    def shape(self, letter: str) -> tuple[int, ...]:
        """Return how many values each index of such a quantity takes; empty where there is none."""
        c, k, m, n = len(self.columns), self.frequencies, self.mixtures, self.starts[-1]
        embedded = {"frequency": (c, k), "phase": (c, k), "angle": (c, k), "wave": (c, k), "mix": (c, k, m)}
        if letter in ("scale", "s"):
            return (n,) if self.scaling else ()
        if letter == "x":
            return (len(self.starts) - 1,)
        return {**embedded, "shift": (c, m), "e": (n,)}.get(letter, ()) if self.columns else ()

    def definition(self, address: Address) -> Expr | None:
        """Return the formula of a quantity; None for what is given."""
        indices = address.indices
        match address.letter:
            case "angle":
                own = {name: str(Address(name, 0, *indices)) for name in ("frequency", "phase")}
                return ANGLE.at(x=f"x[{self.columns[indices[0]]}]", **own)
            case "wave":
                return WAVE.at(angle=str(Address("angle", 0, *indices)))
            case "s":
                j = indices[0]
                column = f"e[{j}]" if self.columns else f"x[{j}]"
                return SCALED.at(scale=f"scale[{j}]", column=column)
            case "e":
                return self._embedded(indices[0])
        return None

    def _embedded(self, j: int) -> Expr:
        column = next(c for c in range(len(self.starts) - 1) if j < self.starts[c + 1])
        m = j - self.starts[column] - 1
        if m < 0:
            return Name(f"x[{column}]")
        c = list(self.columns).index(column)
        terms = [MIXED.at(mix=f"mix[{c},{k},{m}]", wave=f"wave[{c},{k}]") for k in range(self.frequencies)]
        return added([*terms, Name(f"shift[{c},{m}]")])

    def local(self, source: str, target: Address) -> Expr:
        """Return the derivative of a quantity by one that its formula names."""
        formula = self.definition(target)
        assert formula is not None
        return simplify(derivative(formula, source))

    def users(self, address: Address) -> Iterator[Address]:
        """Go through the quantities of the front whose formulas name a quantity."""
        indices = address.indices
        match address.letter:
            case "x":
                yield from self._of_column(indices[0])
            case "frequency" | "phase":
                yield Address("angle", 0, *indices)
            case "angle":
                yield Address("wave", 0, *indices)
            case "wave" | "mix" | "shift":
                start = self.starts[self.columns[indices[0]]] + 1
                for m in range(self.mixtures) if address.letter == "wave" else indices[-1:]:
                    yield Address("e", 0, start + m)
            case "e" | "scale" if self.scaling:
                yield Address("s", 0, indices[0])

    def _of_column(self, column: int) -> Iterator[Address]:
        if column in self.columns:
            c = list(self.columns).index(column)
            yield from (Address("angle", 0, c, k) for k in range(self.frequencies))
        yield Address("e" if self.columns else "s", 0, self.starts[column])
