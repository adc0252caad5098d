"""backstory: each kind of work through its public method, with all that a user pays for in it.

Single calls leave out `threads`, as a user does: the default is what `benchmarks.machine` allows everybody.
"""

from __future__ import annotations

import warnings
from typing import Any

import backstory as bs
from benchmarks.peers.contender import Contender, interleaved, joined
from benchmarks.works import Array, Task, Work

RULES = {"sgd": bs.SGD, "adam": bs.Adam}


def network(work: Work, dtype: str, hidden: Any = None) -> bs.Network:
    """The work's network."""
    return bs.Network(work.sizes, hidden=hidden or work.hidden, output=work.output, loss=work.loss, seed=0, dtype=dtype)


class Ours(Contender):
    """What all ways share: the network, with the task's first weights."""

    name = "backstory"
    package = "backstory"
    ours = True

    def __init__(self, task: Task, threads: int) -> None:
        self.task, self.threads = task, threads
        self.net = network(task.work, task.work.dtype, self.hidden())
        for mine, given in zip(self.net.weights + self.net.biases, task.weights + task.biases, strict=True):
            mine[...] = given

    def hidden(self) -> Any:
        """The activation of the hidden layers, where it is not the one the work names."""
        return None


class Backstory(Ours):
    """`Network.fit` with everything in it: checks, history, the loop over chunks."""

    def __init__(self, task: Task, threads: int) -> None:
        super().__init__(task, threads)
        self.optimizer = RULES[task.work.optimizer](task.work.learning_rate)

    def run(self, times: int) -> None:
        self.net.fit(
            self.task.X,
            self.task.y,
            optimizer=self.optimizer,
            batch_size=self.task.work.batch,
            epochs=times,
            shuffle=False,
            threads=self.threads,
            progress=False,
        )

    def result(self) -> Array:
        return interleaved(self.net.weights, self.net.biases)


class BackstoryFormula(Backstory):
    """The same with an activation that is only given as a formula."""

    name = "backstory, own formula"

    def hidden(self) -> Any:
        return bs.Activation("own", self.task.work.formula)


class BackstoryBuiltIn(Backstory):
    """What the formula is held against."""

    name = "backstory, built in"
    ours = False


class BackstoryOnline(Backstory):
    """`Network.step`, a row at a time."""

    def __init__(self, task: Task, threads: int) -> None:
        super().__init__(task, threads)
        self.rows = [(task.X[i : i + 1], task.y[i : i + 1]) for i in range(len(task.X))]

    def run(self, times: int) -> None:
        step, optimizer = self.net.step, self.optimizer
        for _ in range(times):
            for x, y in self.rows:
                step(x, y, optimizer=optimizer)


class BackstoryGradient(Ours):
    """`Network.gradients`."""

    def run(self, times: int) -> None:
        gradients, X, y = self.net.gradients, self.task.X, self.task.y
        for _ in range(times):
            self.found = gradients(X, y)

    def result(self) -> Array:
        return joined((interleaved(self.found.weights, self.found.biases), [self.found.loss]))


class BackstoryPrediction(Ours):
    """`Network.predict`."""

    def run(self, times: int) -> None:
        predict, X = self.net.predict, self.task.X
        for _ in range(times):
            self.found = predict(X)

    def result(self) -> Array:
        return joined([self.found])


class BackstoryEstimator(Contender):
    """`MLPClassifier.fit` with scikit-learn's defaults."""

    name = "backstory"
    package = "backstory"
    ours = True

    def __init__(self, task: Task, threads: int) -> None:
        self.task = task
        self.threads: dict[str, Any] = self.own_arguments(threads)

    def own_arguments(self, threads: int) -> dict[str, Any]:
        return {"threads": threads}

    def new(self, **arguments: Any) -> Any:
        return bs.MLPClassifier(**arguments)

    def fit(self, epochs: int, shuffle: bool) -> Any:
        """A fresh estimator, fitted; nothing stops it early."""
        arguments: dict[str, Any] = {"max_iter": epochs, "n_iter_no_change": epochs, "random_state": 0}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it did not converge in so many epochs
            return self.new(shuffle=shuffle, **arguments, **self.threads).fit(self.task.X, self.task.y)

    def run(self, times: int) -> None:
        for _ in range(times):
            self.fit(self.task.work.epochs, shuffle=True)

    def result(self) -> Array:
        """Of one epoch in the given order: shuffled, each library draws its own."""
        model = self.fit(1, shuffle=False)
        return interleaved(model.coefs_, model.intercepts_)
