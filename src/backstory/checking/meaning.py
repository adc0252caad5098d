"""What an equation's parts come to at a point: values, derivatives in one of two readings, deltas, functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from backstory.checking.equation import Applied, Ratio, Written
from backstory.checking.names import Names
from backstory.checking.points import Point
from backstory.errors import ExpressionError
from backstory.expressions import MATH, Add, Call, Div, Expr, Mul, Name, Neg, Number, Pow, Sub, evaluate
from backstory.functions.activation import Activation, builtin


@dataclass(frozen=True)
class Reading:
    """How derivatives and deltas are read.

    Attributes
    ----------
    partial : bool
        Whether derivatives are partials of each quantity's own formula instead of total derivatives.
    partials : frozenset of span
        Where only some are, the places of these.
    delta_at_a : bool
        Whether a delta is the derivative of the loss by the unit's value instead of by its weighted sum.
    """

    partial: bool = False
    partials: frozenset[tuple[int, int]] = frozenset()
    delta_at_a: bool = False


TOTAL = Reading()
_CONSTANTS = {"e": math.e, "pi": math.pi}


@dataclass
class Meaning:
    """Computes parts of equations about one network.

    Parameters
    ----------
    names : Names
    free : mapping of str to float
        Values of names that are no quantities of the network, such as a learning rate.
    """

    names: Names
    free: Mapping[str, float] = field(default_factory=dict)

    def value(self, node: Expr, point: Point, reading: Reading = TOTAL) -> float:
        """Return what a part comes to; NaN where it has no value there."""
        try:
            return self._value(node, point, reading)
        except (OverflowError, ZeroDivisionError, ValueError):
            return math.nan

    def _value(self, node: Expr, point: Point, reading: Reading) -> float:
        match node:
            case Number(value):
                return float(value)
            case Written():
                return self._named(node, point, reading)
            case Ratio():
                return self._ratio(node, point, reading)
            case Applied():
                return self.slope_or_value(node, point, reading)
            case Neg(operand):
                return -self._value(operand, point, reading)
            case Add(left, right):
                return self._value(left, point, reading) + self._value(right, point, reading)
            case Sub(left, right):
                return self._value(left, point, reading) - self._value(right, point, reading)
            case Mul(left, right):
                return self._value(left, point, reading) * self._value(right, point, reading)
            case Div(left, right):
                return self._value(left, point, reading) / self._value(right, point, reading)
            case Pow(left, right):
                result = self._value(left, point, reading) ** self._value(right, point, reading)
                return math.nan if isinstance(result, complex) else result
            case Call(function, args):
                return float(MATH[function](*(self._value(arg, point, reading) for arg in args)))
        raise ExpressionError(
            f"{type(node).__name__} is not judged in an equation of single quantities.",
            "",
            node.span[0] if node.span else 0,
        )

    def _named(self, name: Written, point: Point, reading: Reading) -> float:
        meaning = self.names.meaning(name)
        if meaning is None:
            word = name.base + name.below
            if word not in self.free and word not in _CONSTANTS:
                raise no_quantity(name)
            return self.free[word] if word in self.free else _CONSTANTS[word]
        if not meaning.is_delta:
            return point.values[meaning.node]
        return point.total(self.names.program.loss, self.delta_of(meaning.node, reading))

    def delta_of(self, node: str, reading: Reading) -> str:
        """Return what a delta differentiates the loss by."""
        return self.names.value_of(node) if reading.delta_at_a else node

    def nodes(self, ratio: Ratio) -> tuple[str, str]:
        """Return the two quantities of a derivative."""
        of, by = self.names.meaning(ratio.of), self.names.meaning(ratio.by)
        if of is None or by is None:
            raise no_quantity(ratio.of if of is None else ratio.by)
        return of.node, by.node

    def _ratio(self, ratio: Ratio, point: Point, reading: Reading) -> float:
        of, by = self.nodes(ratio)
        if reading.partial or ratio.span in reading.partials:
            return point.total(of, by, self.visible)
        held = [self.names.meaning(name) for name in ratio.held]
        return point.total(of, by, frozenset(meaning.node for meaning in held if meaning is not None))

    @property
    def visible(self) -> frozenset[str]:
        """The formulas that the text names: a quantity's own formula ends at these."""
        program = self.names.program
        return frozenset(program.formulas) - program.hidden

    def slope_or_value(self, node: Applied, point: Point, reading: Reading) -> float:
        """Return f(x), or f'(x)."""
        if node.primes < 2 and (unit := self.names.unit_taking(node)) is not None:
            return point.edges[unit] if node.primes else point.values[unit[1]]
        x = self._value(node.arg, point, reading)
        row = self.row(node)
        a = float(evaluate(row.value, {"z": x}))
        return a if node.primes == 0 else float(evaluate(row.slope, {"z": x, "a": a}))

    def row(self, node: Applied) -> Activation:
        """Return the function that is applied: by its name, or the activation that takes this argument.

        Raises
        ------
        ExpressionError
            It is f or g, and the units have different activations of which none takes this argument.
        """
        name = self.names.row_name(node.function.base)
        if name is not None:
            return self.names.program.rows[name] if name in self.names.program.rows else builtin(name)
        takers = set()
        if isinstance(node.arg, Written) and (meaning := self.names.meaning(node.arg)) is not None:
            formulas = self.names.program.formulas
            takers = {
                formulas[user].function  # type: ignore[attr-defined]  # it is a call
                for user in self.names.program.users.get(meaning.node, ())
                if isinstance(formulas[user], Call)
            }
            if any(formulas[user] == Name(meaning.node) for user in self.names.program.users.get(meaning.node, ())):
                takers.add("identity")
            own = formulas.get(meaning.node)
            if not takers and isinstance(own, Call):
                takers = {own.function}
        takers = takers or set(self.names.activations)
        if len(takers) != 1:
            raise ExpressionError(
                f"{node.function.base} could be any of {', '.join(sorted(takers)) or 'no activation'}.",
                "",
                node.span[0] if node.span else 0,
                "Write the function's own name.",
            )
        found = takers.pop()
        return self.names.program.rows[found] if found in self.names.program.rows else builtin(found)


def no_quantity(name: Written) -> ExpressionError:
    """Return the refusal of a name that is a function's, or a number's, where a quantity must stand."""
    hint = f"Write what it is of, as in {name}(z), or the quantity itself."
    return ExpressionError(f"{str(name)!r} is no quantity of this network.", "", name.span[0] if name.span else 0, hint)


def same(left: float, right: float, scale: float) -> bool:
    """Whether two numbers are equal but for rounding; `scale` is the size of what they were added up from."""
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-11 * max(scale, 1e-3))


Values = Callable[[Expr], list[float]]
