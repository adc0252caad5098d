"""The course of one `fit`: rows held out, the run of `Network.fit`, and what scikit-learn keeps of it."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from backstory.errors import DataError, DivergenceError
from backstory.estimators import translation
from backstory.estimators.epochs import EpochEnd
from backstory.estimators.workers import fair_threads
from backstory.model.network import Network
from backstory.model.refitting import anew, best_lull, is_as_good, until
from backstory.training.arguments import take
from backstory.training.callbacks import Event, EveryEpoch
from backstory.training.history import History
from backstory.training.trainer import Data

Array = NDArray[Any]

CALLER = 5
"""From a warning to the line that called `fit`."""


class Fitting(BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn is untyped
    """How an estimator trains a network on rows that are ready, and the record that it keeps."""

    network_: Network
    t_: int
    loss_curve_: list[float]
    best_loss_: Any
    validation_loss_curve_: Any  # these three are None without a validation set
    validation_scores_: Any
    best_validation_score_: Any

    def _train_at_once(self, network: Network, data: Data, validation: Data | None) -> None:
        """Run L-BFGS and keep what scikit-learn keeps of it."""
        constant = self._loss_constant(data)

        def say(iteration: int, loss: float) -> None:
            if self.verbose:
                print(f"Iteration {iteration}, loss = {loss + constant:.8f}")

        def after_iteration(event: Event) -> None:
            say(event.epoch, event.loss)

        say(0, self._loss(network, data))
        search = translation.search_along_lines(self)
        history = self._run(network, data, validation, search, int(self.max_iter), EveryEpoch(after_iteration))
        self.n_iter_ = len(history)
        self.loss_ = self._loss(network, data) + constant
        self.validation_loss_curve_ = None
        if validation is not None:
            self.validation_loss_curve_ = (history.validation_loss + self._loss_constant(validation)).tolist()
        self.converged_ = history.stopped == "converged"
        if history.stopped == "epochs":
            limit = "max_iter" if self.n_iter_ == self.max_iter else "max_fun"
            warnings.warn(
                f"lbfgs failed to converge after {self.n_iter_} iteration(s). Raise {limit}={getattr(self, limit)}, or "
                "scale the data.",
                ConvergenceWarning,
                stacklevel=CALLER - 1,
            )

    def _train_by_epochs(
        self, network: Network, data: Data, validation: Data | None, random: Any, first: bool, incremental: bool
    ) -> None:
        """Run single steps, with scikit-learn's rules for the end of each epoch."""
        watches = self.early_stopping or validation is not None
        self._prepare_record(first, watches, incremental)
        everything = data
        if self.early_stopping and validation is None:
            data, validation = self._split(data, self._split_random(random) if incremental else random)
        if self.early_stopping and (first or not incremental or "_best_parameters" not in vars(self)):
            self._best_parameters = network.parameters.copy()
        # As the recipe for tables: all epochs, of which the best is kept, and batches for tables of any size.
        recipe = self.early_stopping and self.n_iter_no_change == math.inf
        known = isinstance(self.batch_size, str) or recipe
        if not known and self.batch_size > len(data):
            warn(
                f"Got `batch_size` less than 1 or larger than sample size: {self.batch_size} for {len(data)} rows. It "
                "is going to be clipped."
            )
        if random is not None:
            network.seed = int(random.randint(2**31 - 1))
        optimizer, rate = translation.stepper(self)
        if rate is not None and incremental and network._memory.optimizer == optimizer:
            rate.rate = network._memory.optimizer.learning_rate.rate
        constants = self._loss_constant(data), None if validation is None else self._loss_constant(validation)
        watch = EpochEnd(self, rate, len(data), *constants)
        refits = not incremental and len(data) < len(everything) <= self._most_rows_to_refit()
        first_weights = network.parameters.copy() if refits else network.parameters
        try:
            epochs = 1 if incremental else int(self.max_iter)
            history = self._run(network, data, validation, optimizer, epochs, EveryEpoch(watch, watch.ahead))
            if history.stopped == "epochs" and not incremental and not recipe:
                warn(
                    f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                    "converged yet.",
                    ConvergenceWarning,
                )
        except KeyboardInterrupt:
            warn("Training interrupted by user.")
        except DivergenceError as found:
            error = found if data.rows is None else found.counted_in(data.rows)
            if not self.early_stopping or self.best_validation_score_ == -math.inf:
                raise error from found
            self.validation_scores_.append(math.nan)
            self.validation_loss_curve_.append(math.nan)
            watch.converged = incremental
            warn(f"{error} Early stopping kept the weights of the best epoch.", ConvergenceWarning)
        self.converged_ = watch.converged
        self._ended = incremental and watch.converged
        if self.early_stopping and (self._ended or not incremental):
            network.parameters[:] = self._best_parameters
        if refits:
            self._train_again(network, everything, optimizer, first_weights)

    def _most_rows_to_refit(self) -> float:
        is_flag = isinstance(self.refit, bool | np.bool_)
        return math.inf if is_flag and self.refit else float(self.refit)

    def _train_again(self, network: Network, data: Data, optimizer: Any, first_weights: Array) -> None:
        """Train on all rows, from the same first weights, for as long as did well with some of them held out."""
        record = self.validation_scores_, self.validation_loss_curve_
        end = best_lull(optimizer.learning_rate, int(self.max_iter), *record)
        if not is_as_good(end, *record):
            return
        try:
            with anew(network, first_weights):
                self._run(network, data, None, optimizer, int(self.max_iter), until(end), own_callbacks=False)
        except KeyboardInterrupt:
            warn("Training interrupted by user: the weights are those of the rows that were not held out.")
        except DivergenceError as error:
            warn(f"{error} The weights are those of the rows that were not held out.", ConvergenceWarning)

    def _prepare_record(self, first: bool, watches: bool, incremental: bool) -> None:
        """Begin the attributes that grow from epoch to epoch, or go on with them where the same thing is watched."""
        same = not first and hasattr(self, "loss_curve_") and (self.validation_scores_ is not None) == watches
        if not same or (self.best_loss_ is None) != self.early_stopping:
            self.loss_curve_ = []
            self.validation_loss_curve_ = [] if watches else None
            self.validation_scores_ = [] if watches else None
            self.best_loss_ = None if self.early_stopping else math.inf
            self.best_validation_score_ = -math.inf if watches else None
            self._no_improvement_count = 0
        elif incremental and self.early_stopping and not vars(self).get("_was_incremental"):
            self._no_improvement_count, self.best_validation_score_ = 0, -math.inf  # fit had come to its end
        self._was_incremental = incremental

    def _split_random(self, random: Any) -> Any:
        """The same for each call of `partial_fit`, so that the same rows are held out when the same rows come again."""
        if random is not None or not hasattr(self, "_split_seed"):
            self._split_seed = int((random or check_random_state(self.random_state)).randint(2**31 - 1))
        return check_random_state(self._split_seed)

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

    def _run(
        self,
        network: Network,
        data: Data,
        validation: Data | None,
        optimizer: Any,
        epochs: int,
        callback: Any,
        own_callbacks: bool = True,
    ) -> History:
        self.network_ = network
        own = self.callbacks if isinstance(self.callbacks, list | tuple) else [self.callbacks]
        return network.fit(
            data.X,
            data.y,
            optimizer=optimizer,
            batch_size=translation.rows_per_step(self, len(data)),
            penalty_rows=translation.penalty_rows(self, network),
            epochs=epochs,
            shuffle=bool(self.shuffle),
            dropout=self.dropout,
            rates=self.rates,
            decays=self.decays,
            sample_weight=data.sample_weight,
            validation=None if validation is None else (validation.X, validation.y, validation.sample_weight),
            metrics={"score": self._score_or_nan},
            threads=fair_threads(self.threads),
            callbacks=[callback, *(each for each in own if own_callbacks and each is not None)],
            progress=self.progress,
            shards=0,  # what an estimator keeps of each epoch, every process of a launcher must keep
        )

    def _loss(self, network: Network, data: Data) -> float:
        return network.loss(data.X, data.y, sample_weight=data.sample_weight, threads=fair_threads(self.threads))

    def _score_or_nan(self, y: Array, outputs: Array, sample_weight: Array | None = None) -> float:
        """The score on targets as the network takes them; NaN of a model that diverges."""
        if not np.isfinite(outputs).all():
            return math.nan
        with np.errstate(over="ignore"):
            return self._outputs_score(y, outputs, sample_weight)

    def _strata(self, y: Array) -> Array | None:
        """What the held-out rows are stratified by."""
        return None

    def _loss_constant(self, data: Data) -> float:
        """What scikit-learn's loss has beside the network's, whatever the weights."""
        return 0.0

    @abstractmethod
    def _outputs_score(self, y: Array, outputs: Array, sample_weight: Array | None) -> float:
        """The score on targets as the network takes them."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called `fit`."""
    warnings.warn(message, category, stacklevel=CALLER)
