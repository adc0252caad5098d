"""A trained network as a PyTorch module, and as a file of its state."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from backstory.errors import ConfigurationError
from backstory.functions import ACTIVATIONS, Activation
from backstory.interop.torch_formula import formula_class
from backstory.interop.torch_front import part_classes
from backstory.interop.trained import Trained

_MODULES: Mapping[str, Callable[[Any, dict[str, float]], Any]] = MappingProxyType(
    {
        "relu": lambda nn, _: nn.ReLU(),
        "sigmoid": lambda nn, _: nn.Sigmoid(),
        "tanh": lambda nn, _: nn.Tanh(),
        "softmax": lambda nn, _: nn.Softmax(dim=-1),
        "leaky_relu": lambda nn, parameters: nn.LeakyReLU(parameters["slope"]),
        "elu": lambda nn, parameters: nn.ELU(parameters["alpha"]),
        "selu": lambda nn, _: nn.SELU(),
        "gelu": lambda nn, _: nn.GELU(),
        "gelu_tanh": lambda nn, _: nn.GELU(approximate="tanh"),
        "silu": lambda nn, _: nn.SiLU(),
        "mish": lambda nn, _: nn.Mish(),
        # Above its threshold PyTorch returns z itself; at its default, 20, that is 2e-9 too little.
        "softplus": lambda nn, _: nn.Softplus(threshold=40.0),
        "softsign": lambda nn, _: nn.Softsign(),
        "hard_sigmoid": lambda nn, _: nn.Hardsigmoid(),
        "hard_tanh": lambda nn, _: nn.Hardtanh(),
    }
)
"""Name of a row -> PyTorch's module that is defined so."""
_FIXED = ("selu",)
"""Rows whose parameters PyTorch's module does not take."""


def library() -> Any:
    """PyTorch.

    Raises
    ------
    ConfigurationError
        It is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise ConfigurationError(
            f"A PyTorch module needs PyTorch; {error.name!r} is missing. Run: pip install torch."
        ) from None
    return torch


def module(trained: Trained) -> Any:
    """A ``torch.nn.Sequential`` of Linear layers, activations and other parts; see `Network.to_torch`."""
    torch = library()
    parts: list[Any] = []
    front, others = trained.spec.front, trained.others
    if front is not None:
        parts.append(part_classes()[0](front, others.embedding, others.scale))
    for layer, (W, b, row) in enumerate(trained.layers):
        linear = torch.nn.Linear(*W.shape, bias=b is not None, dtype=getattr(torch, trained.spec.dtype))
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T.copy()))
            if b is not None:
                linear.bias.copy_(torch.from_numpy(b.copy()))
        parts.append(linear)
        if layer < len(others.alphas):
            parts.append(part_classes()[1](_activation(torch, row), others.alphas[layer]))
        elif row.name != "identity":
            parts.append(_activation(torch, row))
    return torch.nn.Sequential(*parts)


def _activation(torch: Any, row: Activation) -> Any:
    if row.name == "identity":
        return torch.nn.Identity()
    if row.name in _MODULES and (row.name not in _FIXED or row == ACTIVATIONS[row.name]):
        return _MODULES[row.name](torch.nn, dict(row.parameters))
    return formula_class()(row)


def write(trained: Trained) -> bytes:
    """The content of a file that holds the module's state: ``module.load_state_dict(torch.load(path))`` reads it."""
    file = io.BytesIO()
    library().save(module(trained).state_dict(), file)
    return file.getvalue()
