"""What scikit-learn does at the end of each epoch: attributes, verbose lines, the learning rate, and when to stop."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from backstory.training.callbacks import Event
from backstory.training.schedules import Plan

Array = NDArray[Any]


@dataclass(repr=False)
class EpochRate:
    """A learning rate that only changes between epochs; two are equal when they began alike.

    Parameters
    ----------
    kind : {"constant", "invscaling", "adaptive"}
    first : float > 0
    power : float >= 0
        invscaling: after t rows, ``first / (t + 1)**power``.
    """

    kind: str
    first: float
    power: float
    rate: float = field(init=False, compare=False)
    planned: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self.rate = self.first

    def __repr__(self) -> str:
        return f"{self.rate:g}" if self.kind == "constant" else f"{self.kind!r}, now {self.rate:g}"

    def rates(self, steps: NDArray[np.int64], plan: Plan) -> NDArray[np.float64]:
        """The present rate, for every step of the epoch."""
        return np.full(len(steps), self.rate)

    def after(self, rows: int) -> None:
        """Take note that so many rows have been visited in all."""
        if self.kind == "invscaling":
            self.rate = self.first / (rows + 1) ** self.power

    def fall(self) -> bool:
        """adaptive: divide the rate by 5; False where it can fall no further, or is of another kind."""
        if self.kind != "adaptive" or self.rate <= 1e-6:
            return False
        self.rate /= 5.0
        return True


class EpochEnd:
    """The callback of one `fit`: keeps the estimator's attributes, and returns True when training has converged.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Its `loss_`, `loss_curve_`, `n_iter_`, `t_`, scores and best weights are kept.
    rate : EpochRate, optional
        The learning rate, where it changes between epochs.
    rows : int
        Rows of an epoch.
    constant : float
        What scikit-learn's loss has and the network's, being constant, does without.
    validation : float, optional
        The same of the validation loss, where there is a validation set; its metric "score" is then watched if
        `early_stopping` is, else the training loss.
    """

    def __init__(
        self, estimator: Any, rate: EpochRate | None, rows: int, constant: float, validation: float | None
    ) -> None:
        self.estimator, self.rate, self.rows = estimator, rate or EpochRate("constant", 1.0, 0.0), rows
        self.constant, self.validation = constant, validation
        self.converged = False

    def __call__(self, event: Event) -> bool:
        """Keep the books of one epoch; whether training ends."""
        e, figures = self.estimator, event.history.epochs[-1]
        e.n_iter_ += 1
        e.t_ += self.rows
        e.loss_ = figures.loss + self.constant
        e.loss_curve_.append(e.loss_)
        self._say(f"Iteration {e.n_iter_}, loss = {e.loss_:.8f}")
        better = self.validation is not None and self._note_validation(event, self.validation)
        improved = better if e.early_stopping else self._loss_improved()
        e._no_improvement_count = 0 if improved else e._no_improvement_count + 1
        before = self.rate.rate
        self.rate.after(e.t_)
        self.converged = e._no_improvement_count > e.n_iter_no_change and self._stops()
        _keep_velocity(event.network, before / self.rate.rate)
        return self.converged

    def ahead(self) -> int:
        """How many epochs are certain to follow, at a rate that is known."""
        e = self.estimator
        if self.validation is not None or e.verbose or self.rate.kind == "invscaling":
            return 1
        left = int(min(e.n_iter_no_change, e.max_iter)) + 1 - int(e._no_improvement_count)
        return max(1, left)

    def _loss_improved(self) -> bool:
        e = self.estimator
        improved = e.loss_ <= e.best_loss_ - e.tol
        e.best_loss_ = min(e.best_loss_, e.loss_)
        return bool(improved)

    def _note_validation(self, event: Event, constant: float) -> bool:
        """Keep loss and score of the validation set, and the weights of the best score if it is to stop training."""
        e, figures = self.estimator, event.history.epochs[-1]
        score = figures.metrics["score"]
        e.validation_loss_curve_.append(figures.validation_loss + constant)
        e.validation_scores_.append(score)
        self._say(f"Validation score: {score:f}")
        improved = score >= e.best_validation_score_ + e.tol
        if score > e.best_validation_score_ or (e.n_iter_no_change == math.inf and self._ties(score)):
            e.best_validation_score_ = score
            if e.early_stopping:
                e._best_parameters = event.network.parameters.copy()
        return bool(improved)

    def _ties(self, score: float) -> bool:
        """Whether the best score is met again at the least loss; asked where all epochs are trained to keep the best.

        Scikit-learn keeps the first, which shares of few rows make a matter of chance.
        """
        e = self.estimator
        scores, losses = np.array(e.validation_scores_), np.array(e.validation_loss_curve_)
        return bool(score == e.best_validation_score_ and losses[-1] < losses[:-1][scores[:-1] == score].min())

    def _stops(self) -> bool:
        """Whether training ends now that nothing has improved for long; with an adaptive rate, that falls first."""
        e = self.estimator
        watched = "Validation score" if e.early_stopping else "Training loss"
        text = f"{watched} did not improve more than tol={e.tol:f} for {e.n_iter_no_change} consecutive epochs."
        if self.rate.fall():
            e._no_improvement_count = 0
            self._say(f"{text} Setting learning rate to {self.rate.rate:f}")
            return False
        self._say(f"{text} {'Learning rate too small. ' if self.rate.kind == 'adaptive' else ''}Stopping.")
        return True

    def _say(self, line: str) -> None:
        if self.estimator.verbose:
            print(line)


def _keep_velocity(network: Any, factor: float) -> None:
    """Let a change of the rate leave the momentum alone: scikit-learn's velocity is rate times the network's m."""
    momentum = network._memory.state.get("m")
    if factor != 1.0 and momentum is not None:
        momentum *= factor
