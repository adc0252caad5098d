"""`MLPRegressor`: numbers in, numbers out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from backstory.data.columns import scaled
from backstory.data.target import Target, standard
from backstory.estimators.base import BaseMLP, is_stochastic
from backstory.estimators.heads import Head, head_for_numbers
from backstory.training.trainer import Data

Array = NDArray[Any]


class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]  # scikit-learn is untyped
    """A multi-layer perceptron for numbers: half the squared error, or another loss, minimized by any optimizer.

    Every parameter of scikit-learn 1.9's class is here with its name, meaning and default; those after `max_fun` are
    additions, and some take more values than there. With several outputs the squared error is half its *mean* over the
    outputs, as scikit-learn reports it, and the gradient is that loss's own. Scikit-learn steps along n_outputs times
    the data term's gradient, so its runs are repeated here with ``alpha / n_outputs`` and, for "sgd",
    ``n_outputs * learning_rate_init``; for "adam", which divides by the gradient's size, with ``epsilon / n_outputs``.

    Parameters
    ----------
    loss : str or Loss
        "squared_error" as above. "poisson" is for counts, y >= 0: its output is exp(z), and half its deviance, summed
        over the outputs, the loss. Any other of the library's by its own convention ("absolute_error", "huber",
        ``Quantile(0.9)``, ...) or one of your own, ``Loss("cauchy", "log(1 + (a - y)^2)")``.
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, learning_rate_init, power_t, max_iter
        As for `MLPClassifier`.
    shuffle, random_state, tol, verbose, warm_start, momentum, nesterovs_momentum, early_stopping, validation_fraction
        Likewise; with early stopping the score is R2, the coefficient of determination.
    beta_1, beta_2, epsilon, n_iter_no_change, max_fun
        Likewise.
    output_activation : str or Activation, optional
        By default the plainest that the loss is defined for: "identity", else "exp", "sigmoid" or "softmax".
    dropout, penalty, callbacks, progress, threads
        As for `MLPClassifier`.
    encode : bool
        As for `MLPClassifier`; targets are then standardized too, and losses are those of standardized targets.
    bounded : bool
        Whether predictions are kept within the range of the targets of `fit`.
    initializer, embedding, scaling, parametric, parametrization, rates, decays, standardize_units, refit,
    members
        As for `MLPClassifier`.

    Attributes
    ----------
    network_ : Network
        The fitted network, with everything that a `Network` can do.
    networks_, table_
        As for `MLPClassifier`.
    coefs_, intercepts_, loss_, loss_curve_, best_loss_, n_iter_, t_, n_layers_, n_outputs_, out_activation_
        As for `MLPClassifier`.
    validation_loss_curve_, validation_scores_, best_validation_score_, converged_
        Likewise; the score is R2.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X has names.

    Examples
    --------
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> regressor = MLPRegressor(hidden_layer_sizes=8, activation="tanh", solver="lbfgs", alpha=0, random_state=0)
    >>> regressor.fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.99
    True
    """

    _y_rules = {"multi_output": True, "y_numeric": True}  # noqa: RUF012 - scikit-learn's words to itself

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 1e-4,
        batch_size: int | str = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        output_activation: Any = None,
        dropout: Any = 0.0,
        penalty: Any = None,
        callbacks: Any = None,
        progress: bool | None = False,
        threads: int | None = None,
        encode: bool = False,
        bounded: bool = False,
        initializer: Any = None,
        embedding: Any = None,
        scaling: bool = False,
        parametric: bool = False,
        parametrization: str = "standard",
        standardize_units: bool = False,
        rates: Any = None,
        decays: Any = None,
        refit: bool | int = False,
        members: int = 1,
    ) -> None:
        self._keep(locals())

    def _data(self, X: Array, y: Array, sample_weight: Any, goes_on: bool, incremental: bool) -> Data:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not goes_on:
            self._aims = tuple(self._learned_aim(column) for column in y.reshape(len(y), -1).T.astype(np.float64))
        return Data(X, self._targets(y, X.dtype), self._weights(sample_weight, X))

    def _learned_aim(self, y: Array) -> Target:
        """What one target is standardized by, where columns are encoded, and the range it is kept within."""
        scaling = standard(y) if self.encode else (0.0, 1.0)
        return Target("y", None, *scaling, "", *((float(y.min()), float(y.max())) if self.bounded else (None, None)))

    def _aim(self) -> Target | None:
        return self._aims[0] if len(self._aims) == 1 else None

    def _targets(self, y: Array, dtype: Any) -> Array:
        y = y.reshape(len(y), -1)
        if not self.encode:
            return y
        columns = [scaled(column, aim.mean, aim.scale) for column, aim in zip(y.T, self._aims, strict=True)]
        return np.stack(columns, axis=1).astype(dtype)

    def _for_members(self, y: Array) -> Array:
        targets = self._targets(y, np.float64)
        return targets[:, 0] if targets.shape[1] == 1 else targets

    @available_if(is_stochastic)  # type: ignore[untyped-decorator]  # scikit-learn is untyped
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPRegressor:
        """Train for one epoch on the given rows, going on from where training stopped.

        Parameters
        ----------
        X : array_like or sparse matrix (n, n_features)
        y : array_like (n,) or (n, n_outputs)
        sample_weight : array_like (n,), optional
        X_val, y_val, sample_weight_val : as for `fit`, optional

        Returns
        -------
        self

        Notes
        -----
        Early stopping works as in `MLPClassifier.partial_fit`.
        """
        self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=True)
        return self

    def predict(self, X: Any) -> Array:
        """The outputs, (n,) or (n, n_outputs)."""
        outputs = self._outputs(X)
        if self.encode or self.bounded:
            outputs = np.stack([aim.restored(a) for a, aim in zip(outputs.T, self._aims, strict=True)], axis=1)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def _head(self, y: Array) -> Head:
        return head_for_numbers(self.loss, self.output_activation, y.shape[1])

    def _loss_constant(self, data: Data) -> float:
        if self._head(data.y).loss.name != "poisson":
            return 0.0
        y = data.y.astype(np.float64)
        return float(np.average(xlogy(y, y) - y, weights=data.sample_weight, axis=0).sum())

    def _outputs_score(self, y: Array, outputs: Array, sample_weight: Array | None) -> float:
        return float(r2_score(y, outputs, sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
