"""PyTorch, eager (the training loop of its tutorials), and compiled as pure functions by `torch.compile`.

A function of all parameters that ends in the updated ones is what `torch.compile` makes the quickest program of: with
`fullgraph=True`, loss, gradient and optimizer become one. An `nn.Module` with `backward` and `torch.optim` inside
compiles too, but each call then costs about as much as an eager one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from benchmarks.peers.contender import Contender, interleaved, joined
from benchmarks.works import Array, Task, Work


class Torch(Contender):
    """What all eager ways share: an `nn.Sequential` with the task's first weights, and the loss."""

    name = "PyTorch, eager"
    package = "torch"

    def __init__(self, task: Task, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self.task = task
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
        self.loss = nn.CrossEntropyLoss() if work.loss == "cross_entropy" else HalfSquaredError(nn.MSELoss(), work)
        self.prepare(work)

    def prepare(self, work: Work) -> None:
        """Make the rest ready; not timed."""
        raise NotImplementedError

    def result(self) -> Array:
        return interleaved(
            *zip(*[(layer.weight.detach().T, layer.bias.detach()) for layer in self.linear], strict=True)
        )


class HalfSquaredError:
    """Half the sum over outputs, averaged over rows: PyTorch's mean over everything, times n_out / 2."""

    def __init__(self, mean: Any, work: Work) -> None:
        self.mean, self.scale = mean, work.sizes[-1] / 2

    def __call__(self, output: Any, target: Any) -> Any:
        return self.mean(output, target) * self.scale


class TorchEager(Torch):
    """`backward` and an optimizer of `torch.optim`; the batches are cut beforehand."""

    def prepare(self, work: Work) -> None:
        import torch

        rule: Any = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[work.optimizer]
        # The quickest variant of each on a CPU, as measured: fused for Adam, foreach for SGD.
        quickest = {"foreach": True} if work.optimizer == "sgd" else {"fused": True}
        self.optimizer = rule(self.model.parameters(), lr=work.learning_rate, **quickest)
        X, y = torch.from_numpy(self.task.X), torch.from_numpy(self.task.y)
        self.batches: list[Any] = list(zip(X.split(work.batch), y.split(work.batch), strict=True))

    def step(self, x: Any, y: Any) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(self.model(x), y).backward()
        self.optimizer.step()

    def run(self, times: int) -> None:
        for _ in range(times):
            for x, y in self.batches:
                self.step(x, y)


class TorchEagerOnline(TorchEager):
    """The same with each row given as NumPy has it."""

    def prepare(self, work: Work) -> None:
        super().prepare(work)
        self.batches = [(x.numpy(), y.numpy()) for x, y in self.batches]

    def step(self, x: Any, y: Any) -> None:
        import torch

        super().step(torch.from_numpy(x), torch.from_numpy(y))


class TorchEagerGradient(Torch):
    """`backward`, and the loss as a number."""

    def prepare(self, work: Work) -> None:
        import torch

        self.batch: Any = (torch.from_numpy(self.task.X), torch.from_numpy(self.task.y))

    def run(self, times: int) -> None:
        x, y = self.batch
        for _ in range(times):
            self.model.zero_grad(set_to_none=True)
            loss = self.loss(self.model(x), y)
            loss.backward()
            self.found = loss.item()

    def result(self) -> Array:
        gradients = [(layer.weight.grad.T, layer.bias.grad) for layer in self.linear]
        return joined((interleaved(*zip(*gradients, strict=True)), [self.found]))


class TorchEagerPrediction(Torch):
    """The outputs under `inference_mode`, NumPy in and NumPy out."""

    def prepare(self, work: Work) -> None:
        import torch

        if work.output == "softmax":
            self.model.append(torch.nn.Softmax(dim=1))

    def run(self, times: int) -> None:
        self.found = predicted(self.model, self.task.X, times)

    def result(self) -> Array:
        return joined([self.found])


def predicted(model: Callable[..., Any], X: Array, times: int) -> Any:
    """The model's outputs, computed so often."""
    import torch

    with torch.inference_mode():
        for _ in range(times):
            outputs = model(torch.from_numpy(X)).numpy()
    return outputs


def outputs_of(work: Work) -> Callable[..., Any]:
    """The last layer's z as a function of parameters W1, b1, W2, ... (W as PyTorch has it) and inputs."""
    import torch

    activation = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}[work.hidden]
    linear = torch.nn.functional.linear

    def outputs(parameters: Any, x: Any) -> Any:
        a = x
        for k in range(0, len(parameters) - 2, 2):
            a = activation(linear(a, parameters[k], parameters[k + 1]))
        return linear(a, parameters[-2], parameters[-1])

    return outputs


def loss_of(work: Work) -> Callable[..., Any]:
    """The loss of a batch as a function of parameters, inputs and targets."""
    import torch

    outputs = outputs_of(work)

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        z = outputs(parameters, x)
        if work.loss == "cross_entropy":
            return torch.nn.functional.cross_entropy(z, y)
        a = torch.sigmoid(z) if work.output == "sigmoid" else z
        return ((a - y) ** 2).sum() * (0.5 / x.shape[0])

    return loss


def step_of(work: Work) -> Callable[..., Any]:
    """One update in place: parameters, m, v, t, batch -> loss. Adam is written out as in its paper."""
    import torch

    differentiate, rate = torch.func.grad_and_value(loss_of(work)), work.learning_rate

    def sgd(parameters: Any, m: Any, v: Any, t: Any, x: Any, y: Any) -> Any:
        gradients, loss = differentiate(parameters, x, y)
        for w, g in zip(parameters, gradients, strict=True):
            w.sub_(g, alpha=rate)
        return loss

    def adam(parameters: Any, m: Any, v: Any, t: Any, x: Any, y: Any) -> Any:
        gradients, loss = differentiate(parameters, x, y)
        t.add_(1)
        first, second = 1 - 0.9**t, 1 - 0.999**t
        for w, g, mean, square in zip(parameters, gradients, m, v, strict=True):
            mean.mul_(0.9).add_(g, alpha=0.1)
            square.mul_(0.999).addcmul_(g, g, value=0.001)
            w.sub_(rate * (mean / first) / ((square / second).sqrt() + 1e-8))
        return loss

    return {"sgd": sgd, "adam": adam}[work.optimizer]


class Compiled(Contender):
    """What all compiled ways share: parameters as tensors, and one program that is compiled and timed apart."""

    name = "PyTorch, torch.compile"
    package = "torch"
    slow_to_compile = True

    def __init__(self, task: Task, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.compiler.reset()  # or it gives up: it counts how often it compiled a function, whatever the network
        self.task = task
        pairs = zip(task.weights, task.biases, strict=True)
        self.parameters = [torch.from_numpy(values.copy()) for W, b in pairs for values in (W.T, b)]
        self.prepare(task.work)
        start = time.perf_counter()
        self.program: Any = self.compile(task.work)
        self.compile_seconds = time.perf_counter() - start

    def prepare(self, work: Work) -> None:
        """Lay out the data; not timed."""
        import torch

        self.batch: Any = (torch.from_numpy(self.task.X), torch.from_numpy(self.task.y))

    def compile(self, work: Work) -> Any:
        """The compiled program that `run` calls."""
        raise NotImplementedError


class TorchCompiled(Compiled):
    """A whole step, loss to optimizer, as one graph; the batches are cut beforehand."""

    def prepare(self, work: Work) -> None:
        import torch

        super().prepare(work)
        X, y = self.batch
        self.batches: list[Any] = list(zip(X.split(work.batch), y.split(work.batch), strict=True))
        self.m, self.v = ([torch.zeros_like(values) for values in self.parameters] for _ in range(2))
        self.t = torch.zeros(())

    def compile(self, work: Work) -> Any:
        import torch

        program = torch.compile(step_of(work), fullgraph=True)
        copies = [[values.clone() for values in part] for part in (self.parameters, self.m, self.v)]
        x, y = self.batches[0]
        program(*copies, self.t.clone(), x, y)
        return program

    def run(self, times: int) -> None:
        program, state = self.program, (self.parameters, self.m, self.v, self.t)
        for _ in range(times):
            for x, y in self.batches:
                program(*state, x, y)

    def result(self) -> Array:
        return interleaved([values.T for values in self.parameters[::2]], self.parameters[1::2])


class TorchCompiledOnline(TorchCompiled):
    """The same with each row given as NumPy has it."""

    def run(self, times: int) -> None:
        import torch

        rows = [(x.numpy(), y.numpy()) for x, y in self.batches]
        program, state, tensor = self.program, (self.parameters, self.m, self.v, self.t), torch.from_numpy
        for _ in range(times):
            for x, y in rows:
                program(*state, tensor(x), tensor(y))


class TorchCompiledGradient(Compiled):
    """`grad_and_value` as one graph, and the loss as a number."""

    def compile(self, work: Work) -> Any:
        import torch

        program = torch.compile(torch.func.grad_and_value(loss_of(work)), fullgraph=True)
        program(self.parameters, *self.batch)
        return program

    def run(self, times: int) -> None:
        for _ in range(times):
            gradients, loss = self.program(self.parameters, *self.batch)
            self.found = (gradients, loss.item())

    def result(self) -> Array:
        gradients, loss = self.found
        return joined((interleaved([values.T for values in gradients[::2]], gradients[1::2]), [loss]))


class TorchCompiledPrediction(Compiled):
    """The outputs under `inference_mode`, NumPy in and NumPy out."""

    def compile(self, work: Work) -> Any:
        import torch

        outputs, parameters = outputs_of(work), self.parameters

        def predict(x: Any) -> Any:
            z = outputs(parameters, x)
            return torch.softmax(z, dim=1) if work.output == "softmax" else z

        program = torch.compile(predict, fullgraph=True)
        with torch.inference_mode():
            program(self.batch[0])
        return program

    def run(self, times: int) -> None:
        self.found = predicted(self.program, self.task.X, times)

    def result(self) -> Array:
        return joined([self.found])
