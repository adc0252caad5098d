"""Symbolic derivatives: sum, product, quotient, power and chain rule over the table of elementary functions.

At a kink the derivative is that of one side: sign(0) is 0, so abs'(0) is 0; `where` differentiates the branch it takes;
`max` and `min` differentiate the argument they choose, and where both are equal the one that does not depend on the
variable, else the second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from backstory.expressions.elementary import ELEMENTARY
from backstory.expressions.parser import parse
from backstory.expressions.simplify import add, call, divide, multiply, negative, power, simplify, subtract
from backstory.expressions.transform import names, substitute
from backstory.expressions.tree import Add, Call, Compare, Div, Expr, Mul, Name, Neg, Number, Pow, Sub

Rule = Callable[[tuple[Expr, ...], tuple[Expr, ...]], Expr]
"""From the arguments of a call and the derivatives of these arguments to the derivative of the call."""


def derivative(expr: Expr, name: str, rules: Mapping[str, Rule] | None = None) -> Expr:
    """Return the derivative of an expression by one of its names, all other names held fixed, simplified.

    Parameters
    ----------
    expr : Expr
    name : str
        What to differentiate by.
    rules : mapping of str to Rule, optional
        The rule of each function; those of the elementary functions unless given.

    Returns
    -------
    Expr

    Examples
    --------
    >>> from backstory.expressions import parse, to_text
    >>> to_text(derivative(parse("log(1 + (a - y)^2)"), "a"))
    '2*(a - y)/(1 + (a - y)^2)'
    """
    return _derivative(simplify(expr), name, ELEMENTARY_RULES if rules is None else rules)


def _derivative(expr: Expr, name: str, rules: Mapping[str, Rule]) -> Expr:
    def d(node: Expr) -> Expr:
        match node:
            case Number():
                return Number(0)
            case Name(id):
                return Number(1 if id == name else 0)
            case Neg(operand):
                return negative(d(operand))
            case Add(left, right):
                return add(d(left), d(right))
            case Sub(left, right):
                return subtract(d(left), d(right))
            case Mul(left, right):
                return add(multiply(d(left), right), multiply(left, d(right)))
            case Div(left, right):
                return _quotient(left, d(left), right, d(right))
            case Pow(left, right):
                return _power(left, d(left), right, d(right))
            case Call("where", (Compare() as condition, yes, no)):
                return call(Call("where", (condition, d(yes), d(no))))
            case Call(function, args):
                inner = tuple(d(arg) for arg in args)
                return Number(0) if all(_zero(each) for each in inner) else rules[function](args, inner)
        raise TypeError(f"A {type(node).__name__} has no derivative.")

    return d(expr)


def _zero(node: Expr) -> bool:
    return isinstance(node, Number) and node.value == 0


def _quotient(left: Expr, d_left: Expr, right: Expr, d_right: Expr) -> Expr:
    """Return (u/v)' as u'/v - (u/v)(v'/v), which overflows later than (u'v - uv')/v^2."""
    if _zero(d_right):
        return divide(d_left, right)
    if _zero(d_left):
        return negative(divide(multiply(left, d_right), power(right, Number(2))))
    return subtract(divide(d_left, right), multiply(divide(left, right), divide(d_right, right)))


def _power(base: Expr, d_base: Expr, exponent: Expr, d_exponent: Expr) -> Expr:
    """Return (u^v)': v u^(v-1) u' where v is constant, u^v log(u) v' where u is, else both."""
    through_base: Expr = Number(0)
    if not _zero(d_base):
        lowered = power(base, subtract(exponent, Number(1)))
        through_base = multiply(multiply(exponent, lowered), d_base)
    if _zero(d_exponent):
        return through_base
    logarithm = Number(1) if base == Name("e") else call(Call("log", (base,)))
    return add(through_base, multiply(multiply(power(base, exponent), logarithm), d_exponent))


def _smooth(formula: str) -> Rule:
    """Make the chain rule of a function of one argument from the formula of its derivative in x."""
    outer = simplify(parse(formula, allowed=("x",)))

    def rule(args: tuple[Expr, ...], inner: tuple[Expr, ...]) -> Expr:
        slope = simplify(substitute(outer, {"x": args[0]})) if "x" in names(outer) else outer
        return multiply(slope, inner[0])

    return rule


def _choice(op: str) -> Rule:
    """Make the rule of max (">") or min ("<")."""

    def rule(args: tuple[Expr, ...], inner: tuple[Expr, ...]) -> Expr:
        (left, right), (d_left, d_right) = args, inner
        if _zero(d_left):
            left, right, d_left, d_right = right, left, d_right, d_left
        condition = Compare(op, left, right)  # type: ignore[arg-type]  # ">" or "<", both given below
        return call(Call("where", (condition, d_left, d_right)))

    return rule


ELEMENTARY_RULES: Mapping[str, Rule] = MappingProxyType(
    {row.name: _smooth(row.derivative) for row in ELEMENTARY.values() if row.derivative}
    | {"max": _choice(">"), "min": _choice("<")}
)
"""The derivative rule of every elementary function but `where`, which is a choice rather than a function."""
