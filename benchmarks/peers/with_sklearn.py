"""scikit-learn: `MLPRegressor.fit` and `MLPClassifier.fit`."""

from __future__ import annotations

import warnings
from typing import Any

from benchmarks.peers.contender import Contender, Parameters
from benchmarks.works import Task, Work


class ScikitLearn(Contender):
    """An estimator with warm_start, asked for so many epochs without shuffling or early stopping.

    Its threads are those of the BLAS under NumPy, limited in `benchmarks.machine`.
    """

    name = "scikit-learn"
    package = "sklearn"

    @classmethod
    def cannot(cls, work: Work) -> str:
        if work.output == "sigmoid":
            return "its regressor has no logistic outputs"
        return ""

    def __init__(self, task: Task, threads: int) -> None:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        work = task.work
        self.task = task
        kind = MLPClassifier if work.loss == "cross_entropy" else MLPRegressor
        self.target = task.y if task.y.ndim == 1 or task.y.shape[1] > 1 else task.y.ravel()
        self.model: Any = kind(
            hidden_layer_sizes=work.sizes[1:-1],
            activation={"sigmoid": "logistic"}.get(work.hidden, work.hidden),
            solver=work.optimizer,
            alpha=0.0,
            batch_size=work.batch,
            learning_rate_init=work.learning_rate,
            momentum=0.0,
            shuffle=False,
            tol=0.0,
            n_iter_no_change=1 << 30,
            warm_start=True,
            random_state=0,
        )
        self.train(1)  # it has weights to overwrite only after a first fit; fitting again starts a new optimizer
        for mine, given in zip(self.model.coefs_ + self.model.intercepts_, task.weights + task.biases, strict=True):
            mine[...] = given

    def train(self, epochs: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it did not converge in so many epochs
            self.model.set_params(max_iter=epochs).fit(self.task.X, self.target)

    def parameters(self) -> Parameters:
        return [(W.copy(), b.copy()) for W, b in zip(self.model.coefs_, self.model.intercepts_, strict=True)]
