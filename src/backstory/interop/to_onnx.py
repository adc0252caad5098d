"""A trained network as an ONNX graph, the encoding of its table included; it runs in onnxruntime and the like."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.columns import Number
from backstory.data.frame import MISSING
from backstory.errors import ConfigurationError
from backstory.functions import Activation
from backstory.functions.front import BLENDED
from backstory.interop.encoding import PRESSED, codes, inputs, scaled
from backstory.interop.onnx_front import through_front
from backstory.interop.onnx_graph import Graph
from backstory.interop.trained import Head, Trained

Array = NDArray[Any]

OPSET, OPSET_ML, IR_VERSION = 20, 3, 9
"""Of early 2024: new enough for Gelu and Mish, old enough to be read everywhere."""
MOST_BYTES = 2**31 - 2**20
"""A protobuf message must be smaller than 2 GiB."""

_OPERATORS: Mapping[str, tuple[str, Mapping[str, Any], bool]] = MappingProxyType(
    {
        "relu": ("Relu", {}, True),
        "sigmoid": ("Sigmoid", {}, True),
        "tanh": ("Tanh", {}, True),
        "exp": ("Exp", {}, True),
        "softmax": ("Softmax", {"axis": -1}, True),
        "leaky_relu": ("LeakyRelu", {"alpha": "slope"}, False),
        "elu": ("Elu", {"alpha": "alpha"}, False),
        "selu": ("Selu", {"alpha": "alpha", "gamma": "scale"}, False),
        "gelu": ("Gelu", {"approximate": "none"}, False),
        "gelu_tanh": ("Gelu", {"approximate": "tanh"}, False),
        "mish": ("Mish", {}, False),
        "softplus": ("Softplus", {}, False),
        "softsign": ("Softsign", {}, False),
        "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}, False),
        "arctan": ("Atan", {}, False),
    }
)
"""Name of a row -> the operator that is defined so, its attributes (a row's parameter by its name), and whether
onnxruntime knows it in float64 too; where it does not, the row's formula becomes nodes."""


def write(trained: Trained) -> bytes:
    """The file's content.

    ==============================  ================================================================================
    a network without a table       takes "X" (n, n_in)
    one with a table                takes each raw column by its name, (n, 1): numbers in float64, NaN where missing,
                                    and texts, empty where missing
    classes                         come as "label" (n,) and "probabilities" (n, n_classes); where a row may be
                                    of several at once, "label" (n, n_classes) holds 0 and 1
    a number of a table             comes as "prediction" (n, 1), float64, in the target's units
    anything else                   comes as "outputs" (n, n_out)
    ==============================  ================================================================================

    Raises
    ------
    ConfigurationError
        The package onnx is missing, or the network is too large for the format.
    """
    if trained.parameters.nbytes > MOST_BYTES:
        raise ConfigurationError(
            f"An ONNX file holds less than 2 GiB. The parameters take {trained.parameters.nbytes / 2**30:.1f}; "
            "export with dtype='float32', or to .npz."
        )
    return _Model(trained).serialized()


class _Model:
    """Builds inputs, layers and outputs in order."""

    def __init__(self, trained: Trained) -> None:
        names = ("X",) if trained.table is None else trained.table.features
        if "" in names:
            raise ConfigurationError("A column must have a name to be an input in ONNX. Got one without; rename it.")
        self.trained, self.graph = trained, Graph("float64", names)
        self.onnx = self.graph.onnx
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def serialized(self) -> bytes:
        """The whole model."""
        self.answer(self.layers(self.network_inputs()))
        helper = self.onnx.helper
        graph = helper.make_graph(
            self.graph.nodes, "backstory", self.inputs, self.outputs, list(self.graph.constants.values())
        )
        model = helper.make_model(
            graph,
            ir_version=IR_VERSION,
            producer_name="backstory",
            doc_string=f"A trained network: {self.trained.title}.",
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", OPSET_ML)],
        )
        self.onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))

    def kind(self, dtype: Any) -> int:
        """ONNX's number of a dtype."""
        if np.dtype(dtype).kind in "UO":
            return int(self.onnx.TensorProto.STRING)
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def network_inputs(self) -> str:
        """What the first layer takes, (n, n_in)."""
        spec, graph, table = self.trained.spec, self.graph, self.trained.table
        if table is None:
            self.inputs.append(self.described("X", spec.dtype, ("n", spec.n_in)))
            graph.dtype = spec.dtype
            return "X"
        parts = [part for column in table.columns for part in self.encoded(column)]
        x = graph.add("Concat", *parts, axis=1, name="inputs")
        graph.dtype = spec.dtype
        return x if spec.dtype == "float64" else graph.add("Cast", x, to=self.kind(spec.dtype))

    def encoded(self, column: Any) -> list[str]:
        """A raw column's inputs: numbers by their formula, texts by looking them up."""
        graph = self.graph
        graph.prefix = f"{column.name}/"
        if isinstance(column, Number):
            self.inputs.append(self.described(column.name, "float64", ("n", 1), "a number; NaN where missing"))
            missing = graph.add("IsNaN", column.name)
            known = graph.add("Where", missing, graph.constant(column.fill), column.name)
            x = graph.expression(scaled(column), {"x": known})
            if column.limit is not None:
                x = graph.expression(PRESSED, {"z": x, "limit": graph.constant(column.limit)})
            return [x, graph.add("Cast", missing, to=self.kind("float64"))] if column.indicator else [x]
        rows = inputs(column)
        self.inputs.append(self.described(column.name, "str", ("n", 1), "a text; empty where missing"))
        keys = {**codes(column), **dict.fromkeys(MISSING, len(rows) - 1)}
        code = graph.add(
            "LabelEncoder",
            column.name,
            domain="ai.onnx.ml",
            keys_strings=list(keys),
            values_int64s=list(keys.values()),
            default_int64=len(rows) - 2,
        )
        flat = graph.add("Reshape", code, graph.constant([-1], dtype="int64"))
        return [graph.add("Gather", graph.constant(rows), flat)]

    def described(self, name: str, dtype: Any, shape: tuple[Any, ...], text: str = "") -> Any:
        """An input or output of the graph."""
        return self.onnx.helper.make_tensor_value_info(name, self.kind(dtype), shape, text)

    def layers(self, a: str) -> str:
        """The outputs of the last layer, from the inputs of the first."""
        graph, alphas = self.graph, self.trained.others.alphas
        if self.trained.spec.front is not None:
            graph.prefix = "front/"
            a = through_front(graph, self.trained, a)
        for layer, (W, b, row) in enumerate(self.trained.layers, start=1):
            graph.prefix = f"layer{layer}/"
            inputs = [a, graph.constant(W, f"w{layer}"), *([] if b is None else [graph.constant(b, f"b{layer}")])]
            z = graph.add("Gemm", *inputs, name=f"z{layer}")
            a = self.activation(row, z)
            if layer <= len(alphas):
                alpha = graph.constant(alphas[layer - 1], f"alpha{layer}")
                a = graph.expression(BLENDED.value, {"alpha": alpha, "z": z, "f": a})
        graph.prefix = ""
        return a

    def activation(self, row: Activation, z: str) -> str:
        """a = f(z): ONNX's operator where it is defined as the row is, else the row's formula."""
        graph = self.graph
        if row.name == "identity":
            return z
        if row.name == "hard_tanh":
            return graph.add("Clip", z, graph.constant(-1), graph.constant(1))
        if row.name == "silu":
            return graph.add("Mul", z, graph.add("Sigmoid", z))
        operator, attributes, in_double = _OPERATORS.get(row.name, ("", {}, False))
        if operator and (in_double or graph.dtype == "float32"):
            parameters = dict(row.parameters)
            return graph.add(operator, z, **{name: parameters.get(value, value) for name, value in attributes.items()})
        return graph.expression(row.value, {"z": z})

    def answer(self, a: str) -> None:
        """Name the outputs."""
        spec, graph, table = self.trained.spec, self.graph, self.trained.table
        if self.trained.head is not Head.NUMBERS:
            self.classes(a, np.asarray(self.trained.classes))
        elif table is None:
            self.output("outputs", a, spec.dtype, ("n", spec.n_out))
        else:
            graph.dtype, aim = "float64", table.aim
            a = graph.add("Mul", graph.add("Cast", a, to=self.kind("float64")), graph.constant(aim.scale))
            a = graph.add("Add", a, graph.constant(aim.mean))
            if aim.low is not None and aim.high is not None:
                a = graph.add("Clip", a, graph.constant(aim.low), graph.constant(aim.high))
            self.output("prediction", a, "float64", ("n", spec.n_out))

    def classes(self, a: str, labels: Array) -> None:
        """The class of each row, the first of equally likely ones, or 0 and 1; and each one's probability."""
        graph, dtype, head = self.graph, self.trained.spec.dtype, self.trained.head
        if head is Head.SEVERAL:
            above = graph.add("Greater", a, graph.constant(0.5))
            self.output("label", graph.add("Cast", above, to=self.kind("int64")), "int64", ("n", len(labels)))
        else:
            if head is Head.TWO:
                a = graph.add("Concat", graph.add("Sub", graph.constant(1), a), a, axis=-1)
            index = graph.add("ArgMax", a, axis=-1, keepdims=0)
            label = graph.add("Gather", graph.constant(labels.tolist(), dtype=labels.dtype), index)
            self.output("label", label, labels.dtype, ("n",))
        self.output("probabilities", a, dtype, ("n", len(labels)))

    def output(self, name: str, value: str, dtype: Any, shape: tuple[Any, ...]) -> None:
        """Give a value the name of an output."""
        called = self.graph.add("Identity", value, name=name)
        self.outputs.append(self.described(called, dtype, shape))
