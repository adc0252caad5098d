"""The recipes by which `bs.train` and ``backstory train`` train on a table: every choice as data, with its reason.

`Tabular` is for tables of more than a few hundred rows, and `Recipe` is the plain one. They were chosen by experiment
on tables of docs/accuracy.md, which has the figures. How columns are encoded is the other half of it, in
`backstory.data.kinds`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Any

from backstory.functions import CrossEntropy, Loss
from backstory.functions.front import Periodic
from backstory.training.callbacks import EarlyStopping
from backstory.training.optimizers import AdamW
from backstory.training.schedules import Cosine, CosLog, FlatCos, Schedule

FEWEST_ROWS = 300
"""Tables with fewer rows to train on get the plain recipe."""


_PERIODIC = Periodic()


def _as(default: Any, why: str) -> Any:
    return field(default=default, metadata={"why": why})


@dataclass(frozen=True)
class Plan:
    """The plain recipe worked out for so many rows."""

    batch_size: int
    epochs: int
    patience: int
    learning_rate: float
    warmup: int
    weight_decay: float
    dropout: float

    @property
    def optimizer(self) -> AdamW:
        """AdamW, its rate rising over the warm-up and then falling along a cosine to 0."""
        return AdamW(Cosine(self.learning_rate, warmup=self.warmup), weight_decay=self.weight_decay)

    @property
    def early_stopping(self) -> EarlyStopping:
        """The best epoch is kept."""
        return EarlyStopping(self.patience)

    @property
    def rates(self) -> None:
        """One rate for all parameters."""

    @property
    def decays(self) -> None:
        """Weights decay, and nothing else does."""


@dataclass(frozen=True)
class Recipe:
    """How a plain network is built for a table and trained; `reasons` says why.

    Examples
    --------
    >>> Recipe().plan(150)
    Plan(batch_size=16, epochs=200, patience=66, learning_rate=0.01, warmup=10, weight_decay=0.1, dropout=0.0)
    """

    hidden: tuple[int, ...] = _as(
        (64, 64, 64), "two layers or four do worse; layers of 128 do no better, at twice the time"
    )
    activation: str = _as(
        "relu", "GELU does worse on 10 of 13 tables; first weights are He's, as Glorot's are worse on 9"
    )
    learning_rate: float = _as(
        0.01, "0.005 is worse on 10 of 13 tables, 0.02 on 8; without the cosine it is worse on all"
    )
    weight_decay: float = _as(0.1, "0.03 is worse on 9 of 13 tables, 0.3 on 10")
    dropout: float = _as(0.0, "0.05 is worse on 8 of 13 tables, by 17 % where the target is smooth")
    batches: int = _as(64, "an epoch has about so many steps; batches half as large are worse on 8 of 13 tables")
    least_batch: int = _as(16, "the smallest tables still get means over some rows")
    most_batch: int = _as(
        256, "twice as large gains half a percent in the middle, and costs up to 36 % on small tables"
    )
    steps: int = _as(
        6000, "about so many in all: half is worse on 11 of 13 tables, twice as many gain 0.2 % in the middle"
    )
    least_epochs: int = _as(20, "a large table is still seen so many times")
    most_epochs: int = _as(200, "a small table is not seen more often")
    patience: float = _as(1 / 3, "of the epochs: with half of that, the best epoch is missed on 7 of 13 tables")

    def parts(self, classes: bool) -> dict[str, Any]:
        """What a network is built with, for classes or a number."""
        return {"hidden": self.activation, "loss": "cross_entropy" if classes else "half_squared_error"}

    def plan(
        self, n: int, batch_size: int | None = None, epochs: int | None = None, classes: bool | None = None
    ) -> Plan:
        """The recipe for n training rows, whatever the target; a batch size or number of epochs of the user's stays."""
        if batch_size is None:
            batch_size = min(max(2 ** round(math.log2(max(n, 1) / self.batches)), self.least_batch), self.most_batch)
        if epochs is None:
            epochs = min(max(self.steps * batch_size // n, self.least_epochs), self.most_epochs)
        patience = max(int(epochs * self.patience), 5)
        warmup = -(-n // batch_size)
        return Plan(batch_size, epochs, patience, self.learning_rate, warmup, self.weight_decay, self.dropout)


@dataclass(frozen=True)
class TabularPlan:
    """The recipe for tables worked out for so many rows and a kind of target."""

    batch_size: int
    epochs: int
    optimizer: AdamW
    dropout: float | Schedule
    early_stopping: EarlyStopping
    rates: dict[str, float]
    decays: dict[str, float]


@dataclass(frozen=True)
class Tabular:
    """How a network is built for a table of more than a few hundred rows and trained; `reasons` says why.

    The parts are those of RealMLP: columns of numbers are embedded, all columns have learned factors, hidden units an
    alpha each, first weights are fitted to the rows, and rates are those of the neural-tangent parametrization. Layers
    are half as wide, and small tables are trained on twice, the second time on all rows.

    References
    ----------
    Holzmüller, Grinsztajn & Steinwart, "Better by default", NeurIPS 2024.

    Examples
    --------
    >>> plan = Tabular().plan(1000, classes=True)
    >>> plan.batch_size, plan.epochs, plan.optimizer.learning_rate
    (250, 256, CosLog(rate=0.04, cycles=4))
    >>> Tabular().rates["scaling"]
    6.0
    """

    hidden: tuple[int, ...] = _as(
        (128, 128, 128), "64 units are 6 % worse on eight small tables; 256 take three times as long"
    )
    activation_of_classes: str = _as("selu", "as in RealMLP")
    activation_of_numbers: str = _as("mish", "as in RealMLP")
    embedding: Periodic = _as(_PERIODIC, "without it the error is a sixth higher on some tables")  # noqa: RUF009 - a field
    scaling: bool = _as(True, "as in RealMLP")
    parametric: bool = _as(True, "as in RealMLP")
    parametrization: str = _as("neural_tangent", "as in RealMLP")
    standardize_units: bool = _as(True, "as in RealMLP; without it the error is 3 % higher on eight small tables")
    rate_of_classes: float = _as(0.04, "as in RealMLP")
    rate_of_numbers: float = _as(0.2, "as in RealMLP")
    rate_of_scaling: float = _as(6.0, "as in RealMLP")
    rate_of_others: float = _as(0.1, "of biases, embeddings and activations; as in RealMLP")
    cycles: int = _as(4, "as in RealMLP")
    beta2: float = _as(0.95, "0.999 is 4 % worse on eight small tables")
    weight_decay: float = _as(0.02, "as in RealMLP")
    dropout: float = _as(0.1, "0.15, as in RealMLP, is 4 % worse in layers half as wide as its")
    label_smoothing: float = _as(0.1, "as in RealMLP")
    held_out: float = _as(0.2, "as in RealMLP")
    refit: int = _as(4000, "rows at most: 7 % better on eight small tables, at twice the time")
    most_batch: int = _as(256, "as in RealMLP; all of about the same size, as the last is not left out here")
    epochs: int = _as(256, "as in RealMLP")
    steps: int = _as(16_000, "in `bs.train` at most about so many, so that a large table is seen less often")
    least_epochs: int = _as(20, "a large table is still seen so many times")

    def activation(self, classes: bool) -> str:
        """Of the hidden units."""
        return self.activation_of_classes if classes else self.activation_of_numbers

    def optimizer(self, classes: bool) -> AdamW:
        """AdamW, its rate in cycles, its decay level and then falling."""
        rate = CosLog(self.rate_of_classes if classes else self.rate_of_numbers, self.cycles)
        return AdamW(rate, beta2=self.beta2, weight_decay=FlatCos(self.weight_decay))

    @property
    def dropout_schedule(self) -> float | Schedule:
        """Level, and then falling."""
        return FlatCos(self.dropout) if self.dropout else 0.0

    @property
    def rates(self) -> dict[str, float]:
        """Factors of the rate by group of parameters."""
        return {"scaling": self.rate_of_scaling} | dict.fromkeys(
            ("biases", "embedding", "activation"), self.rate_of_others
        )

    @property
    def decays(self) -> dict[str, float]:
        """Factors of the decay by group: all but biases."""
        return dict.fromkeys(("scaling", "embedding", "activation"), 1.0)

    def loss(self, classes: bool) -> str | Loss:
        """Squares, or cross-entropy with smoothed labels."""
        return CrossEntropy(label_smoothing=self.label_smoothing) if classes else "half_squared_error"

    def parts(self, classes: bool) -> dict[str, Any]:
        """What a network is built with, for classes or a number."""
        return {
            "hidden": self.activation(classes),
            "loss": self.loss(classes),
            "embedding": self.embedding,
            "scaling": self.scaling,
            "parametric": self.parametric,
            "parametrization": self.parametrization,
        }

    def plan(
        self, n: int, batch_size: int | None = None, epochs: int | None = None, classes: bool = False
    ) -> TabularPlan:
        """The recipe for n training rows; a batch size or number of epochs that the user chose stays."""
        keep = EarlyStopping(patience=None, metric="accuracy" if classes else None)
        size = even_batch(n, self.most_batch) if batch_size is None else batch_size
        count = min(max(self.steps * size // n, self.least_epochs), self.epochs) if epochs is None else epochs
        return TabularPlan(size, count, self.optimizer(classes), self.dropout_schedule, keep, self.rates, self.decays)


def even_batch(n: int, most: int = 256) -> int:
    """How many of n rows make a batch, where batches have at most so many and all about the same size.

    >>> [even_batch(n) for n in (100, 257, 742, 100_000)]
    [100, 129, 248, 256]
    """
    return -(-n // -(-n // most))


def chosen(n: int, plain: bool, hidden: tuple[int, ...] | None) -> Recipe | Tabular:
    """The recipe for a table of n rows to train on, or the plain one where it is asked for or layers are given.

    >>> chosen(5000, False, None).hidden, chosen(5000, True, None).hidden, chosen(5000, False, (8,)).hidden
    ((128, 128, 128), (64, 64, 64), (8,))
    """
    if hidden is not None:
        return replace(Recipe(), hidden=hidden)
    return Recipe() if plain or n < FEWEST_ROWS else Tabular()


def reasons(recipe: type[Recipe] | type[Tabular] = Recipe) -> dict[str, str]:
    """Why each field of a recipe is what it is."""
    return {part.name: part.metadata["why"] for part in fields(recipe)}
