"""PyTorch, eager: the training loop of its tutorials."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.peers.contender import Contender, Parameters
from benchmarks.works import Task


class TorchEager(Contender):
    """`nn.Sequential`, `backward`, and an optimizer of `torch.optim`; the batches are cut beforehand."""

    name = "PyTorch, eager"
    package = "torch"

    def __init__(self, task: Task, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        work = task.work
        nn: Any = torch.nn
        acts = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
        self.linear = [nn.Linear(a, b) for a, b in pairwise(work.sizes)]
        with torch.no_grad():
            for layer, W, b in zip(self.linear, task.weights, task.biases, strict=True):
                layer.weight.copy_(torch.from_numpy(W.T))
                layer.bias.copy_(torch.from_numpy(b))
        layers = [unit for layer in self.linear for unit in (layer, acts[work.hidden]())][:-1]
        if work.output == "sigmoid":
            layers.append(nn.Sigmoid())
        self.model = nn.Sequential(*layers)
        rule: Any = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[work.optimizer]
        # The quickest variant of each on a CPU, as measured: fused for Adam, foreach for SGD.
        quickest = {"foreach": True} if work.optimizer == "sgd" else {"fused": True}
        self.optimizer = rule(self.model.parameters(), lr=work.learning_rate, **quickest)
        self.loss = nn.CrossEntropyLoss() if work.loss == "cross_entropy" else HalfSquaredError(nn.MSELoss(), work)
        X, y = torch.from_numpy(task.X), torch.from_numpy(task.y)
        self.batches = list(zip(X.split(work.batch), y.split(work.batch), strict=True))

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            for x, y in self.batches:
                self.optimizer.zero_grad(set_to_none=True)
                self.loss(self.model(x), y).backward()
                self.optimizer.step()

    def parameters(self) -> Parameters:
        return [
            (np.ascontiguousarray(layer.weight.detach().numpy().T), layer.bias.detach().numpy().copy())
            for layer in self.linear
        ]


class HalfSquaredError:
    """Half the sum over outputs, averaged over rows: PyTorch's mean over everything, times n_out / 2."""

    def __init__(self, mean: Any, work: Any) -> None:
        self.mean, self.scale = mean, work.sizes[-1] / 2

    def __call__(self, output: Any, target: Any) -> Any:
        return self.mean(output, target) * self.scale
