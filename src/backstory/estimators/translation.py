"""From scikit-learn's parameters to what `Network` and its `fit` take: sizes, penalty, first weights, optimizer."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from backstory.errors import ConfigurationError
from backstory.estimators.epochs import EpochRate
from backstory.estimators.heads import Head
from backstory.estimators.parameters import hidden_activations, hidden_sizes
from backstory.functions import L2, Penalty
from backstory.functions import penalty as find_penalty
from backstory.model.network import Network
from backstory.model.recipe import even_batch
from backstory.training.optimizers import LBFGS, OPTIMIZERS, SGD, Adam, Optimizer
from backstory.training.schedules import Schedule
from backstory.training.trainer import Data

MOST_ROWS = 200
"""Rows of a batch where `batch_size="auto"`."""
LEAST_REDUCTION = 2.220446049250313e-09
"""SciPy's default of L-BFGS-B, which scikit-learn leaves alone."""


_l2 = lru_cache(maxsize=64)(L2)


def is_lbfgs(estimator: Any) -> bool:
    """Whether the solver works on all rows at once, along lines."""
    return isinstance(estimator.solver, LBFGS) or (isinstance(estimator.solver, str) and estimator.solver == "lbfgs")


def rows_per_step(estimator: Any, n: int) -> int:
    """How many of n rows a step takes."""
    if is_lbfgs(estimator):
        return n
    if estimator.batch_size == "even":
        return even_batch(n)
    return min(MOST_ROWS if estimator.batch_size == "auto" else int(estimator.batch_size), n)


def penalty(estimator: Any, data: Data) -> Penalty | None:
    """`penalty`, or scikit-learn's: alpha/2 times all squared weights, divided by the weight of a full batch."""
    if estimator.penalty is not None:
        return find_penalty(estimator.penalty)
    if not estimator.alpha:
        return None
    mean_weight = 1.0 if data.sample_weight is None else float(data.sample_weight.mean(dtype="float64"))
    return _l2(float(estimator.alpha) / (rows_per_step(estimator, len(data)) * mean_weight))


def penalty_rows(estimator: Any, net: Network) -> float | None:
    """`Network.fit`'s argument, with which every batch has alpha divided by what its rows weigh."""
    if estimator.penalty is not None or net.spec.penalty is None or is_lbfgs(estimator):
        return None
    return float(estimator.alpha) / net.spec.penalty.l2


def search_along_lines(estimator: Any) -> LBFGS:
    """The solver "lbfgs", or the object."""
    if isinstance(estimator.solver, LBFGS):
        return estimator.solver
    return LBFGS(
        tolerance=float(estimator.tol), max_evaluations=int(estimator.max_fun), least_reduction=LEAST_REDUCTION
    )


def stepper(estimator: Any) -> tuple[Optimizer, EpochRate | None]:
    """The optimizer that takes single steps, and its learning rate where that changes from epoch to epoch."""
    solver, first = estimator.solver, float(estimator.learning_rate_init)
    if isinstance(solver, Optimizer):
        return solver, None
    given = estimator.learning_rate
    power = float(estimator.power_t)
    rate = None if isinstance(given, Schedule) else EpochRate(given if solver == "sgd" else "constant", first, power)
    learning_rate: Schedule = given if rate is None else rate
    if solver == "sgd":
        momentum = float(estimator.momentum)
        return SGD(learning_rate, momentum, bool(estimator.nesterovs_momentum) and momentum > 0), rate
    if solver == "adam":
        betas, epsilon = (float(estimator.beta_1), float(estimator.beta_2)), float(estimator.epsilon)
        return Adam(learning_rate, *betas, epsilon, epsilon_hat=True), rate
    other: Any = OPTIMIZERS[solver]
    return other(learning_rate), rate


def network(
    estimator: Any,
    data: Data,
    head: Head,
    random: Any,
    old: Network | None,
    *,
    keeps_state: bool,
) -> Network:
    """The network to train: a new one, or one with the weights of `old`.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    data : Data
    head : Head
    random : RandomState
        First weights are drawn from it.
    old : Network, optional
        Whose weights training goes on from.
    keeps_state : bool
        Whether the optimizer's state goes on too, as in `partial_fit`.

    Raises
    ------
    ConfigurationError
        The parameters ask for other sizes than `old` has.
    """
    sizes = [data.X.shape[1], *hidden_sizes(estimator), head.n_out]
    term = penalty(estimator, data)
    if old is not None and list(old.spec.sizes) != sizes:
        raise ConfigurationError(
            f"{type(estimator).__name__} goes on from a network of sizes {list(old.spec.sizes)}, and its parameters or "
            f"y now ask for {sizes}. Leave them as they were, or fit without warm_start."
        )
    if old is not None and keeps_state and old.spec.penalty == term:
        return old
    hidden: list[Any] = list(hidden_activations(estimator))
    as_there = estimator.initializer is None and estimator.parametrization == "standard"  # scikit-learn's first weights
    new = Network(
        sizes,
        hidden=hidden if hidden else "relu",
        output=head.output,
        loss=head.loss,
        penalty=term,
        initializer="zeros" if as_there else estimator.initializer,
        seed=0 if (as_there and estimator.embedding is None) or random is None else int(random.randint(2**31 - 1)),
        dtype=old.spec.dtype if old is not None else data.X.dtype.name,
        embedding=estimator._embedded(),
        scaling=estimator.scaling,
        parametric=estimator.parametric,
        parametrization=estimator.parametrization,
    )
    if old is None and as_there:
        draw_weights(new, random, [row.name for row in hidden] or [str(estimator.activation)])
    if old is None and estimator.standardize_units:
        new.standardize_units(data.X)
    if old is not None:
        new.parameters[:] = old.parameters
        if keeps_state:
            new.seed, new._memory = old.seed, old._memory
    return new


def draw_weights(net: Network, random: Any, hidden: list[str]) -> None:
    """Fill weights and biases as scikit-learn does: uniform within sqrt(factor/(n_in + n_out)), layer by layer.

    Parameters
    ----------
    net : Network
    random : RandomState
    hidden : list of str
        The activations' names.

    References
    ----------
    Glorot & Bengio, AISTATS 2010, equation 16, with factor 6; scikit-learn takes 2 for logistic units, and for the
    outputs what the units before them have.
    """
    names = [*hidden, hidden[-1]]
    for W, b, name in zip(net.weights, net.biases, names, strict=False):
        bound = math.sqrt((2.0 if name in ("sigmoid", "logistic") else 6.0) / sum(W.shape))
        W[:] = random.uniform(-bound, bound, W.shape)
        b[:] = random.uniform(-bound, bound, b.shape)
