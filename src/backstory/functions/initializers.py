"""The table of initializers: which distribution, and how wide for how many inputs and outputs; not the sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from backstory.expressions import Expr, evaluate, parse
from backstory.functions.rows import Parameters, called, look_up, number_within, replaced

Distribution: TypeAlias = Literal["uniform", "normal", "orthogonal", "constant"]


@dataclass(frozen=True, repr=False)
class Initializer:
    """How the weights of a layer begin; biases begin at zero.

    Parameters
    ----------
    name : str
    distribution : "uniform", "normal", "orthogonal" or "constant"
        What `formula` gives the size of: the limit (values lie within ±limit), the standard deviation, the common
        length of the orthogonal columns or rows, or the value itself.
    formula : str
        In n_in and n_out, the layer's numbers of inputs and outputs, and the parameters.
    parameters : pairs of str and float
    paper : str
    """

    name: str
    distribution: Distribution
    formula: str
    parameters: Parameters = ()
    paper: str = ""

    @property
    def expression(self) -> Expr:
        """The formula, in n_in, n_out and the names of the parameters."""
        return parse(self.formula, allowed=("n_in", "n_out", *(name for name, _ in self.parameters)))

    def scale(self, n_in: int, n_out: int) -> float:
        """Return the formula's value for a layer of n_in inputs and n_out outputs.

        >>> INITIALIZERS["he_normal"].scale(50, 10)
        0.2
        """
        return float(evaluate(self.expression, {"n_in": float(n_in), "n_out": float(n_out), **dict(self.parameters)}))

    def to_dict(self) -> dict[str, Any]:
        """Return what a model file keeps."""
        return {"name": self.name, "parameters": dict(self.parameters)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Initializer:
        """Return the initializer that `to_dict` wrote down.

        Raises
        ------
        ConfigurationError
            For an unknown name or parameters out of range.
        """
        row = initializer(str(data["name"]))
        parameters = replaced(f"The initializer {row.name!r}", row.parameters, data.get("parameters", {}))
        match row.name, parameters:
            case "normal", ((_, std),):
                return Normal(std)
            case "uniform", ((_, limit),):
                return Uniform(limit)
            case "constant", ((_, value),):
                return Constant(value)
        return row

    def __str__(self) -> str:
        return called(self.name, self.parameters)

    def __repr__(self) -> str:
        return f"<Initializer {self}: {self.distribution}, {self.formula}>"


def Normal(std: float = 0.05) -> Initializer:
    """Return a normal distribution with mean 0.

    Parameters
    ----------
    std : float > 0
    """
    return Initializer("normal", "normal", "std", (("std", number_within("Normal", "std", std, "(0, inf)")),))


def Uniform(limit: float = 0.05) -> Initializer:
    """Return a uniform distribution from -limit to limit.

    Parameters
    ----------
    limit : float > 0
    """
    return Initializer(
        "uniform", "uniform", "limit", (("limit", number_within("Uniform", "limit", limit, "(0, inf)")),)
    )


def Constant(value: float = 0.0) -> Initializer:
    """Return the same value for every weight; with more than one unit in a hidden layer these stay alike forever."""
    return Initializer("constant", "constant", "value", (("value", number_within("Constant", "value", value)),))


_GLOROT = "Glorot & Bengio 2010, AISTATS, equation 16"
_HE = "He, Zhang, Ren & Sun 2015, ICCV, equation 10"
_LECUN = "LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.6"

_ROWS = (
    Initializer("glorot_uniform", "uniform", "sqrt(6/(n_in + n_out))", paper=_GLOROT),
    Initializer("glorot_normal", "normal", "sqrt(2/(n_in + n_out))", paper=_GLOROT),
    Initializer("he_uniform", "uniform", "sqrt(6/n_in)", paper=_HE),
    Initializer("he_normal", "normal", "sqrt(2/n_in)", paper=_HE),
    Initializer("lecun_uniform", "uniform", "sqrt(3/n_in)", paper=_LECUN),
    Initializer("lecun_normal", "normal", "sqrt(1/n_in)", paper=_LECUN),
    Initializer("orthogonal", "orthogonal", "1", paper="Saxe, McClelland & Ganguli 2014, ICLR, section 3"),
    Normal(),
    Uniform(),
    Constant(),
    Initializer("zeros", "constant", "0"),
)

INITIALIZERS: Mapping[str, Initializer] = MappingProxyType({row.name: row for row in _ROWS})
"""Name -> row of every initializer, with its usual parameters."""


def initializer(value: Initializer | str) -> Initializer:
    """Return an initializer as it is, or the one of that name with its usual parameters.

    Raises
    ------
    ConfigurationError
        For an unknown name.
    """
    return look_up("initializer", value, INITIALIZERS, Initializer)
