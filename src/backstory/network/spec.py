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
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from backstory.errors import ConfigurationError, unknown
from backstory.functions import Activation, Loss, Penalty, check_pair
from backstory.functions import activation as find_activation
from backstory.functions import loss as find_loss
from backstory.functions import penalty as find_penalty
from backstory.functions.front import Periodic
from backstory.network.front import Front

DTYPES = ("float32", "float64")
REDUCTIONS = ("mean", "sum")
PARAMETRIZATIONS = ("standard", "neural_tangent")
GROUPS = {
    "w": "weights",
    "b": "biases",
    "frequency": "embedding",
    "phase": "embedding",
    "mix": "embedding",
    "shift": "embedding",
    "scale": "scaling",
    "alpha": "activation",
}
"""What the name of a parameter array begins with -> the group it belongs to."""


def group_of(name: str) -> str:
    """The group of a parameter array.

    >>> group_of("w1"), group_of("scale"), group_of("alpha2")
    ('weights', 'scaling', 'activation')
    """
    return GROUPS[name.rstrip("0123456789")]


def layer_of(name: str) -> int:
    """The layer of a parameter array; what stands before the first belongs to it.

    >>> layer_of("b2"), layer_of("scale")
    (2, 1)
    """
    return int(name[len(name.rstrip("0123456789")) :] or 1)


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
    embedding : Periodic or None
        What columns of X become before the first layer.
    scaling : bool
        Whether the columns that the first layer reads have learned factors.
    parametric : bool
        Whether each hidden unit has a parameter alpha: ``a = (1 - alpha)*z + alpha*f(z)``.
    parametrization : {"standard", "neural_tangent"}
        How weights begin and at which rates they are trained; the function computed of W is the same.

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
    embedding: Periodic | None = None
    scaling: bool = False
    parametric: bool = False
    parametrization: str = "standard"

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
        self._check_parts()

    def _check_parts(self) -> None:
        """Raise ConfigurationError for parts beside the dense layers that this network cannot have."""
        for name in ("scaling", "parametric"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationError(
                    f"The '{name}' parameter of Network must be True or False. Got {getattr(self, name)!r}."
                )
        if self.parametrization not in PARAMETRIZATIONS:
            raise unknown("parametrization", str(self.parametrization), PARAMETRIZATIONS)
        if self.parametric and self.n_layers == 1:
            raise ConfigurationError("parametric=True needs a hidden layer, whose units then have an alpha each.")
        if self.embedding is None:
            return
        if not isinstance(self.embedding, Periodic):
            raise ConfigurationError(f"embedding= must be None or Periodic(...). Got {self.embedding!r}.")
        columns = self.embedding.columns
        if columns is not None and columns[-1] >= self.n_in:
            raise ConfigurationError(
                f"The columns to embed must be from 0 to {self.n_in - 1}, as the network has {self.n_in} inputs. "
                f"Got {columns[-1]}."
            )

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
        embedding: Periodic | None = None,
        scaling: bool = False,
        parametric: bool = False,
        parametrization: str = "standard",
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
            embedding=embedding,
            scaling=scaling,
            parametric=parametric,
            parametrization=parametrization,
        )

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing but dense layers."""
        return self.front is None and not self.parametric

    @cached_property
    def front(self) -> Front | None:
        """What columns of X go through before the first layer, or None."""
        if self.embedding is None and not self.scaling:
            return None
        return Front(self.n_in, self.embedding, self.scaling)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """What the dense layers read and give: `sizes`, but for the front's columns in the place of the inputs."""
        return self.sizes if self.front is None else (self.front.n_out, *self.sizes[1:])

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
        """(name, offset, shape) of every array in the flat parameters: w1 (n_0, n_1), b1 (n_1,), w2, ...

        After all dense layers come ``frequency``, ``phase``, ``mix``, ``shift``, ``scale``, and ``alpha1`` (n_1,), ...
        """
        shapes: list[tuple[str, tuple[int, ...]]] = []
        for layer, (n_in, n_out) in enumerate(zip(self.widths, self.widths[1:], strict=False), start=1):
            shapes.append((f"w{layer}", (n_in, n_out)))
            if self.biases:
                shapes.append((f"b{layer}", (n_out,)))
        shapes += () if self.front is None else self.front.shapes
        if self.parametric:
            shapes += [(f"alpha{layer}", (n,)) for layer, n in enumerate(self.sizes[1:-1], start=1)]
        offsets = accumulate((prod(shape) for _, shape in shapes), initial=0)
        return tuple((name, offset, shape) for (name, shape), offset in zip(shapes, offsets, strict=False))

    @cached_property
    def usual_decays(self) -> tuple[float, ...]:
        """What weight decay is multiplied by, one per array, unless others are asked for: only weights shrink."""
        return tuple(float(group_of(name) == "weights") for name, _, _ in self.layout)

    @cached_property
    def n_parameters(self) -> int:
        """Length of the flat parameter array."""
        _, offset, shape = self.layout[-1]
        return offset + prod(shape)

    @cached_property
    def n_dense(self) -> int:
        """How many of the parameters, the first ones, belong to dense layers."""
        return sum((n_in + self.biases) * n_out for n_in, n_out in zip(self.widths, self.widths[1:], strict=False))

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
            **self._parts(),
        }

    def _parts(self) -> dict[str, Any]:
        """What a file says of the parts that plain networks do not have."""
        embedding = None if self.embedding is None else self.embedding.to_dict()
        parts: dict[str, tuple[Any, Any]] = {
            "embedding": (embedding, None),
            "scaling": (self.scaling, False),
            "parametric": (self.parametric, False),
            "parametrization": (self.parametrization, "standard"),
        }
        return {name: value for name, (value, usual) in parts.items() if value != usual}

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
            embedding=None if data.get("embedding") is None else Periodic.from_dict(data["embedding"]),
            scaling=data.get("scaling", False),
            parametric=data.get("parametric", False),
            parametrization=str(data.get("parametrization", "standard")),
        )
