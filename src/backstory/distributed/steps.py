"""Training steps over shards: a gradient for each of them, all added in the tree, and the same update everywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.distributed.shards import Shards, shard_seed
from backstory.distributed.sums import Tree
from backstory.engine.contract import Array, Chunk, Engine, Failure, Moment, UpdateRule
from backstory.engine.reference import clipped, first_failure, free_mask, layer_norms, norm_failure, penalty_slope
from backstory.network.spec import Spec
from backstory.training.optimizers import SGD
from backstory.training.trainer import Data, Memory, Options

SHARED_WORK = 1 << 23
"""From so many multiply-adds on, forward, a shard's gradient is worth waking threads for."""

UPDATE_WORK = 8
"""So many rows of a gradient cost about what the update of the weights does."""

COLLECT = SGD(momentum=0.5).rule()
"""A rule whose memory, from 0, is the gradient itself after one step."""


@dataclass(frozen=True)
class Sharded(Data):
    """The rows of the shards that this process has; its length is that of the whole data set.

    Attributes
    ----------
    shards : Shards
    first : int
        The number of X's first row in the whole data set.
    mark : str
        What tells the whole data set from others.
    """

    shards: Shards = field(default_factory=lambda: Shards(1))
    first: int = 0
    mark: str = ""

    def __len__(self) -> int:
        return self.shards.rows

    @property
    def weighted(self) -> bool:
        """Whether rows have weights."""
        return self.sample_weight is not None

    def digest(self) -> str:
        return self.mark

    def part(self, shard: int) -> Data:
        """The rows of one shard."""
        rows = slice(self.shards.start(shard) - self.first, self.shards.start(shard + 1) - self.first)
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        numbers = np.arange(self.first + rows.start, self.first + rows.stop) if self.rows is None else self.rows[rows]
        return Data(self.X[rows], self.y[rows], weight, numbers)


@dataclass(frozen=True)
class Orders:
    """The rows' orders in some epochs: of this process's shards, each (epochs, rows); and the weight of each batch."""

    rows: Mapping[int, NDArray[np.int64]]
    totals: NDArray[np.float64]  # (epochs, batches), over all shards


class Steps:
    """What the steps of one run need, and how one is taken.

    Parameters
    ----------
    engine : Engine
        Which applies the rule.
    summing : Engine
        Of the same network, whose loss is the sum over rows, without a penalty: for the shards' gradients.
    spec, parameters, memory, options, data, batch_size, tree
    """

    def __init__(
        self,
        engine: Engine,
        summing: Engine,
        spec: Spec,
        parameters: Array,
        memory: Memory,
        options: Options,
        data: Sharded,
        batch_size: int,
        tree: Tree,
    ) -> None:
        self.engine, self.summing, self.spec = engine, summing, spec
        self.options, self.tree = options, tree
        self.parameters, self.memory = parameters, memory
        self.owned = data.shards.owned(tree.team.rank, tree.team.size)
        self.parts = {shard: data.part(shard) for shard in self.owned}
        self.seeds = {shard: shard_seed(options.seed, shard) for shard in self.owned}
        self.starts = {shard: data.shards.starts(shard, batch_size) for shard in self.owned}
        self.bounds = {shard: starts.tolist() for shard, starts in self.starts.items()}
        self.batches = -(-len(data) // batch_size)
        self.sizes = np.diff(np.minimum(np.arange(self.batches + 1) * batch_size, len(data))).astype(np.float64)
        self.weighted = data.weighted
        self.mean = spec.reduction == "mean"
        self._free = free_mask(spec, options.frozen)
        self._gradient, self._scratch = np.empty_like(parameters), np.empty_like(parameters)
        self._shard_threads = max(1, options.threads // len(self.owned))
        self.failures: dict[int, Failure] = {}
        self._overflow: Failure | None = None

    def orders(self, epochs: range) -> Orders:
        """The rows' orders in several epochs; as they come in each shard where they are not shuffled."""
        rows = {}
        for shard, part in self.parts.items():
            n, seed = len(part), self.seeds[shard]
            shuffled = self.options.shuffle and n > 0
            order = self.engine.permutations(seed, epochs, n) if shuffled else np.arange(n)[None]
            rows[shard] = np.broadcast_to(order, (len(epochs), n))
        if not self.weighted:
            return Orders(rows, np.broadcast_to(self.sizes, (len(epochs), self.batches)))
        mine = [self._batch_weights(shard, rows[shard]) for shard in self.owned]
        return Orders(rows, self.tree.total(self.tree.gathered(mine)))

    def _batch_weights(self, shard: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """What the rows of a shard weigh in each batch, (epochs, batches)."""
        starts, weight = self.starts[shard], self.parts[shard].sample_weight
        assert weight is not None
        some = starts[1:] > starts[:-1]
        totals = np.zeros((len(rows), self.batches))
        if some.any():
            totals[:, some] = np.add.reduceat(weight[rows], starts[:-1][some], axis=1, dtype=np.float64)
        return totals

    def gradient(
        self,
        orders: Orders,
        epoch: int,
        number: int,
        batch: int,
        losses: Array,
        dropout: tuple[float, ...],
        careful: bool = True,
    ) -> Array | None:
        """The data loss's gradient over a batch, the same everywhere; None where it is not finite.

        Parameters
        ----------
        epoch : int
            The place of the epoch in the orders.
        number : int
            Its number, which keys the masks.
        losses : ndarray (owned shards,)
            Is given the sums over each shard's rows.
        dropout : tuple of float
            Of each hidden layer.
        careful : bool
            Whether `failures` is to say where something became non-finite; the bits are the same.
        """
        self.failures = {}
        quick = not careful and not any(dropout)

        def make(shard: int, out: Array) -> None:
            first, last = self.bounds[shard][batch : batch + 2]
            if last == first:
                out.fill(0)
                return
            rows = orders.rows[shard][epoch, first:last]
            losses[shard - self.owned.start] = (
                self._shard_gradient(shard, rows, out)
                if quick
                else self._found_gradient(shard, rows, number, dropout, out)
            )

        self.tree.add(make, self._gradient, self._lanes(self.sizes[batch]) if quick else 1)
        if not all_finite(self._gradient):
            return None
        self._gradient *= self._gradient.dtype.type(self.share(orders, epoch, batch))
        return self._gradient

    def share(self, orders: Orders, epoch: int, batch: int) -> float:
        """What the sum over a batch is multiplied by."""
        total = float(orders.totals[epoch, batch])
        return (1.0 / total if total else 0.0) if self.mean else 1.0

    def _shard_gradient(self, shard: int, rows: NDArray[np.int64], out: Array) -> float:
        """Put the gradient summed over some rows of a shard into `out`; their loss is what comes back."""
        part = self.parts[shard]
        weight = None if part.sample_weight is None else part.sample_weight.take(rows)
        X, y = part.X.take(rows, axis=0), part.y.take(rows, axis=0)
        threads = min(self._threads(len(rows)), self._shard_threads)
        loss, _ = self.summing.loss_and_gradient(self.parameters, X, y, weight, threads, out)
        if not math.isfinite(loss):
            out.fill(np.nan)
        return loss

    def _lanes(self, rows: float) -> int:
        """How many shards' gradients are computed at a time, each on one thread; results do not depend on it."""
        return min(self._threads(rows), len(self.owned))

    def _threads(self, rows: float) -> int:
        """As many as pay for some rows; results do not depend on it."""
        return self.options.threads if rows * len(self.parameters) >= SHARED_WORK else 1

    def _found_gradient(
        self, shard: int, rows: NDArray[np.int64], epoch: int, dropout: tuple[float, ...], out: Array
    ) -> float:
        """The same with dropout, and with a failure kept that says where it arose."""
        part, options = self.parts[shard], self.options
        chunk = Chunk(
            X=part.X,
            y=part.y,
            sample_weight=part.sample_weight,
            order=np.ascontiguousarray(rows[None]),
            batch_size=len(rows),
            first_batch=0,
            steps=1,
            first_step=0,
            learning_rates=0.0,
            epoch=epoch,
            seed=self.seeds[shard],
            dropout=dropout,
            clip_norm=None,
            clip_value=None,
            frozen=(False,) * len(options.frozen),
            record=False,
        )
        out.fill(0)
        self._scratch[:] = self.parameters
        result = self.summing.train(self._scratch, COLLECT, {"m": out}, chunk, self._threads(len(rows)))
        if result.failure is not None:
            row = result.failure.row
            assert part.rows is not None
            self.failures[shard] = replace(result.failure, row=int(part.rows[row]) if row >= 0 else -1)
            out.fill(np.nan)
            return float("nan")
        return float(result.losses[0])

    def update(
        self, rule: UpdateRule, gradient: Array, strength: float, rate: float, data_loss: float, record: bool
    ) -> list[float]:
        """Add the penalty, clip, and apply the rule; the layers' norms before clipping, where they are recorded."""
        spec, options = self.spec, self.options
        loss = data_loss
        if spec.penalty is not None:
            gradient += (strength * penalty_slope(spec, self.parameters)).astype(gradient.dtype)
            loss += strength * self.engine.penalty(self.parameters) if rule.whole_gradient else 0.0
        norms = layer_norms(spec, gradient) if record else []
        norm_squared = largest = 0.0
        if rule.whole_gradient or options.clip_norm is not None or options.clip_value is not None:
            gradient, norm_squared, largest = clipped(gradient, self._free, options.clip_norm, options.clip_value)
        self._overflow = norm_failure(rule, 0, norm_squared)
        moment = Moment(self.memory.steps + 1, rate, options.frozen, loss, norm_squared, largest)
        self.engine.apply(self.parameters, rule, self.memory.state, gradient, moment, self._threads(UPDATE_WORK))
        return norms

    def found(self, step: int, gradient: Array | None) -> Failure | None:
        """Where the first non-finite number of a step arose, as all processes agree; None: nowhere."""
        if gradient is None:
            every = {shard: failure for each in self.tree.team.gather(self.failures) for shard, failure in each.items()}
            if every:
                return replace(every[min(every)], step=step)
            return first_failure(self.spec, step, "gradient", self._gradient)
        if self._overflow is not None:
            return replace(self._overflow, step=step)
        arrays: list[tuple[str, Any]] = [("weight", self.parameters)]
        arrays += [("state", values) for values in self.memory.state.values()]
        for quantity, values in arrays:
            if not all_finite(values) and (failure := first_failure(self.spec, step, quantity, values)) is not None:
                return failure
        return None

    def finite(self) -> bool:
        """Whether the weights and the optimizer's state are, and what the last step was made of."""
        arrays = (self.parameters, *self.memory.state.values())
        return self._overflow is None and all(all_finite(values) for values in arrays)


def all_finite(values: Array) -> bool:
    """Whether all numbers are finite; mostly told by their sum."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(np.add.reduce(values)) or np.isfinite(values).all())
