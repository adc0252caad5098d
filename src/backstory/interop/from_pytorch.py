"""A PyTorch module as a network. Its own forward pass is traced, so that nothing is guessed."""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from backstory.errors import ConfigurationError
from backstory.functions import Activation, Loss, Penalty
from backstory.interop.chain import Apply, Dense, Scale, Step, Width, refused, trained
from backstory.interop.readings import Reading
from backstory.interop.trained import Trained
from backstory.network.spec import DTYPES

MODULES = {
    "AlphaDropout": "dropout",
    "Dropout": "dropout",
    "ELU": "elu",
    "FeatureAlphaDropout": "dropout",
    "Flatten": "flatten",
    "GELU": "gelu",
    "Hardsigmoid": "hardsigmoid",
    "Hardtanh": "hardtanh",
    "Identity": "identity",
    "LeakyReLU": "leaky_relu",
    "Mish": "mish",
    "ReLU": "relu",
    "SELU": "selu",
    "SiLU": "silu",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Tanh": "tanh",
}
"""The class of a module -> the function that it calls."""

PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "dropout": {"p": 0.5, "training": True},
    "elu": {"alpha": 1.0},
    "flatten": {"start_dim": 0, "end_dim": -1},
    "gelu": {"approximate": "none"},
    "hardtanh": {"min_val": -1.0, "max_val": 1.0},
    "leaky_relu": {"negative_slope": 0.01},
    "softmax": {"dim": None},
    "softplus": {"beta": 1.0, "threshold": 20.0},
}
"""What a function takes after its input, in order, with the defaults; modules have attributes of these names."""

ACTIVATIONS = {
    "arctan": Reading("arctan"),
    "atan": Reading("arctan"),
    "elu": Reading("elu", {"alpha": "alpha"}),
    "exp": Reading("exp"),
    "gelu": Reading("approximate", by={"none": "gelu", "tanh": "gelu_tanh"}),
    "hardsigmoid": Reading("hard_sigmoid"),
    "hardtanh": Reading("hard_tanh", fixed={"min_val": (-1.0,), "max_val": (1.0,)}),
    "leaky_relu": Reading("leaky_relu", {"negative_slope": "slope"}),
    "mish": Reading("mish"),
    "relu": Reading("relu"),
    "selu": Reading("selu"),
    "sigmoid": Reading("sigmoid"),
    "silu": Reading("silu"),
    "softmax": Reading("softmax", fixed={"dim": (1, -1, None)}),
    "softplus": Reading("softplus", fixed={"beta": (1.0,), "threshold": (20.0, 40.0)}),
    "softsign": Reading("softsign"),
    "tanh": Reading("tanh"),
}

WHY = {
    "LogSoftmax": "the library has probabilities, not their logarithms, as outputs. Leave it out and say "
    "output='softmax': its loss cross_entropy is that of LogSoftmax with NLLLoss.",
    "log_softmax": "the library has probabilities, not their logarithms, as outputs. Return the values before it and "
    "say output='softmax': its loss cross_entropy is that of log_softmax with nll_loss.",
    "PReLU": "its slope is learned, and the library's activations have fixed parameters.",
    "LayerNorm": "it divides each row by its own deviation, which no dense layer does.",
}
"""What is worth knowing of some that cannot be imported."""


def from_pytorch(
    module: Any,
    *,
    output: str | Activation | None = None,
    loss: str | Loss | None = None,
    penalty: Penalty | None = None,
) -> Trained:
    """Read a module; see `backstory.from_torch`."""
    _refuse_unless_plain(module)
    with _evaluating(module):
        steps = [step for node in _chain(module) if (step := _read(module, node)) is not None]
        return trained(steps, output=output, loss=loss, penalty=penalty)


def _refuse_unless_plain(module: Any) -> None:
    """Raise for what is no module, and for hooks, which may change any value unseen."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(module, torch.nn.Module):
        raise ConfigurationError(f"from_torch takes a torch.nn.Module. Got {type(module).__name__}.")
    for name, each in module.named_modules():
        if each._forward_hooks or each._forward_pre_hooks:
            raise refused(_named(name, each), "it has hooks, which may change any value. Remove them first.")


@contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """Evaluation mode, and afterwards every part as it was."""
    before = [(each, each.training) for each in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for each, training in before:
            each.training = training


def _chain(module: Any) -> list[Any]:
    """The nodes that the output is computed by, each from the one before it alone."""
    import torch.fx

    name = type(module).__name__
    try:
        graph = torch.fx.symbolic_trace(module).graph
    except Exception as error:  # the module's own code, run on stand-ins, may raise anything
        raise ConfigurationError(
            f"Cannot import {name}: its forward pass cannot be traced as one fixed chain of layers "
            f"({str(error).splitlines()[0] if str(error) else type(error).__name__})."
        ) from error
    (end,) = (node for node in graph.nodes if node.op == "output")
    node, chain = end.args[0], []
    while isinstance(node, torch.fx.Node) and node.op != "placeholder":
        chain.append(node)
        node = node.args[0] if node.args else node.kwargs.get("input")
    if not isinstance(node, torch.fx.Node):
        what = _called(chain[-1]) if chain else name
        raise refused(what, "it must compute one tensor from one tensor.")
    return chain[::-1]


def _read(root: Any, node: Any) -> Step | None:
    """What one node does; None where it leaves the rows as they are."""
    if node.op == "call_module":
        return _read_module(root.get_submodule(node.target), node)
    where, name = _called(node), _name(node)
    if name == "linear":
        return _linear(where, *(_tensor(root, where, node, place, key) for place, key in ((1, "weight"), (2, "bias"))))
    if name in ("view", "reshape") and node.op == "call_method":
        return _as_rows(where, node)
    if name not in {*MODULES.values(), *ACTIVATIONS, "contiguous"}:
        raise refused(where, WHY.get(name, f"only these are known: {', '.join(sorted({*ACTIVATIONS, 'linear'}))}."))
    names = PARAMETERS.get(name, {})
    given = {**names, **dict(zip(names, node.args[1:], strict=False)), **node.kwargs}
    return _by_name(where, name, given)


def _read_module(module: Any, node: Any) -> Step | None:
    where, kind = _named(node.target, module), type(module).__name__
    if kind == "Linear":
        return _linear(where, module.weight, module.bias)
    if kind == "BatchNorm1d":
        return _scale(where, module)
    if kind not in MODULES:
        known = ", ".join(sorted({*MODULES, "BatchNorm1d", "Linear"}))
        raise refused(where, WHY.get(kind, f"only these are known: {known}."))
    name = MODULES[kind]
    return _by_name(where, name, {each: getattr(module, each) for each in PARAMETERS.get(name, {})})


def _by_name(where: str, name: str, given: Mapping[str, Any]) -> Step | None:
    """What a function of torch does that has no weights."""
    if name == "dropout":
        if given["training"] and given["p"]:
            raise refused(where, "it drops units in evaluation mode too. Call it with training=self.training.")
        return None
    if name == "flatten":
        if (given["start_dim"], given["end_dim"]) != (1, -1):
            raise refused(where, "only a flattening of each row is known: start_dim=1, end_dim=-1.")
        return None
    return Apply(where, ACTIVATIONS[name].read(where, given)) if name in ACTIVATIONS else None


def _linear(where: str, weight: Any, bias: Any) -> Dense:
    return Dense(where, _array(where, weight).T, None if bias is None else _array(where, bias))


def _scale(where: str, norm: Any) -> Scale:
    """Batch normalization as it predicts: (a - mean)/sqrt(variance + eps)*weight + bias (Ioffe & Szegedy 2015)."""
    if norm.running_mean is None:
        raise refused(where, "it normalizes by each batch's own mean, which is no fixed scaling of its inputs.")
    mean, variance = (_array(where, each).astype(np.float64) for each in (norm.running_mean, norm.running_var))
    weight, bias = (None if each is None else _array(where, each) for each in (norm.weight, norm.bias))
    factor = (1.0 if weight is None else weight) / np.sqrt(variance + norm.eps)
    return Scale(where, factor, (0.0 if bias is None else bias) - mean * factor)


def _array(where: str, tensor: Any) -> Any:
    """The numbers of a parameter or buffer."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in DTYPES:
        raise refused(where, f"its numbers must be float32 or float64. Got {dtype}; convert it with .float() first.")
    if tensor.is_meta or type(tensor).__name__.startswith("Uninitialized"):
        raise refused(where, "its parameters have no values yet. Run the module once, or load its state first.")
    return tensor.detach().cpu().numpy()


def _tensor(root: Any, where: str, node: Any, place: int, key: str) -> Any:
    """A parameter that a function is called with."""
    given = node.args[place] if len(node.args) > place else node.kwargs.get(key)
    if given is None:
        return None
    if given.op != "get_attr":
        raise refused(where, f"its {key} must be a parameter of the module, and is computed.")
    return operator.attrgetter(given.target)(root)


def _as_rows(where: str, node: Any) -> Step | None:
    """A view as rows: view(len, -1), view(-1, n)."""
    shape = node.args[1] if len(node.args) == 2 and isinstance(node.args[1], tuple | list) else node.args[1:]
    if len(shape) == 2 and isinstance(shape[1], int) and (shape[0] == -1 or _is_length(shape[0])):
        return None if shape[1] == -1 else Width(where, shape[1])
    raise refused(where, "only a view as rows is known: view(x.size(0), -1) or view(-1, n).")


def _is_length(node: Any) -> bool:
    """Whether it is x.size(0), x.size()[0], x.shape[0] or len(x)."""
    if getattr(node, "op", None) == "call_method":
        return bool(node.target == "size" and node.args[1:] == (0,))
    if getattr(node, "op", None) != "call_function" or node.target is not operator.getitem or node.args[1] != 0:
        return False
    whole = node.args[0]
    return bool(whole.target == "size" or (whole.target is getattr and whole.args[1] == "shape"))


def _name(node: Any) -> str:
    """The name of a function or method of torch, in-place ones like the others; '' of anybody else's."""
    import torch

    if node.op == "call_method":
        return str(node.target).removesuffix("_")
    name = getattr(node.target, "__name__", "")
    homes = (torch, torch.nn.functional)
    return name.removesuffix("_") if any(getattr(home, name, None) is node.target for home in homes) else ""


def _called(node: Any) -> str:
    """A node in the words of whoever wrote it, for messages."""
    if node.op == "call_module":
        return f"{node.target!r}"
    name = getattr(node.target, "__name__", node.target)
    return f"the parameter {name!r}" if node.op == "get_attr" else f"the call of {name}"


def _named(name: str, module: Any) -> str:
    return f"{name!r} ({type(module).__name__})" if name else type(module).__name__
