"""The recipe by which `bs.train` and ``backstory train`` train on a table: every choice as data, with its reason.

It was chosen by experiment on the thirteen tables of docs/accuracy.md. How columns are encoded is the other half of it,
in `backstory.data.kinds`.
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
        (64, 64, 64), "a third layer lowers the error on most tables; layers of 128 do no more, at twice the time"
    )
    activation: str = _as("relu", "GELU and SiLU did worse on most tables at this size")
    learning_rate: float = _as(0.01, "the best of 0.005, 0.01 and 0.02 over all tables")
    weight_decay: float = _as(0.1, "without it the small tables overfit, and with 0.5 the smooth ones are not fitted")
    dropout: float = _as(0.0, "0.1 helps where labels are noisy and costs elsewhere")
    batches: int = _as(64, "an epoch has about so many steps, so that small tables get small batches, which fit better")
    least_batch: int = _as(16, "smaller ones take longer and do no better")
    most_batch: int = _as(256, "larger ones do no better on the large tables and are hardly faster")
    steps: int = _as(6000, "about so many steps in all; twice as many gain nothing")
    least_epochs: int = _as(20, "a large table is still seen so many times")
    most_epochs: int = _as(200, "a small table is not seen more often")
    patience: float = _as(
        1 / 3, "of the epochs: the best epoch may come late, when the cosine has brought the rate down"
    )

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
