"""`Trained`: what of a network is exported or imported, in plain parts that every format reads."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.table import Table
from backstory.errors import ConfigurationError, unknown
from backstory.functions import Activation
from backstory.functions.domains import UNIT
from backstory.network.parameters import Others, other_views, views
from backstory.network.spec import DTYPES, Spec

Array = NDArray[Any]


class Head(Enum):
    """How the outputs of a network are read."""

    NUMBERS = "numbers"
    ONE = "one of the classes: the largest output"
    TWO = "one of two classes: the last where the one output is above 1/2"
    SEVERAL = "any of the classes: those whose output is above 1/2"


@dataclass(frozen=True)
class Trained:
    """A network on its way to another library or language, or from one.

    Attributes
    ----------
    spec : Spec
    parameters : ndarray (n_parameters,) of the spec's dtype
    seed : int
    classes : tuple of labels, optional
        What outputs stand for.
    table : Table, optional
        The encoding of raw columns.
    folded : tuple of str
        Layers of an imported model that are part of the weights beside them.
    """

    spec: Spec
    parameters: Array
    seed: int = 0
    classes: tuple[Any, ...] | None = None
    table: Table | None = None
    folded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, start, shape in self.spec.layout:
            values = self.parameters[start : start + int(np.prod(shape))]
            if not np.isfinite(values).all():
                raise ConfigurationError(
                    f"A network must have finite parameters to be exported or imported. Its {name} holds "
                    f"{_first_of(values)}; train it again, or set them."
                )

    @property
    def layers(self) -> list[tuple[Array, Array | None, Activation]]:
        """Weights (n_in, n_out), biases (n_out,) or None, and activation of each layer."""
        weights, biases = views(self.spec, self.parameters)
        return list(zip(weights, biases or [None] * len(weights), self.spec.activations, strict=True))

    @property
    def others(self) -> Others:
        """The parameters that are not of dense layers."""
        return other_views(self.spec, self.parameters)

    @property
    def head(self) -> Head:
        """How the outputs are read."""
        n_out, classes, loss = self.spec.n_out, self.classes, self.spec.loss
        if classes is not None and len(classes) == 2 and n_out == 1 and UNIT.holds(self.spec.output.range):
            return Head.TWO
        if classes is None or len(classes) != n_out:
            return Head.NUMBERS
        return Head.SEVERAL if loss.name == "binary_cross_entropy" and not self.spec.output.couples else Head.ONE

    @property
    def labels(self) -> tuple[Any, ...]:
        """The classes, where outputs are read as such."""
        return () if self.head is Head.NUMBERS or self.classes is None else self.classes

    @property
    def says(self) -> str:
        """What the outputs are, in words."""
        if self.head is Head.TWO:
            return "1 number, the probability of the second class"
        what = "probability" if UNIT.holds(self.spec.output.range) else "output"
        numbers = "1 number" if self.spec.n_out == 1 else f"{self.spec.n_out} numbers"
        if self.labels:
            return f"{numbers}, the {what} of each class"
        return f"{numbers}, the outputs of the network" if self.table is None else f"{numbers}, the target"

    @property
    def title(self) -> str:
        """The network in a line: sizes, activations, dtype."""
        sizes = "-".join(map(str, self.spec.sizes))
        rows = list(dict.fromkeys(map(str, self.spec.activations[:-1])))
        return ", ".join([sizes, *rows, f"output {self.spec.output}", self.spec.dtype])

    def astype(self, dtype: Any) -> Trained:
        """The same network in another dtype.

        Raises
        ------
        ConfigurationError
            No such dtype, or a parameter is beyond its range.
        """
        try:
            name = np.dtype(dtype).name
        except TypeError:
            name = str(dtype)
        if name not in DTYPES:
            raise unknown("dtype", name, DTYPES)
        with np.errstate(over="ignore"):
            parameters = self.parameters.astype(name)
        return dataclasses.replace(self, spec=dataclasses.replace(self.spec, dtype=name), parameters=parameters)


def _first_of(values: Array) -> Any:
    return values[~np.isfinite(values)][0]
