"""backstory: one call of `fit`."""

from __future__ import annotations

import backstory as bs
from benchmarks.peers.contender import Contender, Parameters
from benchmarks.works import Task


class Backstory(Contender):
    """`Network.fit` with everything a user pays for in it: checks, history, the loop over chunks."""

    name = "backstory"
    package = "backstory"
    ours = True

    def __init__(self, task: Task, threads: int) -> None:
        work = task.work
        self.task, self.threads = task, threads
        self.net = bs.Network(
            work.sizes, hidden=work.hidden, output=work.output, loss=work.loss, seed=0, dtype="float32"
        )
        for mine, given in zip(self.net.weights + self.net.biases, task.weights + task.biases, strict=True):
            mine[...] = given
        rule = {"sgd": bs.SGD, "adam": bs.Adam}[work.optimizer]
        self.optimizer = rule(work.learning_rate)

    def train(self, epochs: int) -> None:
        self.net.fit(
            self.task.X,
            self.task.y,
            optimizer=self.optimizer,
            batch_size=self.task.work.batch,
            epochs=epochs,
            shuffle=False,
            threads=self.threads,
            progress=False,
        )

    def parameters(self) -> Parameters:
        return [(W.copy(), b.copy()) for W, b in zip(self.net.weights, self.net.biases, strict=True)]
