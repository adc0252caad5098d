"""Trask, "A neural network in 11 lines of Python", 2015: logistic units without biases, full batches, rate 1.

The post adds ``X.T @ ((y - a) * a * (1 - a))`` to the weights: gradient descent on 1/2 of the squared errors, summed
over the rows. Its weights are drawn by ``2 * np.random.random(...) - 1`` after ``np.random.seed(1)``.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import backstory as bs
from tests.proofs.networks import as_printed, both_engines, close, logistic

X = np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])


def drawn(sizes: list[int]) -> bs.Network:
    random = np.random.RandomState(1)  # the post's generator, a part of its recipe
    weights = [2 * random.random_sample(shape) - 1 for shape in pairwise(sizes)]
    return logistic(sizes, weights, None, reduction="sum")


def train(net: bs.Network, y: list[list[float]], steps: int, engine: str) -> None:
    net.fit(X, y, optimizer=bs.SGD(1.0), batch_size=4, epochs=steps, shuffle=False, threads=1, engine=engine)


@both_engines
def test_two_layers(engine: str) -> None:
    net, y = drawn([3, 1]), [[0.0], [0.0], [1.0], [1.0]]
    train(net, y, 9_999, engine)  # the post prints the outputs before its 10,000th update
    output = net.predict(X, threads=1, engine=engine)
    assert close(output.ravel(), [0.0096644916879683, 0.007865059671309264, 0.9935889804970555, 0.992119573219358])
    assert as_printed(output.ravel(), [0.00966449, 0.00786506, 0.99358898, 0.99211957], 8)


THREE_LAYERS_ERRORS = [
    0.4964100319027255,
    0.008584525653247157,
    0.005789459862507806,
    0.004629176776769985,
    0.003958765280273649,
    0.0035101225678616788,
]
"""Mean |y - a| before updates 1, 10,001, ..., 50,001; the post prints the same to 12 digits."""


@pytest.mark.parametrize(("engine", "upto"), [("reference", 2), ("native", 6)])
def test_three_layers_solve_xor(engine: str, upto: int) -> None:
    net, y = drawn([3, 4, 1]), [[0.0], [1.0], [1.0], [0.0]]
    for expected in THREE_LAYERS_ERRORS[:upto]:
        error = np.abs(y - net.predict(X, threads=1, engine=engine)).mean()
        assert error == pytest.approx(expected, abs=1e-12)
        if expected != THREE_LAYERS_ERRORS[upto - 1]:
            train(net, y, 10_000, engine)


def test_three_layers_final_outputs() -> None:
    net, y = drawn([3, 4, 1]), [[0.0], [1.0], [1.0], [0.0]]
    train(net, y, 59_999, "native")  # the post prints the outputs before its 60,000th update
    output = net.predict(X, threads=1).ravel()
    assert close(output, [0.0026057245999589304, 0.9967220868897564, 0.9970171078634206, 0.0038675930955976733])
    assert as_printed(output, [0.00260572, 0.99672209, 0.99701711, 0.00386759], 8)
