"""Rows as the network takes them: sparse ones made dense, all at once to train on, part by part to predict from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SPARSE = ("csr", "csc")
MOST_DENSE = 1 << 22
"""Numbers that are dense at a time, where a sparse matrix is predicted from."""


def dense(X: Any) -> Array:
    """A sparse matrix as an array."""
    return np.asarray(X.toarray() if hasattr(X, "toarray") else X)


def dense_parts(X: Any) -> Iterator[Array]:
    """A sparse matrix as arrays of some rows each; an array as it is.

    >>> import scipy.sparse
    >>> [part.shape for part in dense_parts(scipy.sparse.csc_array((5, MOST_DENSE // 2)))]
    [(2, 2097152), (2, 2097152), (1, 2097152)]
    """
    if not hasattr(X, "toarray"):
        yield np.asarray(X)
        return
    X = X.tocsr()
    rows = max(1, MOST_DENSE // max(1, X.shape[1]))
    for first in range(0, X.shape[0], rows):
        yield X[first : first + rows].toarray()
