"""What every engine promises: the questions it answers about a network, and the run of training steps it takes.

The engines are `reference` (NumPy float64, the textbook's equations, the oracle) and `native` (C++). This module holds
no arithmetic; it is the one description both follow, so that one test body can compare them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backstory.expressions import Expr

Array = NDArray[Any]


@dataclass(frozen=True)
class UpdateRule:
    """An optimizer as the engines see it: formulas for one parameter w with gradient g, applied elementwise.

    The assignments are evaluated in order. They may use ``w``, ``g`` (penalty included, after clipping), ``t`` (the
    1-based step), ``learning_rate`` (of this step and array), ``decay`` (the decoupled weight decay of this step and
    array: 0 for all but weights unless asked for), ``loss``
    (data loss plus penalty), ``gradient_norm_squared`` and ``gradient_max`` (over every parameter that is not frozen),
    the `constants`, and the slots.
    """

    name: str
    """The name of the hand-written native form: ``"sgd"``, ``"adam"``, ..."""
    assignments: tuple[tuple[str, Expr], ...]
    constants: Mapping[str, float]
    """The optimizer's own numbers, flags as 0.0 and 1.0."""
    slots: Mapping[str, float] = field(default_factory=dict)
    """State arrays, laid out like the parameters, with their initial values."""
    weight_decay: float = 0.0
    whole_gradient: bool = False
    """True when the formulas use loss, gradient_norm_squared or gradient_max, so the whole gradient comes first."""

    def decayed(self, share: float) -> UpdateRule:
        """The rule with its weight decay multiplied, as a schedule asks."""
        return self if share == 1 else replace(self, weight_decay=self.weight_decay * share)


@dataclass(frozen=True)
class Chunk:
    """Consecutive training steps of a walk through the rows of one data set, epoch after epoch and batch by batch.

    Each epoch visits all rows of its own order, `batch_size` to a step; its last batch may be shorter.
    """

    X: Array  # (rows, n_in), the network's dtype, C-contiguous
    y: Array  # (rows, n_out), the network's dtype; or (rows,) int64 class indices
    sample_weight: Array | None  # (rows,), the network's dtype
    order: Array | None  # (epochs, rows an epoch visits) int64; None: every epoch takes all rows as they come
    batch_size: int
    first_batch: int  # batches of the walk before this chunk's first step
    steps: int
    first_step: int  # steps this optimizer took before: t of step i is first_step + i + 1
    learning_rates: float | Array  # of every step, or (steps,) float64
    epoch: int  # number of the walk's first epoch; keys the dropout masks
    seed: int  # keys the dropout masks
    dropout: tuple[float, ...]  # one per hidden layer; 0 = none
    clip_norm: float | None  # bound on the norm of the gradient of all parameters that are not frozen
    clip_value: float | None  # bound on each |component|, applied before clip_norm
    frozen: tuple[bool, ...]  # one per parameter array in flat order: W1, b1, W2, b2, ...
    record: bool  # gradient norms and penalty at the last batch of each epoch
    penalty_rows: float = 0.0  # with a mean: the weight of a batch that has the penalty as it is; see `strength`
    rates: tuple[float, ...] = ()  # factors of the learning rate, one per parameter array; empty: all 1
    decays: tuple[float, ...] = ()  # factors of the rule's decay likewise; empty: 1 for weights, 0 for all else
    decay_shares: float | Array = 1.0  # what the rule's decay is multiplied by at every step, or (steps,) float64
    dropout_shares: float | Array = 1.0  # what `dropout` is multiplied by likewise, at most 1

    @property
    def batches(self) -> int:
        """Steps of a whole epoch."""
        return -(-self.visits // self.batch_size)

    @property
    def visits(self) -> int:
        """Rows that an epoch visits."""
        return len(self.X) if self.order is None else int(self.order.shape[1])

    def strength(self, total: float) -> float:
        """What the penalty is multiplied by in a batch whose rows weigh `total`: more, the less they weigh, or 1."""
        if not self.penalty_rows:
            return 1.0
        return self.penalty_rows / total if total else 0.0


@dataclass(frozen=True)
class Failure:
    """Where the first non-finite number arose: the step (index in its chunk), the quantity, its layer and data row."""

    step: int
    quantity: str
    """``"input"``, ``"activation"``, ``"loss"``, ``"delta"``, ``"gradient"``, ``"weight"`` or ``"state"``."""
    layer: int
    """1 ... L; 0 for the input or the loss."""
    row: int
    """Row of X, or -1 where the quantity belongs to no single row."""


@dataclass(frozen=True)
class ChunkResult:
    """What came of a chunk; the parameters and the optimizer's state were updated in place."""

    steps: int  # steps done; fewer than asked when a signal is pending or something became non-finite
    losses: Array  # (steps,) float64: each batch's reduced data loss before its update, without the penalty
    norms: Array  # (recorded steps, L) float64: of each layer's gradient, penalty included, before clipping
    penalties: Array  # (recorded steps,) float64: the penalty after the update, as it is
    failure: Failure | None = None
    interrupt: BaseException | None = None  # what a signal's handler raised meanwhile; raised once the steps are noted


@dataclass(frozen=True)
class Moment:
    """What an optimizer's rule is told of one step whose gradient is given: its numbers that no parameter has alone."""

    step: int  # t, from 1
    learning_rate: float
    frozen: tuple[bool, ...]  # one per parameter array in flat order
    loss: float = 0.0  # data loss plus penalty; this and the next two where the rule asks for the whole gradient
    norm_squared: float = 0.0
    largest: float = 0.0
    rates: tuple[float, ...] = ()  # as in a `Chunk`
    decays: tuple[float, ...] = ()
    decay_share: float = 1.0


class Engine(Protocol):
    """The contract; n is the number of rows. `parameters` is the flat array (W1, b1, W2, b2, ...) of `Spec.dtype`."""

    def predict(self, parameters: Array, X: Array, threads: int = 1) -> Array:
        """Outputs of the network, (n, n_out)."""

    def activations(self, parameters: Array, X: Array) -> tuple[Array, ...]:
        """Values of every layer 1 ... L, each (n, n_l)."""

    def loss(
        self, parameters: Array, X: Array, y: Array, sample_weight: Array | None = None, threads: int = 1
    ) -> float:
        """Data loss, reduced over the rows, plus the penalty."""

    def loss_and_gradient(
        self,
        parameters: Array,
        X: Array,
        y: Array,
        sample_weight: Array | None = None,
        threads: int = 1,
        out: Array | None = None,
    ) -> tuple[float, Array]:
        """The loss and its exact gradient, penalty included, laid out like the parameters; in `out`, if it is given."""

    def penalty(self, parameters: Array) -> float:
        """What the penalty adds to the data loss."""

    def deltas(self, parameters: Array, X: Array, y: Array) -> tuple[Array, ...]:
        """The derivative of each row's own loss by z of every layer 1 ... L, each (n, n_l); not divided by n."""

    def input_gradients(self, parameters: Array, X: Array, y: Array) -> Array:
        """The derivative of each row's own loss by that row's inputs, (n, n_in)."""

    def permutations(self, seed: int, epochs: range, n: int) -> NDArray[np.int64]:
        """The shuffled order of n rows in each of several epochs, (len(epochs), n); see `backstory.engine.counter`."""

    def apply(
        self,
        parameters: Array,
        rule: UpdateRule,
        state: Mapping[str, Array],
        gradient: Array,
        moment: Moment,
        threads: int = 1,
    ) -> None:
        """Take the rule's step along a given gradient, flat, penalty included and clipped: the last part of `train`.

        `parameters` and the arrays of `state` are updated in place, whether or not what comes out is finite.
        """

    def train(
        self, parameters: Array, rule: UpdateRule, state: Mapping[str, Array], chunk: Chunk, threads: int = 1
    ) -> ChunkResult:
        """Take the chunk's steps, updating `parameters` and the arrays of `state` in place.

        When a number becomes non-finite, parameters and state are left as they were before that step.
        """
