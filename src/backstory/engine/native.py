"""The native engine: an adapter from the engine contract to the C++ extension of the best instruction set.

It chooses the extension module, describes a spec to it once, and hands arrays over; it computes nothing itself.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.engine.contract import Array, Chunk, ChunkResult, Failure, Moment, UpdateRule
from backstory.engine.functors import native_activation, native_loss
from backstory.errors import ConfigurationError, unknown
from backstory.functions import Interval
from backstory.network.spec import Spec

INSTRUCTION_SETS = ("baseline", "avx2", "avx512")
"""The instruction sets an extension module may be built for, from the plainest to the widest."""
_WORD = 2**64 - 1


def usable() -> list[str]:
    """The instruction sets that are built and that this machine runs, from the plainest to the widest."""
    best = importlib.import_module("backstory._native_baseline").best_isa()
    runs = INSTRUCTION_SETS[: INSTRUCTION_SETS.index(best) + 1]
    return [isa for isa in runs if importlib.util.find_spec(f"backstory._native_{isa}") is not None]


@cache
def native_module() -> Any:
    """The extension module in use: the best this machine runs, or the one that BACKSTORY_ISA names.

    Raises
    ------
    ConfigurationError
        BACKSTORY_ISA names an unknown instruction set, or one that this machine or this build does not have; or a
        free-threaded Python was told to do without its lock.
    """
    known = usable()
    wanted = os.environ.get("BACKSTORY_ISA") or known[-1]
    if wanted not in INSTRUCTION_SETS:
        raise unknown("instruction set in BACKSTORY_ISA", wanted, INSTRUCTION_SETS)
    if wanted not in known:
        raise ConfigurationError(
            f"BACKSTORY_ISA must name an instruction set that this machine runs and this build has: "
            f"{', '.join(known)}. Got {wanted!r}; unset it to use {known[-1]!r}."
        )
    module = importlib.import_module(f"backstory._native_{wanted}")
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        raise ConfigurationError(
            "The native engine must have Python's global lock, which importing it switches on in a free-threaded "
            "build. It is off; unset PYTHON_GIL and leave out -X gil=0."
        )
    return module


def default_threads() -> int:
    """How many threads this process may use: the least of its CPU affinity, its cgroup's quota and OMP_NUM_THREADS.

    Returns
    -------
    int >= 1
    """
    limits = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    limits += cgroup_limits()
    omp = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if omp.isdigit() and int(omp) >= 1:
        limits.append(int(omp))
    return max(1, min(limits))


@cache
def cgroup_limits(root: str = "/sys/fs/cgroup", membership: str = "/proc/self/cgroup") -> tuple[int, ...]:
    """The CPU quotas of this process's control group and of those above it, in whole CPUs, rounded up.

    Parameters
    ----------
    root : str
        Where control groups are mounted.
    membership : str
        The file that names this process's groups.

    Returns
    -------
    tuple of int
        Empty where there is no quota, or nothing to read.
    """
    limits: list[int] = []
    for line in _read(membership).splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":  # version 2: one tree, "quota period" in one file
            base = Path(root)
        elif "cpu" in controllers.split(","):  # version 1: a tree for each controller, two files
            base = Path(root, controllers)
            base = base if base.is_dir() else Path(root, "cpu")
        else:
            continue
        group = base / path.strip("/")
        for folder in (group, *group.parents):
            if not folder.is_relative_to(base):
                break
            words = _read(folder / "cpu.max").split() or [
                *_read(folder / "cpu.cfs_quota_us").split(),
                *_read(folder / "cpu.cfs_period_us").split(),
            ]
            if len(words) == 2 and words[0].isdigit() and words[1].isdigit() and int(words[1]) > 0:
                limits.append(max(1, -(-int(words[0]) // int(words[1]))))
    return tuple(limits)


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


class Engine:
    """The native engine of one spec; see `backstory.engine.contract.Engine` for what each method promises.

    Parameters
    ----------
    spec : Spec

    Raises
    ------
    ConfigurationError
        See `native_module`; or a formula of the user's own is too large for the native engine.
    """

    def __init__(self, spec: Spec) -> None:
        module = native_module()
        penalty = spec.penalty
        build = module.Program32 if spec.dtype == "float32" else module.Program64
        self.spec = spec
        self._program = build(
            list(spec.sizes),
            [native_activation(module, row, blended=spec.parametric) for row in spec.activations],
            native_loss(module, spec.loss, spec.output, spec.n_out),
            0.0 if penalty is None else penalty.l1,
            0.0 if penalty is None else penalty.l2,
            spec.reduction == "mean",
            spec.biases,
            _native_front(module, spec),
            spec.parametric,
        )

    def bound(self, parameters: Array) -> Any:
        """The program with its parameters: answers plain calls at once, and others with None; see bind_program.cpp.

        Plain are exact arrays of the network's dtype, in C order, finite, of the right shape, and targets within the
        loss's domain where that is an interval. `parameters` must be the same array for good.
        """
        domain, kind = self.spec.loss.targets, np.dtype(self.spec.dtype).type
        low, high = np.inf, -np.inf  # no number lies there
        if isinstance(domain, Interval):
            low = np.nextafter(kind(domain.low), kind(np.inf)) if domain.low_open else kind(domain.low)
            high = np.nextafter(kind(domain.high), kind(-np.inf)) if domain.high_open else kind(domain.high)
        module = native_module()
        build = module.Bound32 if self.spec.dtype == "float32" else module.Bound64
        return build(self._program, parameters, float(low), float(high), np, default_threads)

    def stepper(self, bound: Any, rule: UpdateRule, state: Mapping[str, Array], learning_rate: float) -> Any:
        """A bound program with an optimizer of constant rate, which takes single steps of plain calls."""
        module = native_module()
        build = module.Stepper32 if self.spec.dtype == "float32" else module.Stepper64
        return build(bound, _native_rule(rule), [state[name] for name in rule.slots], learning_rate)

    def predict(self, parameters: Array, X: Array, threads: int = 1) -> Array:
        """Outputs of the network, (n, n_out)."""
        outputs = np.empty((len(X), self.spec.n_out), parameters.dtype)
        self._program.predict(parameters, X, threads, outputs)
        return outputs

    def activations(self, parameters: Array, X: Array) -> tuple[Array, ...]:
        """Values of every layer 1 ... L."""
        values = self._per_layer(X)
        self._program.activations(parameters, X, values)
        return tuple(values)

    def loss(
        self, parameters: Array, X: Array, y: Array, sample_weight: Array | None = None, threads: int = 1
    ) -> float:
        """Data loss, reduced, plus the penalty."""
        return float(self._program.loss(parameters, X, *_targets(y), sample_weight, threads))

    def loss_and_gradient(
        self,
        parameters: Array,
        X: Array,
        y: Array,
        sample_weight: Array | None = None,
        threads: int = 1,
        out: Array | None = None,
    ) -> tuple[float, Array]:
        """The loss and its gradient, laid out like the parameters."""
        gradient = np.empty_like(parameters) if out is None else out
        loss = self._program.loss_and_gradient(parameters, X, *_targets(y), sample_weight, threads, gradient)
        return loss, gradient

    def penalty(self, parameters: Array) -> float:
        """What the penalty adds to the data loss."""
        return float(self._program.penalty(parameters))

    def deltas(self, parameters: Array, X: Array, y: Array) -> tuple[Array, ...]:
        """dL/dz of each row's own loss, for every layer 1 ... L."""
        values = self._per_layer(X)
        self._program.deltas(parameters, X, *_targets(y), values, None)
        return tuple(values)

    def input_gradients(self, parameters: Array, X: Array, y: Array) -> Array:
        """The derivative of each row's own loss by its inputs, (n, n_in)."""
        gradients = np.empty_like(X)
        self._program.deltas(parameters, X, *_targets(y), [], gradients)
        return gradients

    def permutations(self, seed: int, epochs: range, n: int) -> NDArray[np.int64]:
        """The shuffled order of n rows in each of several epochs, (len(epochs), n)."""
        orders = np.empty((len(epochs), n), np.int64)
        native_module().permutations(seed & _WORD, epochs.start, orders)
        return orders

    def apply(
        self,
        parameters: Array,
        rule: UpdateRule,
        state: Mapping[str, Array],
        gradient: Array,
        moment: Moment,
        threads: int = 1,
    ) -> None:
        """Take the rule's step along a given gradient."""
        rates = moment.rates or (1.0,) * len(self.spec.layout)
        decays = moment.decays or self.spec.usual_decays
        layout = zip(self.spec.layout, moment.frozen, rates, decays, strict=True)
        native_module().flat_step(
            _native_rule(rule),
            parameters,
            gradient,
            [state[name] for name in rule.slots],
            [
                (first, first + math.prod(shape), rate, decay)
                for (_, first, shape), fixed, rate, decay in layout
                if not fixed
            ],
            moment.learning_rate,
            float(moment.step),
            moment.norm_squared,
            moment.largest,
            moment.loss,
            moment.decay_share,
            threads,
        )

    def train(
        self, parameters: Array, rule: UpdateRule, state: Mapping[str, Array], chunk: Chunk, threads: int = 1
    ) -> ChunkResult:
        """Take the chunk's steps in place.

        A signal that arrives meanwhile is served about every 50 ms: what its handler raises (KeyboardInterrupt, as a
        rule) ends the chunk after a whole step, and comes back as the result's `interrupt`.
        """
        losses = np.empty(chunk.steps)
        rates = chunk.learning_rates
        steps, norms, penalties, failure, interrupt = self._program.train(
            parameters,
            _native_rule(rule),
            [state[name] for name in rule.slots],
            chunk.X,
            *_targets(chunk.y),
            chunk.sample_weight,
            chunk.order,
            chunk.batch_size,
            chunk.first_batch,
            float(chunk.first_step),
            0.0 if isinstance(rates, np.ndarray) else rates,
            rates if isinstance(rates, np.ndarray) else None,
            chunk.epoch,
            chunk.seed & _WORD,
            list(chunk.dropout),
            chunk.clip_norm,
            chunk.clip_value,
            list(chunk.frozen),
            chunk.record,
            threads,
            losses,
            chunk.penalty_rows,
            list(chunk.rates),
            list(chunk.decays),
            _by_step(chunk.decay_shares, chunk.steps),
            _by_step(chunk.dropout_shares, chunk.steps),
        )
        found = None if failure is None else Failure(*failure)
        return ChunkResult(steps, losses[:steps], norms, penalties[:, 0], found, interrupt)

    def _per_layer(self, X: Array) -> list[Array]:
        return [np.empty((len(X), size), self.spec.dtype) for size in self.spec.sizes[1:]]


def _native_front(module: Any, spec: Spec) -> Any:
    front, embedding = spec.front, spec.embedding
    columns = () if front is None else front.columns
    frequencies, width = (0, 1) if embedding is None else (embedding.frequencies, embedding.width)
    return module.Front(list(columns), frequencies, width, spec.scaling)


def _by_step(shares: float | Array, steps: int) -> Array | None:
    """A number for each step, or None where all are 1."""
    if isinstance(shares, float) and shares == 1.0:
        return None
    return np.ascontiguousarray(np.broadcast_to(shares, steps), dtype=np.float64)


def _native_rule(rule: UpdateRule) -> Any:
    return _cached_rule(rule.name, tuple(rule.constants.items()), rule.weight_decay)


@cache
def _cached_rule(name: str, constants: tuple[tuple[str, float], ...], weight_decay: float) -> Any:
    return native_module().Rule(name, dict(constants), weight_decay)


def _targets(y: Array) -> tuple[Array | None, Array | None]:
    """Targets as the extension takes them: (numbers, None) or (None, classes)."""
    return (None, y) if y.ndim == 1 else (y, None)
