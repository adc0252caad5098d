"""What single nodes of an ONNX graph do to the rows that a network is given: products, scalings, reshapings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.functions import Activation
from backstory.interop.chain import Apply, Dense, Scale, Step, Width, refused
from backstory.interop.readings import Reading
from backstory.interop.recognition import line, recognized

Array = NDArray[Any]


@dataclass(frozen=True)
class Context:
    """What a node's meaning depends on besides its inputs.

    Attributes
    ----------
    onnx : module
    version : int
        Of the operator set.
    length : int, optional
        How many rows the graph takes, where that is fixed.
    """

    onnx: Any
    version: int
    length: int | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """A tensor that depends on the input.

    Attributes
    ----------
    steps : tuple of Step
        What was done to the rows so far.
    values : ndarray, optional
        What an activation that is being made gives at `POINTS`; None where none is.
    row : Activation, optional
        The one that it is known to be.
    where, operators
        The last node, and all nodes that it is made of.
    rank, width : int, optional
        Of the tensor, where known.
    """

    steps: tuple[Step, ...] = ()
    values: Array | None = None
    row: Activation | None = None
    where: str = ""
    operators: tuple[str, ...] = ()
    rank: int | None = None
    width: int | None = None

    @property
    def last(self) -> Dense | None:
        """The last product."""
        return next((step for step in self.steps[::-1] if isinstance(step, Dense)), None)

    @property
    def dtype(self) -> str:
        """Of the last product; float32 before there is one."""
        return "float32" if self.last is None else str(self.last.W.dtype.name)

    def then(self, *steps: Step, width: int | None = None) -> Rows:
        """The tensor after more steps."""
        after = Rows((*self.closed(width), *steps), rank=2, width=self.width)
        return replace(after, width=steps[-1].W.shape[1]) if isinstance(steps[-1], Dense) else after

    def closed(self, width: int | None = None) -> tuple[Step, ...]:
        """The steps, with the activation that was being made."""
        if self.values is None:
            return self.steps
        if self.row is not None:
            return (*self.steps, Apply(self.where, self.row))
        tolerance = 1e-12 if self.dtype == "float64" else 1e-6
        slope_and_shift = line(self.values, tolerance)
        n = self.width or width
        if slope_and_shift is not None and n is not None:
            return (*self.steps, Scale(self.where, *(np.full(n, each) for each in slope_and_shift)))
        row = recognized(self.values, tolerance)
        if row is None:
            made = ", ".join(self.operators)
            raise refused(self.where, f"the function that {made} make is none of the library's activations.")
        return (*self.steps, Apply(self.where, row))


def per_unit(where: str, constant: Array) -> Array:
    """A constant that is the same for all rows, as a vector."""
    if constant.size != constant.shape[-1]:
        raise refused(where, f"a constant must be the same for all rows. Got one of shape {constant.shape}.")
    return constant.reshape(-1)


def _gemm(where: str, given: list[Any], attributes: Mapping[str, Any], context: Context) -> Rows:
    """alpha A B + beta C, where A are the rows."""
    A, B, C = (*given, None)[:3]
    if not isinstance(A, Rows) or not isinstance(B, np.ndarray) or isinstance(C, Rows):
        raise refused(where, "its second and third input must be constants, its first the rows.")
    if attributes.get("transA", 0):
        raise refused(where, "it transposes the rows (transA=1).")
    if A.rank not in (2, None):
        raise refused(where, f"it must be given rows. Got a tensor of {A.rank} dimensions.")
    W = (B.T if attributes.get("transB", 0) else B) * np.asarray(attributes.get("alpha", 1.0), B.dtype)
    b = None
    if C is not None:
        vector = per_unit(where, C) if C.ndim else C.reshape(1)
        b = np.broadcast_to(vector * np.asarray(attributes.get("beta", 1.0), C.dtype), W.shape[1])
    return A.then(Dense(where, W, b), width=W.shape[0])


def _matmul(where: str, given: list[Any], attributes: Mapping[str, Any], context: Context) -> Rows:
    rows, W = given
    if not isinstance(rows, Rows) or not isinstance(W, np.ndarray) or W.ndim != 2:
        raise refused(where, "its first input must be the rows, its second a constant matrix.")
    if rows.rank not in (2, None):
        raise refused(where, f"it must be given rows. Got a tensor of {rows.rank} dimensions.")
    return rows.then(Dense(where, W), width=W.shape[0])


def _softmax(where: str, given: list[Any], attributes: Mapping[str, Any], context: Context) -> Rows:
    axis = attributes.get("axis", -1 if context.version >= 13 else 1)
    row = Reading("softmax", fixed={"axis": (-1, 1)}).read(where, {"axis": axis})
    if given[0].rank not in (2, None):
        raise refused(where, f"it must be given rows. Got a tensor of {given[0].rank} dimensions.")
    return given[0].then(Apply(where, row))  # type: ignore[no-any-return]  # of Rows


def _batch_normalization(where: str, given: list[Any], attributes: Mapping[str, Any], context: Context) -> Rows:
    """As it predicts: (a - mean)/sqrt(variance + epsilon)*scale + bias (Ioffe & Szegedy 2015, ICML)."""
    rows, *others = given
    if not isinstance(rows, Rows) or not all(isinstance(each, np.ndarray) for each in others) or len(others) != 4:
        raise refused(where, "its scale, bias, mean and variance must be constants.")
    if attributes.get("training_mode", 0):
        raise refused(where, "it normalizes by each batch's own mean (training_mode=1).")
    if rows.rank not in (2, None):
        raise refused(where, f"it must be given rows. Got a tensor of {rows.rank} dimensions.")
    scale, bias, mean, variance = (each.astype(np.float64) for each in others)
    factor = scale / np.sqrt(variance + attributes.get("epsilon", 1e-5))
    return rows.then(Scale(where, factor, bias - mean * factor), width=factor.size)


def _flatten(where: str, given: list[Any], attributes: Mapping[str, Any], context: Context) -> Rows:
    rows: Rows = given[0]
    axis = attributes.get("axis", 1)
    if axis != 1 and (rows.rank is None or axis + rows.rank != 1):
        raise refused(where, f"only a flattening of each row is known: axis=1. Got {axis}.")
    return replace(rows, rank=2)


def _reshape(where: str, given: list[Any], attributes: Mapping[str, Any], context: Context) -> Rows:
    rows: Rows = given[0]
    shape = given[1].tolist() if len(given) > 1 and isinstance(given[1], np.ndarray) else attributes.get("shape", ())
    if not isinstance(rows, Rows) or len(shape) != 2 or shape[0] not in (-1, 0, context.length) or shape[1] == 0:
        raise refused(where, f"only a reshaping to rows is known: (-1, n) or (0, -1). Got {tuple(shape)}.")
    if shape[1] < 0:
        return replace(rows, rank=2)
    if rows.values is not None:
        raise refused(where, "an activation stands between a layer and its reshaping.")
    return replace(rows.then(Width(where, shape[1])), width=shape[1])


def _concat(where: str, given: list[Any], attributes: Mapping[str, Any], context: Context) -> Rows:
    """1 - p and p, the probabilities of two classes: p, the one output of a network for them."""
    first, last = given[0], given[-1]
    pair = len(given) == 2 and isinstance(first, Rows) and isinstance(last, Rows) and first.steps is last.steps
    made = pair and first.values is not None and last.values is not None and last.width == 1
    if not made or attributes["axis"] not in (1, -1) or not np.allclose(first.values + last.values, 1.0, atol=1e-12):
        raise refused(where, "it joins tensors, other than 1 - p and p, and a network is one chain.")
    return last  # type: ignore[no-any-return]  # of Rows


def _cast(where: str, given: list[Any], attributes: Mapping[str, Any], context: Context) -> Rows:
    rows: Rows = given[0]
    if attributes["to"] not in (context.onnx.TensorProto.FLOAT, context.onnx.TensorProto.DOUBLE):
        name = context.onnx.TensorProto.DataType.Name(attributes["to"])
        raise refused(where, f"only a cast to FLOAT or DOUBLE is known. Got {name}.")
    if rows.values is not None and rows.values.dtype == bool:
        return replace(rows, values=rows.values.astype(np.float64), where=where)
    return rows


def _cast_like(where: str, given: list[Any], attributes: Mapping[str, Any], context: Context) -> Array | Rows:
    return given[0]  # type: ignore[no-any-return]  # the rows, or a constant for what is computed with them


def _unchanged(where: str, given: list[Any], attributes: Mapping[str, Any], context: Context) -> Rows:
    training = given[2] if len(given) > 2 else None
    if training is not None and (not isinstance(training, np.ndarray) or bool(training)):
        raise refused(where, "it drops units when the model predicts too (training_mode).")
    return given[0]  # type: ignore[no-any-return]  # of Rows


READERS: Mapping[str, Callable[[str, list[Any], Mapping[str, Any], Context], Array | Rows]] = {
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "CastLike": _cast_like,
    "Concat": _concat,
    "Dropout": _unchanged,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "Identity": _unchanged,
    "MatMul": _matmul,
    "Reshape": _reshape,
    "Softmax": _softmax,
}
"""Operator -> from the node's name, its inputs and attributes, and the context to what it gives."""
