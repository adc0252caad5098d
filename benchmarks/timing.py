"""Timing: contenders in turn, many times over, after they have been shown to compute the same."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import backstory as bs
from benchmarks.peers.contender import Contender, Parameters
from benchmarks.works import Array, Task

LOSS_TOLERANCE = 1e-2
"""Relative, after an epoch, for float32 contenders against float64."""
REST = 0.25
"""Seconds before each sample: threads of libraries go on spinning for a while after their work, on anybody's time."""
WAY_TOLERANCE = {"sgd": 1e-3, "adam": 0.2}
"""How far off the reference's weights after an epoch, in parts of the way they went. Adam divides gradients by their
size, which makes rounding near a ReLU's kink large, and scikit-learn adds its epsilon at another place."""


@dataclass(frozen=True)
class Verdict:
    """Where the first epoch led: the loss over all rows, and how far off the reference, in parts of the way it went."""

    loss: float
    off: float


@dataclass(frozen=True)
class Timed:
    """One contender's times for one work: seconds per step, one per round."""

    name: str
    ours: bool
    seconds: Array
    compile_seconds: float
    verdict: Verdict

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    @property
    def quartiles(self) -> tuple[float, float]:
        low, high = np.percentile(self.seconds, [25, 75])
        return float(low), float(high)


class Disagreement(Exception):
    """A contender does not compute what the others compute; its time would mean nothing."""


class Referee:
    """The reference engine in float64: what everybody's first epoch must come to."""

    def __init__(self, task: Task) -> None:
        work = task.work
        self.task = task
        self.net = bs.Network(work.sizes, hidden=work.hidden, output=work.output, loss=work.loss, seed=0)
        self.place(list(zip(task.weights, task.biases, strict=True)))
        first = self.net.parameters.copy()
        rule = {"sgd": bs.SGD, "adam": bs.Adam}[work.optimizer](work.learning_rate)
        self.net.fit(
            task.X,
            task.y,
            optimizer=rule,
            batch_size=work.batch,
            epochs=1,
            shuffle=False,
            threads=1,
            engine="reference",
            progress=False,
        )
        self.expected = self.net.parameters.copy()
        self.way = float(np.linalg.norm(self.expected - first))
        self.loss = self._loss()

    def place(self, parameters: Parameters) -> None:
        for W, b, (given_W, given_b) in zip(self.net.weights, self.net.biases, parameters, strict=True):
            W[...], b[...] = given_W, given_b

    def _loss(self) -> float:
        return self.net.loss(self.task.X, self.task.y, threads=1, engine="reference")

    def judge(self, name: str, parameters: Parameters) -> Verdict:
        """Raise Disagreement unless these are the parameters of a right first epoch."""
        self.place(parameters)
        work = self.task.work
        found = Verdict(self._loss(), float(np.linalg.norm(self.net.parameters - self.expected)) / self.way)
        near = abs(found.loss - self.loss) <= LOSS_TOLERANCE * abs(self.loss)
        if not (near and found.off <= WAY_TOLERANCE[work.optimizer]):
            raise Disagreement(
                f"{name} on {work.name}: after one epoch the loss must be {self.loss:.6g}. Got {found.loss:.6g}, with "
                f"weights off by {found.off:.1e} of the way they went."
            )
        return found


def measure(task: Task, kinds: Sequence[type[Contender]], *, threads: int, repeats: int, seconds: float) -> list[Timed]:
    """Time the contenders on a task.

    Each is built, trained for one epoch that is compared with the referee's and not timed, then asked for as many
    epochs as take about `seconds`. These samples are taken in turn after a rest, the order moving on by one in each
    round, so that what else the machine does falls on all alike.
    """
    referee = Referee(task)
    contenders: list[Contender] = []
    verdicts: list[Verdict] = []
    for kind in kinds:
        contender = kind(task, threads)
        contender.train(1)
        verdicts.append(referee.judge(kind.name, contender.parameters()))
        contenders.append(contender)
    epochs = [epochs_for(contender, seconds) for contender in contenders]
    times = np.empty((len(contenders), repeats))
    for k in range(repeats):
        for place in range(len(contenders)):
            i = (place + k) % len(contenders)
            time.sleep(REST if seconds > REST else 0)
            times[i, k] = sample(contenders[i], epochs[i]) / (epochs[i] * task.work.steps)
    return [
        Timed(kind.name, kind.ours, times[i], contenders[i].compile_seconds, verdicts[i])
        for i, kind in enumerate(kinds)
    ]


def sample(contender: Contender, epochs: int) -> float:
    """Seconds for so many epochs."""
    start = time.perf_counter()
    contender.train(epochs)
    return time.perf_counter() - start


def epochs_for(contender: Contender, seconds: float) -> int:
    """How many epochs take about so long; finding out is the warm-up."""
    epochs = 1
    while True:
        took = sample(contender, epochs)
        if took >= 0.5 * seconds:
            return max(1, round(epochs * seconds / took))
        epochs = max(epochs + 1, min(epochs * 10, round(epochs * seconds / took)))
