"""A Keras model as a network, read along its own graph from the output back to the input."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from backstory.errors import ConfigurationError
from backstory.functions import Activation, Loss, Penalty
from backstory.interop.chain import Apply, Dense, Scale, Step, Width, refused, trained
from backstory.interop.readings import Reading
from backstory.interop.trained import Trained
from backstory.network.spec import DTYPES

ACTIVATIONS = {
    "arctan": Reading("arctan"),
    "elu": Reading("elu", {"alpha": "alpha"}),
    "exponential": Reading("exp"),
    "gelu": Reading("approximate", by={False: "gelu", True: "gelu_tanh"}),
    "hard_sigmoid": Reading("hard_sigmoid"),
    "hard_tanh": Reading("hard_tanh"),
    "leaky_relu": Reading("leaky_relu", {"negative_slope": "slope"}),
    "linear": Reading("identity"),
    "mish": Reading("mish"),
    "relu": Reading("relu", fixed={"max_value": (None,), "negative_slope": (0.0,), "threshold": (0.0,)}),
    "selu": Reading("selu"),
    "sigmoid": Reading("sigmoid"),
    "silu": Reading("silu"),
    "softmax": Reading("softmax", fixed={"axis": (-1, 1)}),
    "softplus": Reading("softplus"),
    "softsign": Reading("softsign"),
    "tanh": Reading("tanh"),
}
"""The name of a function in `keras.activations` (arctan: in `keras.ops`) -> how it is read."""

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "elu": {"alpha": 1.0},
    "gelu": {"approximate": False},
    "leaky_relu": {"negative_slope": 0.2},
    "relu": {"max_value": None, "negative_slope": 0.0, "threshold": 0.0},
    "softmax": {"axis": -1},
}
"""What functions take besides their input; layers and operations have attributes of these names."""

OPERATIONS = {
    "Arctan": "arctan",
    "ELU": "elu",
    "Elu": "elu",
    "Exp": "exponential",
    "Gelu": "gelu",
    "HardSigmoid": "hard_sigmoid",
    "HardTanh": "hard_tanh",
    "LeakyReLU": "leaky_relu",
    "LeakyRelu": "leaky_relu",
    "ReLU": "relu",
    "Relu": "relu",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "Silu": "silu",
    "Softmax": "softmax",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Tanh": "tanh",
}
"""The class of an activation as a layer, or of an operation of `keras.ops` -> its function."""

UNCHANGED = ("AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "Identity")
"""Layers that do nothing when a model predicts."""

WHY = {
    "PReLU": "its slope is learned, and the library's activations have fixed parameters.",
    "LayerNormalization": "it divides each row by its own deviation, which no dense layer does.",
    "log_softmax": "the library has probabilities, not their logarithms, as outputs. Make it softmax: the loss "
    "cross_entropy takes the logarithm.",
}


def from_keras(
    model: Any,
    *,
    output: str | Activation | None = None,
    loss: str | Loss | None = None,
    penalty: Penalty | None = None,
) -> Trained:
    """Read a model; see `backstory.from_keras`."""
    keras = sys.modules.get("keras")
    if keras is None or not isinstance(model, keras.Model):
        raise ConfigurationError(f"from_keras takes a keras.Model of Keras 3. Got {type(model).__name__}.")
    return trained(_steps(model), output=output, loss=loss, penalty=penalty)


def _steps(model: Any) -> list[Step]:
    """What the operations between a model's input and its output do."""
    where = _named(model)
    if not type(model).call.__module__.startswith("keras."):
        raise refused(where, "it has a call of its own, which cannot be read. Make it Sequential or functional.")
    try:
        outputs = model.outputs
    except (AttributeError, ValueError):
        outputs = None
    if not outputs:
        raise refused(where, "it has no weights yet. Give it an Input, or call its build.")
    if len(outputs) != 1:
        raise refused(where, f"it must have one output. Got {len(outputs)}.")
    steps: list[Step] = []
    tensor = outputs[0]
    while True:
        operation, index, _ = tensor._keras_history
        before = operation._inbound_nodes[index].arguments.keras_tensors
        if not before:
            return steps
        if len(before) != 1:
            raise refused(_named(operation), f"it must compute one tensor from one tensor. Got {len(before)}.")
        after, tensor = tensor, before[0]
        steps = [*_read(operation, tensor.shape, after.shape), *steps]


def _read(operation: Any, shape: tuple[Any, ...], gives: tuple[Any, ...]) -> list[Step]:
    """What one operation does to a tensor of a shape."""
    where, kind = _named(operation), type(operation).__name__
    if hasattr(operation, "outputs") and hasattr(operation, "layers"):
        return _steps(operation)
    if not type(operation).__module__.startswith("keras."):
        raise refused(where, "it is no layer of Keras itself.")
    if getattr(operation, "compute_dtype", "float32") not in DTYPES:
        raise refused(where, f"it must compute in float32 or float64. Got {operation.compute_dtype}.")
    if kind in UNCHANGED:
        return []
    if kind in ("Flatten", "Reshape"):
        return _rows(where, operation, shape, gives)
    if kind == "Dense":
        return [_dense(where, operation, shape), *_applied(where, operation.activation)]
    if kind == "Activation":
        return _applied(where, operation.activation)
    if kind in SCALES:
        return [_scale(where, operation, shape)]
    if kind not in OPERATIONS:
        known = ", ".join(sorted({*OPERATIONS, *UNCHANGED, *SCALES, "Activation", "Dense", "Flatten", "Reshape"}))
        raise refused(where, WHY.get(kind, f"only these are known: {known}."))
    name = OPERATIONS[kind]
    given = {each: getattr(operation, each, default) for each, default in DEFAULTS.get(name, {}).items()}
    return [Apply(where, ACTIVATIONS[name].read(where, given))]


def _applied(where: str, function: Any) -> list[Step]:
    """The activation that a layer was given: a function of Keras, or a layer."""
    if hasattr(function, "compute_dtype"):
        return _read(function, (None, None), (None, None))
    name = getattr(function, "__name__", type(function).__name__)
    if getattr(sys.modules["keras"].activations, name, None) is not function or name not in ACTIVATIONS:
        known = ", ".join(name for name in ACTIVATIONS if name != "arctan")
        raise refused(where, WHY.get(name, f"its activation {name!r} is not one of {known}."))
    return [Apply(where, ACTIVATIONS[name].read(where, DEFAULTS.get(name, {})))]


def _rows(where: str, operation: Any, shape: tuple[Any, ...], gives: tuple[Any, ...]) -> list[Step]:
    """A reshaping to rows."""
    if len(gives) != 2 or (len(shape) > 2 and getattr(operation, "data_format", "") == "channels_first"):
        raise refused(where, "only a reshaping to rows in the order of memory is known.")
    return [] if gives[1] is None else [Width(where, gives[1])]


def _dense(where: str, layer: Any, shape: tuple[Any, ...]) -> Dense:
    if len(shape) != 2:
        raise refused(where, f"it must be given rows. Got a tensor of shape {shape}; put a Flatten before it.")
    if getattr(layer, "lora_enabled", False) or getattr(layer, "quantization_mode", None):
        raise refused(where, "its weights are quantized, or have an adapter. Take those of the model before that.")
    return Dense(where, _array(layer.kernel), None if layer.bias is None else _array(layer.bias))


def _scale(where: str, layer: Any, shape: tuple[Any, ...]) -> Scale:
    """A layer that scales each number by itself; in an image all alike."""
    factor, shift = SCALES[type(layer).__name__](where, layer)
    if (factor.size > 1 and len(shape) != 2) or None in shape[1:]:
        raise refused(where, f"it must be given rows. Got a tensor of shape {shape}.")
    n = math.prod(shape[1:])
    return Scale(where, np.broadcast_to(factor, n), np.broadcast_to(shift, n))


def _batch_normalization(where: str, layer: Any) -> tuple[Any, Any]:
    """As it predicts: (a - mean)/sqrt(variance + epsilon)*gamma + beta (Ioffe & Szegedy 2015, ICML)."""
    if layer.axis not in (-1, 1):
        raise refused(where, f"only axis=-1 is known. Got {layer.axis!r}.")
    factor = 1 / np.sqrt(_array(layer.moving_variance) + layer.epsilon)
    factor = factor if layer.gamma is None else factor * _array(layer.gamma)
    return factor, (0.0 if layer.beta is None else _array(layer.beta)) - _array(layer.moving_mean) * factor


def _normalization(where: str, layer: Any) -> tuple[Any, Any]:
    if layer.invert:
        raise refused(where, "only invert=False is known.")
    if layer.mean is None:
        raise refused(where, "it has no mean and variance yet. Call its adapt first.")
    mean, variance = _array(layer.mean).reshape(-1), _array(layer.variance).reshape(-1)
    factor = 1 / np.maximum(np.sqrt(variance), sys.modules["keras"].backend.epsilon())
    return factor, -mean * factor


def _rescaling(where: str, layer: Any) -> tuple[Any, Any]:
    return np.asarray(layer.scale, np.float64).reshape(-1), np.asarray(layer.offset, np.float64).reshape(-1)


SCALES = {"BatchNormalization": _batch_normalization, "Normalization": _normalization, "Rescaling": _rescaling}
"""The class of a layer -> from it to (factor, shift)."""


def _array(tensor: Any) -> Any:
    """The numbers of a variable or a tensor, of any backend."""
    return np.asarray(sys.modules["keras"].ops.convert_to_numpy(getattr(tensor, "value", tensor)))


def _named(operation: Any) -> str:
    return f"{operation.name!r} ({type(operation).__name__})"
