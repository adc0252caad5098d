"""scikit-learn: `MLPRegressor` and `MLPClassifier`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from benchmarks.peers.contender import Contender, interleaved, joined
from benchmarks.peers.with_backstory import BackstoryEstimator
from benchmarks.works import Array, Task, Work


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
        if work.sizes[-1] > 1 and work.loss != "cross_entropy":
            return "its loss is averaged over outputs"
        return ""

    def __init__(self, task: Task, threads: int) -> None:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        work = task.work
        self.task = task
        kind = MLPClassifier if work.loss == "cross_entropy" else MLPRegressor
        self.target = task.y if task.y.ndim == 1 else task.y.ravel()
        self.model: Any = kind(
            hidden_layer_sizes=work.sizes[1:-1],
            activation={"sigmoid": "logistic"}.get(work.hidden, work.hidden),
            solver=work.optimizer or "sgd",
            alpha=0.0,
            batch_size=work.batch,
            learning_rate_init=work.learning_rate or 0.1,
            momentum=0.0,
            shuffle=False,
            tol=0.0,
            n_iter_no_change=1 << 30,
            warm_start=True,
            random_state=0,
        )
        self.start()
        for mine, given in zip(self.model.coefs_ + self.model.intercepts_, task.weights + task.biases, strict=True):
            mine[...] = given

    def start(self) -> None:
        """Give it weights to overwrite, which it has only after a first fit; fitting again starts a new optimizer."""
        self._fit(1, self.task.X, self.target)

    def _fit(self, epochs: int, X: Array, y: Array) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it did not converge in so many epochs
            self.model.set_params(max_iter=epochs).fit(X, y)

    def run(self, times: int) -> None:
        self._fit(times, self.task.X, self.target)

    def result(self) -> Array:
        return interleaved(self.model.coefs_, self.model.intercepts_)


class ScikitLearnOnline(ScikitLearn):
    """`partial_fit`, a row at a time."""

    def start(self) -> None:
        self.rows = [(self.task.X[i : i + 1], self.target[i : i + 1]) for i in range(len(self.task.X))]
        self.model.partial_fit(*self.rows[0])

    def run(self, times: int) -> None:
        for _ in range(times):
            for x, y in self.rows:
                self.model.partial_fit(x, y)


class ScikitLearnStill(ScikitLearn):
    """What works without training share: a first fit on made-up rows that name every class."""

    def start(self) -> None:
        n = max(2, self.task.work.sizes[-1])
        X = np.zeros((n, self.task.work.sizes[0]), dtype=self.task.X.dtype)
        y = np.arange(n) if self.task.y.ndim == 1 else np.zeros(n, dtype=self.task.X.dtype)
        self._fit(1, X, y)


class ScikitLearnPrediction(ScikitLearnStill):
    """`predict`, or `predict_proba` of classes."""

    def run(self, times: int) -> None:
        predict = getattr(self.model, "predict_proba", self.model.predict)
        for _ in range(times):
            self.found = predict(self.task.X)

    def result(self) -> Array:
        return joined([self.found])


class ScikitLearnGradient(ScikitLearnStill):
    """The method that its L-BFGS calls, without packing and unpacking one flat vector."""

    name = "scikit-learn, _backprop"

    def __init__(self, task: Task, threads: int) -> None:
        super().__init__(task, threads)
        n_out = task.work.sizes[-1]
        self.aims = np.eye(n_out, dtype=task.X.dtype)[task.y] if task.y.ndim == 1 else task.y
        layers = len(task.weights)
        self.activations: list[Any] = [task.X] + [None] * layers
        self.deltas: list[Any] = [None] * layers
        self.gradients = [[np.empty_like(values) for values in part] for part in (task.weights, task.biases)]

    def run(self, times: int) -> None:
        for _ in range(times):
            self.found = self.model._backprop(
                self.task.X, self.aims, None, self.activations, self.deltas, *self.gradients
            )

    def result(self) -> Array:
        loss, weights, biases = self.found
        return joined((interleaved(weights, biases), [loss]))


class ScikitLearnEstimator(BackstoryEstimator):
    """`MLPClassifier.fit` with its defaults."""

    name = "scikit-learn"
    package = "sklearn"
    ours = False

    def own_arguments(self, threads: int) -> dict[str, Any]:
        return {}

    def new(self, **arguments: Any) -> Any:
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier(**arguments)
