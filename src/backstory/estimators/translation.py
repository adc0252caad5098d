"""From scikit-learn's parameters to what `Network` and its `fit` take: sizes, penalty, first weights, optimizer."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from backstory.errors import ConfigurationError
from backstory.estimators.epochs import EpochRate
from backstory.estimators.parameters import hidden_sizes
from backstory.functions import L2, Loss, Penalty
from backstory.functions import penalty as find_penalty
from backstory.interop.from_scikit import HIDDEN
from backstory.model.network import Network
from backstory.training.optimizers import LBFGS, SGD, Adam
from backstory.training.trainer import Data

MOST_ROWS = 200
"""Rows of a batch where `batch_size="auto"`."""
LEAST_REDUCTION = 2.220446049250313e-09
"""SciPy's default of L-BFGS-B, which scikit-learn leaves alone."""


_l2 = lru_cache(maxsize=64)(L2)


def rows_per_step(estimator: Any, n: int) -> int:
    """How many of n rows a step takes."""
    if estimator.solver == "lbfgs":
        return n
    return min(MOST_ROWS if estimator.batch_size == "auto" else int(estimator.batch_size), n)


def penalty(estimator: Any, data: Data) -> Penalty | None:
    """`penalty`, or scikit-learn's: alpha/2 times all squared weights, divided by the weight of a batch's rows."""
    if estimator.penalty is not None:
        return find_penalty(estimator.penalty)
    if not estimator.alpha:
        return None
    mean_weight = 1.0 if data.sample_weight is None else float(data.sample_weight.mean(dtype="float64"))
    return _l2(float(estimator.alpha) / (rows_per_step(estimator, len(data)) * mean_weight))


def penalty_rows(estimator: Any, net: Network) -> float | None:
    """`Network.fit`'s argument, with which every batch has alpha divided by what its rows weigh."""
    if estimator.penalty is not None or net.spec.penalty is None or estimator.solver == "lbfgs":
        return None
    return float(estimator.alpha) / net.spec.penalty.l2


def search_along_lines(estimator: Any) -> LBFGS:
    """The solver "lbfgs"."""
    return LBFGS(
        tolerance=float(estimator.tol), max_evaluations=int(estimator.max_fun), least_reduction=LEAST_REDUCTION
    )


def stepper(estimator: Any) -> tuple[SGD | Adam, EpochRate]:
    """The solver "sgd" or "adam", and its learning rate."""
    first = float(estimator.learning_rate_init)
    if estimator.solver == "adam":
        rate = EpochRate("constant", first, 0.0)
        return Adam(rate, float(estimator.beta_1), float(estimator.beta_2), float(estimator.epsilon)), rate
    rate, momentum = EpochRate(estimator.learning_rate, first, float(estimator.power_t)), float(estimator.momentum)
    return SGD(rate, momentum, bool(estimator.nesterovs_momentum) and momentum > 0), rate


def network(
    estimator: Any,
    data: Data,
    head: tuple[int, str, str | Loss],
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
    head : (int, str, str or Loss)
        Number of outputs, their activation, and the loss.
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
    n_out, output, loss = head
    sizes = [data.X.shape[1], *hidden_sizes(estimator), n_out]
    term = penalty(estimator, data)
    if old is not None and list(old.spec.sizes) != sizes:
        raise ConfigurationError(
            f"{type(estimator).__name__} goes on from a network of sizes {list(old.spec.sizes)}, and its parameters or "
            f"y now ask for {sizes}. Leave them as they were, or fit without warm_start."
        )
    if old is not None and keeps_state and old.spec.penalty == term:
        return old
    new = Network(
        sizes,
        hidden=HIDDEN[estimator.activation],
        output=output,
        loss=loss,
        penalty=term,
        initializer="zeros",
        seed=0,
        dtype=old.spec.dtype if old is not None else data.X.dtype.name,
    )
    if old is None:
        draw_weights(new, random, 2.0 if estimator.activation == "logistic" else 6.0)
    else:
        new.parameters[:] = old.parameters
        if keeps_state:
            new.seed, new._memory = old.seed, old._memory
    return new


def draw_weights(net: Network, random: Any, factor: float) -> None:
    """Fill weights and biases as scikit-learn does: uniform within sqrt(factor/(n_in + n_out)), layer by layer.

    References
    ----------
    Glorot & Bengio, AISTATS 2010, equation 16, with factor 6; scikit-learn takes 2 for logistic units.
    """
    for W, b in zip(net.weights, net.biases, strict=True):
        bound = math.sqrt(factor / sum(W.shape))
        W[:] = random.uniform(-bound, bound, W.shape)
        b[:] = random.uniform(-bound, bound, b.shape)
