"""The referee: whether a contender computes what the others compute; before that its time would mean nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

import backstory as bs
from benchmarks.peers.contender import interleaved, joined
from benchmarks.peers.with_backstory import RULES, network
from benchmarks.peers.with_sklearn import ScikitLearnEstimator
from benchmarks.works import Array, Task

LOSS_TOLERANCE = 1e-2
"""Relative, after an epoch, for float32 contenders against float64."""
WAY_TOLERANCE = {"sgd": 1e-3, "adam": 0.2}
"""How far off the reference's weights after an epoch, in parts of the way they went. Adam divides gradients by their
size, which makes rounding near a ReLU's kink large, and scikit-learn adds its epsilon at another place."""
CALL_TOLERANCE = {"gradient": 1e-3, "prediction": 1e-4}
"""How far off the reference's numbers, in parts of their size."""


class Disagreement(Exception):
    """A contender does not compute what the others compute; its time would mean nothing."""


@dataclass(frozen=True)
class Verdict:
    """The loss where there is one (else NaN), and how far off the reference, in parts of the way it went."""

    loss: float
    off: float


class Referee:
    """What everybody's first run must come to: the reference engine's numbers in float64.

    For an estimator they are scikit-learn's own in float64, since its rules are the ones to be followed.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        work = task.work
        first: Array | float = 0.0
        if work.kind == "estimator":
            self.expected = estimator_result(task)
            self.tolerance = WAY_TOLERANCE["adam"]
        else:
            self.net = network(work, "float64")
            for mine, given in zip(self.net.weights + self.net.biases, task.weights + task.biases, strict=True):
                mine[...] = given
            first = interleaved(self.net.weights, self.net.biases)
            if work.kind in CALL_TOLERANCE:
                first = 0.0
                self.expected, self.tolerance = called(self.net, task), CALL_TOLERANCE[work.kind]
            else:
                self.expected, self.tolerance = trained(self.net, task), WAY_TOLERANCE[work.optimizer]
        self.way = float(np.linalg.norm(self.expected - first))
        self.loss = self._loss(self.expected)

    def _loss(self, result: Array) -> float:
        """Of a result that has one: a gradient carries it, weights are put in."""
        kind = self.task.work.kind
        if kind in ("prediction", "estimator"):
            return math.nan
        if kind == "gradient":
            return float(result[-1])
        start = 0
        for values in (values for pair in zip(self.net.weights, self.net.biases, strict=True) for values in pair):
            values[...] = result[start : start + values.size].reshape(values.shape)
            start += values.size
        return self.net.loss(self.task.X, self.task.y, threads=1, engine="reference")

    def judge(self, name: str, result: Array) -> Verdict:
        """Raise Disagreement unless these are the numbers of a right first run."""
        found = Verdict(self._loss(result), float(np.linalg.norm(result - self.expected)) / self.way)
        near = math.isnan(self.loss) or abs(found.loss - self.loss) <= LOSS_TOLERANCE * abs(self.loss)
        if not (near and found.off <= self.tolerance):
            loss = "" if math.isnan(self.loss) else f"the loss must be {self.loss:.6g}. Got {found.loss:.6g}, with "
            raise Disagreement(
                f"{name} on {self.task.work.name}: after one run {loss}numbers off by {found.off:.1e} of the way they "
                f"went; at most {self.tolerance:g} is rounding."
            )
        return found


def trained(net: bs.Network, task: Task) -> Array:
    """All parameters after one epoch in the given order."""
    work = task.work
    net.fit(
        task.X,
        task.y,
        optimizer=RULES[work.optimizer](work.learning_rate),
        batch_size=work.batch,
        epochs=1,
        shuffle=False,
        threads=1,
        engine="reference",
        progress=False,
    )
    return interleaved(net.weights, net.biases)


def called(net: bs.Network, task: Task) -> Array:
    """The gradient and the loss, or the outputs."""
    if task.work.kind == "prediction":
        return joined([net.predict(task.X, engine="reference")])
    found = net.gradients(task.X, task.y, engine="reference")
    return joined((interleaved(found.weights, found.biases), [found.loss]))


def estimator_result(task: Task) -> Array:
    """Scikit-learn's parameters after one epoch in the given order, in float64."""
    rows = Task(task.work, task.X.astype(np.float64), task.y, task.weights, task.biases)
    return ScikitLearnEstimator(rows, 1).result()
