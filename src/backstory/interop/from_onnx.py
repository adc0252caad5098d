"""An ONNX graph as a network: its nodes in order, constants folded, what is made of elementwise ones recognized."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.errors import ConfigurationError, ModelFileError
from backstory.functions import Activation, Loss, Penalty
from backstory.functions import activation as find_activation
from backstory.interop.chain import Dense, Scale, Step, refused, trained
from backstory.interop.onnx_graph import library
from backstory.interop.onnx_nodes import READERS, Context, Rows, per_unit
from backstory.interop.readings import Reading
from backstory.interop.recognition import POINTS
from backstory.interop.trained import Trained

Array = NDArray[Any]

ACTIVATIONS: Mapping[str, tuple[Reading, Mapping[str, Any]]] = {
    "Atan": (Reading("arctan"), {}),
    "Celu": (Reading("elu", fixed={"alpha": (1.0,)}), {"alpha": 1.0}),
    "Elu": (Reading("elu", {"alpha": "alpha"}), {"alpha": 1.0}),
    "Exp": (Reading("exp"), {}),
    "Gelu": (Reading("approximate", by={"none": "gelu", "tanh": "gelu_tanh"}), {"approximate": "none"}),
    "HardSigmoid": (Reading("hard_sigmoid", fixed={"alpha": (1 / 6,), "beta": (0.5,)}), {"alpha": 0.2, "beta": 0.5}),
    "LeakyRelu": (Reading("leaky_relu", {"alpha": "slope"}), {"alpha": 0.01}),
    "Mish": (Reading("mish"), {}),
    "Relu": (Reading("relu"), {}),
    "Selu": (
        Reading("selu", {"alpha": "alpha", "gamma": "scale"}),
        {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875},
    ),
    "Sigmoid": (Reading("sigmoid"), {}),
    "Softplus": (Reading("softplus"), {}),
    "Softsign": (Reading("softsign"), {}),
    "Swish": (Reading("silu", fixed={"alpha": (1.0,)}), {"alpha": 1.0}),
    "Tanh": (Reading("tanh"), {}),
    "ThresholdedRelu": (Reading("relu", fixed={"alpha": (0.0,)}), {"alpha": 1.0}),
}
"""Operator -> how it is read, and the defaults of its attributes."""

_ELEMENTWISE = """
Abs Acos Add And Asin Ceil Clip Cos Cosh Div Equal Erf Floor Greater GreaterOrEqual HardSwish Less LessOrEqual Log Max
Mean Min Mul Neg Not Or Pow Reciprocal Sign Sin Sinh Sqrt Sub Sum Tan Where
"""
ELEMENTWISE = frozenset(_ELEMENTWISE.split())
"""Other operators that take every number by itself: of these an activation may be made."""

SCALING: Mapping[str, Callable[[Array], tuple[Array, Array]]] = {
    "Add": lambda c: (np.ones_like(c), c),
    "Sub": lambda c: (np.ones_like(c), -c),
    "Mul": lambda c: (c, np.zeros_like(c)),
    "Div": lambda c: (1 / c, np.zeros_like(c)),
}
"""Operator -> what it makes of rows and a vector after them, as (factor, shift)."""

WHY = {
    "LogSoftmax": "the library has probabilities, not their logarithms, as outputs. Export the model without it and "
    "say output='softmax'.",
    "PRelu": "its slope is learned, and the library's activations have fixed parameters.",
    "Unsqueeze": "it makes more dimensions than rows have. So backstory itself writes gelu and arctan in float64, "
    "which onnxruntime has in float32 only: export with dtype='float32'.",
}


def from_onnx(
    model: Any,
    *,
    output: str | Activation | None = None,
    loss: str | Loss | None = None,
    penalty: Penalty | None = None,
) -> Trained:
    """Read a model; see `backstory.from_onnx`."""
    onnx = library()
    proto = _loaded(onnx, model)
    if proto.functions:
        from onnx.inliner import inline_local_functions

        proto = inline_local_functions(proto)
    steps = _Graph(onnx, proto).steps()
    return trained(steps, output=output, loss=loss, penalty=penalty)


def _loaded(onnx: Any, model: Any) -> Any:
    """The model itself, or the one in a file."""
    if isinstance(model, onnx.ModelProto):
        return model
    if not isinstance(model, str | os.PathLike):
        raise ConfigurationError(f"from_onnx takes a path or an onnx.ModelProto. Got {type(model).__name__}.")
    path = Path(model)
    if not path.is_file():
        raise FileNotFoundError(f"No ONNX file at {str(path)!r}; check the path.")
    try:
        proto = onnx.load(path)
    except Exception as error:  # protobuf raises an error of its own, external data many
        raise ModelFileError(f"{str(path)!r} is not a whole ONNX file ({error}). Export it again.") from None
    if not proto.graph.node:
        raise ModelFileError(f"{str(path)!r} holds no ONNX graph. Load a file that a library exported as ONNX.")
    return proto


class _Graph:
    """The nodes that the output depends on, evaluated in order: constants to arrays, the rest to `Rows`."""

    def __init__(self, onnx: Any, proto: Any) -> None:
        self.onnx, self.graph = onnx, proto.graph
        self.context = Context(
            onnx, max((each.version for each in proto.opset_import if each.domain in ("", "ai.onnx")), default=1)
        )
        self.values: dict[str, Array | Rows] = {
            each.name: onnx.numpy_helper.to_array(each) for each in self.graph.initializer
        }

    def steps(self) -> tuple[Step, ...]:
        """What is done from the input to the output."""
        inputs = [each for each in self.graph.input if each.name not in self.values]
        if len(inputs) != 1:
            names = ", ".join(repr(each.name) for each in inputs) or "none"
            raise ConfigurationError(
                f"An ONNX graph must have one input to be imported. Got {names}. Where they are columns that are "
                "encoded and joined to rows, cut that part off with onnx.utils.extract_model."
            )
        shape = [each.dim_value or None for each in inputs[0].type.tensor_type.shape.dim]
        self.context = replace(self.context, length=shape[0] if shape else None)
        self.values[inputs[0].name] = Rows(rank=len(shape) or None, width=shape[1] if len(shape) == 2 else None)
        output = self.output()
        for node in self.needed(output):
            self.values[node.output[0]] = self.read(node)
        found = self.values.get(output)
        if not isinstance(found, Rows):
            raise ConfigurationError(f"The output {output!r} of an ONNX graph must depend on its input to be imported.")
        return found.closed(None if found.last is None else found.last.W.shape[1])

    def output(self) -> str:
        """The one output of real numbers, or of classes mapped to them; labels, say, may stand beside it."""
        types = (self.onnx.TensorProto.FLOAT, self.onnx.TensorProto.DOUBLE)
        names = [each.name for each in self.graph.output if each.type.tensor_type.elem_type in types]
        outputs = {each.name for each in self.graph.output}
        names += [node.input[0] for node in self.graph.node if node.op_type == "ZipMap" and node.output[0] in outputs]
        if len(names) != 1:
            raise ConfigurationError(
                "An ONNX graph must have one output of float32 or float64 to be imported. "
                f"Got {', '.join(map(repr, names)) or 'none'}."
            )
        return str(names[0])

    def needed(self, output: str) -> list[Any]:
        """The nodes that an output depends on, in order."""
        wanted, found = {output}, []
        for node in reversed(self.graph.node):
            if wanted & set(node.output):
                wanted |= set(node.input)
                found.append(node)
        return found[::-1]

    def read(self, node: Any) -> Array | Rows:
        """What one node gives."""
        where = f"{(node.name or node.output[0])!r} ({node.op_type})"
        if node.domain not in ("", "ai.onnx"):
            raise refused(where, f"only operators of ONNX itself are known. Got the domain {node.domain!r}.")
        unknown = next((name for name in node.input if name and name not in self.values), None)
        if unknown is not None:
            raise refused(where, f"its input {unknown!r} comes from no chain of layers.")
        given = [None if name == "" else self.values[name] for name in node.input]
        rows = [each for each in given if isinstance(each, Rows)]
        if not rows:
            return self.computed(node, {name: self.values[name] for name in node.input if name})
        attributes = {each.name: self.onnx.helper.get_attribute_value(each) for each in node.attribute}
        attributes = {name: value.decode() if isinstance(value, bytes) else value for name, value in attributes.items()}
        if node.op_type in READERS:
            return READERS[node.op_type](where, given, attributes, self.context)
        if node.op_type in ACTIVATIONS or node.op_type in ELEMENTWISE:
            return self.elementwise(where, node, given, attributes)
        known = ", ".join(sorted({*READERS, *ACTIVATIONS, *SCALING}))
        raise refused(where, WHY.get(node.op_type, f"only these are known: {known}."))

    def computed(self, node: Any, values: Mapping[str, Any]) -> Array:
        """What a node gives for arrays, by the reference implementation of ONNX."""
        from onnx.reference import ReferenceEvaluator

        imports = [self.onnx.helper.make_opsetid("", self.context.version)]
        info = self.onnx.helper.make_empty_tensor_value_info
        graph = self.onnx.helper.make_graph([node], "one", [info(name) for name in values], [info(node.output[0])])
        model = self.onnx.helper.make_model(graph, opset_imports=imports)
        found: Any = ReferenceEvaluator(model).run(None, dict(values))
        return np.asarray(found[0])

    def elementwise(self, where: str, node: Any, given: list[Any], attributes: Mapping[str, Any]) -> Rows:
        """A scaling of the rows, a known activation, or a part of one that is being made."""
        rows: list[Rows] = [each for each in given if isinstance(each, Rows)]
        if any(each.steps is not rows[0].steps for each in rows):
            raise refused(where, "it joins two branches of the graph, and a network is one chain.")
        vectors = [each for each in given if isinstance(each, np.ndarray) and each.size > 1]
        first = rows[0]
        added = node.op_type == "Add" and first.values is None and first.steps and isinstance(first.steps[-1], Dense)
        is_bias = added and first.width == 1 and len(rows) == 1 and any(np.ndim(each) for each in given)
        if vectors or is_bias:
            return _scaled(where, node.op_type, given)
        row = None
        if node.op_type in ACTIVATIONS and first.values is None:
            reading, defaults = ACTIVATIONS[node.op_type]
            row = reading.read(where, {**defaults, **_short(attributes, first)})
            row = _own(row) if first.dtype == "float32" else row
        arrays: dict[str, Any] = {
            name: _at_points(each) if isinstance(each, Rows) else each.reshape(()).astype(_wide(each))
            for name, each in zip(node.input, given, strict=True)
            if each is not None
        }
        with np.errstate(all="ignore"):
            values = self.computed(node, arrays)
        operators = tuple(dict.fromkeys([name for each in rows for name in each.operators] + [node.op_type]))
        return replace(first, values=values, row=row, where=where, operators=operators)


def _short(attributes: Mapping[str, Any], rows: Rows) -> dict[str, Any]:
    """Attributes as they were written, where float32, which files keep them in, is all that is computed with."""
    short = rows.dtype == "float32"
    return {
        name: float(str(np.float32(value))) if short and isinstance(value, float) else value
        for name, value in attributes.items()
    }


def _own(row: Activation) -> Activation:
    """The library's own row, where the parameters of the one that was read are its own to float32."""
    own = find_activation(row.name)
    pairs = zip(row.parameters, own.parameters, strict=True)
    return own if all(np.float32(one[1]) == np.float32(other[1]) for one, other in pairs) else row


def _at_points(rows: Rows) -> Array:
    return POINTS if rows.values is None else rows.values


def _wide(array: Array) -> Any:
    return np.float64 if array.dtype.kind == "f" else array.dtype


def _scaled(where: str, operator: str, given: list[Any]) -> Rows:
    """Rows and a vector: a bias after a product, else a scaling."""
    rows = next(each for each in given if isinstance(each, Rows))
    others = [each for each in given if each is not rows]
    swapped = given[0] is not rows
    if operator not in SCALING or len(given) != 2 or not isinstance(others[0], np.ndarray):
        raise refused(where, "with a constant per unit only Add, Sub, Mul and Div are known.")
    vector = per_unit(where, others[0])
    last = rows.steps[-1] if rows.steps and rows.values is None else None
    if operator == "Add" and isinstance(last, Dense) and last.b is None and vector.size == last.W.shape[1]:
        return replace(rows, steps=(*rows.steps[:-1], replace(last, b=vector.astype(last.W.dtype))))
    if swapped and operator in ("Sub", "Div"):
        raise refused(where, "a constant per unit must come second.")
    return rows.then(Scale(where, *SCALING[operator](vector.astype(np.float64))), width=vector.size)
