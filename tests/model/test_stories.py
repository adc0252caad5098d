"""`Network.explain`: its value is the engine's gradient, its paths sum to it, and large networks are told quickly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backstory as bs
from backstory.errors import ConfigurationError, ExpressionError
from backstory.expressions import evaluate

PAIRS = [
    ("identity", "half_squared_error"),
    ("identity", "huber"),
    ("sigmoid", "binary_cross_entropy"),
    ("sigmoid", "mean_squared_error"),
    ("softmax", "cross_entropy"),
    ("softmax", "half_squared_error"),
    ("tanh", "squared_error"),
]


@st.composite
def cases(draw: st.DrawFn) -> tuple[bs.Network, np.ndarray, np.ndarray]:
    output, loss = draw(st.sampled_from(PAIRS))
    sizes = [draw(st.integers(1, 4)) for _ in range(draw(st.integers(1, 3)))] + [draw(st.integers(2, 4))]
    sizes = [draw(st.integers(1, 4)), *sizes]
    hidden = [draw(st.sampled_from(["tanh", "sigmoid", "relu", "gelu", "elu"])) for _ in sizes[1:-1]]
    net = bs.Network(
        sizes,
        hidden=hidden,
        output=output,
        loss=loss,
        penalty=draw(st.sampled_from([None, bs.L2(0.1), bs.Elastic(0.05, 0.2)])),
        reduction=draw(st.sampled_from(["mean", "sum"])),
        biases=draw(st.booleans()),
        initializer=bs.Normal(0.8),
        seed=draw(st.integers(0, 1000)),
        dtype=draw(st.sampled_from(["float64", "float32"])),
    )
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    n = draw(st.integers(1, 4))
    y = rng.random((n, sizes[-1])) + 0.1
    return net, rng.normal(size=(n, sizes[0])), y / y.sum(axis=1, keepdims=True)


@given(cases(), st.data())
def test_the_value_is_the_gradient_and_the_paths_sum_to_it(
    case: tuple[bs.Network, np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    net, X, y = case
    layer = data.draw(st.integers(1, len(net.weights)))
    W = net.weights[layer - 1]
    k, j = data.draw(st.integers(0, W.shape[0] - 1)), data.draw(st.integers(0, W.shape[1] - 1))
    tolerance = 1e-9 if net.spec.dtype == "float64" else 1e-4
    story = net.explain(f"w{layer}[{k}->{j}]", X, y)
    assert story.value == pytest.approx(net.gradients(X, y).weights[layer - 1][k, j], rel=tolerance, abs=tolerance)
    if net.biases:
        bias = net.explain(f"b{layer}[{j}]", X, y)
        assert bias.value == pytest.approx(net.gradients(X, y).biases[layer - 1][j], rel=tolerance, abs=tolerance)
    row = story.batch.row if story.batch else 0
    of_row = story.batch.gradients[row] if story.batch else story.value - (story.penalty.value if story.penalty else 0)
    graph = story.graph
    paths = graph.strongest(story.by, story.told, story.path_count)
    assert len(paths) == story.path_count
    assert math.fsum(path.value for path in paths) == pytest.approx(of_row, rel=1e-9, abs=1e-12)
    assert story.chain.value == pytest.approx(of_row, rel=1e-9, abs=1e-12)
    delta = net.deltas(X, y)[layer - 1][row, j]
    assert graph.derivative(f"z{layer}[{j}]", story.told) == pytest.approx(delta, rel=tolerance, abs=tolerance)
    assert str(story).startswith(f"∂L/∂w{layer}[{k}->{j}] = ")


@given(cases(), st.data())
def test_formulas_and_definitions_have_the_numbers(
    case: tuple[bs.Network, np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    """Evaluating every printed formula with the network's own values gives the printed number."""
    net, X, y = case
    story = net.explain("x[0]", X[0], y[0])
    row = story.graph.row  # type: ignore[attr-defined]
    functions = {
        **_math(),
        **{activation.name: _computed(activation) for activation in net.spec.activations if not activation.couples},
    }
    values = _Values(row)
    for factor in story.factors:
        assert evaluate(factor.formula, values, functions) == pytest.approx(factor.number, rel=1e-9, abs=1e-12)
        if "…" not in str(factor.definition):
            defined = evaluate(factor.definition, values, functions)
            assert defined == pytest.approx(story.graph.values[factor.target], rel=1e-6, abs=1e-9)
    assert story.value == pytest.approx(
        net.input_gradients(X[:1], y[:1])[0, 0], rel=1e-4 if net.spec.dtype == "float32" else 1e-9, abs=1e-5
    )


def _math() -> dict[str, object]:
    from backstory.expressions import MATH

    return dict(MATH)


def _computed(activation: bs.Activation) -> object:
    return lambda z: evaluate(activation.value, {"z": z})


class _Values(dict):
    """The value at every address of a row."""

    def __init__(self, row: object) -> None:
        self.row = row

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> float:
        return self.row.value(self.row.check(name))  # type: ignore[attr-defined]


def test_path_counts_of_large_networks() -> None:
    x = np.linspace(0, 1, 784)
    net = bs.Network([784, 128, 64, 10], output="softmax", loss="cross_entropy", seed=0)
    assert net.explain("w1[300->5]", x, 3).path_count == 640
    deep = bs.Network([100] * 21, hidden="tanh", seed=0)
    story = deep.explain("w1[3->5]", np.linspace(-1, 1, 100), np.zeros(100))
    assert story.path_count == 100**19
    assert len(story.paths) == 5
    assert story.value == pytest.approx(deep.gradients([np.linspace(-1, 1, 100)], [np.zeros(100)]).weights[0][3, 5])
    assert "the 5 strongest of about 1.000e38" in str(story)


def test_a_page_is_at_most_eighty_columns_wide() -> None:
    net = bs.Network([784, 128, 10], output="softmax", loss="cross_entropy", seed=0)
    text = str(net.explain("w1[300->5]", np.linspace(0, 1, 784), 3))
    assert max(map(len, text.splitlines())) <= 80


def test_saturated_outputs_keep_their_gradient() -> None:
    net = bs.Network([1, 1], output="sigmoid", loss="binary_cross_entropy", seed=0)
    net.weights[0][...], net.biases[0][...] = 60.0, 0.0
    story = net.explain("w1[0->0]", [1.0], [0.0])
    assert story.value == pytest.approx(1.0) == pytest.approx(net.gradients([[1.0]], [0.0]).weights[0][0, 0])
    assert story.paths[0].nodes == ("w1[0->0]", "z1[0]", "L")


def test_softmax_shows_its_jacobian_and_the_collapse() -> None:
    net = bs.Network([3, 4, 3], output="softmax", loss="cross_entropy", seed=0)
    story = net.explain("w1[0->1]", [0.3, -1.0, 0.5], 2)
    found = story.collapse
    assert found is not None
    for row, result in zip(found.jacobian, found.results, strict=True):
        assert math.fsum(slope * entry for slope, entry in zip(found.loss_slopes, row, strict=True)) == pytest.approx(
            result
        )
    assert net.explain("da2[1]/dz2[0]", [0.3, -1.0, 0.5], 2).value == pytest.approx(found.jacobian[0][1])
    assert "softmax couples all outputs" in str(story)


def test_the_update_of_the_last_fit() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    net = bs.Network([3, 4, 2], hidden="tanh", seed=0)
    assert net.explain("w1[0->1]", X, y).update is None
    net.fit(X, y, optimizer=bs.Adam(0.01), batch_size=8, epochs=3)
    told = net.explain("w1[0->1]", X, y).update
    assert told is not None
    assert told.optimizer.startswith("Adam(")
    assert [line.name for line in told.lines] == ["m", "v", "w"]
    net.step(X, y)
    assert net.weights[0][0, 1] == pytest.approx(told.new, rel=1e-9)


@pytest.mark.parametrize(
    ("quantity", "error", "message"),
    [
        ("w3[0->0]", ConfigurationError, "the network has layers 1 to 2, the input being layer 0"),
        ("w1[3->0]", ConfigurationError, "layer 0 has units 0 to 2"),
        ("w1[0->4]", ConfigurationError, "layer 1 has units 0 to 3"),
        ("y[0]", ConfigurationError, "is a target: it is given"),
        ("dy[0]/dw1[0->0]", None, ""),
        ("w1", ExpressionError, "is no derivative and no name"),
        ("dL/dq", ExpressionError, "Unknown name 'q'"),
    ],
)
def test_what_is_refused(quantity: str, error: type[Exception] | None, message: str) -> None:
    net = bs.Network([3, 4, 2], hidden="tanh", seed=0)
    if error is None:
        assert net.explain(quantity, [0.0, 1.0, 2.0], [0.0, 1.0]).value == 0
        return
    with pytest.raises(error, match=message):
        net.explain(quantity, [0.0, 1.0, 2.0], [0.0, 1.0])


def test_rows_are_checked() -> None:
    net = bs.Network([3, 4, 2], hidden="tanh", biases=False, seed=0)
    with pytest.raises(ConfigurationError, match="row= must be one of the rows 0 to 1. Got 2."):
        net.explain("w1[0->0]", np.zeros((2, 3)), np.zeros((2, 2)), row=2)
    with pytest.raises(ConfigurationError, match="the network has no biases"):
        net.explain("b1[0]", [0.0, 1.0, 2.0], [0.0, 1.0])


def test_a_schedule_with_an_end_is_told_at_its_base() -> None:
    net = bs.Network([1, 1], initializer="zeros", seed=0)
    net.fit([[1.0], [2.0]], [1.0, 2.0], optimizer=bs.SGD(bs.Cosine(0.25)), epochs=2)
    story = net.explain("w1[0->0]", [1.0], [0.0])
    assert story.update is not None
    assert story.update.new == pytest.approx(story.update.old - 0.25 * story.value)


def test_a_loss_can_be_asked_for_by_an_output_of_softmax() -> None:
    """Between its weighted sums and the loss softmax and cross-entropy are one edge; an output lies between the two."""
    net = bs.Network([2, 3, 3], output="softmax", loss="cross_entropy", seed=0)
    probability = float(net.predict([[1.0, 2.0]])[0, 1])
    story = net.explain("a2[1]", [1.0, 2.0], [0, 1, 0])
    assert story.value == pytest.approx(-1 / probability, rel=1e-6)
    assert story.nudge is not None
    assert story.nudge.verdict == "fourfold"
