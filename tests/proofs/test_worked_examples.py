"""Backpropagation worked by hand in tutorials and textbooks; exact values recomputed in float64 from their inputs."""

from __future__ import annotations

import numpy as np
import pytest

import backstory as bs
from tests.proofs.networks import as_printed, both_engines, close, logistic

# ---------------------------------------------------------------------------------------------------------------------
# Mazur, "A step by step backpropagation example", 2015: 2-2-2, logistic, 1/2 sum of squares, eta 0.5, biases frozen

MAZUR_X, MAZUR_Y = [[0.05, 0.10]], [[0.01, 0.99]]


def mazur() -> bs.Network:
    weights = [[[0.15, 0.25], [0.20, 0.30]], [[0.40, 0.50], [0.45, 0.55]]]
    return logistic([2, 2, 2], weights, [[0.35, 0.35], [0.60, 0.60]])


def train_mazur(net: bs.Network, steps: int, engine: str) -> float:
    net.fit(
        MAZUR_X,
        MAZUR_Y,
        optimizer=bs.SGD(0.5),
        batch_size=1,
        epochs=steps,
        shuffle=False,
        freeze=("b1", "b2"),
        threads=1,
        engine=engine,
    )
    return net.loss(MAZUR_X, MAZUR_Y, threads=1, engine=engine)


@both_engines
def test_mazur_forward_and_gradients(engine: str) -> None:
    net = mazur()
    hidden, output = net.activations(MAZUR_X, engine=engine)
    assert close(hidden, [[0.5932699921071872, 0.596884378259767]])
    assert close(output, [[0.7513650695523157, 0.7729284653214625]])
    assert net.loss(MAZUR_X, MAZUR_Y, threads=1, engine=engine) == pytest.approx(0.2983711087600027, abs=1e-12)

    delta1, delta2 = net.deltas(MAZUR_X, MAZUR_Y, engine=engine)
    assert close(delta2, [[0.13849856162855695, -0.038098236516556236]])
    assert close(delta1, [[0.00877135468948693, 0.009954254705217196]])
    found = net.gradients(MAZUR_X, MAZUR_Y, threads=1, engine=engine)
    assert close(
        found.weights[0],
        [[0.0004385677344743465, 0.0004977127352608599], [0.000877135468948693, 0.0009954254705217198]],
    )
    assert close(
        found.weights[1], [[0.08216704056423077, -0.02260254047747507], [0.08266762784753325, -0.022740242215978222]]
    )
    assert as_printed(found.weights[0][0, 0], 0.000438568, 9)  # the post's dE/dw1
    assert as_printed(found.weights[1][0, 0], 0.082167041, 9)  # and dE/dw5


@both_engines
def test_mazur_one_step(engine: str) -> None:
    net = mazur()
    loss = train_mazur(net, 1, engine)
    assert as_printed(net.weights[0].T.ravel(), [0.149780716, 0.19956143, 0.24975114, 0.29950229], 8)
    assert as_printed(net.weights[1].T.ravel(), [0.35891648, 0.408666186, 0.51130127, 0.561370121], 8)
    assert loss == pytest.approx(0.2910277736935994, abs=1e-12)


def test_mazur_printed_error_needs_output_weights_already_updated() -> None:
    """The post prints 0.291027924, not 0.291027774: its hidden deltas went through the new output weights."""
    net = mazur()
    x, (hidden, _) = np.array(MAZUR_X), net.activations(MAZUR_X, engine="reference")
    _, delta2 = net.deltas(MAZUR_X, MAZUR_Y, engine="reference")
    net.weights[1][...] -= 0.5 * hidden.T @ delta2
    slipped = delta2 @ net.weights[1].T * hidden * (1 - hidden)
    net.weights[0][...] -= 0.5 * x.T @ slipped
    assert as_printed(net.loss(MAZUR_X, MAZUR_Y, threads=1, engine="reference"), 0.291027924, 9)


@both_engines
def test_mazur_ten_thousand_steps(engine: str) -> None:
    net = mazur()
    loss = train_mazur(net, 10_000, engine)
    assert loss == pytest.approx(3.510187782978846e-5, rel=1e-9)
    assert close(net.predict(MAZUR_X, threads=1, engine=engine), [[0.01591362044355063, 0.9840642735146238]])
    final = [[0.378509988350128, 0.477300705684784], [0.6570199767002559, 0.7546014113695679]]
    assert close(net.weights[0], final)
    final = [[-3.892977198865729, 2.861810948620052], [-3.868416687703618, 2.925688966771613]]
    assert close(net.weights[1], final)


@both_engines
def test_mazur_with_a_trained_bias_per_unit(engine: str) -> None:
    net = mazur()
    net.step(MAZUR_X, MAZUR_Y, optimizer=bs.SGD(0.5), threads=1, engine=engine)
    assert close(net.biases[0], [0.3456143226552565, 0.3450228726473914])
    assert close(net.biases[1], [0.5307507191857215, 0.6190491182582781])
    assert net.loss(MAZUR_X, MAZUR_Y, threads=1, engine=engine) == pytest.approx(0.2804714467914302, abs=1e-12)
    for _ in range(9_999):
        net.step(MAZUR_X, MAZUR_Y, threads=1, engine=engine)
    assert net.loss(MAZUR_X, MAZUR_Y, threads=1, engine=engine) == pytest.approx(2.447562235932285e-6, rel=1e-9)


# ---------------------------------------------------------------------------------------------------------------------
# MacLeod, "An introduction to practical neural networks and genetic algorithms", the 0.35 / 0.9 example: no biases

MACLEOD_X, MACLEOD_Y = [[0.35, 0.9]], [[0.5]]


@both_engines
def test_macleod(engine: str) -> None:
    net = logistic([2, 2, 1], [[[0.1, 0.4], [0.8, 0.6]], [[0.3], [0.9]]], None)
    hidden, output = net.activations(MACLEOD_X, engine=engine)
    assert as_printed(hidden, [[0.68, 0.6637]], 2)
    assert close(output, [[0.6902834929076443]])
    delta1, delta2 = net.deltas(MACLEOD_X, MACLEOD_Y, engine=engine)
    assert close(delta2, [[0.040681125112339026]])
    # The book's 0.002406 and 0.007916 come from output weights already updated; with the old ones:
    assert close(delta1, [[0.0026544890308847417, 0.00817164506412987]])

    net.step(MACLEOD_X, MACLEOD_Y, optimizer=bs.SGD(1.0), threads=1, engine=engine)
    assert close(net.weights[0], [[0.09907092883919034, 0.39713992422755456], [0.7976109598722038, 0.592645519442283]])
    assert close(net.weights[1], [[0.27232596506128215], [0.8729983630089926]])
    assert close(net.predict(MACLEOD_X, threads=1, engine=engine), [[0.6820185832642942]])


# ---------------------------------------------------------------------------------------------------------------------
# Nielsen, "Neural networks and deep learning" (2015), chapter 3: one neuron, input 1, target 0, 1/2 (y - a)^2, eta 0.15


@both_engines
@pytest.mark.parametrize(
    ("w", "b", "first", "last", "w_last", "b_last"),
    [
        (0.6, 0.9, 0.8175744761936437, 0.09395569486364724, -1.2831324334215497, -0.9831324334215481),
        (2.0, 2.0, 0.9820137900379085, 0.2028484242677765, -0.684292910952007, -0.684292910952007),
    ],
    ids=["starts at 0.82", "starts at 0.98, learning slowly"],
)
def test_nielsen_single_neuron(
    engine: str, w: float, b: float, first: float, last: float, w_last: float, b_last: float
) -> None:
    net = logistic([1, 1], [[[w]]], [[b]])
    assert close(net.predict([[1.0]], threads=1, engine=engine), [[first]])
    net.fit([[1.0]], [[0.0]], optimizer=bs.SGD(0.15), batch_size=1, epochs=300, threads=1, engine=engine)
    assert close(net.predict([[1.0]], threads=1, engine=engine), [[last]])
    assert close([net.weights[0][0, 0], net.biases[0][0]], [w_last, b_last])


# ---------------------------------------------------------------------------------------------------------------------
# scikit-learn, sklearn/neural_network/tests/test_mlp.py, test_fit: 3-2-1, log-loss, L2 alpha = 0.1, rate 0.1.
# Its comments compute the third row of W1 with 0.6 in place of x3 = 0.7, which the test's 3 decimals do not show.


@both_engines
def test_sklearn_test_fit(engine: str) -> None:
    X, y = [[0.6, 0.8, 0.7]], [[0.0]]
    weights = [[[0.1, 0.2], [0.3, 0.1], [0.5, 0.0]], [[0.1], [0.2]]]
    net = logistic([3, 2, 1], weights, [[0.1, 0.1], [1.0]], loss="binary_cross_entropy", penalty=bs.L2(0.1))
    hidden, output = net.activations(X, engine=engine)
    assert close(hidden, [[0.679178699175393, 0.574442516811659]])
    assert close(output, [[0.76545202190952]])
    delta1, delta2 = net.deltas(X, y, engine=engine)
    assert close(delta2, [[0.76545202190952]])
    assert close(delta1, [[0.016678816353894284, 0.03742422179125382]])

    net.step(X, y, optimizer=bs.SGD(0.1), threads=1, engine=engine)
    assert close(
        net.weights[0],
        [
            [0.09799927101876635, 0.1957545466925248],
            [0.29566569469168846, 0.09600606225669969],
            [0.4938324828552274, -0.0026196955253877676],
        ],
    )
    assert close(net.biases[0], [0.09833211836461057, 0.09625757782087463])
    assert close(net.weights[1], [[0.04701212914783179], [0.15402918140357222]])
    assert close(net.biases[1], [0.9234547978090479])
    assert close(net.predict(X, threads=1, engine=engine), [[0.7394919180486681]])


# ---------------------------------------------------------------------------------------------------------------------
# Goodfellow, Bengio & Courville, "Deep learning" (2016), section 6.1: XOR solved exactly by two ReLU units


@both_engines
def test_goodfellow_xor(engine: str) -> None:
    X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    net = logistic(
        [2, 2, 1],
        [[[1, 1], [1, 1]], [[1], [-2]]],
        [[0, -1], [0]],
        hidden="relu",
        output="identity",
        loss="squared_error",
    )
    hidden, output = net.activations(X, engine=engine)
    assert hidden.tolist() == [[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [2.0, 1.0]]
    assert output.tolist() == y
    found = net.gradients(X, y, threads=1, engine=engine)
    assert found.loss == 0.0
    assert not any(values.any() for values in found.weights + found.biases)
