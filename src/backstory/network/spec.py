"""What a network is, apart from its numbers: sizes, activations, loss, penalty, dtype.

Notation, used everywhere (code, einsum letters, comments, text): layers l = 0 ... L, layer 0 is the input;
``X (n, n_in)``, ``W (n_in, n_out)``, ``b (n_out,)``, ``z = a_prev W + b``, ``a = f(z)``, target ``y``, loss ``L``;
``dz`` means dL/dz, and delta of a unit is dL/dz of that unit. Index letters: n sample, i input unit, j output unit,
l layer. ``w1[2->0]`` is the weight of layer 1 from unit 2 of layer 0 to unit 0 of layer 1; units count from 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from backstory.errors import ConfigurationError, unknown
from backstory.functions import Activation, Loss, Penalty, check_pair
from backstory.functions import activation as find_activation
from backstory.functions import loss as find_loss
from backstory.functions import penalty as find_penalty

DTYPES = ("float32", "float64")
REDUCTIONS = ("mean", "sum")


@dataclass(frozen=True)
class Spec:
    """The frozen description of a feed-forward network; two networks with equal specs compute the same function
    of equal parameters.

    Parameters
    ----------
    sizes : tuple of int
        Units per layer, n_0 (inputs) ... n_L (outputs); at least two entries, each at least 1.
    activations : tuple of Activation
        One per layer 1 ... L; the last is the output's.
    loss : Loss
        Summed over the outputs of one row unless its name says mean.
    penalty : Penalty or None
        A term of the loss over all weights, biases excluded.
    reduction : {"mean", "sum"}
        Over the rows of a batch.
    biases : bool
        Whether the layers have biases.
    dtype : {"float32", "float64"}
        Of parameters and gradients.

    Raises
    ------
    ConfigurationError
        A value outside its domain, or a loss that the output activation's range does not fit.
    """

    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    loss: Loss
    penalty: Penalty | None = None
    reduction: str = "mean"
    biases: bool = True
    dtype: str = "float64"

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or any(isinstance(size, bool) or size < 1 for size in self.sizes):
            raise ConfigurationError(
                "Network sizes must be at least two integers >= 1, inputs first, outputs last. "
                f"Got {list(self.sizes)} instead; for example Network([4, 16, 3])."
            )
        if len(self.activations) != self.n_layers:
            raise ConfigurationError(
                f"A network of sizes {list(self.sizes)} has {self.n_layers - 1} hidden layers, so hidden= takes one "
                f"activation or a list of {self.n_layers - 1}. Got {len(self.activations) - 1} instead."
            )
        for row in self.activations[:-1]:
            if row.couples:
                raise ConfigurationError(
                    f"Activation {row.name!r} couples the units of a layer and is for the output only. "
                    "Use it as output=, and an elementwise activation such as 'relu' or 'tanh' as hidden=."
                )
        if not isinstance(self.biases, bool):
            raise ConfigurationError(f"The 'biases' parameter of Network must be True or False. Got {self.biases!r}.")
        if self.reduction not in REDUCTIONS:
            raise unknown("reduction", self.reduction, REDUCTIONS)
        if self.dtype not in DTYPES:
            raise unknown("dtype", str(self.dtype), DTYPES)
        check_pair(self.loss, self.activations[-1])

    @classmethod
    def of(
        cls,
        sizes: Any,
        hidden: Any,
        output: Any,
        loss: Any,
        penalty: Any = None,
        reduction: str = "mean",
        biases: bool = True,
        dtype: Any = "float64",
    ) -> Spec:
        """Build a spec from names, rows or lists of them, as `Network` takes them."""
        try:
            sizes = list(sizes)
            units = tuple(int(size) for size in sizes if not isinstance(size, bool | str) and int(size) == size)
        except (TypeError, ValueError, OverflowError):
            units = ()
        if not isinstance(sizes, list) or len(units) != len(sizes):
            raise ConfigurationError(
                "Network sizes must be a list of integers >= 1, inputs first, outputs last. "
                f"Got {sizes!r} instead; for example Network([4, 16, 3])."
            )
        one_for_all = isinstance(hidden, str | Activation)
        if not one_for_all and not isinstance(hidden, Iterable):
            raise ConfigurationError(f"hidden= must be an activation or a list of them. Got {hidden!r}.")
        rows = [hidden] * max(len(units) - 2, 0) if one_for_all else list(hidden)
        try:
            dtype = np.dtype(dtype).name
        except TypeError:
            raise unknown("dtype", str(dtype), DTYPES) from None
        return cls(
            sizes=units,
            activations=tuple(find_activation(row) for row in [*rows, output]),
            loss=find_loss(loss),
            penalty=None if penalty is None else find_penalty(penalty),
            reduction=reduction,
            biases=biases,
            dtype=dtype,
        )

    @property
    def n_layers(self) -> int:
        """L, the number of layers with weights."""
        return len(self.sizes) - 1

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return self.sizes[0]

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return self.sizes[-1]

    @property
    def output(self) -> Activation:
        """The output layer's activation."""
        return self.activations[-1]

    @cached_property
    def layout(self) -> tuple[tuple[str, int, tuple[int, ...]], ...]:
        """(name, offset, shape) of every array in the flat parameters: w1 (n_0, n_1), b1 (n_1,), w2, ..."""
        rows: list[tuple[str, int, tuple[int, ...]]] = []
        offset = 0
        for layer, (n_in, n_out) in enumerate(zip(self.sizes, self.sizes[1:], strict=False), start=1):
            rows.append((f"w{layer}", offset, (n_in, n_out)))
            offset += n_in * n_out
            if self.biases:
                rows.append((f"b{layer}", offset, (n_out,)))
                offset += n_out
        return tuple(rows)

    @cached_property
    def n_parameters(self) -> int:
        """Length of the flat parameter array."""
        pairs = zip(self.sizes, self.sizes[1:], strict=False)
        return sum((n_in + self.biases) * n_out for n_in, n_out in pairs)

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain data, for the model file."""
        return {
            "sizes": list(self.sizes),
            "activations": [row.to_dict() for row in self.activations],
            "loss": self.loss.to_dict(),
            "penalty": None if self.penalty is None else self.penalty.to_dict(),
            "reduction": self.reduction,
            "biases": self.biases,
            "dtype": self.dtype,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Spec:
        """The inverse of `to_dict`; raises ConfigurationError for values that no spec has."""
        return cls(
            sizes=tuple(int(size) for size in data["sizes"]),
            activations=tuple(Activation.from_dict(row) for row in data["activations"]),
            loss=Loss.from_dict(data["loss"]),
            penalty=None if data["penalty"] is None else Penalty.from_dict(data["penalty"]),
            reduction=str(data["reduction"]),
            biases=data["biases"],
            dtype=str(data["dtype"]),
        )
