"""The reference engine: the textbook's equations in NumPy float64, one line each. It is slow, clear, and the oracle.

Every forward function returns its value and a `backward`, which turns the gradient of that value into the gradient of
what went in; the chain rule is their composition from last to first. Notation: see `backstory.network.spec`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.engine.contract import Array, Chunk, ChunkResult, Failure, Moment, UpdateRule
from backstory.engine.counter import dropout_keep, permutations
from backstory.engine.parts import blend, through_front
from backstory.expressions import evaluate, names
from backstory.functions import Activation
from backstory.network.spec import Spec, group_of, layer_of

Floats = NDArray[np.float64]
Backward = Callable[[Floats], Floats]


def _erf(x: Any) -> Any:
    from scipy.special import erf  # SciPy takes 0.1 s to load and only gelu needs it

    return erf(x)


NUMPY: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "arctan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "erf": _erf,
    "abs": np.abs,
    "sign": np.sign,
    "max": np.maximum,
    "min": np.minimum,
    "where": np.where,
}
"""The elementary functions over arrays."""


def dense(X: Floats, W: Floats, b: Floats | None) -> tuple[Floats, Callable[[Floats], tuple[Floats, Floats, Floats]]]:
    """``z = X W + b`` of one layer; backward gives (dX, dW, db).

    Parameters
    ----------
    X : ndarray (n, n_in)
    W : ndarray (n_in, n_out)
    b : ndarray (n_out,) or None
    """
    z = X @ W if b is None else X @ W + b

    def backward(dz: Floats) -> tuple[Floats, Floats, Floats]:
        return dz @ W.T, X.T @ dz, dz.sum(axis=0)

    return z, backward


def activate(row: Activation, z: Floats) -> tuple[Floats, Backward]:
    """``a = f(z)``; backward multiplies by f'(z), or by softmax's Jacobian diag(a) - a a^T."""
    if row.couples:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        return p, lambda da: p * (da - np.sum(da * p, axis=1, keepdims=True))
    a = _full(evaluate(row.value, {"z": z}, NUMPY), z)
    return a, lambda da: da * evaluate(row.slope, {"z": z, "a": a}, NUMPY)


def dropout(a: Floats, keep: NDArray[np.bool_], rate: float) -> tuple[Floats, Backward]:
    """Inverted dropout: dropped units become 0, kept ones are divided by 1 - rate."""
    scale = keep / (1.0 - rate)
    return a * scale, lambda da: da * scale


def loss_of_rows(spec: Spec, z: Floats, y: Floats, *, fused: bool = True) -> tuple[Floats, Callable[[], Floats]]:
    """Each row's own loss, (n,), from the output layer's z; backward gives dz (n, n_out).

    With `fused`, pairs such as softmax + cross-entropy use their combined form, which stays accurate where a
    probability rounds to 0 or 1; without, the loss's and the activation's derivatives are multiplied as the chain rule
    says. Both are the same function.
    """
    loss, n_out = spec.loss, spec.n_out
    a, through_activation = activate(spec.output, z)
    form = loss.fused_with(spec.output, n_out) if fused else None
    if form is not None:
        values = {"z": z, "a": a, "y": y}
        if form.rowwise:
            top = z.max(axis=1, keepdims=True)
            values["logsumexp_z"] = top + np.log(np.exp(z - top).sum(axis=1, keepdims=True))
            values["sum_y"] = y.sum(axis=1, keepdims=True)
        rows = _full(evaluate(form.value, values, NUMPY), z).sum(axis=1)
        return rows, lambda: _full(evaluate(form.slope, values, NUMPY), z)
    rows = _full(evaluate(loss.value(n_out), {"a": a, "y": y}, NUMPY), a).sum(axis=1)
    return rows, lambda: through_activation(_full(evaluate(loss.slope(n_out), {"a": a, "y": y}, NUMPY), a))


def penalty_value(spec: Spec, parameters: Array) -> float:
    """The penalty: the sum of its term over all weights; biases have none."""
    if spec.penalty is None:
        return 0.0
    terms = evaluate(spec.penalty.value, {"w": parameters.astype(np.float64)}, NUMPY)
    return float(np.sum(np.where(weight_mask(spec), terms, 0.0)))


def penalty_slope(spec: Spec, parameters: Array) -> Floats:
    """The penalty's gradient, laid out like the parameters."""
    if spec.penalty is None:
        return np.zeros(len(parameters))
    slopes = evaluate(spec.penalty.slope, {"w": parameters.astype(np.float64)}, NUMPY)
    return np.where(weight_mask(spec), slopes, 0.0)


class Engine:
    """The reference engine of one spec; see `backstory.engine.contract.Engine` for what each method promises."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def predict(self, parameters: Array, X: Array, threads: int = 1) -> Array:
        return self.activations(parameters, X)[-1]

    def activations(self, parameters: Array, X: Array) -> tuple[Array, ...]:
        with np.errstate(all="ignore"):
            run = _Run(self.spec, parameters, X)
            values = [*run.values[1:], activate(self.spec.output, run.z)[0]]
            return tuple(a.astype(self.spec.dtype) for a in values)

    def layer_inputs(self, parameters: Array, X: Array) -> tuple[Floats, ...]:
        """What each of the layers 1 ... L reads, (n, n_in of the layer)."""
        with np.errstate(all="ignore"):
            return tuple(_Run(self.spec, parameters, X).values)

    def loss(
        self, parameters: Array, X: Array, y: Array, sample_weight: Array | None = None, threads: int = 1
    ) -> float:
        with np.errstate(all="ignore"):
            rows, _ = loss_of_rows(self.spec, _Run(self.spec, parameters, X).z, _dense_targets(y, self.spec.n_out))
            share = _shares(self.spec, len(X), sample_weight)
            return float(share @ rows + penalty_value(self.spec, parameters))

    def loss_and_gradient(
        self,
        parameters: Array,
        X: Array,
        y: Array,
        sample_weight: Array | None = None,
        threads: int = 1,
        out: Array | None = None,
    ) -> tuple[float, Array]:
        with np.errstate(all="ignore"):
            run = _Run(self.spec, parameters, X)
            rows, backward = loss_of_rows(self.spec, run.z, _dense_targets(y, self.spec.n_out))
            share = _shares(self.spec, len(X), sample_weight)
            gradient = run.backward(share[:, None] * backward()).gradient
            value, slope = penalty_value(self.spec, parameters), penalty_slope(self.spec, parameters)
            whole = (gradient + slope).astype(self.spec.dtype)
        if out is None:
            return float(share @ rows + value), whole
        out[:] = whole
        return float(share @ rows + value), out

    def penalty(self, parameters: Array) -> float:
        with np.errstate(over="ignore"):  # weights may be finite and their squares not
            return penalty_value(self.spec, parameters)

    def deltas(self, parameters: Array, X: Array, y: Array) -> tuple[Array, ...]:
        with np.errstate(over="ignore"):
            return tuple(dz.astype(self.spec.dtype) for dz in self._per_row(parameters, X, y).deltas)

    def input_gradients(self, parameters: Array, X: Array, y: Array) -> Array:
        with np.errstate(over="ignore"):
            return self._per_row(parameters, X, y).dX.astype(self.spec.dtype)

    def permutations(self, seed: int, epochs: range, n: int) -> NDArray[np.int64]:
        return permutations(seed, epochs, n)

    def apply(
        self,
        parameters: Array,
        rule: UpdateRule,
        state: Mapping[str, Array],
        gradient: Array,
        moment: Moment,
        threads: int = 1,
    ) -> None:
        with np.errstate(all="ignore"):
            slots = {name: values.astype(np.float64) for name, values in state.items()}
            step = _Rule(self.spec, rule, moment.frozen)
            parameters[:], new_slots = step(parameters.astype(np.float64), slots, gradient.astype(np.float64), moment)
            for name, values in state.items():
                values[:] = new_slots[name]

    def train(
        self, parameters: Array, rule: UpdateRule, state: Mapping[str, Array], chunk: Chunk, threads: int = 1
    ) -> ChunkResult:
        spec = self.spec
        theta = parameters.astype(np.float64)
        slots = {name: values.astype(np.float64) for name, values in state.items()}
        update = _Update(spec, rule, chunk)
        losses: list[float] = []
        norms: list[list[float]] = []
        penalties: list[float] = []
        failure: Failure | None = None
        with np.errstate(all="ignore"):
            for step in range(chunk.steps):
                epoch, number = divmod(chunk.first_batch + step, chunk.batches)
                first, last = number * chunk.batch_size, min((number + 1) * chunk.batch_size, chunk.visits)
                batch = np.arange(first, last) if chunk.order is None else chunk.order[epoch, first:last]
                failure, loss, gradient = self._batch_gradient(theta, chunk, batch, step, chunk.epoch + epoch)
                if failure is None:
                    strength = _strength(spec, chunk, batch)
                    gradient = gradient + strength * penalty_slope(spec, theta)
                    whole_loss = loss + strength * penalty_value(spec, theta)
                    new, new_slots, norm_squared = update(theta, slots, gradient, whole_loss, step)
                    after = [("weight", new), *(("state", values) for values in new_slots.values())]
                    failure = first_failure(spec, step, "gradient", gradient) or norm_failure(rule, step, norm_squared)
                    for quantity, values in after:
                        failure = failure or first_failure(spec, step, quantity, values.astype(spec.dtype))
                if failure is not None:
                    break
                theta, slots = new, new_slots
                losses.append(loss)
                if chunk.record and number == chunk.batches - 1:
                    norms.append(layer_norms(spec, gradient))
                    penalties.append(penalty_value(spec, theta))
            parameters[:] = theta
            for name, values in state.items():
                values[:] = slots[name]
        by_layer = np.array(norms, dtype=np.float64).reshape(len(norms), spec.n_layers)
        return ChunkResult(len(losses), np.array(losses, dtype=np.float64), by_layer, np.array(penalties), failure)

    def _batch_gradient(
        self, theta: Floats, chunk: Chunk, batch: NDArray[np.int64], step: int, epoch: int
    ) -> tuple[Failure | None, float, Floats]:
        """The data loss of one batch and its gradient, or where the first non-finite number arose."""
        spec = self.spec
        X, y = chunk.X[batch], _dense_targets(chunk.y[batch], spec.n_out)
        weights = None if chunk.sample_weight is None else chunk.sample_weight[batch]
        share = float(np.broadcast_to(chunk.dropout_shares, chunk.steps)[step])
        rates = tuple(rate * share for rate in chunk.dropout)
        keeps = [
            dropout_keep(chunk.seed, epoch, batch, layer, spec.sizes[layer], rate) if rate else None
            for layer, rate in enumerate(rates, start=1)
        ]
        run = _Run(spec, theta, X, keeps, rates)
        shares = _shares(spec, len(batch), weights)
        rows, backward = loss_of_rows(spec, run.z, y)
        run.backward(shares[:, None] * backward())
        forward_values = [(layer, a) for layer, a in enumerate([*run.values[1:], run.z], start=1)]
        failure = (
            _first_failure(step, "input", [(0, run.X)], batch)
            or _first_failure(step, "activation", forward_values, batch)
            or _first_failure(step, "loss", [(0, rows[:, None])], batch)
            or _first_failure(step, "delta", list(enumerate(run.deltas, start=1))[::-1], batch)
        )
        return failure, float(shares @ rows), run.gradient

    def _per_row(self, parameters: Array, X: Array, y: Array) -> _Run:
        with np.errstate(all="ignore"):
            run = _Run(self.spec, parameters, X)
            return run.backward(loss_of_rows(self.spec, run.z, _dense_targets(y, self.spec.n_out))[1]())


def _strength(spec: Spec, chunk: Chunk, batch: NDArray[np.int64]) -> float:
    weights = chunk.sample_weight
    total = len(batch) if weights is None else float(np.sum(weights[batch], dtype=np.float64))
    return chunk.strength(total) if spec.reduction == "mean" else 1.0


class _Run:
    """One pass of rows through the network, able to go back."""

    def __init__(
        self,
        spec: Spec,
        parameters: Array,
        X: Array,
        keeps: list[NDArray[np.bool_] | None] | None = None,
        rates: tuple[float, ...] = (),
    ) -> None:
        self.spec = spec
        theta = parameters.astype(np.float64)
        arrays = named_arrays(spec, theta)
        self.X = X.astype(np.float64)
        self.values: list[Floats] = [self.X]  # a^0 ... a^(L-1), after dropout
        self._through_front: Callable[[Floats], tuple[Floats, dict[str, Floats]]] | None = None
        if spec.front is not None:
            self.values[0], self._through_front = through_front(spec.front, arrays, self.X, NUMPY)
        self._backwards: list[tuple[Callable[[Floats], tuple[Floats, Floats, Floats]], list[Backward]]] = []
        self._gradients: dict[str, Floats] = {}
        for layer, (W, b) in enumerate(layer_arrays(spec, theta), start=1):
            self.z, through_dense = dense(self.values[-1], W, b)
            through: list[Backward] = []
            self._backwards.append((through_dense, through))
            if layer == spec.n_layers:
                break
            a, through_activation = self._activate(layer, self.z, arrays.get(f"alpha{layer}"))
            through.append(through_activation)
            keep = keeps[layer - 1] if keeps else None
            if keep is not None:
                a, through_dropout = dropout(a, keep, rates[layer - 1])
                through.append(through_dropout)
            self.values.append(a)

    def _activate(self, layer: int, z: Floats, alpha: Floats | None) -> tuple[Floats, Backward]:
        """A hidden layer's activation, whose way back notes the gradient of its alpha where it has one."""
        f, through_f = activate(self.spec.activations[layer - 1], z)
        if alpha is None:
            return f, through_f
        a, through_blend = blend(alpha, z, f, through_f, NUMPY)

        def backward(da: Floats) -> Floats:
            dz, self._gradients[f"alpha{layer}"] = through_blend(da)
            return dz

        return a, backward

    def backward(self, dz: Floats) -> _Run:
        """Carry dz of the output back to every parameter and to the inputs."""
        self.deltas: list[Floats] = []
        found = self._gradients
        for layer, (through_dense, through) in reversed(list(enumerate(self._backwards, start=1))):
            for step in reversed(through):
                dz = step(dz)
            self.deltas.insert(0, dz)
            dz, found[f"w{layer}"], found[f"b{layer}"] = through_dense(dz)
        self.dX = dz
        if self._through_front is not None:
            self.dX, own = self._through_front(dz)
            found.update(own)
        self.gradient = np.concatenate([found[name].ravel() for name, _, _ in self.spec.layout])
        return self


class _Update:
    """Clipping and the optimizer's formulas, applied to the flat parameters at once."""

    def __init__(self, spec: Spec, rule: UpdateRule, chunk: Chunk) -> None:
        self.chunk = chunk
        self.rule = _Rule(spec, rule, chunk.frozen)

    def __call__(
        self, theta: Floats, slots: Mapping[str, Floats], g: Floats, loss: float, step: int
    ) -> tuple[Floats, dict[str, Floats], float]:
        chunk = self.chunk
        g, norm_squared, largest = clipped(g, self.rule.free, chunk.clip_norm, chunk.clip_value)
        rate = float(np.broadcast_to(chunk.learning_rates, chunk.steps)[step])
        share = float(np.broadcast_to(chunk.decay_shares, chunk.steps)[step])
        number = chunk.first_step + step + 1
        moment = Moment(
            number, rate, chunk.frozen, loss, norm_squared, largest, chunk.rates, chunk.decays, decay_share=share
        )
        return (*self.rule(theta, slots, g, moment), norm_squared)


def norm_failure(rule: UpdateRule, step: int, norm_squared: float) -> Failure | None:
    """The failure of a rule whose step is made of the squared norm of the gradient, where that overflowed."""
    if math.isfinite(norm_squared) or not any("gradient_norm_squared" in names(f) for _, f in rule.assignments):
        return None
    return Failure(step, "norm", 0, -1)


def clipped(
    g: Floats, free: NDArray[np.bool_], clip_norm: float | None, clip_value: float | None
) -> tuple[Floats, float, float]:
    """A gradient with its components cut and its norm bounded: it, its squared norm and its largest size.

    Parameters
    ----------
    g : ndarray (n_parameters,)
    free : ndarray (n_parameters,) of bool
        Which of them training may change: the norm and the largest size are theirs.
    """
    if clip_value is not None:
        g = np.clip(g, -clip_value, clip_value)
    own = g[free].astype(np.float64)
    norm_squared, largest = float(np.sum(own**2)), float(np.max(np.abs(own), initial=0.0))
    norm = math.sqrt(norm_squared)
    if largest and not 1e-280 < norm_squared < math.inf:  # squares leave the numbers before what they are of
        norm = largest * math.sqrt(np.sum((own / largest) ** 2))
    if clip_norm is not None and norm > clip_norm:
        scale = np.float64(clip_norm / norm)  # a double: float32 is rounded once
        g, norm_squared, largest = (g * scale).astype(g.dtype), (norm * scale) ** 2, largest * scale
    return g, norm_squared, largest


class _Rule:
    """The optimizer's formulas, applied to the flat parameters at once."""

    def __init__(self, spec: Spec, rule: UpdateRule, frozen: tuple[bool, ...]) -> None:
        self.rule = rule
        self.free = free_mask(spec, frozen)
        self.spec = spec

    def __call__(
        self, theta: Floats, slots: Mapping[str, Floats], g: Floats, moment: Moment
    ) -> tuple[Floats, dict[str, Floats]]:
        values: dict[str, Any] = {
            **self.rule.constants,
            **slots,
            "w": theta,
            "g": g,
            "t": float(moment.step),
            "learning_rate": moment.learning_rate * (spread(self.spec, moment.rates) if moment.rates else 1.0),
            "decay": self.rule.weight_decay * moment.decay_share * decay_factors(self.spec, moment.decays),
            "loss": moment.loss,
            "gradient_norm_squared": moment.norm_squared,
            "gradient_max": moment.largest,
        }
        for name, formula in self.rule.assignments:
            values[name] = evaluate(formula, values, NUMPY)
        new = np.where(self.free, values["w"], theta)
        return new, {name: np.where(self.free, values[name], old) for name, old in slots.items()}


def named_arrays(spec: Spec, parameters: Array) -> dict[str, Array]:
    """Every parameter array by its name, as a view of the flat parameters."""
    return {name: parameters[at : at + int(np.prod(shape))].reshape(shape) for name, at, shape in spec.layout}


def layer_arrays(spec: Spec, parameters: Array) -> list[tuple[Array, Array | None]]:
    """(W, b) of each layer as views of the flat parameters; b is None without biases."""
    arrays = named_arrays(spec, parameters)
    return [(arrays[f"w{layer}"], arrays.get(f"b{layer}")) for layer in range(1, spec.n_layers + 1)]


def spread(spec: Spec, factors: tuple[Any, ...]) -> NDArray[Any]:
    """One value per parameter array as one per parameter, in flat order."""
    sizes = [int(np.prod(shape)) for _, _, shape in spec.layout]
    return np.repeat(np.array(factors), np.array(sizes))


def weight_mask(spec: Spec) -> NDArray[np.bool_]:
    """True at the weights of the flat parameters, False at all else."""
    return spread(spec, tuple(group_of(name) == "weights" for name, _, _ in spec.layout))


def decay_factors(spec: Spec, decays: tuple[float, ...]) -> NDArray[Any]:
    """What a rule's decay is multiplied by at each of the flat parameters: as asked for, or 1 at the weights."""
    return spread(spec, decays or spec.usual_decays)


def free_mask(spec: Spec, frozen: tuple[bool, ...]) -> NDArray[np.bool_]:
    """True at the flat parameters that training may change; `frozen` has one entry per array W1, b1, W2, ..."""
    return ~spread(spec, frozen)


def layer_norms(spec: Spec, gradient: Array) -> list[float]:
    """The norm of each layer's part of a flat gradient, all its parameters together; the front's count to the first."""
    squares: dict[int, float] = {}
    for layer, values in _arrays_by_layer(spec, gradient):
        squares[layer] = squares.get(layer, 0.0) + float(np.sum(values.astype(np.float64) ** 2))
    return [float(np.sqrt(squares[layer])) for layer in range(1, spec.n_layers + 1)]


def _arrays_by_layer(spec: Spec, flat: Array) -> list[tuple[int, Array]]:
    return [(layer_of(name), flat[start : start + int(np.prod(shape))]) for name, start, shape in spec.layout]


def _first_failure(
    step: int, quantity: str, arrays: list[tuple[int, Floats]], batch: NDArray[np.int64] | None = None
) -> Failure | None:
    """The first array with a non-finite number; with `batch`, also the data row it stands in."""
    for layer, values in arrays:
        bad = ~np.isfinite(values)
        if bad.any():
            row = -1 if batch is None else int(batch[int(np.argmax(bad.any(axis=1)))])
            return Failure(step, quantity, layer, row)
    return None


def first_failure(spec: Spec, step: int, quantity: str, flat: Array) -> Failure | None:
    """The first layer where an array laid out like the parameters holds a non-finite number."""
    return _first_failure(step, quantity, _arrays_by_layer(spec, flat))


def _shares(spec: Spec, n: int, sample_weight: Array | None) -> Floats:
    """What each row's loss is multiplied by: its sample weight, divided by their sum where the reduction is a mean."""
    weights = np.ones(n) if sample_weight is None else sample_weight.astype(np.float64)
    total = float(weights.sum()) if spec.reduction == "mean" else 1.0
    return weights / total if total else np.zeros(n)


def _dense_targets(y: Array, n_out: int) -> Floats:
    """Targets (n, n_out) in float64; class indices become rows of the identity matrix."""
    if y.ndim == 1:
        return np.eye(n_out)[y]
    return y.astype(np.float64)


def _full(values: Any, like: Floats) -> Floats:
    """A formula without a variable evaluates to a number; give it the shape of its argument."""
    return np.asarray(values) if np.shape(values) == like.shape else np.full(like.shape, values, dtype=np.float64)
