"""What may stand before and within the dense layers: periodic embeddings, learned scales, parametric activations.

Each is one formula for one number; derivatives follow from it by the rules of differentiation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from backstory.errors import ConfigurationError
from backstory.expressions import Expr, Name, derivative, parse, simplify, substitute
from backstory.functions.rows import constants, number_within


@dataclass(frozen=True)
class Formula:
    """A quantity of a network, written once; `slope` gives its derivatives.

    Parameters
    ----------
    name : str
    formula : str
        In `variables`.
    variables : tuple of str
    paper : str

    Examples
    --------
    >>> from backstory.expressions import to_text
    >>> to_text(WAVE.slope("angle")), to_text(ANGLE.slope("frequency"))
    ('-sin(angle)', '2*(pi*x)')
    """

    name: str
    formula: str
    variables: tuple[str, ...]
    paper: str = ""

    @cached_property
    def expression(self) -> Expr:
        """The formula as it is printed."""
        return parse(self.formula, allowed=self.variables)

    @cached_property
    def value(self) -> Expr:
        """The formula as it is computed: with a number for pi."""
        return simplify(substitute(self.expression, constants(())))

    def slope(self, variable: str) -> Expr:
        """Return its derivative by one of its variables, as it is printed."""
        return _slope(self, variable)

    def slope_value(self, variable: str) -> Expr:
        """Return its derivative by one of its variables, as it is computed."""
        return simplify(substitute(self.slope(variable), constants(())))

    def at(self, **quantities: Expr | str) -> Expr:
        """Return the formula with other names or expressions for its variables."""
        return written(self.expression, **quantities)


@cache
def _slope(row: Formula, variable: str) -> Expr:
    return simplify(derivative(row.expression, variable))


def written(expr: Expr, **quantities: Expr | str) -> Expr:
    """Return an expression with other names or expressions for its names."""
    return substitute(expr, {name: Name(each) if isinstance(each, str) else each for name, each in quantities.items()})


_PERIODIC = "Gorishniy, Rubachev & Babenko 2022, NeurIPS, section 3.3; with phases: Holzmüller et al. 2024, NeurIPS"

ANGLE = Formula("angle", "2*pi*frequency*x + phase", ("frequency", "x", "phase"), _PERIODIC)
"""The angle of one frequency for one number x of a column."""

WAVE = Formula("wave", "cos(angle)", ("angle",), _PERIODIC)
"""What becomes of that angle."""

MIXED = Formula("mixed", "mix*wave", ("mix", "wave"), _PERIODIC)
"""The term of one frequency in one embedded number, which is the sum over the frequencies and a shift."""

SCALED = Formula(
    "s", "scale*column", ("scale", "column"), "Holzmüller, Grinsztajn & Steinwart 2024, NeurIPS, section 3"
)
"""A column times its learned factor."""

BLENDED = Formula(
    "a",
    "(1 - alpha)*z + alpha*f",
    ("alpha", "z", "f"),
    "Holzmüller, Grinsztajn & Steinwart 2024, NeurIPS, appendix A; after He et al. 2015, ICCV",
)
"""A parametric activation of one unit, f = f(z) being the plain one: alpha = 1 is f(z), alpha = 0 the identity."""

FORMULAS: Mapping[str, Formula] = {row.name: row for row in (ANGLE, WAVE, MIXED, SCALED, BLENDED)}
"""Name -> formula."""


@dataclass(frozen=True)
class Periodic:
    """A numerical embedding: each column x becomes x itself and `width` - 1 mixtures of cosines of it.

    With c a column, k a frequency and m a mixture, ``e = x`` and
    ``e = shift[c,m] + sum over k of mix[c,k,m]*cos(2*pi*frequency[c,k]*x + phase[c,k])``. Frequencies begin normal
    with the standard deviation `sigma`, phases uniform in [-pi, pi], mixtures and shifts uniform within
    1/sqrt(frequencies). Columns that are not embedded pass as they are; all keep their order.

    Parameters
    ----------
    frequencies : int >= 1
        Cosines of each column.
    width : int from 2 to 64
        Numbers that each column becomes, itself among them.
    sigma : float > 0
        How fast the cosines begin to turn; the columns are meant to be scaled to about 1.
    columns : sequence of int, optional
        The columns to embed, from 0; by default all.

    Raises
    ------
    ConfigurationError
        A number outside its range.

    References
    ----------
    Gorishniy, Rubachev & Babenko, "On embeddings for numerical features in tabular deep learning", NeurIPS 2022; in the
    form (PBLD: periodic, with bias, linear, densely connected) of Holzmüller, Grinsztajn & Steinwart, "Better by
    default", NeurIPS 2024.

    Examples
    --------
    >>> Periodic(columns=[0, 2])
    Periodic(frequencies=16, width=4, sigma=0.1, columns=(0, 2))
    """

    frequencies: int = 16
    width: int = 4
    sigma: float = 0.1
    columns: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "frequencies", _whole("frequencies", self.frequencies, 1))
        object.__setattr__(self, "width", _whole("width", self.width, 2, 64))
        object.__setattr__(self, "sigma", number_within("Periodic", "sigma", self.sigma, "(0, inf)"))
        if self.columns is not None:
            object.__setattr__(self, "columns", _columns(self.columns))

    def to_dict(self) -> dict[str, Any]:
        """Return what a model file keeps."""
        columns = None if self.columns is None else list(self.columns)
        return {"name": "periodic", "frequencies": self.frequencies, "width": self.width, "sigma": self.sigma} | {
            "columns": columns
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Periodic:
        """Return the embedding that `to_dict` wrote down.

        Raises
        ------
        ConfigurationError
            Another kind of embedding, or numbers out of range.
        """
        if data["name"] != "periodic":
            raise ConfigurationError(f"An embedding must be of the kind 'periodic'. Got {data['name']!r}.")
        return cls(data["frequencies"], data["width"], data["sigma"], data["columns"])


def _whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    try:
        number = None if isinstance(value, bool | str) or int(value) != value else int(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or number < least or (most is not None and number > most):
        wanted = f"an integer >= {least}" if most is None else f"an integer from {least} to {most}"
        raise ConfigurationError(f"The '{name}' parameter of Periodic must be {wanted}. Got {value!r}.")
    return number


def _columns(given: Any) -> tuple[int, ...]:
    wanted = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    found = [_whole("columns", each, 0) for each in wanted]
    if not found or found != sorted(set(found)):
        raise ConfigurationError(
            "The 'columns' parameter of Periodic must be numbers of columns, each once, in rising order. "
            f"Got {given!r}; leave it out to embed all."
        )
    return tuple(found)
