"""JAX: a jitted step called from Python, and a whole epoch compiled as one loop (`lax.scan`)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.contender import Contender, Parameters
from benchmarks.works import Task, Work


def loss_of(work: Work) -> Callable[..., Any]:
    """The loss of a batch as a function of parameters, inputs and targets."""
    import jax
    import jax.numpy as jnp

    acts = {"relu": jax.nn.relu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid, "identity": lambda z: z}

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        a = x
        for W, b in parameters[:-1]:
            a = acts[work.hidden](a @ W + b)
        W, b = parameters[-1]
        z = a @ W + b
        if work.loss == "cross_entropy":
            return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()
        return 0.5 * ((acts[work.output](z) - y) ** 2).sum() / x.shape[0]

    return loss


def step_of(work: Work) -> Callable[..., Any]:
    """One update: (parameters, m, v, t), batch -> the same, loss. Adam is written out as in its paper."""
    import jax
    import jax.numpy as jnp

    loss, rate = loss_of(work), work.learning_rate

    def sgd(state: Any, batch: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(state[0], *batch)
        return (jax.tree.map(lambda w, g: w - rate * g, state[0], gradient), *state[1:]), value

    def adam(state: Any, batch: Any) -> Any:
        parameters, m, v, t = state
        value, gradient = jax.value_and_grad(loss)(parameters, *batch)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
        first, second = 1 - 0.9**t, 1 - 0.999**t
        parameters = jax.tree.map(
            lambda w, m, v: w - rate * (m / first) / (jnp.sqrt(v / second) + 1e-8), parameters, m, v
        )
        return (parameters, m, v, t), value

    return {"sgd": sgd, "adam": adam}[work.optimizer]


class Jax(Contender):
    """What both ways share: the batches lie on the device beforehand; buffers are donated, so updates are in place."""

    package = "jax"

    def __init__(self, task: Task, threads: int) -> None:
        import jax
        import jax.numpy as jnp

        work = task.work
        self.steps = work.steps
        self.X = jnp.asarray(task.X.reshape(work.steps, work.batch, -1))
        y = task.y.reshape(work.steps, work.batch, *task.y.shape[1:])
        self.y = jnp.asarray(y.astype(np.int32) if task.y.ndim == 1 else y)
        parameters = [(jnp.array(W), jnp.array(b)) for W, b in zip(task.weights, task.biases, strict=True)]
        slots: list[Any] = [()] * 2 if work.optimizer == "sgd" else [zeros_like(parameters), zeros_like(parameters)]
        self.state: Any = (parameters, *slots, jnp.float32(0))
        jax.block_until_ready((self.X, self.y, self.state))
        self.prepare()
        start = time.perf_counter()
        self.compiled = self.compile(work)
        self.compile_seconds = time.perf_counter() - start

    def prepare(self) -> None:
        """Lay out the data; not timed."""

    def compile(self, work: Work) -> Any:
        """The compiled program that `train` calls."""
        raise NotImplementedError

    def parameters(self) -> Parameters:
        return [(np.array(W), np.array(b)) for W, b in self.state[0]]


def zeros_like(parameters: Any) -> Any:
    import jax
    import jax.numpy as jnp

    return jax.tree.map(jnp.zeros_like, parameters)


class JaxScan(Jax):
    """A whole epoch in one compiled call."""

    name = "JAX, epoch under lax.scan"

    def compile(self, work: Work) -> Any:
        import jax

        step = step_of(work)
        epoch = jax.jit(lambda state, X, y: jax.lax.scan(step, state, (X, y)), donate_argnums=(0,))
        return epoch.lower(self.state, self.X, self.y).compile()

    def train(self, epochs: int) -> None:
        import jax

        for _ in range(epochs):
            self.state, _ = self.compiled(self.state, self.X, self.y)
        jax.block_until_ready(self.state)


class JaxStep(Jax):
    """A compiled step, called from a loop in Python; the batches are cut beforehand."""

    name = "JAX, jitted step"

    def prepare(self) -> None:
        import jax

        self.batches = [(self.X[i], self.y[i]) for i in range(self.steps)]
        jax.block_until_ready(self.batches)

    def compile(self, work: Work) -> Any:
        import jax

        step = jax.jit(step_of(work), donate_argnums=(0,))
        step.lower(self.state, self.batches[0]).compile()
        return step  # called through jit, whose C++ dispatch is quicker than a lowered program's

    def train(self, epochs: int) -> None:
        import jax

        for _ in range(epochs):
            for batch in self.batches:
                self.state, _ = self.compiled(self.state, batch)
        jax.block_until_ready(self.state)
