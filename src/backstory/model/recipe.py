"""The recipe by which `bs.train` and ``backstory train`` train on a table: every choice as data, with its reason.

It was chosen by experiment on the thirteen tables of docs/accuracy.md, which has the figures. How columns are encoded
is the other half of it, in `backstory.data.kinds`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from backstory.training.callbacks import EarlyStopping
from backstory.training.optimizers import AdamW
from backstory.training.schedules import Cosine


def _as(default: Any, why: str) -> Any:
    return field(default=default, metadata={"why": why})


@dataclass(frozen=True)
class Plan:
    """The recipe worked out for so many rows."""

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


@dataclass(frozen=True)
class Recipe:
    """How a network is built for a table and trained; `reasons` says why.

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

    def plan(self, n: int, batch_size: int | None = None, epochs: int | None = None) -> Plan:
        """The recipe for n training rows; a batch size or number of epochs that the user chose stays."""
        if batch_size is None:
            batch_size = min(max(2 ** round(math.log2(max(n, 1) / self.batches)), self.least_batch), self.most_batch)
        if epochs is None:
            epochs = min(max(self.steps * batch_size // n, self.least_epochs), self.most_epochs)
        patience = max(int(epochs * self.patience), 5)
        warmup = -(-n // batch_size)
        return Plan(batch_size, epochs, patience, self.learning_rate, warmup, self.weight_decay, self.dropout)


def reasons() -> dict[str, str]:
    """Why each field of the `Recipe` is what it is."""
    return {part.name: part.metadata["why"] for part in fields(Recipe)}
