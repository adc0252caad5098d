"""The table of penalties: terms added to the loss once per batch, one formula per weight; biases have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from backstory.expressions import Expr, derivative, parse, simplify, substitute
from backstory.functions.rows import Parameters, called, constants, look_up, number_within, replaced, shortest


@dataclass(frozen=True, repr=False)
class Penalty:
    """A penalty on the size of the weights; made by `L1`, `L2` and `Elastic`.

    Parameters
    ----------
    name : str
    formula : str
        The term of one weight w; the penalty is the sum over all weights, whatever the size of the batch.
    parameters : pairs of str and float
    l1, l2 : float >= 0
        The same in numbers: l1*abs(w) + l2/2*w^2.
    paper : str
    """

    name: str
    formula: str
    parameters: Parameters
    l1: float
    l2: float
    paper: str = ""

    @cached_property
    def expression(self) -> Expr:
        """The formula of one weight, in w and the names of the parameters."""
        return parse(self.formula, allowed=("w", *(name for name, _ in self.parameters)))

    @cached_property
    def value(self) -> Expr:
        """The term of one weight as it is computed, in w."""
        return simplify(substitute(self.expression, constants(self.parameters)))

    @cached_property
    def slope(self) -> Expr:
        """Its derivative by that weight, in w; 0 at w = 0."""
        return simplify(substitute(derivative(self.expression, "w"), constants(self.parameters)))

    def to_dict(self) -> dict[str, Any]:
        """Return what a model file keeps."""
        return {"name": self.name, "parameters": dict(self.parameters)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Penalty:
        """Return the penalty that `to_dict` wrote down.

        Raises
        ------
        ConfigurationError
            For an unknown name or parameters out of range.
        """
        row = look_up("penalty", str(data["name"]), PENALTIES, Penalty)
        parameters = dict(replaced(f"The penalty {row.name!r}", row.parameters, data.get("parameters", {})))
        match row.name:
            case "l1":
                return L1(**parameters)
            case "l2":
                return L2(**parameters)
        return Elastic(**parameters)

    def __str__(self) -> str:
        return called(self.name, self.parameters)

    def __repr__(self) -> str:
        inside = ", ".join(
            shortest(value) if len(self.parameters) == 1 else f"{name}={shortest(value)}"
            for name, value in self.parameters
        )
        return f"{self.name.title()}({inside})"


def L1(strength: float = 1e-4) -> Penalty:
    """Return the penalty strength*abs(w), which draws small weights to exactly zero.

    Parameters
    ----------
    strength : float >= 0

    Examples
    --------
    >>> from backstory.expressions import to_text
    >>> to_text(L1(0.5).slope)
    '0.5*sign(w)'
    """
    strength = number_within("L1", "strength", strength, "[0, inf)")
    paper = "Tibshirani 1996, JRSS B 58, 267"
    return Penalty("l1", "strength*abs(w)", (("strength", strength),), strength, 0.0, paper)


def L2(strength: float = 1e-4) -> Penalty:
    """Return the penalty strength/2*w^2.

    Parameters
    ----------
    strength : float >= 0

    Examples
    --------
    >>> from backstory.expressions import to_text
    >>> to_text(L2(0.5).slope)
    '0.5*w'
    """
    strength = number_within("L2", "strength", strength, "[0, inf)")
    paper = "Hoerl & Kennard 1970, Technometrics 12, 55; Krogh & Hertz 1991, NeurIPS 4"
    return Penalty("l2", "strength/2*w^2", (("strength", strength),), 0.0, strength, paper)


def Elastic(l1: float = 1e-4, l2: float = 1e-4) -> Penalty:
    """Return the penalty l1*abs(w) + l2/2*w^2.

    Parameters
    ----------
    l1, l2 : float >= 0
    """
    l1, l2 = number_within("Elastic", "l1", l1, "[0, inf)"), number_within("Elastic", "l2", l2, "[0, inf)")
    paper = "Zou & Hastie 2005, JRSS B 67, 301"
    return Penalty("elastic", "l1*abs(w) + l2/2*w^2", (("l1", l1), ("l2", l2)), l1, l2, paper)


PENALTIES: Mapping[str, Penalty] = MappingProxyType({row.name: row for row in (L1(), L2(), Elastic())})
"""Name -> row of every penalty, with its usual strength, 1e-4."""


def penalty(value: Penalty | str) -> Penalty:
    """Return a penalty as it is, or the one of that name with its usual strength, 1e-4.

    Raises
    ------
    ConfigurationError
        For an unknown name.
    """
    return look_up("penalty", value, PENALTIES, Penalty)
