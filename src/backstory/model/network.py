"""`Network`: the public class that joins spec, parameters, engines and training."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backstory.data.arrays import input_rows, row_weights
from backstory.data.frame import is_frame
from backstory.data.rows import Rows
from backstory.data.table import Table
from backstory.engine import Engine
from backstory.engine import engine as find_engine
from backstory.engine.contract import Chunk
from backstory.engine.native import Engine as NativeEngine
from backstory.errors import ConfigurationError, DataError, ModelFileError, unknown
from backstory.functions import Activation, Loss, Penalty
from backstory.functions.front import Periodic
from backstory.network import file
from backstory.network.parameters import Embedding, aligned_zeros, initialize, other_views, views
from backstory.network.spec import Spec
from backstory.training import arguments, lbfgs
from backstory.training.callbacks import read_callbacks, read_early_stopping
from backstory.training.checkpoints import read_checkpoint
from backstory.training.groups import factors, read_factors
from backstory.training.history import History
from backstory.training.optimizers import LBFGS, OPTIMIZERS, Adam, Optimizer
from backstory.training.schedules import Plan, Schedule, count, flag, shares
from backstory.training.trainer import Memory, Options, Trainer, divergence

if TYPE_CHECKING:
    from backstory.checking.verdict import Verdict
    from backstory.distributed.shards import Shards
    from backstory.interop.trained import Trained
    from backstory.model.flow import GradientFlow, SampleGradients
    from backstory.story.layer import LayerStory
    from backstory.story.story import Story
    from backstory.training.shuffling import Stream
    from backstory.training.walk import Walk

Array = NDArray[Any]
MOST_THREADS = 1 << 16
"""What the engine is told at most; it never starts more threads than there are blocks of work."""


@dataclass(frozen=True)
class Gradients:
    """Derivatives of the loss by every parameter, laid out like `Network.weights` and `Network.biases`.

    Attributes
    ----------
    weights : tuple of ndarray (n_in, n_out)
    biases : tuple of ndarray (n_out,); empty for a network without biases
    loss : float
        The loss they are the derivatives of, penalty included.
    embedding : Embedding or None
        By frequencies, phases, mixtures and shifts, where columns are embedded.
    scale : ndarray or None
        By the learned factors of columns.
    alphas : tuple of ndarray (n_l,)
        By the alphas of parametric activations, hidden layer by hidden layer.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    loss: float
    embedding: Embedding | None = None
    scale: Array | None = None
    alphas: tuple[Array, ...] = ()


class _Steps(NamedTuple):
    """What takes single steps, ready for the next one, for as long as optimizer and state stay the same."""

    native: Any
    optimizer: Optimizer
    state: dict[str, Array]


class Network:
    """A feed-forward network: layers ``z = a_prev W + b``, ``a = f(z)``, and the loss that its training minimizes.

    Any number of threads may ask one network for predictions, gradients and the like; one at a time may train it, and
    those who ask meanwhile wait until the present steps are whole. A second one that trains is refused (`BusyError`).

    Parameters
    ----------
    sizes : list of int
        Units per layer, inputs first, outputs last. Two entries make a single layer, ``[2, 1]`` one neuron.
    hidden : str, Activation, or a list with one per hidden layer
    output : str or Activation
    loss : str or Loss
        The convention is in the name: ``"half_squared_error"`` is 1/2 of the sum over outputs, ``"squared_error"`` the
        sum, ``"mean_squared_error"`` the mean over outputs.
    penalty : Penalty, optional
        For example ``L2(1e-4)``, which adds 1e-4/2 times the sum of all squared weights, whatever the batch size.
    reduction : {"mean", "sum"}
        Over the rows of a batch; a mean is weighted by the sample weights.
    biases : bool
    initializer : str, Initializer, or a list with one per layer, optional
        By default the one that suits each layer's activation. Biases start at 0.
    seed : int, optional
        For first weights, shuffling and dropout; drawn when not given, and kept in `seed`.
    dtype : {"float64", "float32"}
    embedding : Periodic, optional
        What columns of X become before the first layer; `embedding` then has its parameters.
    scaling : bool
        Whether the columns that the first layer reads are multiplied by learned factors, `scale`.
    parametric : bool
        Whether each hidden unit has a parameter alpha, ``a = (1 - alpha)*z + alpha*f(z)``; `alphas` has them by layer.
    parametrization : {"standard", "neural_tangent"}
        "neural_tangent" trains as if the layers were ``z = a_prev V/sqrt(n_in) + b`` with V beginning normal with
        variance 1; `weights` are V/sqrt(n_in), so that everything else about the network is the same.

    Raises
    ------
    ConfigurationError
        An unknown name, or a loss that the output's range does not fit.

    Examples
    --------
    >>> net = Network([2, 3, 1], hidden="tanh", seed=0)
    >>> net.predict([[0.0, 0.0], [1.0, 1.0]]).shape
    (2, 1)
    """

    classes: list[Any] | None = None
    """The labels that outputs stand for, where the network was trained on a table."""
    table: Table | None = None
    """The encoding of raw columns, where the network was trained on a table; frames are then read through it."""
    folded: tuple[str, ...] = ()
    """Layers of an imported model, batch normalization say, that are part of the weights beside them. The outputs are
    right; what is asked about weights is refused until this is set to ``()``, which takes the network as it stands."""

    def __init__(
        self,
        sizes: Iterable[int],
        *,
        hidden: str | Activation | list[str | Activation] = "relu",
        output: str | Activation = "identity",
        loss: str | Loss = "half_squared_error",
        penalty: Penalty | None = None,
        reduction: str = "mean",
        biases: bool = True,
        initializer: Any = None,
        seed: int | None = None,
        dtype: Any = "float64",
        embedding: Periodic | None = None,
        scaling: bool = False,
        parametric: bool = False,
        parametrization: str = "standard",
    ) -> None:
        parts = embedding, scaling, parametric, parametrization
        spec = Spec.of(sizes, hidden, output, loss, penalty, reduction, biases, dtype, *parts)
        self._adopt(spec, read_seed(seed))
        initialize(spec, self.parameters, self.seed, initializer)

    def _adopt(self, spec: Spec, seed: int) -> None:
        self.spec, self.seed = spec, seed
        self.parameters = aligned_zeros(spec.n_parameters, spec.dtype)
        self.weights, self.biases = views(spec, self.parameters)
        self.embedding, self.scale, self.alphas = other_views(spec, self.parameters)
        self._engines: dict[str, Engine] = {}
        vars(self).pop("_bound", None)  # it has the parameters of before
        self._memory = Memory()
        self._steps: _Steps | None = None
        self.history: History | None = None

    def _engine(self, name: str) -> Engine:
        if name not in self._engines:
            self._engines[name] = find_engine(name, self.spec)
        return self._engines[name]

    @cached_property
    def _bound(self) -> Any:
        """The native engine with the parameters: it answers plain calls, and says None to all others."""
        return self._native.bound(self.parameters)

    @property
    def _native(self) -> NativeEngine:
        engine = self._engine("native")
        assert isinstance(engine, NativeEngine)
        return engine

    def _refuse_folded(self, what: str) -> None:
        """Raise where the weights are not those of the model that the network came from."""
        if self.folded:
            raise ConfigurationError(
                f"{what} would go through {', '.join(self.folded)}, which the import folded into weights beside it: "
                "the network predicts what the model did, but its weights are others. Do it where the model came from, "
                "or set net.folded = () to take the network as it stands."
            )

    def _refuse_parts(self, what: str) -> None:
        """Raise where the network has more than dense layers."""
        if not self.spec.is_plain:
            raise ConfigurationError(
                f"{what} is there for networks of dense layers alone, and this one has embeddings, learned scales or "
                "parametric activations. Leave these out to ask for it; of a table, train with plain=True (--plain)."
            )

    def _rows(self, X: Any) -> Array:
        if self.table is not None and is_frame(X):
            X = self.table.inputs(X, self.spec.dtype)
        return input_rows(X, self.spec.n_in, self.spec.dtype)

    def predict(self, X: Any, *, threads: int | None = None, engine: str = "native") -> Array:
        """The outputs of the network.

        Parameters
        ----------
        X : array_like (n, n_in), a frame, or Rows
            Where the network has a `table`, a frame of raw columns (pandas, polars, pyarrow, or a dict) is encoded by
            it. An array holds the network's inputs as they are, as everywhere else; ``net.table.inputs(frame)`` makes
            one. Rows of `open_rows` are read in blocks; only the outputs take memory.
        threads : int, optional
            At most so many; by default as many as the machine allows.
        engine : {"native", "reference"}

        Returns
        -------
        ndarray (n, n_out) of the network's dtype
            For a frame in the units of the target (then float64), or probabilities of `classes`.
        """
        turns = self._memory.turns
        if threads is None and engine == "native" and X is not None and not (version := turns.version) & 1:
            outputs = self._bound.predict(X)
            if outputs is not None and turns.version == version:
                return outputs  # type: ignore[no-any-return]  # the extension is untyped
        if isinstance(X, Rows):
            from backstory.training.streaming import predicted

            outputs = predicted(*self._streamed(X, engine), read_threads(threads))
            return outputs if self.table is None or X.table is None else self.table.restored(outputs)
        rows, count = self._rows(X), read_threads(threads)
        outputs = turns.read(lambda: self._engine(engine).predict(self.parameters, rows, count))
        return self.table.restored(outputs) if self.table is not None and is_frame(X) else outputs

    def _streamed(self, rows: Rows, engine: str) -> tuple[Engine, Array, Stream]:
        """What rows that are read in blocks are asked about with: the weights as they are now."""
        from backstory.training.shuffling import Stream

        stream = Stream(rows, self.spec)
        return self._engine(engine), self._memory.turns.read(self.parameters.copy), stream

    def standardize_units(self, X: Any, *, seed: int | None = None) -> Network:
        """Fit first weights to rows, layer by layer: each z gets the standard deviation 1, and a zero of its own.

        Each column of W is divided by the standard deviation of a_prev W over the rows, and each bias becomes minus a
        mean of five rows of it, with random weights, so that units bend where the rows are and not all in one place.
        To be called before training; units that are the same for all rows keep their weights.

        Parameters
        ----------
        X : array_like (n, n_in)
            Of more than 4096 rows, so many are drawn.
        seed : int >= 0, optional
            By default the network's.

        Returns
        -------
        Network
            Itself.

        References
        ----------
        Mishkin & Matas, "All you need is a good init", ICLR 2016; the biases are the he+5 of Steinwart, "A sober look
        at neural network initializations", 2019.

        Examples
        --------
        >>> X = [[3.0, 10.0], [4.0, -20.0], [5.0, 30.0]]
        >>> net = Network([2, 4, 1], hidden="tanh", seed=0).standardize_units(X)
        >>> (X @ net.weights[0]).std(axis=0).round(3).tolist()
        [1.0, 1.0, 1.0, 1.0]
        """
        from backstory.model.first_weights import standardize_units

        rows = self._rows(X)
        with self._memory.turns, self._memory.turns.writing():
            standardize_units(self.spec, self.parameters, rows, read_seed(self.seed if seed is None else seed))
        return self

    def activations(self, X: Any, *, engine: str = "native") -> tuple[Array, ...]:
        """The values of every layer 1 ... L, each (n, n_l); the last are the outputs."""
        rows = self._rows(X)
        return self._memory.turns.read(lambda: self._engine(engine).activations(self.parameters, rows))

    def loss(
        self, X: Any, y: Any = None, *, sample_weight: Any = None, threads: int | None = None, engine: str = "native"
    ) -> float:
        """The loss over the rows, penalty included.

        Parameters
        ----------
        X : array_like (n, n_in), or Rows
            Rows of `open_rows` are read in blocks, in bounded memory, and bring their targets.
        y : array_like (n, n_out), or (n,) with one output, or (n,) integers as class indices
        sample_weight : array_like (n,), optional
        """
        if isinstance(X, Rows):
            from backstory.training.streaming import evaluated

            arguments.require_rows_alone(y, (sample_weight,))
            return evaluated(*self._streamed(X, engine), {}, read_threads(threads))[0]
        rows, aims, weight = self._batch(X, y, sample_weight)
        most = read_threads(threads)
        return self._memory.turns.read(lambda: self._engine(engine).loss(self.parameters, rows, aims, weight, most))

    def gradients(
        self, X: Any, y: Any, *, sample_weight: Any = None, threads: int | None = None, engine: str = "native"
    ) -> Gradients:
        """The exact derivatives of `loss` by every weight and bias, penalty included.

        Examples
        --------
        >>> net = Network([1, 1], initializer="zeros", seed=0)   # one linear neuron, L = 1/2 (a - y)^2
        >>> net.gradients([[2.0]], [[1.0]]).weights[0]           # (a - y) x = (0 - 1) 2
        array([[-2.]])
        """
        self._refuse_folded("A gradient")
        plain = threads is None and sample_weight is None and engine == "native" and X is not None and y is not None
        turns = self._memory.turns
        version = turns.version
        answer = self._bound.loss_and_gradient(X, y) if plain and not version & 1 else None
        if answer is None or turns.version != version:
            batch, most = self._batch(X, y, sample_weight), read_threads(threads)
            answer = turns.read(lambda: self._engine(engine).loss_and_gradient(self.parameters, *batch, most))
        found, flat = answer
        others = other_views(self.spec, flat)
        return Gradients(*views(self.spec, flat), found, others.embedding, others.scale, others.alphas)

    def deltas(self, X: Any, y: Any, *, engine: str = "native") -> tuple[Array, ...]:
        """dL/dz of every unit of layers 1 ... L, each (n, n_l): per row, of that row's own loss, not divided by n."""
        self._refuse_folded("Deltas")
        rows, aims, _ = self._batch(X, y, None)
        return self._memory.turns.read(lambda: self._engine(engine).deltas(self.parameters, rows, aims))

    def input_gradients(self, X: Any, y: Any, *, engine: str = "native") -> Array:
        """The derivatives of each row's own loss by its inputs, (n, n_in), not divided by n."""
        rows, aims, _ = self._batch(X, y, None)
        return self._memory.turns.read(lambda: self._engine(engine).input_gradients(self.parameters, rows, aims))

    def explain(
        self,
        quantity: str,
        X: Any,
        y: Any,
        *,
        row: int | None = None,
        optimizer: Optimizer | str | None = None,
        stale: bool = False,
    ) -> Story:
        """Tell where one derivative comes from, in symbols, formulas and numbers, for one row or for a batch.

        Parameters
        ----------
        quantity : str
            ``"w1[2->0]"`` or ``"dL/dw1[2->0]"`` for the loss by a weight; also by ``b1[0]``, ``x[2]``, ``z1[0]`` or
            ``a1[0]``; or one of the units by another, as ``"da2[0]/dz1[3]"``. Of a network with a `table` also by the
            name of an encoded column, as ``"da2[1]/dx[age]"``.
        X : array_like (n, n_in), or (n_in,) for one row
        y : array_like as for `loss`, or the target of the one row
        row : int, optional
            Which row of a batch is told; by default the one that pushes most.
        optimizer : Optimizer, optional
            What the update is told for; by default the one that `fit` or `step` used last, with its state.
        stale : bool
            Tell the step of a parameter both ways: by gradient descent, and as several published examples take it,
            with deltas that go through weights already updated. Needs an optimizer.

        Returns
        -------
        Story
            Its numbers are float64, whatever the network's dtype.

        Raises
        ------
        ExpressionError, ConfigurationError
            The quantity cannot be read, or the network has no such weight or unit; `stale` without an optimizer, or
            of something other than the loss by a parameter.

        Examples
        --------
        >>> net = Network([1, 1], initializer="zeros", seed=0)   # one linear neuron, L = 1/2 (a - y)^2
        >>> story = net.explain("w1[0->0]", [2.0], [1.0])
        >>> story.value, story.path_count
        (-2.0, 1)
        """
        from backstory.model.columns import by_number, with_columns
        from backstory.model.stories import explain

        self._refuse_folded("A story")
        chosen = None if optimizer is None else read_optimizer(optimizer)
        if isinstance(chosen, LBFGS):
            raise ConfigurationError("LBFGS takes no single steps, as it searches along lines. Use SGD, or Adam.")
        names = () if self.table is None else self.table.input_names
        asked = by_number(quantity, names) if names else quantity
        story = self._memory.turns.read(lambda: explain(self, asked, X, y, row, chosen, stale))
        return with_columns(story, names, weighted=self.spec.front is None)

    def check(self, equation: str, x: Any = None, y: Any = None) -> Verdict:
        r"""Judge an equation about this network: is it right, and if not, which factor is wrong.

        Parameters
        ----------
        equation : str
            ASCII, Unicode or LaTeX. Names are ``w_{jk}^{(l)}`` (to unit j from unit k), ``z_j^l``, ``a_j^l``,
            ``\delta_j^l``, ``b_j^l``, ``x_k``, ``y_j``, ``\hat y_j``, with numbers or free indices; ``W^{(l)}`` and
            the like for whole layers; or addresses such as ``w1[2->0]``. It is judged over all values of the
            parameters, and of the indices. Behind an embedding or scales ``a_k^{(0)}`` is what the first layer reads
            (``s[k]``, ``e[k]``); what stands before it is called by addresses alone: ``x[0]``, ``scale[2]``,
            ``mix[0,1,2]``. f is the activation of a unit as a whole, its alpha included.
        x : array_like (n_in,), optional
        y : array_like as for one row of `loss`, optional
            The row for which numbers are shown, where the whole network is small enough to be judged as it is.

        Returns
        -------
        Verdict
            Never raises on text: what cannot be read has the status "unreadable".

        Raises
        ------
        DataError, ConfigurationError
            Where `x` or `y` do not fit the network.

        Examples
        --------
        >>> net = Network([3, 4, 2], hidden="sigmoid", seed=0)
        >>> net.check("delta_k^(1) = sum_j w_jk^(2) delta_j^(2) f'(z_k^(1))").ok
        True
        >>> net.check("delta_k^(1) = w_jk^(2) delta_j^(2) f'(z_k^(1))").findings[0].kind
        'missing_sum'
        """
        from backstory.model.checks import check

        self._refuse_folded("A check")
        return check(self, equation, x, y)

    def gradient_flow(self, X: Any, y: Any) -> GradientFlow:
        """Follow the gradient back through the layers: how much each kind of factor shrinks or grows it.

        Parameters
        ----------
        X, y : as for `loss`

        Returns
        -------
        GradientFlow
            Prints as a table; has `sentence`, `layers`, `plot()` and `to_dict()`. Dead and saturated units are named.

        Examples
        --------
        >>> net = Network([2, 8, 8, 8, 1], hidden="sigmoid", seed=0)
        >>> flow = net.gradient_flow([[0.5, 1.0], [1.0, -1.0]], [1.0, 0.0])
        >>> flow.layers[0].delta < flow.layers[-1].delta
        True
        """
        from backstory.model.flow import gradient_flow

        self._refuse_folded("The flow of gradients")
        return self._memory.turns.read(lambda: gradient_flow(self, X, y))

    def sample_gradients(self, X: Any, y: Any, weight: str) -> SampleGradients:
        """Say which rows push a parameter, the strongest first.

        Parameters
        ----------
        X, y : as for `loss`
        weight : str
            Such as ``"w1[2->0]"`` or ``"b1[0]"``.

        Returns
        -------
        SampleGradients
            `gradients` (n,), float64, of each row's own loss, without the penalty; `order` (n,).

        Raises
        ------
        ConfigurationError
            The network has no such parameter.

        Examples
        --------
        >>> net = Network([1, 1], initializer="zeros", seed=0)
        >>> net.sample_gradients([[1.0], [2.0]], [1.0, -3.0], "w1[0->0]").gradients
        array([-1.,  6.])
        """
        from backstory.model.flow import sample_gradients

        self._refuse_folded("Gradients by row")
        return self._memory.turns.read(lambda: sample_gradients(self, X, y, weight))

    def explain_layer(self, layer: int) -> LayerStory:
        """Tell the general formulas of one layer: by indices, with this network's functions, and as matrices.

        Parameters
        ----------
        layer : int
            1 ... L, or negative from the last.

        Returns
        -------
        LayerStory
            ``print`` it; `equations` (each can be evaluated for any values of its indices), `matrices` in the layouts
            X W and W X, `shapes`, ``to_latex()``, ``to_dict()``.

        Raises
        ------
        ConfigurationError
            There is no such layer.

        Examples
        --------
        >>> net = Network([3, 4, 2], hidden="tanh", seed=0)
        >>> from backstory.expressions import to_text
        >>> to_text(net.explain_layer(1).equation("delta").right)
        '(1 - a1[j])*(1 + a1[j])*Σ_k(w2[j->k]*delta2[k])'
        """
        from backstory.story.layer import LayerStory

        self._refuse_folded("The story of a layer")
        self._refuse_parts("The story of a layer")
        spec = self.spec
        number = layer + spec.n_layers + 1 if isinstance(layer, int) and layer < 0 else layer
        if isinstance(layer, bool) or not isinstance(layer, int | np.integer) or not 1 <= number <= spec.n_layers:
            raise ConfigurationError(f"explain_layer takes a layer from 1 to {spec.n_layers}. Got {layer!r}.")
        number = int(number)
        return LayerStory(
            number, spec.sizes, spec.activations[number - 1], spec.loss, spec.penalty, spec.reduction, spec.biases
        )

    def _batch(self, X: Any, y: Any, sample_weight: Any) -> tuple[Array, Array, Array | None]:
        rows = self._rows(X)
        weight = None if sample_weight is None else row_weights(sample_weight, len(rows), self.spec.dtype)
        return rows, arguments.targets(self.spec, y, len(rows)), weight

    def step(
        self,
        X: Any,
        y: Any,
        *,
        optimizer: Optimizer | str | None = None,
        sample_weight: Any = None,
        threads: int | None = None,
        engine: str = "native",
    ) -> float:
        """Take one training step on the given rows.

        Parameters
        ----------
        X, y, sample_weight
            As for `loss`.
        optimizer : Optimizer, optional
            By default the last one used, with its state, or else ``Adam()``.

        Returns
        -------
        float
            The data loss of these rows before the step.

        Raises
        ------
        DivergenceError
            The step would have made a number NaN or infinite; the weights stay as they were.
        BusyError
            Another thread trains the network.
        """
        memory, steps = self._memory, self._steps
        if (
            steps is not None
            and (optimizer is None or optimizer is steps.optimizer or optimizer == steps.optimizer)
            and threads is None
            and sample_weight is None
            and engine == "native"
            and X is not None
            and y is not None
            and memory.turns.begin()
        ):
            try:
                loss = steps.native.step(X, y, memory.steps) if steps.state is memory.state else None
                memory.steps += loss is not None
            finally:
                memory.turns.end()
            if loss is not None:
                return loss  # type: ignore[no-any-return]  # the extension is untyped
        with memory.turns, memory.turns.writing():
            return self._step(X, y, optimizer, sample_weight, threads, engine)

    def _step(
        self, X: Any, y: Any, optimizer: Optimizer | str | None, sample_weight: Any, threads: int | None, engine: str
    ) -> float:
        self._refuse_folded("A training step")
        data = arguments.training_data(self.spec, X, y, sample_weight)
        chosen = read_optimizer(optimizer if optimizer is not None else self._memory.optimizer or Adam())
        if isinstance(chosen, LBFGS):
            raise ConfigurationError("LBFGS takes no single steps, as it searches along lines. Use fit, or Adam.")
        rate_factors, decays = factors(self.spec, chosen.rule())
        taken = self._memory.steps if self._memory.suits(chosen, self.parameters) else 0
        rates = chosen.schedule.rates(np.array([taken]), Plan(None, 1))
        rule, decay = chosen.rule(), chosen.decay_schedule
        if decay is not None:
            rule = rule.decayed(float(shares(decay, np.array([taken]), Plan(None, 1), "weight_decay")[0]))
        self._memory.ready(chosen, self.parameters)
        chunk = Chunk(
            X=data.X,
            y=data.y,
            sample_weight=data.sample_weight,
            order=None,
            batch_size=len(data),
            first_batch=0,
            steps=1,
            first_step=self._memory.steps,
            learning_rates=rates,
            epoch=0,
            seed=self.seed,
            dropout=(0.0,) * (self.spec.n_layers - 1),
            clip_norm=None,
            clip_value=None,
            frozen=(False,) * len(self.spec.layout),
            record=False,
            rates=rate_factors,
            decays=decays,
        )
        result = self._engine(engine).train(self.parameters, rule, self._memory.state, chunk, read_threads(threads))
        if result.failure is not None:
            raise divergence(result.failure, 1, 1, float(rates[0]), History())
        self._memory.steps += result.steps
        if engine == "native" and not (rate_factors or decay or isinstance(chosen.learning_rate, Schedule)):
            native = self._native.stepper(self._bound, rule, self._memory.state, chosen.learning_rate)
            self._steps = _Steps(native, chosen, self._memory.state)
        if result.interrupt is not None:
            raise result.interrupt
        return float(result.losses[0])

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        optimizer: Optimizer | LBFGS | str = Adam(),  # noqa: B008 - frozen
        batch_size: int = 32,
        epochs: int = 10,
        shuffle: bool = True,
        validation: Any = None,
        early_stopping: Any = None,
        dropout: float | list[float] | tuple[float, ...] | Schedule = 0.0,
        sample_weight: Any = None,
        class_weight: Any = None,
        clip: Any = None,
        freeze: Iterable[str] = (),
        rates: Any = None,
        decays: Any = None,
        threads: int | None = None,
        callbacks: Any = (),
        metrics: Any = None,
        penalty_rows: float | None = None,
        checkpoint: Any = None,
        resume: bool = False,
        shards: int | Shards | None = None,
        engine: str = "native",
        progress: bool | None = None,
    ) -> History:
        """Train by backpropagation and gradient descent on mini-batches; fitting again goes on from here.

        Parameters
        ----------
        X : array_like (n, n_in), or Rows
            Rows of `open_rows` are read in blocks, in bounded memory, and bring their targets. Blocks come in a new
            order each epoch and are mixed in a buffer; a fraction held out is drawn row by row.
        y : array_like (n, n_out), or (n,) with one output, or (n,) integers as class indices
        optimizer : Optimizer, LBFGS, or a name
            Its state is kept while equal optimizers are given.
        batch_size : int >= 1
            Rows per step; the last batch of an epoch may be shorter. L-BFGS takes all rows.
        epochs : int >= 1
        shuffle : bool
            Whether each epoch draws a new order of the rows; False keeps the given one.
        validation : (X, y), (X, y, sample_weight), Rows, or a float in (0, 1), optional
            A set of your own, or a fraction of the rows, held out; loss and metrics are taken after each epoch.
        early_stopping : EarlyStopping, int or True, optional
            Stop when the validation loss (without a set, the training loss) no longer falls, and keep the best weights.
        dropout : float in [0, 1), one per hidden layer, or a schedule
            The share of hidden units left out of each row of each step. ``FlatCos(0.15)`` is 0.15 at first and goes to
            0; a schedule of dropout or weight decay is followed from epoch to epoch.
        sample_weight : array_like (n,), optional
        class_weight : dict of class index to weight, or "balanced", optional
        clip : float or Clip, optional
            A bound on the gradient's norm, or ``Clip(norm=..., value=...)``.
        freeze : names such as ("b1", "w2")
            Arrays that training leaves alone.
        rates : dict of str to float >= 0, optional
            What the learning rate is multiplied by, for a group of parameters ("weights", "biases", "embedding",
            "scaling", "activation") or for one array ("w1", "scale"), which goes before its group.
        decays : dict of str to float >= 0, optional
            What the optimizer's weight decay is multiplied by likewise; 1 for weights and 0 for all else unless given.
        threads : int, optional
            At most so many; by default as many as affinity, cgroup quota and OMP_NUM_THREADS allow.
        callbacks : functions of an Event, EveryEpoch, EverySteps
            Training stops when one returns True. What they write into the weights counts.
        metrics : dict of name to function (y, outputs) -> float, optional
            Taken on the validation set; where that has weights, functions with a parameter `sample_weight` are given
            them. By default accuracy where the loss is for classes, else the root mean squared error.
        penalty_rows : float > 0, optional
            Makes the penalty weaker in larger batches, as scikit-learn's `alpha` is: a batch has its own strength times
            `penalty_rows`, divided by the batch's rows (by the sum of their weights). ``L2(alpha)`` with 1 is alpha/2
            times all squared weights, divided by the rows of each batch. Not for L-BFGS, which has one batch.
        checkpoint : Checkpoint or path, optional
            Where the state of the run is saved, at every epoch's end and at least every 30 seconds.
        resume : bool
            Go on from the newest whole checkpoint there, and end with the same bits as a run never interrupted; with
            none there, begin anew (`History.resumed` tells which).
        shards : int >= 1, 0 or Shards, optional
            Rows belong to so many shards, whose gradients are added in a fixed tree: the processes of an MPI launcher
            share them (all must make the same call), and any number of processes ends with the same bits, one included.
            By default 8 under a launcher (docs/scaling.md), else none, which is fastest for one process; 0 is none
            under a launcher too. A `Shards` object says that X and y hold the rows of this process's shards only.
        engine : {"native", "reference"}
        progress : bool, optional
            A progress bar; by default only on a terminal and in notebooks.

        Returns
        -------
        History

        Raises
        ------
        ConfigurationError, DataError
            Before anything is changed.
        CheckpointError
            The folder holds another run's checkpoints, is in use, or cannot be written.
        DivergenceError
            A number became NaN or infinite: at which step, layer and row, and what to try. The last good weights stay,
            and the error's `history` holds the finished epochs.
        BusyError
            Another thread trains the network.
        """
        from backstory.distributed import fitting as sharding
        from backstory.distributed.communicator import together

        self._refuse_folded("Training")
        count("fit", batch_size=batch_size, epochs=epochs)
        flag("fit", shuffle=shuffle, resume=resume)
        chosen = read_optimizer(optimizer)
        team, shards = sharding.read_shards(shards)
        if shards:
            if rates or decays or self.spec.parametrization != "standard":
                raise ConfigurationError(
                    "Training in shards has one rate and the usual decay for all parameters. Leave out rates=, decays= "
                    "and parametrization='neural_tangent', or train in one process."
                )
            self.seed = sharding.begin_alike(team, self.seed, self.parameters)
            sharding.require_arrays(X, class_weight, validation, shards)
        weights = sample_weight, class_weight
        data, held_out, trains = together(
            team, lambda: self._parts(X, y, weights, validation, self._engine(engine), chosen)
        )
        bounds = arguments.read_clip(clip)
        per_epoch, per_steps = read_callbacks(callbacks)
        options = Options(
            batch_size=batch_size,
            epochs=epochs,
            shuffle=bool(shuffle),
            seed=self.seed,
            dropout=arguments.dropout_rates(self.spec, dropout),
            dropout_schedule=arguments.dropout_schedule(dropout),
            clip_norm=bounds.norm,
            clip_value=bounds.value,
            frozen=arguments.frozen_arrays(self.spec, freeze),
            rates=read_factors(self.spec, rates, "rates"),
            decays=read_factors(self.spec, decays, "decays", self.spec.usual_decays),
            threads=sharding.fair_threads(team, threads, read_threads),
            penalty_rows=arguments.penalty_rows(self.spec, penalty_rows),
            early_stopping=read_early_stopping(early_stopping),
            per_epoch=tuple(per_epoch),
            per_steps=tuple(per_steps),
            metrics=arguments.read_metrics(self.spec, metrics),
            progress=progress,
            checkpoint=read_checkpoint(checkpoint, resume),
            resume=bool(resume),
        )
        if shards:
            trains = sharding.trains(team, shards, find_engine(engine, sharding.summing(self.spec)))
        trainer = trains(
            self._engine(engine), self.spec, self.parameters, data, options, self._memory, held_out, owner=self
        )
        if isinstance(chosen, LBFGS):
            lbfgs.check_options(trainer)
        with self._memory.turns:
            self.history = trainer.history
            if isinstance(chosen, LBFGS):
                with trainer.standing():
                    return lbfgs.run(trainer, chosen)
            self._memory.ready(chosen, self.parameters)
            return trainer.run()

    def _parts(
        self, X: Any, y: Any, weights: tuple[Any, Any], validation: Any, engine: Engine, optimizer: Optimizer | LBFGS
    ) -> tuple[Any, Any, Callable[..., Trainer]]:
        """What `fit` trains on and validates with, in memory or read in blocks, and what trains on such."""
        if isinstance(X, Rows):
            from backstory.training.streaming import StreamTrainer, streamed_data

            if isinstance(optimizer, LBFGS):
                raise ConfigurationError("LBFGS needs all rows in memory at once. Use Adam or SGD, or give arrays.")
            return *streamed_data(self.spec, X, y, weights, validation, engine, self.seed), StreamTrainer
        data = arguments.training_data(self.spec, X, y, *weights)
        return *arguments.validation_data(self.spec, data, validation, engine, self.seed), Trainer

    def walk(
        self,
        X: Any,
        y: Any,
        *,
        optimizer: Optimizer | str = Adam(),  # noqa: B008 - frozen
        batch_size: int = 32,
        shuffle: bool = True,
        dropout: float | list[float] | tuple[float, ...] | Schedule = 0.0,
        sample_weight: Any = None,
        threads: int | None = None,
        engine: str = "native",
    ) -> Walk:
        """Train step by step: the steps of `fit`, taken so many at a time, with a way back.

        Parameters
        ----------
        X, y, optimizer, batch_size, shuffle, dropout, sample_weight, threads, engine
            As for `fit`. A learning rate that depends on how many steps there will be cannot be used.

        Returns
        -------
        Walk
            ``take(n)``, ``steps``, ``batch()``, ``save()`` and ``restore(saved)``.

        Raises
        ------
        ConfigurationError, DataError
            Before anything is changed.

        Examples
        --------
        >>> X, y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]
        >>> net, twin = (Network([1, 2, 1], hidden="tanh", seed=0) for _ in range(2))
        >>> walk = net.walk(X, y, optimizer="sgd", batch_size=2)
        >>> saved, _ = walk.save(), walk.take(3)              # an epoch and a half
        >>> walk.restore(saved)
        >>> _, _ = walk.take(1), walk.take(3)
        >>> _ = twin.fit(X, y, optimizer="sgd", batch_size=2, epochs=2, progress=False)
        >>> bool((net.parameters == twin.parameters).all())
        True
        """
        from backstory.training.walk import Walk

        count("walk", batch_size=batch_size)
        flag("walk", shuffle=shuffle)
        chosen = read_optimizer(optimizer)
        if isinstance(chosen, LBFGS):
            raise ConfigurationError("LBFGS takes no single steps, as it searches along lines. Use fit, or Adam.")
        data = arguments.training_data(self.spec, X, y, sample_weight)
        options = Options(
            batch_size=batch_size,
            epochs=1,
            shuffle=bool(shuffle),
            seed=self.seed,
            dropout=arguments.dropout_rates(self.spec, dropout),
            dropout_schedule=arguments.dropout_schedule(dropout),
            clip_norm=None,
            clip_value=None,
            frozen=arguments.frozen_arrays(self.spec, ()),
            threads=read_threads(threads),
        )
        with self._memory.turns:
            self._memory.ready(chosen, self.parameters)
            trainer = Trainer(self._engine(engine), self.spec, self.parameters, data, options, self._memory, owner=self)
            return Walk(trainer)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a safetensors file; an older file there is replaced at once or left as it was."""
        extra: dict[str, Any] = {
            "seed": self.seed,
            "classes": None if self.classes is None else np.asarray(self.classes).tolist(),
        }
        if self.table is not None:
            extra["table"] = self.table.to_dict()
        if self.folded:
            extra["folded"] = list(self.folded)
        file.save(path, self.spec, self._memory.turns.read(self.parameters.copy), extra)

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        """Write the trained network for other programs; an older file there is replaced at once or left as it was.

        ========  ======  =========================================================================================
        format    ending  what is written
        ========  ======  =========================================================================================
        "onnx"    .onnx   A graph for onnxruntime and the like (opset 20). It takes "X" (n, n_in) and gives "outputs".
        "c"       .c      One C99 file that needs ``math.h`` alone: ``void NAME_predict(const double *x, double *out)``.
        "python"  .py     One file that imports `math` alone: ``predict(row)`` gives the outputs as a list.
        "torch"   .pt     The state of `to_torch`'s module: ``module.load_state_dict(torch.load(path))``.
        "npz"     .npz    NumPy arrays w1, b1, w2, ..., and the rest as JSON; `from_npz` reads it.
        ========  ======  =========================================================================================

        Where the network has a `table`, they take its raw columns (but for PyTorch, whose module is the network alone):
        ONNX by name, (n, 1), numbers as float64 with NaN and texts with "" where missing; C in order, texts as the
        codes that ``NAME_code(column, text)`` gives; Python a dict. Numbers come in the target's units. Classes come
        as "label" (n,) and "probabilities" (n, n_classes) in ONNX; in C and Python a list of their names stands beside.

        Activations are computed by the formulas of their rows, in the network's dtype (in Python always float64).

        Parameters
        ----------
        path : path
        format : str, optional
            By default what the path's ending says.
        name : str, optional
            What all names of the C code begin with; by default the file's name, made fit.
        dtype : {"float64", "float32"}, optional
            By default the network's.

        Raises
        ------
        ConfigurationError
            An unknown format or dtype, a name that is no C identifier, or parameters that are not finite.
        OSError
            The place cannot be written.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> net = Network([2, 3, 1], hidden="tanh", seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net.export(f"{folder}/small.py")
        ...     source = pathlib.Path(folder, "small.py").read_text()
        >>> scope = {}
        >>> exec(source, scope)
        >>> bool(np.allclose(scope["predict"]([0.5, -1.0]), net.predict([[0.5, -1.0]])[0]))
        True
        """
        from backstory.interop.export import export

        export(self._exported(dtype), path, format, name)

    def to_torch(self) -> Any:
        """The network as a PyTorch module: Linear layers and activations, with a copy of the weights.

        Returns
        -------
        torch.nn.Sequential
            Of the network's dtype. It takes the network's inputs (n, n_in), and gives its outputs to float precision.
            Activations that PyTorch lacks compute the formula of their row.

        Raises
        ------
        ConfigurationError
            PyTorch is missing, or parameters are not finite.

        Examples
        --------
        >>> torch = __import__("pytest").importorskip("torch")
        >>> net = Network([2, 3, 1], hidden="tanh", seed=0, dtype="float32")
        >>> net.to_torch()
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): Tanh()
          (2): Linear(in_features=3, out_features=1, bias=True)
        )
        """
        from backstory.interop.to_torch import module

        return module(self._exported())

    def _exported(self, dtype: Any = None) -> Trained:
        """The plain parts that every export reads, in another dtype where one is given."""
        from backstory.interop.trained import Trained

        classes = None if self.classes is None else tuple(self.classes)
        trained = Trained(self.spec, self.parameters, self.seed, classes, self.table, self.folded)
        return trained if dtype is None else trained.astype(dtype)

    def copy(self) -> Network:
        """An independent copy, the optimizer's state included."""
        twin = Network.__new__(Network)
        twin.__setstate__(self.__getstate__())
        return twin

    __copy__ = copy

    def __deepcopy__(self, memo: Any) -> Network:
        return self.copy()

    def __getstate__(self) -> dict[str, Any]:
        parameters, memory = self._memory.turns.read(lambda: (self.parameters.copy(), self._memory.copy()))
        return {
            "spec": self.spec,
            "seed": self.seed,
            "parameters": parameters,
            "memory": memory,
            "history": self.history,
            "classes": self.classes,
            "table": self.table,
            "folded": self.folded,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._adopt(state["spec"], state["seed"])
        self.parameters[:] = state["parameters"]
        self._memory, self.history = state["memory"], state["history"]
        self.classes, self.table = state["classes"], state["table"]
        self.folded = state["folded"]

    def __repr__(self) -> str:
        spec = self.spec
        hidden = [row.name for row in spec.activations[:-1]]
        parts = [str(list(spec.sizes))]
        if hidden:
            parts.append(f"hidden={hidden[0]!r}" if len(set(hidden)) == 1 else f"hidden={hidden!r}")
        parts += [f"output={spec.output.name!r}", f"loss={spec.loss.name!r}"]
        if spec.penalty is not None:
            parts.append(f"penalty={spec.penalty!r}")
        if spec.reduction != "mean":
            parts.append(f"reduction={spec.reduction!r}")
        if not spec.biases:
            parts.append("biases=False")
        if spec.embedding is not None:
            parts.append(f"embedding={spec.embedding!r}")
        parts += [f"{name}=True" for name in ("scaling", "parametric") if getattr(spec, name)]
        if spec.parametrization != "standard":
            parts.append(f"parametrization={spec.parametrization!r}")
        parts += [f"seed={self.seed}", f"dtype={spec.dtype!r}"]
        return f"Network({', '.join(parts)})"


def load(path: str | os.PathLike[str]) -> Network:
    """Read a network that `Network.save` wrote. Runs no code from the file.

    Raises
    ------
    ModelFileError
        The file is cut short, altered, foreign, or of a newer format.
    FileNotFoundError
        There is none.
    """
    spec, flat, extra = file.load(path)
    net = Network.__new__(Network)
    try:
        net._adopt(spec, read_seed(extra.get("seed", 0)))
        net.classes = read_classes(extra.get("classes"))
        net.folded = tuple(map(str, extra.get("folded", ())))
        net.table = Table.from_dict(extra["table"]) if "table" in extra else None
        require_fitting(net.table, spec)
    except (ConfigurationError, DataError, TypeError) as error:
        raise ModelFileError(f"{str(path)!r} has a damaged header. {error}") from None
    net.parameters[:] = flat
    return net


def require_fitting(table: Table | None, spec: Spec) -> None:
    """Raise DataError for a table whose encoding has other inputs or classes than the network."""
    if table is None:
        return
    n_out = 1 if table.classes is None else len(table.classes)
    if (len(table.input_names), n_out) != (spec.n_in, spec.n_out):
        raise DataError(
            f"The table's encoding must have {spec.n_in} inputs and {spec.n_out} outputs, as the network. "
            f"It has {len(table.input_names)} and {n_out}."
        )


def from_npz(path: str | os.PathLike[str]) -> Network:
    """Read a network that `Network.export` wrote as .npz. Runs no code from the file.

    Raises
    ------
    ModelFileError
        The file is damaged, or holds something else.
    FileNotFoundError
        There is none.
    """
    from backstory.interop.to_npz import read

    return network_of(read(path))


def network_of(trained: Trained) -> Network:
    """Make a network of its plain parts."""
    net = Network.__new__(Network)
    net._adopt(trained.spec, trained.seed)
    net.parameters[:] = trained.parameters
    net.classes, net.table = None if trained.classes is None else list(trained.classes), trained.table
    net.folded = trained.folded
    return net


def read_seed(seed: int | None) -> int:
    """The seed that was given, or a drawn one."""
    if seed is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ConfigurationError(f"The 'seed' parameter of Network must be an integer >= 0 or None. Got {seed!r}.")
    return int(seed)


def read_classes(classes: Any) -> list[Any] | None:
    """The labels that a file holds, or None."""
    if classes is not None and not (
        isinstance(classes, list) and all(isinstance(x, str | int | float) for x in classes)
    ):
        raise ConfigurationError(f"A network's classes must be a list of texts or numbers. Got {classes!r}.")
    return classes


def read_optimizer(optimizer: Any) -> Optimizer | LBFGS:
    """An optimizer by name, or the object itself."""
    if isinstance(optimizer, Optimizer | LBFGS):
        return optimizer
    if isinstance(optimizer, str):
        if optimizer.lower() in OPTIMIZERS:
            return OPTIMIZERS[optimizer.lower()]()
        raise unknown("optimizer", optimizer, OPTIMIZERS)
    raise ConfigurationError(f"optimizer= must be an optimizer such as Adam(1e-3), or its name. Got {optimizer!r}.")


def read_threads(threads: int | None) -> int:
    """How many threads may be used: the argument, or what the machine allows."""
    if threads is None:
        from backstory.engine.native import default_threads

        return default_threads()
    if isinstance(threads, bool) or not isinstance(threads, int | np.integer) or threads < 1:
        raise ConfigurationError(f"threads= must be an integer >= 1, or None. Got {threads!r}.")
    return min(int(threads), MOST_THREADS)
