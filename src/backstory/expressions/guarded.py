"""Expressions as Python source that never raises: an infinity or a NaN where `math` and plain arithmetic would stop."""

from __future__ import annotations

from types import MappingProxyType

from backstory.expressions.python import to_python
from backstory.expressions.transform import walk
from backstory.expressions.tree import Call, Div, Expr, Number, Pow, call

_GUARDED = '''\
def _guarded(function, overflow):
    """Give what IEEE 754 says where a function of math raises."""

    def guarded(x):
        try:
            return function(x)
        except OverflowError:
            return overflow(x)
        except ValueError:
            return math.nan

    return guarded
'''
_DIVIDE = """\
def _divide(x, y):
    if y != 0:
        return x / y
    return math.nan if x == 0 or x != x else math.copysign(math.inf, x) * math.copysign(1.0, y)
"""
_POWER = """\
def _power(x, y):
    try:
        z = x**y
    except OverflowError:
        return -math.inf if x < 0 and y % 2 == 1 else math.inf
    except ZeroDivisionError:
        return math.copysign(math.inf, x) if y % 2 == 1 else math.inf
    return math.nan if isinstance(z, complex) else z
"""
_LOG = """\
def _log(x):
    return math.log(x) if x > 0 else -math.inf if x == 0 else math.nan
"""
_LOG1P = """\
def _log1p(x):
    return math.log1p(x) if x > -1 else -math.inf if x == -1 else math.nan
"""
_MAX = """\
def _max(x, y):
    return x if x >= y or x != x else y
"""
_MIN = """\
def _min(x, y):
    return x if x <= y or x != x else y
"""
_SIGN = """\
def _sign(x):
    return float(x > 0) - float(x < 0) if x == x else x
"""
_OVERFLOW = {
    "exp": "math.inf",
    "expm1": "math.inf",
    "sqrt": "math.inf",
    "sin": "math.inf",
    "cos": "math.inf",
    "tan": "math.inf",
    "sinh": "math.copysign(math.inf, x)",
    "cosh": "math.inf",
}

HELPERS = MappingProxyType(
    {
        "divide": _DIVIDE,
        "power": _POWER,
        "log": _LOG,
        "log1p": _LOG1P,
        "max": _MAX,
        "min": _MIN,
        "sign": _SIGN,
        **{name: f"_{name} = _guarded(math.{name}, lambda x: {value})\n" for name, value in _OVERFLOW.items()},
    }
)
"""Name of a function -> the source of the one that takes its place, ``_name``."""
_CALLS = {
    name: f"_{name}({{}}, {{}})" if name in ("divide", "power", "max", "min") else f"_{name}({{}})" for name in HELPERS
}


def to_guarded_python(expr: Expr) -> tuple[str, dict[str, str]]:
    """Return an expression as Python source, and the functions to be defined for it (which need ``import math``).

    Parameters
    ----------
    expr : Expr
        Of elementary functions, numbers and names that Python takes as they are.

    Returns
    -------
    source : str
    helpers : dict of str to str
        Name -> source, in the order in which they can be defined.

    Examples
    --------
    >>> from backstory.expressions import parse
    >>> source, helpers = to_guarded_python(parse("exp(z)/(1 + z/2)"))
    >>> source, list(helpers)
    ('_divide(_exp(z), 1 + z / 2)', ['_guarded', '_divide', '_exp'])
    """
    guarded = _guarded(expr)
    used = {node.function for node in walk(guarded) if isinstance(node, Call)}
    helpers = {f"_{name}": source for name, source in HELPERS.items() if name in used}
    if any("_guarded(" in source for source in helpers.values()):
        helpers = {"_guarded": _GUARDED, **helpers}
    return to_python(guarded, calls=_CALLS), helpers


def _guarded(expr: Expr) -> Expr:
    """Put calls in place of the powers and quotients that may raise."""
    node = expr.with_children(*map(_guarded, expr.children)) if expr.children else expr
    if isinstance(node, Pow):
        return call("power", node.left, node.right)
    if isinstance(node, Div) and not (isinstance(node.right, Number) and node.right.value):
        return call("divide", node.left, node.right)
    return node
