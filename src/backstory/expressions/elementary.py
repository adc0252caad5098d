"""The elementary functions, each written once: its arity, how to compute it, how it differentiates.

Derivatives are formulas in x, the argument; `max`, `min` and `where` choose between their arguments, and so do their
derivatives (see `differentiate`). `MATH` computes with floats and never raises: where the mathematics has no finite
value it gives an infinity or NaN, as IEEE 754 says. NumPy's twin of that table belongs to the reference engine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Elementary:
    """One row: name, number of arguments, floats in and float out, derivative formula ("" where it chooses)."""

    name: str
    arity: int
    compute: Callable[..., Any]
    derivative: str = ""


def _guarded(function: Callable[[float], float], overflow: Callable[[float], float]) -> Callable[[float], float]:
    """Return a function of `math` that gives a value (`overflow`, NaN outside its domain) where it would raise."""

    def guarded(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return overflow(x)
        except ValueError:
            return math.nan

    return guarded


def _log(x: float) -> float:
    if x > 0:
        return math.log(x)
    return -math.inf if x == 0 else math.nan


def _log1p(x: float) -> float:
    if x > -1:
        return math.log1p(x)
    return -math.inf if x == -1 else math.nan


def _sign(x: float) -> float:
    return float(x > 0) - float(x < 0) if x == x else x


def _max(x: float, y: float) -> float:
    if x != x:
        return x
    return x if x >= y else y


def _min(x: float, y: float) -> float:
    if x != x:
        return x
    return x if x <= y else y


def _where(condition: bool, x: float, y: float) -> float:
    return x if condition else y


def _infinity(x: float) -> float:
    return math.inf


def _signed_infinity(x: float) -> float:
    return math.copysign(math.inf, x)


_ROWS = (
    Elementary("exp", 1, _guarded(math.exp, _infinity), "exp(x)"),
    Elementary("log", 1, _log, "1/x"),
    Elementary("log1p", 1, _log1p, "1/(1 + x)"),
    Elementary("expm1", 1, _guarded(math.expm1, _infinity), "exp(x)"),
    Elementary("sqrt", 1, _guarded(math.sqrt, _infinity), "1/(2*sqrt(x))"),
    Elementary("sin", 1, _guarded(math.sin, _infinity), "cos(x)"),
    Elementary("cos", 1, _guarded(math.cos, _infinity), "-sin(x)"),
    Elementary("tan", 1, _guarded(math.tan, _infinity), "1 + tan(x)^2"),
    Elementary("arctan", 1, math.atan, "1/(1 + x^2)"),
    Elementary("sinh", 1, _guarded(math.sinh, _signed_infinity), "cosh(x)"),
    Elementary("cosh", 1, _guarded(math.cosh, _infinity), "sinh(x)"),
    Elementary("tanh", 1, math.tanh, "(1 - tanh(x))*(1 + tanh(x))"),
    Elementary("erf", 1, math.erf, "2/sqrt(pi)*exp(-x^2)"),
    Elementary("abs", 1, math.fabs, "sign(x)"),
    Elementary("sign", 1, _sign, "0"),
    Elementary("max", 2, _max),
    Elementary("min", 2, _min),
    Elementary("where", 3, _where),
)

ELEMENTARY: Mapping[str, Elementary] = MappingProxyType({row.name: row for row in _ROWS})
"""Name -> row of every elementary function."""

ARITIES: Mapping[str, int] = MappingProxyType({row.name: row.arity for row in _ROWS})
"""Name -> number of arguments of every elementary function."""

MATH: Mapping[str, Callable[..., Any]] = MappingProxyType({row.name: row.compute for row in _ROWS})
"""Name -> how to compute it with Python floats."""

CONSTANTS: Mapping[str, float] = MappingProxyType({"pi": math.pi, "e": math.e})
"""Names that have a value unless a formula gives them another."""
