"""The run behind the "overfitting" figures of Nielsen, "Neural networks and deep learning" (2015), chapter 3.

784-30-10 logistic units, cross-entropy, the first 1,000 images, batches of 10, eta 0.5, 400 epochs, lambda 0 and 0.1.
The decay ``w = (1 - eta lambda / n) w`` is descent on the penalty ``lambda / (2 n) sum w^2``, n = 1,000, which is
``L2(lambda / n)``. Curves: fig/*.json of github.com/mnielsen/neural-networks-and-deep-learning (MIT).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import backstory as bs
from tests.proofs.networks import logistic

EPOCHS, ROWS = 400, 1_000


def penalty_of(net: bs.Network, lambda_: float, rows: int) -> float:
    """Nielsen's term of the cost: it is divided by the number of rows that the cost is taken over."""
    return lambda_ / (2 * rows) * sum(float((w**2).sum()) for w in net.weights)


def one_hot(labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.eye(10)[labels]


@pytest.mark.slow
@pytest.mark.parametrize(("run", "lambda_"), [("overfit", 0.0), ("reg", 0.1)], ids=["overfit", "regularized"])
@pytest.mark.parametrize("engine", ["reference", "native"])
def test_every_cost_and_accuracy(shared: Path, engine: str, run: str, lambda_: float) -> None:
    published = np.load(shared / "oracles" / "nielsen_1000_fixture.npz")
    mnist = np.load(shared / "data" / "mnist.npz")
    X, labels = published["X_uint8"] / 256.0, published["y"]
    X_test, test_labels = mnist["X_test"] / 256.0, mnist["y_test"]
    y, y_test, order = one_hot(labels), one_hot(test_labels), published["order"]
    net = logistic(
        [784, 30, 10],
        [published["W1"].T, published["W2"].T],
        [published["b1"], published["b2"]],
        loss="binary_cross_entropy",
        penalty=bs.L2(lambda_ / ROWS) if lambda_ else None,
    )
    costs, accuracies = np.empty((2, EPOCHS)), np.empty((2, EPOCHS), dtype=np.int64)
    for epoch in range(EPOCHS):
        rows = order[epoch]
        net.fit(X[rows], y[rows], optimizer=bs.SGD(0.5), batch_size=10, epochs=1, shuffle=False, engine=engine)
        inside = 0.0 if net.spec.penalty is None else penalty_of(net, lambda_, ROWS)
        for k, (rows_of, aims, right) in enumerate([(X, y, labels), (X_test, y_test, test_labels)]):
            data_cost = net.loss(rows_of, aims, engine=engine) - inside
            costs[k, epoch] = data_cost + penalty_of(net, lambda_, len(rows_of))
            accuracies[k, epoch] = (net.predict(rows_of, engine=engine).argmax(axis=1) == right).sum()

    np.testing.assert_allclose(costs[0], published[f"{run}_train_cost"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(costs[1], published[f"{run}_test_cost"], rtol=0, atol=1e-10)
    np.testing.assert_array_equal(accuracies[0], published[f"{run}_train_acc"])
    np.testing.assert_array_equal(accuracies[1], published[f"{run}_test_acc"])
