"""What a loss is: a row with a formula per output, from which value, slope, fused forms and file entry follow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from backstory.errors import ConfigurationError, unknown
from backstory.expressions import ARITIES, ELEMENTARY_RULES, Expr, Name, derivative, parse, simplify, substitute
from backstory.functions.activation import Activation, call_arities, call_rules, written_out
from backstory.functions.consistency import grid, require_same, require_same_row
from backstory.functions.domains import REALS, Domain, as_domain, domain_from_dict, domain_to_dict
from backstory.functions.rows import Bounds, Parameters, as_parameters, called, constants, replaced

_TEXTS = ("formula", "stable", "derivative", "target", "paper", "note")
"""The fields of a user's own row that a model file keeps as they are."""


@dataclass(frozen=True)
class Fused:
    """Loss and output activation in one, computed from z: an optimization, equal to the two one after the other.

    Parameters
    ----------
    value : str
        The loss of one output, in z and y; where `rowwise`, also in `logsumexp_z`.
    slope : str
        dL/dz of one output, in a and y; where `rowwise`, also in `sum_y`.
    rowwise : bool
        Whether it needs sums over the outputs of a row: `logsumexp_z` = log(sum of exp(z)), `sum_y` = the sum of y.
    """

    value: str
    slope: str
    rowwise: bool = False


@dataclass(frozen=True)
class FusedForm:
    """A fused loss ready to compute: parameters, n_out and the targets' transformation put in.

    `value` is in z and y (and `logsumexp_z` where `rowwise`), `slope` in a and y (and `sum_y` where `rowwise`); `y` and
    `sum_y` are the targets as given.
    """

    value: Expr
    slope: Expr
    rowwise: bool


@dataclass(frozen=True, repr=False)
class Loss:
    """A loss, written once: the formula of one output, summed over the outputs of a row.

    Parameters
    ----------
    name : str
        How it is called in `loss=`, in printed stories and in model files; it says its convention.
    formula : str
        The textbook's formula of one output in a (the output), y (the target), n_out (how many outputs) and parameters.
    stable : str
        The form it is computed by, where the textbook's overflows or cancels; the formula itself unless given.
    derivative : str
        ∂L/∂a of one output; worked out from `formula` unless given.
    domain : Interval, Simplex or str
        The outputs for which it is defined, for example ``"(0, 1)"``; all numbers unless given.
    targets : Interval, Simplex, Values or str
        What targets may be; all numbers unless given.
    parameters : mapping or pairs of str and float
        Numbers that the formulas use by name.
    bounds : pairs of str and str
        By name of a parameter, the interval its value must lie in.
    target : str
        What stands for y in the formulas, in y, n_out and parameters; affine in y (label smoothing). "y" unless given.
    fused : mapping of str to Fused
        By name of the output activation, the two in one; only rows of the library's own table have these.
    kinks : tuple of str
        The outputs a, as formulas in y, at which it has no derivative; the value used there is stated in `note`.
    classification : bool
        Whether its targets are classes.
    paper, note : str
        Where it comes from; a convention worth knowing.

    Raises
    ------
    ExpressionError
        Where a formula cannot be read; the message points at the place.
    ConfigurationError
        Where the name is taken by another row or a parameter is not a finite number.

    Examples
    --------
    >>> from backstory.expressions import to_text
    >>> to_text(Loss("cauchy", "log(1 + (a - y)^2)").slope(1))
    '2*(a - y)/(1 + (a - y)^2)'
    """

    name: str
    formula: str
    stable: str = ""
    derivative: str = ""
    domain: Domain = REALS
    targets: Domain = REALS
    parameters: Parameters = ()
    bounds: Bounds = ()
    target: str = "y"
    fused: Mapping[str, Fused] = field(default_factory=dict, hash=False)
    kinks: tuple[str, ...] = ()
    paper: str = ""
    classification: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise ConfigurationError(f"The name of a loss must be an identifier such as 'cauchy'. Got {self.name!r}.")
        object.__setattr__(self, "domain", as_domain(self.domain))
        object.__setattr__(self, "targets", as_domain(self.targets))
        taken = ("a", "y", "z", "n_out", "logsumexp_z", "sum_y")
        parameters = as_parameters(f"the loss {self.name!r}", self.parameters, taken, self.bounds)
        object.__setattr__(self, "parameters", parameters)
        object.__setattr__(self, "fused", MappingProxyType(dict(self.fused)))
        object.__setattr__(self, "kinks", tuple(self.kinks))
        if _BUILTIN:
            self._check(_BUILTIN.get(self.name))

    @property
    def is_builtin(self) -> bool:
        """Whether it is a row of the library's own table, with whatever values of its parameters."""
        return self.name in _BUILTIN

    @property
    def expression(self) -> Expr:
        """The textbook's formula, in a, y, n_out and the names of the parameters."""
        return self._read(self.formula, ("a", "y", "n_out"))

    def value(self, n_out: int) -> Expr:
        """Return what is computed for one of n_out outputs: an expression in a and y of elementary functions alone."""
        return _value(self, n_out)

    def slope(self, n_out: int) -> Expr:
        """Return ∂L/∂a of one of n_out outputs as it is computed, in a and y."""
        return _slope(self, n_out)

    def fused_with(self, output: Activation, n_out: int) -> FusedForm | None:
        """Return loss and output activation in one, or None where the row has no such form."""
        return _fused(self, output.name, n_out) if output.name in self.fused else None

    def smoothed(self, n_out: int) -> Expr:
        """Return what stands for y in the formulas, an expression in y."""
        return simplify(substitute(self._read(self.target, ("y", "n_out")), constants(self.parameters, n_out=n_out)))

    def replace(self, **parameters: float) -> Loss:
        """Return the same row with other values of its parameters."""
        changed = replaced(f"The loss {self.name!r}", self.parameters, parameters)
        return dataclasses.replace(self, parameters=changed)

    def to_dict(self) -> dict[str, Any]:
        """Return what a model file keeps: name and parameters of a built-in row, the formulas too of a user's own."""
        kept: dict[str, Any] = {"name": self.name, "parameters": dict(self.parameters)}
        if not self.is_builtin:
            kept |= {name: getattr(self, name) for name in _TEXTS}
            kept |= {"bounds": dict(self.bounds), "kinks": list(self.kinks), "classification": self.classification}
            kept |= {"domain": domain_to_dict(self.domain), "targets": domain_to_dict(self.targets)}
        return kept

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Loss:
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
            domain=domain_from_dict(data.get("domain", "(-inf, inf)")),
            targets=domain_from_dict(data.get("targets", "(-inf, inf)")),
            parameters=tuple(data.get("parameters", {}).items()),
            bounds=tuple(data.get("bounds", {}).items()),
            kinks=tuple(data.get("kinks", ())),
            classification=bool(data.get("classification", False)),
            **{name: data[name] for name in _TEXTS if name in data},
        )

    def __str__(self) -> str:
        return called(self.name, self.parameters)

    def __repr__(self) -> str:
        return f"<Loss {self}: {self.formula}>"

    def __getstate__(self) -> dict[str, Any]:
        """Pickle `fused` as a dict, which its read-only view cannot be."""
        return {**self.__dict__, "fused": dict(self.fused)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Put the read-only view back."""
        self.__dict__.update(state, fused=MappingProxyType(state["fused"]))

    def _read(self, formula: str, variables: tuple[str, ...]) -> Expr:
        known = (*variables, *(name for name, _ in self.parameters))
        return parse(formula, {**ARITIES, **call_arities()}, known)

    def _check(self, builtin: Loss | None) -> None:
        """Refuse a user's own row here rather than when training begins: unreadable, or at odds with itself."""
        owner = f"the loss {self.name!r}"
        if builtin is not None:
            require_same_row(owner, self, builtin, ("parameters",))
            return
        if self.fused:
            raise ConfigurationError(
                f"{owner[0].upper()}{owner[1:]} cannot have fused forms; these are the library's own."
            )
        value = self._written_out(self.expression, 2)
        slope = self._written_out(self._derived(), 2)
        for point in grid(a=self.domain, y=self.targets):
            require_same(owner, "stable form", self.value(2), value, point)
            require_same(owner, "derivative", self.slope(2), slope, point)

    def _derived(self) -> Expr:
        return derivative(self.expression, "a", {**ELEMENTARY_RULES, **call_rules()})

    def _written_out(self, expr: Expr, n_out: int) -> Expr:
        """Put the transformed target for y, numbers for parameters, elementary functions for calls; simplify."""
        expr = substitute(expr, {"y": self._read(self.target, ("y", "n_out"))})
        return simplify(
            substitute(written_out(f"the loss {self.name!r}", expr), constants(self.parameters, n_out=n_out))
        )


@lru_cache(maxsize=256)
def _value(loss: Loss, n_out: int) -> Expr:
    return loss._written_out(loss._read(loss.stable or loss.formula, ("a", "y", "n_out")), n_out)


@lru_cache(maxsize=256)
def _slope(loss: Loss, n_out: int) -> Expr:
    if loss.derivative:
        return loss._written_out(loss._read(loss.derivative, ("a", "y", "n_out")), n_out)
    return loss._written_out(loss._derived(), n_out)


@lru_cache(maxsize=256)
def _fused(loss: Loss, output: str, n_out: int) -> FusedForm:
    fused = loss.fused[output]
    value = loss._written_out(loss._read(fused.value, ("z", "y", "n_out", "logsumexp_z")), n_out)
    slope = loss._read(fused.slope, ("a", "y", "n_out", "sum_y"))
    return FusedForm(
        value, loss._written_out(substitute(slope, {"sum_y": _sum_of_targets(loss)}), n_out), fused.rowwise
    )


def _sum_of_targets(loss: Loss) -> Expr:
    """Return the sum of the transformed targets of a row in terms of the sum as given: the transformation is affine."""
    target = loss._read(loss.target, ("y", "n_out"))
    if target == Name("y"):
        return loss._read("sum_y", ("sum_y",))
    at_zero = substitute(target, {"y": loss._read("0", ())})
    at_sum = substitute(target, {"y": loss._read("sum_y", ("sum_y",))})
    return at_sum + (loss._read("n_out", ("n_out",)) - 1) * at_zero


_BUILTIN: dict[str, Loss] = {}
"""The library's own rows; filled once, by `functions.losses`, while the package is imported."""


def builtin(name: str) -> Loss:
    """Return the library's own row of that name."""
    if name not in _BUILTIN:
        raise unknown("loss", name, _BUILTIN)
    return _BUILTIN[name]


def register(rows: tuple[Loss, ...]) -> Mapping[str, Loss]:
    """Take rows into the library's own table; return the table."""
    _BUILTIN.update({row.name: row for row in rows})
    return MappingProxyType(_BUILTIN)
