"""What both estimators share: from validated arrays to a trained `Network`, and scikit-learn's fitted attributes."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from backstory.data.arrays import row_weights
from backstory.errors import ConfigurationError, DataError, DivergenceError
from backstory.estimators import translation
from backstory.estimators.epochs import EpochEnd
from backstory.estimators.parameters import check_parameters
from backstory.functions import Loss
from backstory.interop.from_scikit import OUTPUTS
from backstory.model.network import Network
from backstory.training.arguments import take
from backstory.training.callbacks import Event, EveryEpoch
from backstory.training.history import History
from backstory.training.trainer import Data

Array = NDArray[Any]

NAMES = {row: name for name, row in OUTPUTS.items()}
"""The row of an output activation -> scikit-learn's name, as in `out_activation_`."""
CALLER = 5
"""From a warning to the line that called `fit`."""


class NotFiniteError(DivergenceError, ValueError):
    """A `DivergenceError` that is a ValueError too, as what scikit-learn's own estimators raise is."""

    @classmethod
    def of(cls, error: DivergenceError) -> NotFiniteError:
        """The same news, opened by scikit-learn's sentence."""
        place = {name: getattr(error, name) for name in ("step", "epoch", "layer", "row", "quantity", "history")}
        return cls(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            f"preprocessed. {error}",
            **place,
        )


class BaseMLP(BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn is untyped
    """The shared part; a subclass says what targets, outputs, loss and score are.

    `network_` is the fitted `Network`; `coefs_` and `intercepts_` are its weights and biases.
    """

    network_: Network
    t_: int
    _y_rules: dict[str, Any]

    def _keep(self, given: dict[str, Any]) -> None:
        """Keep the arguments of `__init__` under their names, untouched, as scikit-learn asks."""
        for name, value in given.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    @property
    def coefs_(self) -> list[Array]:
        """The weights, one (n_in, n_out) per layer: views, which may be written into."""
        return list(self._fitted("coefs_").weights)

    @property
    def intercepts_(self) -> list[Array]:
        """The biases, one (n_out,) per layer: views, which may be written into."""
        return list(self._fitted("intercepts_").biases)

    @property
    def n_layers_(self) -> int:
        """Layers, inputs and outputs counted."""
        return len(self._fitted("n_layers_").spec.sizes)

    @property
    def n_outputs_(self) -> int:
        """Outputs of the network: one for two classes."""
        return self._fitted("n_outputs_").spec.n_out

    @property
    def out_activation_(self) -> str:
        """Scikit-learn's name of the output activation."""
        return NAMES[self._fitted("out_activation_").spec.output.name]

    def _fitted(self, attribute: str) -> Network:
        if "network_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has {attribute!r} once it is fitted; call fit first.")
        return self.network_

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train on all rows until convergence, or for `max_iter` epochs.

        Parameters
        ----------
        X : array_like or sparse matrix (n, n_features)
            Trained on in its own dtype, float32 or float64. The network has no sparse form: sparse rows are made dense.
        y : array_like (n,) or (n, n_outputs)
        sample_weight : array_like (n,), optional

        Returns
        -------
        self

        Raises
        ------
        ConfigurationError, DataError
            A parameter outside its domain, or rows that do not fit; both are ValueErrors.
        DivergenceError
            A number became NaN or infinite; also a ValueError. The last good weights stay. With early stopping the
            best epoch's weights are kept instead, and a ConvergenceWarning says so.

        Warns
        -----
        ConvergenceWarning
            `max_iter` was reached first.
        """
        self._fit(X, y, sample_weight, incremental=False)
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, incremental: bool) -> None:
        check_parameters(self)
        if self.early_stopping and incremental:
            raise ConfigurationError(
                "partial_fit does not support early_stopping=True, as one call is one epoch. Use fit, or leave it out."
            )
        old = self.network_ if "network_" in vars(self) and (self.warm_start or incremental) else None
        X, y = validate_data(
            self, X, y, reset=old is None, accept_sparse=SPARSE, dtype=(np.float64, np.float32), **self._y_rules
        )
        data = self._data(dense(X), y, sample_weight, old is not None, incremental)
        goes_on = incremental and old is not None and old._memory.optimizer is not None
        random = None if goes_on else check_random_state(self.random_state)
        network = translation.network(self, data, self._head(data.y), random, old, keeps_state=incremental)
        if old is None:
            self.t_ = 0
        self.n_iter_ = 0
        try:
            if self.solver == "lbfgs":
                self._train_at_once(network, data)
            else:
                self._train_by_epochs(network, data, random, old is None, incremental)
        except DivergenceError as error:
            raise NotFiniteError.of(error) from error

    def _train_at_once(self, network: Network, data: Data) -> None:
        """Run L-BFGS and keep what scikit-learn keeps of it."""
        constant = self._loss_constant(data)

        def say(iteration: int, loss: float) -> None:
            if self.verbose:
                print(f"Iteration {iteration}, loss = {loss + constant:.8f}")

        def after_iteration(event: Event) -> None:
            say(event.epoch, event.loss)

        say(0, self._loss(network, data))
        search = translation.search_along_lines(self)
        history = self._run(network, data, search, int(self.max_iter), EveryEpoch(after_iteration))
        self.n_iter_ = len(history)
        self.loss_ = self._loss(network, data) + constant
        if history.stopped != "converged":
            limit = "max_iter" if self.n_iter_ == self.max_iter else "max_fun"
            warnings.warn(
                f"lbfgs failed to converge after {self.n_iter_} iteration(s). Raise {limit}={getattr(self, limit)}, or "
                "scale the data.",
                ConvergenceWarning,
                stacklevel=CALLER - 1,
            )

    def _train_by_epochs(self, network: Network, data: Data, random: Any, first: bool, incremental: bool) -> None:
        """Run SGD or Adam, with scikit-learn's rules for the end of each epoch."""
        if first or not hasattr(self, "loss_curve_") or (self.validation_scores_ is not None) != self.early_stopping:
            self._start_record()
        held_out = None
        if self.early_stopping:
            data, held_out = self._split(data, random)
            self._best_parameters = network.parameters.copy()
        if self.batch_size != "auto" and self.batch_size > len(data):
            _warn(
                f"Got `batch_size` less than 1 or larger than sample size: {self.batch_size} for {len(data)} rows. It "
                "is going to be clipped."
            )
        if random is not None:
            network.seed = int(random.randint(2**31 - 1))
        optimizer, rate = translation.stepper(self)
        if incremental and network._memory.optimizer == optimizer:
            rate.rate = network._memory.optimizer.learning_rate.rate
        watch = EpochEnd(self, rate, len(data), self._loss_constant(data), held_out)
        try:
            epochs = 1 if incremental else int(self.max_iter)
            history = self._run(network, data, optimizer, epochs, EveryEpoch(watch, watch.ahead))
            if history.stopped == "epochs" and not incremental:
                _warn(
                    f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                    "converged yet.",
                    ConvergenceWarning,
                )
        except KeyboardInterrupt:
            _warn("Training interrupted by user.")
        except DivergenceError as found:
            error = found if data.rows is None else found.counted_in(data.rows)
            if self.validation_scores_ is None or self.best_validation_score_ == -math.inf:
                raise error from found
            self.validation_scores_.append(math.nan)
            _warn(f"{error} Early stopping kept the weights of the best epoch.", ConvergenceWarning)
        if self.early_stopping:
            network.parameters[:] = self._best_parameters

    def _audited(self, X: Any, y: Any, sample_weight: Any) -> tuple[Network, Array, Array, Array | None]:
        """A network and its rows as `audit` asks for them: the fitted one, or one with the first weights of `fit`."""
        fitted = "network_" in vars(self)
        check_parameters(self)
        twin = self if fitted else clone(self)
        X, y = validate_data(twin, X, y, reset=not fitted, accept_sparse=SPARSE, dtype=np.float64, **self._y_rules)
        data = twin._data(dense(X), y, sample_weight, fitted, False)
        old = self.network_ if fitted else None
        random = None if fitted else check_random_state(self.random_state)
        network = translation.network(twin, data, twin._head(data.y), random, old, keeps_state=False)
        return network, data.X, data.y, data.sample_weight

    def _start_record(self) -> None:
        """The attributes that grow from epoch to epoch, as before a first one."""
        self.loss_curve_: list[float] = []
        self._no_improvement_count = 0
        self.best_loss_ = None if self.early_stopping else math.inf
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_ = -math.inf if self.early_stopping else None

    def _split(self, data: Data, random: Any) -> tuple[Data, Data]:
        """(training rows, held-out rows); the same ones that scikit-learn draws."""
        strata, share = self._strata(data.y), self.validation_fraction
        train, held_out = train_test_split(np.arange(len(data)), random_state=random, test_size=share, stratify=strata)
        if len(held_out) < 2:
            raise DataError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset: "
                f"{share} of {len(data)} rows is {len(held_out)}, and a score needs 2."
            )
        return take(data, train), take(data, held_out)

    def _run(self, network: Network, data: Data, optimizer: Any, epochs: int, callback: Any) -> History:
        self.network_ = network
        return network.fit(
            data.X,
            data.y,
            optimizer=optimizer,
            batch_size=translation.rows_per_step(self, len(data)),
            penalty_rows=translation.penalty_rows(self, network),
            epochs=epochs,
            shuffle=bool(self.shuffle),
            dropout=self.dropout,
            sample_weight=data.sample_weight,
            threads=self.threads,
            callbacks=callback,
            progress=False,
        )

    def _loss(self, network: Network, data: Data) -> float:
        return network.loss(data.X, data.y, sample_weight=data.sample_weight, threads=self.threads)

    def _outputs(self, X: Any) -> Array:
        """The network's outputs for raw rows."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse=SPARSE)
        return self.network_.predict(dense(X), threads=self.threads)

    def _weights(self, sample_weight: Any, X: Array) -> Array | None:
        return None if sample_weight is None else row_weights(sample_weight, len(X), X.dtype.name)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @abstractmethod
    def _data(self, X: Array, y: Array, sample_weight: Any, goes_on: bool, incremental: bool) -> Data:
        """The rows as the network takes them."""

    @abstractmethod
    def _head(self, y: Array) -> tuple[int, str, str | Loss]:
        """How many outputs, their activation, and the loss, for targets as the network takes them."""

    def _strata(self, y: Array) -> Array | None:
        """What the held-out rows are stratified by."""
        return None

    def _loss_constant(self, data: Data) -> float:
        """What scikit-learn's loss has beside the network's, whatever the weights."""
        return 0.0

    @abstractmethod
    def _outputs_score(self, y: Array, outputs: Array, sample_weight: Array | None) -> float:
        """The score on targets as the network takes them."""


SPARSE = ("csr", "csc")


def dense(X: Any) -> Array:
    """A sparse matrix as an array."""
    return np.asarray(X.toarray() if hasattr(X, "toarray") else X)


def _warn(message: str, category: type[Warning] = UserWarning) -> None:
    warnings.warn(message, category, stacklevel=CALLER)


def is_stochastic(estimator: Any) -> bool:
    """Whether `partial_fit` exists: L-BFGS has no single steps.

    Raises
    ------
    AttributeError
        The solver is L-BFGS.
    """
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
    return True
