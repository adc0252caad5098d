"""Arrays in: shapes, dtypes and finiteness checked once at the border, with messages that name row and column."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.errors import DataError

Array = NDArray[Any]


def numeric_array(values: Any, name: str) -> Array:
    """`values` as an array of numbers; frames and lists are converted.

    Raises
    ------
    DataError
        Text, objects, complex numbers, ragged lists or masked entries.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        row = int(np.argwhere(np.ma.getmaskarray(values))[0][0])
        raise DataError(f"{name} must have no masked entries. Got one in row {row}; remove such rows or fill them in.")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{name} must be an array of numbers with rows of equal length. {error}") from None
    if array.dtype == object:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            raise DataError(
                f"{name} must hold numbers. Got objects such as {_first(array)!r}; encode text columns first."
            ) from None
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name} must hold real numbers. Got dtype {array.dtype}; encode or convert it first.")
    return array


def _first(array: Array) -> Any:
    return next((value for value in array.ravel() if not isinstance(value, int | float)), None)


def check_finite(array: Array, name: str) -> None:
    """Raise DataError naming the first NaN or infinity; one fast pass when there is none."""
    if array.dtype.kind != "f" or not array.size:
        return
    with np.errstate(all="ignore"):
        if np.isfinite(array.sum()) or np.isfinite(array).all():
            return
    place = np.argwhere(~np.isfinite(array))[0]
    value = array[tuple(place)]
    column = f", column {place[1]}" if len(place) > 1 else ""
    raise DataError(
        f"{name} must be finite. Got {value} in row {place[0]}{column}; remove such rows or fill them in first."
    )


def input_rows(X: Any, n_in: int, dtype: str, *, name: str = "X") -> Array:
    """X as a C-contiguous (n, n_in) array of `dtype`, not copied when it is one already.

    Parameters
    ----------
    X : array_like (n, n_in)
    n_in : int
        Columns that the network expects.
    dtype : {"float32", "float64"}

    Raises
    ------
    DataError
        Another shape, no rows, not numbers, or NaN or infinity (row and column are named).
    """
    array = numeric_array(X, name)
    if array.ndim != 2:
        hint = f"{name}.reshape(1, -1) makes one row, {name}.reshape(-1, 1) one column." if array.ndim == 1 else ""
        raise DataError(f"{name} must have shape (n, {n_in}). Got shape {array.shape}. {hint}".rstrip())
    if array.shape[1] != n_in:
        raise DataError(
            f"{name} must have {n_in} columns, one per input of the network. Got {array.shape[1]}; "
            f"build the network with {array.shape[1]} inputs, or pass the {n_in} columns it was built for."
        )
    if not len(array):
        raise DataError(f"{name} must have at least 1 row. Got 0.")
    return finite_and_contiguous(array, dtype, name)


def finite_and_contiguous(array: Array, dtype: str, name: str) -> Array:
    """The array in C order and of `dtype`, itself where it is that already.

    Raises
    ------
    DataError
        NaN or infinity, or a number too large for `dtype`; its place is named.
    """
    check_finite(array, name)
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(array, dtype=dtype)
    if converted.dtype == array.dtype or np.isfinite(converted.sum(dtype=np.float64)) or np.isfinite(converted).all():
        return converted
    place = tuple(int(index) for index in np.argwhere(~np.isfinite(converted))[0])
    raise DataError(
        f"{name} must fit {converted.dtype}. Got {array[place]!r} at {place}; scale it, or use dtype='float64'."
    )


def dense_targets(y: Any, n: int, n_out: int, dtype: str, *, name: str = "y") -> Array:
    """y as a C-contiguous (n, n_out) array; (n,) and (n, 1) mean the same and never broadcast.

    Raises
    ------
    DataError
        Another shape or length, not numbers, NaN or infinity.
    """
    array = numeric_array(y, name)
    if array.ndim == 1 and n_out == 1:
        array = array[:, None]
    if array.shape != (n, n_out):
        wanted = f"({n}, {n_out})" + (f" or ({n},)" if n_out == 1 else "")
        raise DataError(f"{name} must have shape {wanted}, a row per row of X. Got {np.shape(y)}.")
    return finite_and_contiguous(array, dtype, name)


def class_targets(y: Any, n: int, n_classes: int, *, name: str = "y") -> Array:
    """Class indices 0 ... n_classes-1 as an int64 array (n,).

    Raises
    ------
    DataError
        Another length, or an index outside the classes (its row is named).
    """
    labels: Array = np.ascontiguousarray(numeric_array(y, name).reshape(-1), dtype=np.int64)
    if len(labels) != n:
        raise DataError(f"{name} must have {n} entries, one per row of X. Got {len(labels)}.")
    outside = (labels < 0) | (labels >= n_classes)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            f"Class indices in {name} must lie in 0 ... {n_classes - 1}, as the network has {n_classes} outputs. "
            f"Got {labels[row]} in row {row}."
        )
    return labels


def row_weights(weights: Any, n: int, dtype: str, *, name: str = "sample_weight") -> Array:
    """Sample weights as an (n,) array of finite numbers >= 0.

    Raises
    ------
    DataError
        Another shape, a negative weight, NaN or infinity, or all zero.
    """
    array = numeric_array(weights, name)
    if array.ndim == 0:
        array = np.full(n, array)
    if array.shape != (n,):
        raise DataError(f"{name} must have shape ({n},), one weight per row of X. Got {array.shape}.")
    check_finite(array, name)
    if (array < 0).any():
        row = int(np.argmax(array < 0))
        raise DataError(f"{name} must be >= 0. Got {array[row]} in row {row}.")
    if not array.any():
        raise DataError(f"{name} must not be zero for every row; leave it out to weigh all rows alike.")
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(array, dtype=dtype)
        total = converted.sum(dtype=np.float64)
    if not np.finfo(converted.dtype).tiny <= total < np.inf:  # there must be a number 1 / total, too
        raise DataError(
            f"{name} must have a sum that fits {converted.dtype}. Got weights up to {array.max():g}; "
            "only their ratios count where the loss is a mean, so scale them to about 1."
        )
    return converted
