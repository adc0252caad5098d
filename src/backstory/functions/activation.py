"""What an activation is: a row with a formula, from which value, slope, text and file entry all follow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from backstory.errors import ConfigurationError, unknown
from backstory.expressions import (
    ARITIES,
    ELEMENTARY_RULES,
    Expr,
    Name,
    call,
    derivative,
    evaluate,
    expand_calls,
    names,
    parse,
    simplify,
    size,
    substitute,
)
from backstory.expressions.differentiate import Rule
from backstory.expressions.simplify import multiply
from backstory.functions.consistency import grid, require_same, require_same_row
from backstory.functions.domains import REALS, Domain, as_domain, domain_to_dict
from backstory.functions.rows import Bounds, Parameters, as_parameters, called, constants, replaced

_TEXTS = ("formula", "stable", "derivative", "initializer", "paper", "note")
"""The fields of a user's own row that a model file keeps as they are."""

MAX_NODES = 10_000
"""How large the formula of a user's own row may become once the rows it calls are written out."""


@dataclass(frozen=True, repr=False)
class Activation:
    """An activation function a = f(z), written once: everything else about it is derived from this row.

    Parameters
    ----------
    name : str
        How it is called in `hidden=` and `output=`, in printed stories and in model files.
    formula : str
        The textbook's formula in z and the row's parameters; it may call other activations, as in ``"z*sigmoid(z)"``.
    stable : str
        The form it is computed by, where the textbook's overflows or cancels; the formula itself unless given.
    derivative : str
        f'(z), written in a = f(z), in z, or in both; worked out from `formula` unless given.
    range : Interval, Simplex or str
        Where its values lie, for example ``"(0, 1)"``, or ``"(-alpha, inf)"`` with a parameter; all numbers unless
        given. As an output it fits the losses that are defined there.
    parameters : mapping or pairs of str and float
        Numbers that the formula uses by name.
    bounds : pairs of str and str
        By name of a parameter, the interval its value must lie in.
    kinks : tuple of float
        The z at which it has no derivative; the one-sided value used there is stated in `note`.
    initializer : str
        The initializer that fits a layer with this activation.
    paper : str
        Where it comes from.
    couples : bool
        Whether each value depends on all units of the layer (softmax): `derivative` then states the Jacobian, which
        engines compute.
    note : str
        A convention worth knowing.
    range_text : str
        The text of `range`, where it was given as one: so it follows the parameters.

    Raises
    ------
    ExpressionError
        Where a formula cannot be read; the message points at the place.
    ConfigurationError
        Where the name is taken by another row or a parameter is not a finite number.

    Examples
    --------
    >>> sine = Activation("sine", "sin(2*z)")
    >>> from backstory.expressions import evaluate, to_text
    >>> to_text(sine.slope)
    '2*cos(2*z)'
    >>> evaluate(sine.value, {"z": 0.0})
    0.0
    """

    name: str
    formula: str
    stable: str = ""
    derivative: str = ""
    range: Domain = REALS  # a str is read by __post_init__
    parameters: Parameters = ()
    bounds: Bounds = ()
    kinks: tuple[float, ...] = ()
    initializer: str = "glorot_uniform"
    paper: str = ""
    couples: bool = False
    note: str = ""
    range_text: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise ConfigurationError(
                f"The name of an activation must be an identifier such as 'sine'. Got {self.name!r}."
            )
        owner = f"the activation {self.name!r}"
        object.__setattr__(self, "parameters", as_parameters(owner, self.parameters, ("a", "z", "inf"), self.bounds))
        object.__setattr__(self, "range_text", self.range if isinstance(self.range, str) else self.range_text)
        object.__setattr__(self, "range", as_domain(self.range_text or self.range, dict(self.parameters)))
        object.__setattr__(self, "kinks", tuple(float(kink) for kink in self.kinks))
        if _BUILTIN:
            self._check(_BUILTIN.get(self.name))

    @property
    def is_builtin(self) -> bool:
        """Whether it is a row of the library's own table, with whatever values of its parameters."""
        return self.name in _BUILTIN

    @cached_property
    def expression(self) -> Expr:
        """The textbook's formula, in z and the names of the parameters."""
        return self._read(self.formula, ("z",))

    @cached_property
    def value(self) -> Expr:
        """What is computed: an expression in z of elementary functions and numbers alone."""
        self._refuse_coupled()
        return self._written_out(self._read(self.stable, ("z",)) if self.stable else self.expression)

    @cached_property
    def slope(self) -> Expr:
        """f'(z) as it is computed: an expression in z, in a = f(z), or in both."""
        self._refuse_coupled()
        if self.derivative:
            return self._written_out(self._read(self.derivative, ("z", "a")))
        return self._written_out(self._derived())

    @cached_property
    def slope_uses(self) -> frozenset[str]:
        """Which of "z" and "a" the slope needs."""
        return names(self.slope)

    def replace(self, **parameters: float) -> Activation:
        """Return the same row with other values of its parameters."""
        changed = replaced(f"The activation {self.name!r}", self.parameters, parameters)
        return dataclasses.replace(self, parameters=changed)

    def to_dict(self) -> dict[str, Any]:
        """Return what a model file keeps: name and parameters of a built-in row, the formulas too of a user's own."""
        kept: dict[str, Any] = {"name": self.name, "parameters": dict(self.parameters)}
        if not self.is_builtin:
            kept |= {name: getattr(self, name) for name in _TEXTS}
            kept |= {"bounds": dict(self.bounds), "kinks": list(self.kinks)}
            kept |= {"range": self.range_text or domain_to_dict(self.range)}
        return kept

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Activation:
        """Return the row that `to_dict` wrote down.

        Raises
        ------
        ConfigurationError
            For a name that is neither built in nor comes with a formula.
        """
        if "formula" not in data:
            return builtin(str(data["name"])).replace(**data.get("parameters", {}))
        return cls(
            name=data["name"],
            range=data.get("range", "(-inf, inf)"),
            parameters=tuple(data.get("parameters", {}).items()),
            bounds=tuple(data.get("bounds", {}).items()),
            kinks=tuple(data.get("kinks", ())),
            **{name: data[name] for name in _TEXTS if name in data},
        )

    def __str__(self) -> str:
        return called(self.name, self.parameters)

    def __repr__(self) -> str:
        return f"<Activation {self}: {self.formula}>"

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the row alone, not what was worked out from it."""
        return {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}

    def _read(self, formula: str, variables: tuple[str, ...]) -> Expr:
        known = (*variables, *(name for name, _ in self.parameters))
        over_units = {"sum": 1} if self.couples else {}
        return parse(formula, {**ARITIES, **call_arities(), **over_units}, known)

    def _written_out(self, expr: Expr) -> Expr:
        """Put numbers for parameters and elementary functions for the activations that are called; simplify."""
        return simplify(substitute(written_out(f"the activation {self.name!r}", expr), constants(self.parameters)))

    def _check(self, builtin: Activation | None) -> None:
        """Refuse a user's own row here rather than when training begins: unreadable, or at odds with itself."""
        owner = f"the activation {self.name!r}"
        if builtin is not None:
            require_same_row(owner, self, builtin, ("parameters", "range") if self.range_text else ("parameters",))
            return
        if self.couples:
            raise ConfigurationError(
                f"{owner[0].upper()}{owner[1:]} must have a formula of one unit; only softmax couples."
            )
        value = self._written_out(self.expression)
        slope = self._written_out(self._derived())
        for point in grid(z=REALS):
            require_same(owner, "stable form", self.value, value, point)
            require_same(owner, "derivative", self.slope, slope, {**point, "a": evaluate(value, point)})

    def _derived(self) -> Expr:
        return derivative(self.expression, "z", {**ELEMENTARY_RULES, **call_rules()})

    def _refuse_coupled(self) -> None:
        if self.couples:
            raise ConfigurationError(f"{self.name} couples all units of a layer; it has no formula of one unit.")


_BUILTIN: dict[str, Activation] = {}
"""The library's own rows; filled once, by `functions.activations`, while the package is imported."""


def builtin(name: str) -> Activation:
    """Return the library's own row of that name."""
    if name not in _BUILTIN:
        raise unknown("activation", name, _BUILTIN)
    return _BUILTIN[name]


def register(rows: tuple[Activation, ...]) -> Mapping[str, Activation]:
    """Take rows into the library's own table, in which a formula may call those of one unit; return the table."""
    _BUILTIN.update({row.name: row for row in rows})
    return MappingProxyType(_BUILTIN)


def callable_rows() -> dict[str, Activation]:
    """Return the rows that a formula may call."""
    return {name: row for name, row in _BUILTIN.items() if not row.couples and name not in ARITIES}


def call_arities() -> dict[str, int]:
    """Return the rows that a formula may call, each with its number of arguments."""
    return dict.fromkeys(callable_rows(), 1)


def call_rules() -> dict[str, Rule]:
    """Return the derivative of a call of a row: its slope, with the call itself for a."""
    return {name: call_rule(row) for name, row in callable_rows().items()}


def call_rule(row: Activation) -> Rule:
    """Return the derivative of a call of one row."""

    def rule(args: tuple[Expr, ...], inner: tuple[Expr, ...]) -> Expr:
        slope = substitute(row.slope, {"a": call(row.name, Name("z"))})
        return multiply(substitute(slope, {"z": args[0]}), inner[0])

    return rule


def written_out(owner: str, expr: Expr) -> Expr:
    """Put the values of the rows that an expression calls in place of the calls.

    Raises
    ------
    ConfigurationError
        Where that makes it too large to be computed in a sensible time.
    """

    def checked(expr: Expr) -> Expr:
        if size(expr) > MAX_NODES:
            raise ConfigurationError(
                f"The formula of {owner} is too large once the functions it calls are written out: "
                f"more than {MAX_NODES:,} operations. Nest fewer of them."
            )
        return expr

    def definition(row: Activation) -> Callable[[Expr], Expr]:
        def put(argument: Expr) -> Expr:
            return substitute(row.value, {"z": checked(argument)})

        return put

    definitions = {name: definition(row) for name, row in callable_rows().items()}
    return checked(expand_calls(expr, definitions))
