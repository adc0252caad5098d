"""Random expressions and high-precision numbers: what the property tests of expressions share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import mpmath
from hypothesis import strategies as st

from backstory.expressions import ARITIES, Add, Call, Compare, Div, Expr, Mul, Name, Neg, Number, Pow, Sub

NAMES = ("x", "y")
SMOOTH = ("exp", "log1p", "expm1", "sin", "cos", "arctan", "sinh", "cosh", "tanh", "erf")


def numbers() -> st.SearchStrategy[Number]:
    """Whole numbers, fractions and decimals of a few digits, as formulas hold them."""
    whole = st.integers(0, 9)
    fractions = st.fractions(0, 3, max_denominator=9).map(lambda q: int(q) if q.denominator == 1 else q)
    return st.one_of(whole, fractions, st.sampled_from([0.5, 0.1, 1.5, 1e-3])).map(Number)


def expressions(smooth: bool = False, names: tuple[str, ...] = NAMES, max_leaves: int = 12) -> st.SearchStrategy[Expr]:
    """Expression trees over all operators and functions; where `smooth`, without kinks and jumps."""
    leaves = st.one_of(numbers(), st.sampled_from(names).map(Name))
    return st.recursive(leaves, lambda inner: _larger(inner, smooth), max_leaves=max_leaves)


def _larger(inner: st.SearchStrategy[Expr], smooth: bool) -> st.SearchStrategy[Expr]:
    unary = SMOOTH if smooth else tuple(name for name, arity in ARITIES.items() if arity == 1)
    exponents = st.one_of(st.integers(2, 3).map(Number), st.just(Number(Fraction(1, 2))), inner)
    options: list[st.SearchStrategy[Expr]] = [
        st.builds(Neg, inner),
        *(st.builds(kind, inner, inner) for kind in (Add, Sub, Mul, Div)),
        st.builds(Pow, inner, exponents),
        st.builds(lambda name, x: Call(name, (x,)), st.sampled_from(unary), inner),
    ]
    if not smooth:
        options += [
            st.builds(lambda name, x, y: Call(name, (x, y)), st.sampled_from(["max", "min"]), inner, inner),
            st.builds(
                lambda op, p, q, x, y: Call("where", (Compare(op, p, q), x, y)),
                st.sampled_from([">", ">=", "<", "<="]),
                *[inner] * 4,
            ),
        ]
    return st.one_of(options)


MPMATH: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(mpmath, name) for name in ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tan")},
    **{name: getattr(mpmath, name) for name in ("sinh", "cosh", "tanh", "erf", "sign")},
    "arctan": mpmath.atan,
    "abs": mpmath.fabs,
    "max": lambda x, y: x if x >= y else y,
    "min": lambda x, y: x if x <= y else y,
    "where": lambda condition, x, y: x if condition else y,
}
"""The elementary functions in as many digits as mpmath is set to."""
