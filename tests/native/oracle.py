"""What the native functions are compared with: the rows' own formulas in extended precision, and the sizes of errors.

`LONG` computes in NumPy's long double (64 bits of mantissa on x86, so about 1e-19), `MP` in mpmath's 40 digits for the
tails in which even that cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from backstory.engine.reference import NUMPY
from backstory.expressions import Expr, evaluate

Long = NDArray[np.longdouble]
EXTREMES = (
    0.0,
    1e-45,
    1e-38,
    1e-20,
    1e-7,
    1e-3,
    0.5,
    1.0,
    3.0,
    6.0,
    9.0,
    17.0,
    37.0,
    88.5,
    103.0,
    710.0,
    745.0,
    1e4,
    1e20,
    3e38,
)
"""Magnitudes at which something changes: denormals, where exp leaves float32 and float64, where functions saturate."""


def points(dtype: str, count: int, seed: int = 0) -> NDArray[Any]:
    """`count` arguments of all sizes and both signs, extremes of the dtype among them, in random order."""
    rng = np.random.default_rng(seed)
    limits = np.finfo(dtype)
    special = [*EXTREMES, float(limits.smallest_subnormal), float(limits.tiny), float(limits.max)]
    rest = count - 2 * len(special)
    exponents = rng.uniform(np.log2(float(limits.smallest_subnormal)), np.log2(float(limits.max)), rest // 4)
    x = [
        np.array(special),
        -np.array(special),
        3.0 * rng.standard_normal(rest - 3 * (rest // 4)),
        rng.uniform(-20.0, 20.0, rest // 4),
        rng.uniform(-750.0, 750.0, rest // 4),
        np.exp2(exponents) * rng.choice([-1.0, 1.0], rest // 4),
    ]
    with np.errstate(over="ignore"):
        values = np.concatenate(x).astype(dtype)
    return rng.permutation(values[np.isfinite(values)])


def _long_erf(x: Long) -> Long:
    """A series of positive terms up to 3, a continued fraction beyond."""
    y = np.abs(np.asarray(x, dtype=np.longdouble))
    result = np.where(np.isnan(y), y, 1)
    root_pi = np.sqrt(np.arctan(np.longdouble(1)) * 4)
    inner, outer = y <= 3.0, (y > 3.0) & (y < 7.0)  # from 7 on it is 1 to the last place
    small, large = y[inner], y[outer]
    term, total = small.copy(), small.copy()
    for n in range(1, 70):
        term = term * 2.0 * small**2 / (2 * n + 1)
        total = total + term
    result[inner] = 2 / root_pi * np.exp(-(small**2)) * total
    fraction = np.zeros_like(large)
    for n in range(100, 0, -1):
        fraction = (n / np.longdouble(2)) / (large + fraction)
    result[outer] = 1 - np.exp(-(large**2)) / (large + fraction) / root_pi
    return np.copysign(result, x)


LONG: Mapping[str, Callable[..., Any]] = {**NUMPY, "erf": _long_erf}
MP: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(mpmath, name) for name in ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "sign")},
    **{name: getattr(mpmath, name) for name in ("sinh", "cosh", "tanh", "erf")},
    "arctan": mpmath.atan,
    "abs": abs,
    "max": max,
    "min": min,
    "where": lambda condition, x, y: x if condition else y,
}


def long_value(expr: Expr, **values: Any) -> Long:
    """An expression in long double, broadcast to the shape of its arguments."""
    arrays = {name: np.asarray(value, dtype=np.longdouble) for name, value in values.items()}
    shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(evaluate(expr, arrays, LONG), dtype=np.longdouble), shape)


def sensitivity(f: Callable[..., Long], *arguments: Any) -> Long:
    """How far a formula moves for a relative change of each argument: the error that rounding those alone explains."""
    h = np.longdouble(1e-9)
    arrays = [np.asarray(argument, dtype=np.longdouble) for argument in arguments]
    with np.errstate(all="ignore"):
        value = f(*arrays)
        total = np.abs(value)
        for i, array in enumerate(arrays):
            up, down = (f(*arrays[:i], array * factor, *arrays[i + 1 :]) for factor in (1 + h, 1 - h))
            total = total + np.maximum(np.abs(up - value), np.abs(value - down)) / h
    return total


def spacing(dtype: str, size: Long) -> Long:
    """One unit in the last place of numbers of that size in a dtype, as long double."""
    limits = np.finfo(dtype)
    _, exponent = np.frexp(np.abs(size))
    lowest = int(np.log2(float(limits.smallest_subnormal)))
    exponent = np.where(np.abs(size) == 0, lowest, np.maximum(exponent - 1 - limits.nmant, lowest))
    return np.ldexp(np.longdouble(1), exponent)


def assert_within(got: NDArray[Any], want: Long, allowed: Long, at: Any, what: str, unsure: Any = False) -> float:
    """Fail where |got - want| > allowed, naming the worst point; NaN and infinities must agree unless `unsure` there.

    Returns the largest share of what was allowed that was used.
    """
    limits = np.finfo(got.dtype)
    with np.errstate(all="ignore"):
        rounded = want.astype(got.dtype)
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded)) | (~np.isfinite(got) & unsure)
        border = np.abs(want) > np.longdouble(limits.max) * (1 - np.longdouble(limits.eps) * 4)
        share = np.where(same | border, 0, np.abs(got.astype(np.longdouble) - want) / allowed)
        share = np.where(np.isnan(share), np.inf, share)
    worst = int(np.argmax(share))
    assert share.flat[worst] <= 1, (
        f"{what}: at {np.asarray(at).reshape(len(got), -1)[np.unravel_index(worst, share.shape)[0]]} got "
        f"{got.flat[worst]!r}, want {want.flat[worst]!r}, {float(share.flat[worst]):.3g} times what is allowed"
    )
    return float(share.flat[worst])
