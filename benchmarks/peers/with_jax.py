"""JAX: a jitted step called from Python, a whole epoch compiled as one loop (`lax.scan`), and jitted single calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.contender import Contender, interleaved, joined
from benchmarks.works import Array, Task, Work


def outputs_of(work: Work) -> Callable[..., Any]:
    """The last layer's z as a function of parameters and inputs."""
    activation = activations()[work.hidden]

    def outputs(parameters: Any, x: Any) -> Any:
        a = x
        for W, b in parameters[:-1]:
            a = activation(a @ W + b)
        W, b = parameters[-1]
        return a @ W + b

    return outputs


def activations() -> dict[str, Callable[[Any], Any]]:
    import jax
    import jax.numpy as jnp

    return {
        "relu": jax.nn.relu,
        "tanh": jnp.tanh,
        "sigmoid": jax.nn.sigmoid,
        "identity": lambda z: z,
        "softmax": jax.nn.softmax,
    }


def loss_of(work: Work) -> Callable[..., Any]:
    """The loss of a batch as a function of parameters, inputs and targets."""
    import jax
    import jax.numpy as jnp

    outputs, last = outputs_of(work), activations()[work.output]

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        z = outputs(parameters, x)
        if work.loss == "cross_entropy":
            return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()
        return 0.5 * ((last(z) - y) ** 2).sum() / x.shape[0]

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
    """What all ways share: parameters on the device, and one program that is compiled and timed apart."""

    package = "jax"

    def __init__(self, task: Task, threads: int) -> None:
        import jax
        import jax.numpy as jnp

        self.task = task
        self.parameters: Any = [(jnp.array(W), jnp.array(b)) for W, b in zip(task.weights, task.biases, strict=True)]
        # NumPy's class indices are 64 bits wide, which JAX by default has not.
        self.y_rows = task.y.astype(np.int32) if task.y.ndim == 1 else task.y
        self.prepare(task.work)
        jax.block_until_ready(self.parameters)
        start = time.perf_counter()
        self.compiled = self.compile(task.work)
        self.compile_seconds = time.perf_counter() - start

    def prepare(self, work: Work) -> None:
        """Lay out the data; not timed."""
        raise NotImplementedError

    def compile(self, work: Work) -> Any:
        """The compiled program that `run` calls."""
        raise NotImplementedError


class JaxTraining(Jax):
    """Training: the batches lie on the device beforehand; buffers are donated, so updates are in place."""

    def prepare(self, work: Work) -> None:
        import jax
        import jax.numpy as jnp

        self.X = jnp.asarray(self.task.X.reshape(work.steps, work.batch, -1))
        self.y = jnp.asarray(self.y_rows.reshape(work.steps, work.batch, *self.y_rows.shape[1:]))
        self.state = first_state(work, self.parameters)
        jax.block_until_ready((self.X, self.y, self.state))

    def result(self) -> Array:
        return interleaved(*zip(*self.state[0], strict=True))


def first_state(work: Work, parameters: Any) -> Any:
    """Parameters, Adam's two memories, and the number of steps taken."""
    import jax
    import jax.numpy as jnp

    zeros = [jax.tree.map(jnp.zeros_like, parameters) if work.optimizer == "adam" else () for _ in range(2)]
    return (parameters, *zeros, jnp.float32(0))


class JaxScan(JaxTraining):
    """A whole epoch in one compiled call."""

    name = "JAX, epoch under lax.scan"

    def compile(self, work: Work) -> Any:
        import jax

        step = step_of(work)
        epoch = jax.jit(lambda state, X, y: jax.lax.scan(step, state, (X, y)), donate_argnums=(0,))
        return epoch.lower(self.state, self.X, self.y).compile()

    def run(self, times: int) -> None:
        import jax

        for _ in range(times):
            self.state, _ = self.compiled(self.state, self.X, self.y)
        jax.block_until_ready(self.state)


class JaxStep(JaxTraining):
    """A compiled step, called from a loop in Python; the batches are cut beforehand."""

    name = "JAX, jitted step"

    def prepare(self, work: Work) -> None:
        super().prepare(work)
        self.batches: list[Any] = [(self.X[i], self.y[i]) for i in range(work.steps)]

    def compile(self, work: Work) -> Any:
        import jax

        step = jax.jit(step_of(work), donate_argnums=(0,))
        step.lower(self.state, self.batches[0]).compile()
        return step  # called through jit, whose C++ dispatch is quicker than a lowered program's

    def run(self, times: int) -> None:
        import jax

        for _ in range(times):
            for batch in self.batches:
                self.state, _ = self.compiled(self.state, batch)
        jax.block_until_ready(self.state)


class JaxOnline(JaxStep):
    """The same with each row given as NumPy has it; the losses are never waited for."""

    def prepare(self, work: Work) -> None:
        self.state = first_state(work, self.parameters)
        self.batches = [(self.task.X[i : i + 1], self.y_rows[i : i + 1]) for i in range(len(self.task.X))]


class JaxGradient(Jax):
    """`value_and_grad`, jitted; parameters and batch lie on the device, and there the gradient stays."""

    name = "JAX, jitted value_and_grad"

    def prepare(self, work: Work) -> None:
        import jax.numpy as jnp

        self.batch = (jnp.asarray(self.task.X), jnp.asarray(self.y_rows))

    def compile(self, work: Work) -> Any:
        import jax

        program = jax.jit(jax.value_and_grad(loss_of(work)))
        jax.block_until_ready(program(self.parameters, *self.batch))
        return program

    def run(self, times: int) -> None:
        import jax

        for _ in range(times):
            self.found = jax.block_until_ready(self.compiled(self.parameters, *self.batch))

    def result(self) -> Array:
        loss, gradient = self.found
        return joined((interleaved(*zip(*gradient, strict=True)), [loss]))


class JaxPrediction(Jax):
    """The outputs, jitted with the parameters as constants, NumPy in and NumPy out."""

    name = "JAX, jitted"

    def prepare(self, work: Work) -> None:
        pass

    def compile(self, work: Work) -> Any:
        import jax

        outputs, last = outputs_of(work), activations()[work.output]
        program = jax.jit(lambda x: last(outputs(self.parameters, x)))
        jax.block_until_ready(program(self.task.X))
        return program

    def run(self, times: int) -> None:
        for _ in range(times):
            self.found = np.asarray(self.compiled(self.task.X))

    def result(self) -> Array:
        return joined([self.found])
