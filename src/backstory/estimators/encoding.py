"""Raw columns as an estimator's network takes them, where it is asked to encode them: see `backstory.data.columns`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, check_consistent_length, validate_data

from backstory.data.frame import Frame, as_frame, is_frame
from backstory.data.kinds import LeftOut, infer
from backstory.data.table import Table
from backstory.data.target import Target
from backstory.errors import DataError
from backstory.estimators.rows import SPARSE, dense

Array = NDArray[Any]
DTYPES = (np.float64, np.float32)


class Encoding:
    """How rows and targets reach the network: as they are, or encoded column by column."""

    encode: bool
    embedding: Any
    table_: Table
    _y_rules: dict[str, Any]

    def _validated(self, X: Any, y: Any, *, reset: bool, dtype: Any = DTYPES) -> tuple[Array, Array]:
        """Rows as the network takes them, and y as the estimator does; with `reset` the encoding is learned."""
        if not self.encode:
            X, y = validate_data(self, X, y, reset=reset, accept_sparse=SPARSE, dtype=dtype, **self._y_rules)
            return dense(X), y
        frame = self._raw(X, y, reset=reset)
        y = check_array(y, ensure_2d=False, dtype="numeric" if "y_numeric" in self._y_rules else None, input_name="y")
        check_consistent_length(frame, y)
        if reset:
            self.table_ = learned(frame)
        return self.table_.inputs(frame, "float64" if dtype is np.float64 else "float32"), y

    def _validated_rows(self, X: Any, dtype: Any = None) -> Any:
        """Rows as the network takes them; sparse ones stay so where they are not encoded."""
        if self.encode:
            return self.table_.inputs(self._raw(X), "float32" if dtype is None else np.dtype(dtype).name)
        return validate_data(self, X, reset=False, accept_sparse=SPARSE, **({} if dtype is None else {"dtype": dtype}))

    def _raw(self, X: Any, y: Any = "no_validation", *, reset: bool = False) -> Frame:
        """Rows as named columns: a frame's own names, or x0, x1, ... of an array."""
        X = X if is_frame(X) else dense(X)
        if not is_frame(X) and X.ndim != 2:
            raise DataError(f"X must be a frame, or an array (n, n_features). Got an array of shape {X.shape}.")
        validate_data(self, X, y, reset=reset, skip_check_array=True)
        if is_frame(X):
            return as_frame(X.rename(columns=str) if hasattr(X, "iloc") else X)
        columns = X.T.tolist() if X.dtype == object else np.ascontiguousarray(X.T)
        return as_frame({f"x{place}": column for place, column in enumerate(columns)})

    def _aim(self) -> Target | None:
        """What the outputs are, where a table has words for it."""
        raise NotImplementedError

    def _embedded(self) -> Any:
        """`embedding`; of encoded columns, without a choice of its own, it is for those of numbers."""
        if self.embedding is None or not self.encode or self.embedding.columns is not None:
            return self.embedding
        return replace(self.embedding, columns=self.table_.numbers) if self.table_.numbers else None


def learned(frame: Frame) -> Table:
    """The encoding of all columns; the target is not known of yet.

    Raises
    ------
    DataError
        There is nothing to learn from, or a column that cannot be an input.
    """
    found = {name: infer(frame, name) for name in frame.columns}
    left_out = tuple(column for column in found.values() if isinstance(column, LeftOut))
    columns = tuple(column for column in found.values() if not isinstance(column, LeftOut))
    if not columns:
        reasons = "; ".join(f"{column.name!r}: {column.reason}" for column in left_out)
        raise DataError(f"X must have a column that something can be learned from. Got none ({reasons}).")
    return Table(columns, Target("y"), left_out)
