"""From a loss and a gradient of somebody's own arrays to a `Problem`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.auditing.problem import Block, Floats, Problem
from backstory.errors import ConfigurationError, DataError

Array = NDArray[Any]


class Layout:
    """How a point is made of arrays: alone, in a list or tuple, or in a dict; and its flat form.

    Raises
    ------
    DataError
        It holds anything but real numbers, or none at all.
    """

    def __init__(self, at: Any) -> None:
        self.kind = type(at) if isinstance(at, list | tuple) else dict if isinstance(at, Mapping) else None
        self.keys: list[Any] = list(at) if isinstance(at, Mapping) else list(range(len(at))) if self.kind else [None]
        if self.kind is list and all(_is_number(each) for each in at):
            self.kind, self.keys = None, [None]  # a plain list of numbers is one array
        self.arrays = [_array(at if key is None else at[key], self.name(key)) for key in self.keys]
        sizes = [array.size for array in self.arrays]
        if not sum(sizes):
            raise DataError("'at' must hold at least one number to differentiate by. Got none.")
        self.starts = [sum(sizes[:place]) for place in range(len(sizes))]
        self.flat: Floats = np.concatenate([array.ravel().astype(np.float64) for array in self.arrays])
        self.dtypes = [array.dtype if array.dtype.kind == "f" else np.dtype(np.float64) for array in self.arrays]
        self.coarse = False
        self.turned: list[str] = []

    def name(self, key: Any) -> str:
        """How an array is called in reports."""
        return "at" if key is None else key if isinstance(key, str) else f"at[{key}]"

    def blocks(self) -> tuple[Block, ...]:
        """The arrays as parts of the flat vector."""
        return tuple(
            Block(self.name(key), start, array.shape, self.name(key))
            for key, start, array in zip(self.keys, self.starts, self.arrays, strict=True)
        )

    def point(self, flat: Array) -> Any:
        """Return a flat vector in the caller's own form; of the caller's own types where `coarse`."""
        parts = []
        for start, array, dtype in zip(self.starts, self.arrays, self.dtypes, strict=True):
            part = flat[start : start + array.size].reshape(array.shape)
            part = part.astype(dtype) if self.coarse and flat.dtype.kind != "c" else part.copy()
            parts.append(part if array.shape else part[()])
        if self.kind is None:
            return parts[0]
        if self.kind is dict:
            return dict(zip(self.keys, parts, strict=True))
        return self.kind(parts) if self.kind in (list, tuple) else self.kind(*parts)  # a named tuple

    def flattened(self, given: Any) -> Floats:
        """Return somebody's gradient as a flat vector.

        Raises
        ------
        DataError
            It is not made of the same arrays.
        """
        if self.kind is None:
            parts = [given]
        elif self.kind is dict:
            if not isinstance(given, Mapping) or set(given) != set(self.keys):
                came = list(given) if isinstance(given, Mapping) else type(given).__name__
                raise DataError(f"The gradient must be a dict with the keys of 'at', {self.keys}. Got {came}.")
            parts = [given[key] for key in self.keys]
        else:
            parts = list(given) if isinstance(given, list | tuple | np.ndarray) else [given]
            if len(parts) != len(self.keys):
                raise DataError(
                    f"The gradient must have the {len(self.keys)} arrays of 'at', in that order. Got {len(parts)}."
                )
        return np.concatenate(
            [self._part(part, array, key) for part, array, key in zip(parts, self.arrays, self.keys, strict=True)]
        )

    def _part(self, given: Any, array: Array, key: Any) -> Floats:
        found = _array(given, f"The gradient by {self.name(key)}")
        if found.shape != array.shape:
            if found.ndim == 2 and found.shape == array.shape[::-1]:
                if self.name(key) not in self.turned:
                    self.turned.append(self.name(key))
                return found.T.ravel().astype(np.float64)
            if found.size != array.size or found.ndim > 1 < array.ndim:
                raise DataError(
                    f"The gradient by {self.name(key)} must have its shape, {array.shape}. Got shape {found.shape}."
                )
        return found.ravel().astype(np.float64)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _array(value: Any, name: str) -> Array:
    if type(value).__module__.partition(".")[0] == "torch":
        raise DataError(
            f"{name} must be an array of numbers. Got a tensor; for PyTorch write bs.audit(module, X, y, loss=...), or "
            "bs.audit(function, tensor) to compare the function with autograd."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            array = np.asarray(value)
    except Exception as error:
        raise DataError(f"{name} must be an array of numbers. {error}") from None
    if array.dtype.kind not in "fiu":
        raise DataError(f"{name} must be an array of real numbers. Got dtype {array.dtype}.")
    return array


def from_functions(loss: Any, gradient: Any, at: Any) -> Problem:
    """Make a problem of two callables.

    Parameters
    ----------
    loss : callable
        From what `at` is to a number.
    gradient : callable
        From what `at` is to the same structure of arrays.
    at : array, or list, tuple or dict of arrays

    Raises
    ------
    ConfigurationError, DataError
        Something is not callable, or `at`, the loss or the gradient is not what it must be.
    """
    for name, value in (("loss", loss), ("gradient", gradient)):
        if not callable(value):
            raise ConfigurationError(
                f"bs.audit(loss, gradient, at) needs two functions and a point. Got {type(value).__name__} as {name}."
            )
    layout = Layout(at)
    float32 = _is_float32(layout)
    with np.errstate(all="ignore"):
        first = number(loss(at if float32 else layout.point(layout.flat)))
        claimed = layout.flattened(gradient(at if float32 else layout.point(layout.flat)))
        layout.coarse = float32 and not _promotes(layout, loss, gradient, first, claimed)
        grain = _grain(loss(layout.point(layout.flat)))
    subject = getattr(gradient, "__name__", "gradient"), getattr(loss, "__name__", "loss")
    return Problem(
        subject="the gradient of your loss"
        if "<lambda>" in subject
        else f"{subject[0]} as the gradient of {subject[1]}",
        loss=lambda flat: (
            complex(loss(layout.point(flat))) if flat.dtype.kind == "c" else number(loss(layout.point(flat)))
        ),
        gradient=lambda flat: layout.flattened(gradient(layout.point(flat))),
        at=layout.flat,
        blocks=layout.blocks(),
        grain=grain,
        coarse=layout.coarse,
        complex_too=not layout.coarse,
        turned=tuple(layout.turned),
    )


def number(value: Any) -> float:
    """Return a loss as a float.

    Raises
    ------
    DataError
        It is not one real number.
    """
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "fiub":
        came = f"an array of shape {array.shape}" if array.size != 1 else f"{type(value).__name__} {value!r}"
        raise DataError(f"The loss must return one real number. Got {came}; sum it, or take its mean.")
    return float(array.reshape(-1)[0])


def _grain(value: Any) -> float:
    """The relative rounding of a number's own type."""
    dtype = getattr(value, "dtype", None)
    return float(np.finfo(dtype).eps) / 4 if isinstance(dtype, np.dtype) and dtype.kind == "f" else 0.0


def _is_float32(layout: Layout) -> bool:
    return any(dtype.itemsize < 8 for dtype in layout.dtypes)


def _promotes(layout: Layout, loss: Any, gradient: Any, first: float, claimed: Floats) -> bool:
    """Whether both functions take float64 where float32 was given, and then say the same."""
    try:
        value, derivatives = (
            number(loss(layout.point(layout.flat))),
            layout.flattened(gradient(layout.point(layout.flat))),
        )
        finer = np.asarray(loss(layout.point(layout.flat))).dtype.itemsize >= 8
    except Exception:  # whatever a function does with numbers that it was not written for
        return False
    near = abs(value - first) <= 1e-4 * max(abs(value), abs(first))
    size = float(np.max(np.abs(claimed), initial=0.0))
    return bool(finer and near and np.all(np.abs(derivatives - claimed) <= 1e-3 * size))
