"""Stories about embeddings, learned scales and parametric activations: every kind of quantity, against the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.model.stories import flat_index
from backstory.story.address import read_address
from tests.engine.test_parts import SHAPES, a_network, data

ASKED = {
    "embedding": ["frequency[2,4]", "phase[0,1]", "mix[1,3,1]", "shift[1,0]", "w1[8->3]", "b1[2]"],
    "some columns": ["frequency[0,3]", "mix[0,2,0]", "shift[0,0]", "w1[2->1]"],
    "scaling": ["scale[2]", "w1[1->0]", "w2[0->1]"],
    "parametric": ["alpha1[4]", "alpha2[0]", "w1[0->4]"],
    "all": ["frequency[1,15]", "phase[1,0]", "mix[0,7,2]", "shift[1,2]", "scale[8]", "alpha1[0]", "w1[8->4]", "b2[1]"],
}
EVERY = pytest.mark.parametrize(("shape", "quantity"), [(shape, each) for shape in ASKED for each in ASKED[shape]])


def flat(net: Any, X: Any, y: Any) -> Any:
    return net._engine("reference").loss_and_gradient(net.parameters, X, y)[1]


@EVERY
def test_a_story_ends_at_the_gradient(shape: str, quantity: str) -> None:
    net = a_network(shape, penalty=bs.L2(0.1))
    X, y = data(net, 4)
    address = read_address(quantity)
    assert address is not None
    for rows in (slice(0, 1), slice(0, 4)):
        story = net.explain(quantity, X[rows], y[rows], optimizer=bs.AdamW(0.01))
        wanted = flat(net, X[rows], y[rows])[flat_index(net, address)]
        assert story.value == pytest.approx(wanted, rel=1e-9, abs=1e-12)
        assert quantity in str(story)
        for written in (story.to_latex(), story.to_mathml(), story.to_html(), str(story.to_dict())):
            assert written


@EVERY
def test_gradients_by_row_add_up(shape: str, quantity: str) -> None:
    net = a_network(shape)
    X, y = data(net, 4)
    found = net.sample_gradients(X, y, quantity).gradients
    assert found.mean() == pytest.approx(flat(net, X, y)[flat_index(net, read_address(quantity))], rel=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_inputs_reach_the_loss_by_every_way(shape: str) -> None:
    net = a_network(shape)
    X, y = data(net, 1)
    for column in range(3):
        story = net.explain(f"dL/dx[{column}]", X, y)
        wanted = net.input_gradients(X, y, engine="reference")[0, column]
        assert story.value == pytest.approx(wanted, rel=1e-9)


def test_what_stands_between_is_explained_too() -> None:
    net = a_network("all")
    X, y = data(net, 1)
    scaled = net.explain("ds[1]/dwave[0,3]", X, y)
    assert scaled.value == pytest.approx(net.scale[1] * net.embedding.mix[0, 3, 0])
    assert scaled.path_count == 1
    assert net.explain("dwave[1,2]/dangle[1,2]", X, y).value == pytest.approx(
        -np.sin(2 * np.pi * net.embedding.frequency[1, 2] * X[0, 2] + net.embedding.phase[1, 2])
    )
    assert net.explain("de[0]/dx[0]", X, y).value == 1
    assert net.explain("ds[4]/dx[0]", X, y).value == 0
    blended = net.explain("da1[2]/dz1[2]", X, y)
    z = blended.graph.value("z1[2]")
    slope = net.spec.activations[0].slope
    from backstory.expressions import evaluate

    alpha = net.alphas[0][2]
    assert blended.value == pytest.approx(1 - alpha + alpha * evaluate(slope, {"z": z}))


def test_differences_move_what_they_should() -> None:
    net = a_network("all")
    X, y = data(net, 1)
    for quantity in ASKED["all"]:
        story = net.explain(quantity, X, y)
        at = story.graph.value(quantity)
        assert story.loss_at is not None
        slope = (story.loss_at(at + 1e-5) - story.loss_at(at - 1e-5)) / 2e-5
        assert slope == pytest.approx(story.value, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("shape", "quantity", "message"),
    [
        ("scaling", "frequency[0,0]", "the network has no frequency"),
        ("embedding", "frequency[3,0]", "the indices of frequency go from 0 to 2, 0 to 4"),
        ("embedding", "scale[0]", "the network has no scale"),
        ("embedding", "alpha1[0]", "only hidden units of a network with parametric=True have an alpha"),
        ("parametric", "alpha3[0]", "only hidden units of a network with parametric=True have an alpha"),
        ("parametric", "alpha1[7]", "layer 1 has units 0 to 4"),
        ("parametric", "x[3]", "layer 0 has units 0 to 2"),
    ],
)
def test_what_is_not_there_is_refused(shape: str, quantity: str, message: str) -> None:
    net = a_network(shape)
    X, y = data(net, 1)
    with pytest.raises(bs.ConfigurationError, match=message):
        net.explain(quantity, X, y)


def test_an_update_is_told_at_its_own_rate() -> None:
    net = bs.Network([4, 3, 2], hidden="tanh", seed=0, parametrization="neural_tangent")
    X, y = data(net, 3)
    story = net.explain("w1[2->1]", X, y, optimizer=bs.SGD(0.8, weight_decay=0.1))
    before = net.weights[0][2, 1]
    assert story.update.new == pytest.approx(before - 0.8 * 0.1 * before - 0.8 / 4 * story.value)
    net.step(X, y, optimizer=bs.SGD(0.8, weight_decay=0.1))
    assert net.weights[0][2, 1] == pytest.approx(story.update.new, rel=1e-12)


def test_what_is_not_told_is_refused_by_name() -> None:
    net = a_network("all")
    X, y = data(net, 2)
    for ask, what in (
        (lambda: net.explain_layer(1), "The story of a layer is there for networks of dense layers alone"),
        (
            lambda: net.explain("scale[0]", X, y, optimizer="sgd", stale=True),
            "A step with weights already updated is there",
        ),
    ):
        with pytest.raises(bs.ConfigurationError, match=what):
            ask()


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_flow_through_all_of_it(shape: str) -> None:
    net = a_network(shape)
    X, y = data(net, 5)
    flow, gradient = net.gradient_flow(X, y), flat(net, X, y)
    deltas = net.deltas(X, y, engine="reference")
    for layer, delta in zip(flow.layers, deltas, strict=True):
        assert layer.delta == pytest.approx(np.sqrt(np.mean(np.sum(delta**2, axis=1))))
    for name, at, shape_ in net.spec.layout:
        norm = np.linalg.norm(gradient[at : at + int(np.prod(shape_))])
        if name in flow.others:
            assert flow.others[name] == pytest.approx(norm)
            assert f"∂L/∂{name}" in str(flow)
        elif name[0] == "w":
            assert flow.layers[int(name[1:]) - 1].gradient == pytest.approx(norm)
    assert len(flow.others) == len([name for name, at, _ in net.spec.layout if at >= net.spec.n_dense])
