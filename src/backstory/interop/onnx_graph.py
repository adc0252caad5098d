"""An ONNX graph as it is built, and expressions as its nodes.

Where onnxruntime has no kernel of an elementary function in float64, or ONNX has no such function, it is made of others
that are as accurate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.errors import ConfigurationError
from backstory.expressions import Add, Call, Compare, Div, Expr, Mul, Name, Neg, Number, Pow, Sub

Array = NDArray[Any]


def library() -> Any:
    """The package onnx.

    Raises
    ------
    ConfigurationError
        It is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise ConfigurationError(
            f"ONNX files need the extra 'onnx'; {error.name!r} is missing. Run: pip install 'backstory[onnx]'."
        ) from None
    return onnx


class Graph:
    """Nodes and constants in the order in which they are added.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Of its constants, unless they say otherwise.
    names : iterable of str
        Those that are taken: the graph's inputs.
    """

    def __init__(self, dtype: str, names: Iterable[str] = ()) -> None:
        self.onnx, self.dtype = library(), dtype
        self.nodes: list[Any] = []
        self.constants: dict[Any, Any] = {}
        self.taken = set(names)
        self.prefix = ""

    def free(self, name: str) -> str:
        """The name itself, or one like it that is not taken."""
        number, found = 1, name
        while found in self.taken:
            number += 1
            found = f"{name}_{number}"
        self.taken.add(found)
        return found

    def constant(self, value: Any, name: str = "", dtype: Any = None) -> str:
        """A constant; plain numbers that are equal are one."""
        array = np.asarray(value, dtype=object if isinstance(value, list) and _text(value) else dtype or self.dtype)
        content = tuple(array) if array.dtype == object else array.tobytes()
        key = (name, array.dtype.str, array.shape, content)
        if key not in self.constants:
            self.constants[key] = _tensor(self.onnx, array, self.free(name or "constant"))
        return str(self.constants[key].name)

    def add(self, operator: str, *inputs: str, name: str = "", domain: str = "", **attributes: Any) -> str:
        """A node; returns the name of its output."""
        called = self.free(name or f"{self.prefix}{operator}")
        node = self.onnx.helper.make_node(operator, list(inputs), [called], called, domain=domain or None, **attributes)
        self.nodes.append(node)
        return called

    def expression(self, expr: Expr, names: Mapping[str, str]) -> str:
        """An expression as nodes; what occurs twice is computed once.

        Parameters
        ----------
        expr : Expr
            Of elementary functions, numbers and `names`.
        names : mapping of str to str
            From a name in it to what it is called in the graph.
        """
        found: dict[Expr, str] = {Name(name): place for name, place in names.items()}

        def emitted(node: Expr) -> str:
            if node not in found:
                found[node] = self._node(node, [emitted(child) for child in node.children])
            return found[node]

        return emitted(expr)

    def _node(self, node: Expr, inputs: list[str]) -> str:
        if isinstance(node, Number):
            return self.constant(float(node.value))
        if isinstance(node, Call):
            if self.dtype == "float64" and node.function in _DOUBLE:
                return _DOUBLE[node.function](self, *inputs)
            if node.function in _COMPOSED:
                return _COMPOSED[node.function](self, *inputs)
            return self.add(_CALLS[node.function], *inputs)
        if isinstance(node, Compare):
            return self.add(_COMPARE[node.op], *inputs)
        return self.add(_OPERATORS[type(node)], *inputs)


_OPERATORS: dict[type[Expr], str] = {Add: "Add", Sub: "Sub", Mul: "Mul", Div: "Div", Pow: "Pow", Neg: "Neg"}
_COMPARE = {">": "Greater", ">=": "GreaterOrEqual", "<": "Less", "<=": "LessOrEqual"}
_CALLS = {
    **{name: name.capitalize() for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "erf")},
    **{name: name.capitalize() for name in ("abs", "sign", "max", "min", "where")},
    "arctan": "Atan",
}


def _expm1(graph: Graph, x: str) -> str:
    """exp(x) - 1 = tanh(x/2) (exp(x) + 1)."""
    half = graph.add("Mul", x, graph.constant(0.5))
    return graph.add("Mul", graph.add("Tanh", half), graph.add("Add", graph.add("Exp", x), graph.constant(1)))


def _log1p(graph: Graph, x: str) -> str:
    """log(u) x/(u - 1) where u = 1 + x is rounded (Kahan); log(u) where it is exact, x where it is 1."""
    one = graph.constant(1)
    u = graph.add("Add", x, one)
    left = graph.add("Sub", u, one)
    log, none = graph.add("Log", u), graph.add("Equal", left, graph.constant(0))
    corrected = graph.add("Mul", log, graph.add("Div", x, graph.add("Where", none, one, left)))
    return graph.add("Where", none, x, graph.add("Where", graph.add("Equal", left, x), log, corrected))


def _cosh(graph: Graph, x: str) -> str:
    """h^2/2 + 1/(2 h^2) with h = exp(|x|/2), which overflows no sooner than its value."""
    half = graph.constant(0.5)
    h = graph.add("Exp", graph.add("Mul", graph.add("Abs", x), half))
    large = graph.add("Mul", graph.add("Mul", h, half), h)
    return graph.add("Add", large, graph.add("Div", graph.constant(0.25), large))


def _sinh(graph: Graph, x: str) -> str:
    return graph.add("Mul", graph.add("Tanh", x), _cosh(graph, x))


def _tan(graph: Graph, x: str) -> str:
    return graph.add("Div", graph.add("Sin", x), graph.add("Cos", x))


def _erf(graph: Graph, x: str) -> str:
    """2/sqrt(pi) times the integral of exp(-t^2) from 0 to x, by 24 points of Gauss and Legendre; ±1 beyond ±6."""
    size = graph.add("Min", graph.add("Abs", x), graph.constant(6))
    points, weights = _gauss_legendre(24)
    square = graph.add("Mul", *[graph.add("Mul", _column(graph, size), graph.constant(points))] * 2)
    total = _summed(graph, graph.add("Exp", graph.add("Neg", square)), 2 / math.sqrt(math.pi) * weights)
    near = graph.add("Mul", size, total)
    far = graph.add("GreaterOrEqual", size, graph.constant(6))
    return graph.add("Mul", graph.add("Sign", x), graph.add("Where", far, graph.constant(1), near))


def _arctan(graph: Graph, x: str) -> str:
    """The integral of 1/(1 + t^2) from 0 to x, by 14 points of Gauss and Legendre; beyond 1, pi/2 - arctan(1/x)."""
    one, size = graph.constant(1), graph.add("Abs", x)
    large = graph.add("Greater", size, one)
    r = graph.add("Where", large, graph.add("Div", one, size), size)
    points, weights = _gauss_legendre(14)
    square = graph.add("Mul", *[graph.add("Mul", _column(graph, r), graph.constant(points))] * 2)
    near = graph.add("Mul", r, _summed(graph, graph.add("Div", one, graph.add("Add", one, square)), weights))
    far = graph.add("Sub", graph.constant(math.pi / 2), near)
    return graph.add("Mul", graph.add("Sign", x), graph.add("Where", large, far, near))


def _gauss_legendre(n: int) -> tuple[Array, Array]:
    """Points and weights of an integral from 0 to 1."""
    points, weights = np.polynomial.legendre.leggauss(n)
    return (points + 1) / 2, weights / 2


def _column(graph: Graph, x: str) -> str:
    return graph.add("Unsqueeze", x, graph.constant([-1], dtype="int64"))


def _summed(graph: Graph, values: str, weights: Array) -> str:
    total = graph.add("MatMul", values, graph.constant(weights[:, None]))
    return graph.add("Squeeze", total, graph.constant([-1], dtype="int64"))


_COMPOSED: Mapping[str, Callable[..., str]] = MappingProxyType({"expm1": _expm1, "log1p": _log1p})
_DOUBLE: Mapping[str, Callable[..., str]] = MappingProxyType(
    {"cosh": _cosh, "sinh": _sinh, "tan": _tan, "erf": _erf, "arctan": _arctan}
)
"""Functions of which onnxruntime has float32 kernels only."""


def _text(values: list[Any]) -> bool:
    return bool(values) and isinstance(values[0], str)


def _tensor(onnx: Any, array: Array, name: str) -> Any:
    if array.dtype == object:
        texts = [text.encode() for text in array.ravel()]
        return onnx.helper.make_tensor(name, onnx.TensorProto.STRING, array.shape, texts)
    return onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
