"""The step with deltas taken through weights already updated, beside gradient descent's: `explain(..., stale=True)`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.errors import ConfigurationError
from backstory.story.stale import Stale

MAZUR = """
i1 = 0.05
i2 = 0.1
t1 = 0.01
t2 = 0.99
w1 = 0.15
w2 = 0.2
w3 = 0.25
w4 = 0.3
w5 = 0.4
w6 = 0.45
w7 = 0.5
w8 = 0.55
b1 = 0.35
b2 = 0.6
parameters: w1 w2 w3 w4 w5 w6 w7 w8
h1 = sigmoid(w1*i1 + w2*i2 + b1)
h2 = sigmoid(w3*i1 + w4*i2 + b1)
o1 = sigmoid(w5*h1 + w6*h2 + b2)
o2 = sigmoid(w7*h1 + w8*h2 + b2)
E = 1/2*(t1 - o1)^2 + 1/2*(t2 - o2)^2
"""


@pytest.fixture(scope="module")
def examples(shared: Path) -> dict[str, Any]:
    return dict(json.loads((shared / "oracles" / "worked_examples.json").read_text()))


def told(story: Any) -> Stale:
    assert story.stale is not None
    return story.stale


def macleod() -> bs.Network:
    net = bs.Network([2, 2, 1], hidden="sigmoid", output="sigmoid", loss="half_squared_error", biases=False, seed=0)
    net.weights[0][...], net.weights[1][...] = [[0.1, 0.4], [0.8, 0.6]], [[0.3], [0.9]]
    return net


def test_mazur_printed_the_error_of_the_slip(examples: dict[str, Any]) -> None:
    example = examples["mazur_2015"]
    story = bs.Formulas.read(MAZUR).explain("dE/dw1", optimizer=bs.SGD(0.5), stale=True)
    assert story.update is not None
    assert round(story.update.new, 9) == example["published"]["w1_4_new"][0]
    assert told(story).loss_after == pytest.approx(example["exact_multi"]["frozen_bias"]["E1"], abs=1e-15)
    assert told(story).loss_after_stale == pytest.approx(example["exact_multi"]["bug_updated_W2_used"]["E1"], abs=1e-12)
    assert round(told(story).loss_after_stale, 9) == example["published"]["E_after1"]
    assert round(told(story).loss_after, 9) != example["published"]["E_after1"]


def test_macleod_printed_the_weights_of_the_slip(examples: dict[str, Any]) -> None:
    example = examples["macleod_0.35_0.9"]
    right, wrong = example["exact_correct"], example["exact_book_order_updated_W2"]
    net = macleod()
    for k in range(2):
        for j in range(2):
            story = net.explain(f"w1[{k}->{j}]", example["x"], example["t"], optimizer=bs.SGD(1.0), stale=True)
            twin = told(story).story
            assert story.update is not None
            assert twin.update is not None
            assert story.value == pytest.approx(right["gW1"][k][j], rel=1e-12)
            assert told(story).value == pytest.approx(wrong["gW1"][k][j], rel=1e-12)
            assert story.update.new == pytest.approx(right["W1_new"][k][j], rel=1e-12)
            assert twin.update.new == pytest.approx(wrong["W1_new"][k][j], rel=1e-12)
            assert [each.name for each in told(story).used] == [f"w2[{j}->0]"]


def test_both_kinds_of_network_tell_the_same() -> None:
    story = bs.Formulas.read(MAZUR.replace("parameters: w1 w2 w3 w4 w5 w6 w7 w8", "")).explain(
        "w1", optimizer=bs.SGD(0.5), stale=True
    )
    net = bs.Network([2, 2, 2], hidden="sigmoid", output="sigmoid", seed=0)
    net.weights[0][...], net.weights[1][...] = [[0.15, 0.25], [0.2, 0.3]], [[0.4, 0.5], [0.45, 0.55]]
    net.biases[0][...], net.biases[1][...] = 0.35, 0.6
    other = net.explain("w1[0->0]", [0.05, 0.1], [0.01, 0.99], optimizer=bs.SGD(0.5), stale=True)
    assert told(story).value == pytest.approx(told(other).value, rel=1e-12)
    assert story.value == pytest.approx(other.value, rel=1e-12)
    assert [(each.old, each.new) for each in told(story).used] == [
        (each.old, pytest.approx(each.new)) for each in told(other).used
    ]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("biases", [True, False])
def test_a_deep_network_is_updated_layer_by_layer(reduction: str, biases: bool) -> None:
    rng = np.random.default_rng(1)
    net = bs.Network(
        [3, 4, 2, 3],
        hidden="tanh",
        loss="squared_error",
        penalty=bs.L2(0.3),
        reduction=reduction,
        biases=biases,
        seed=2,
    )
    X, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    a = [X, *net.activations(X)]
    share = 1 / len(X) if reduction == "mean" else 1.0
    dz = 2 * (a[3] - y)
    W = [weights.copy() for weights in net.weights]
    for layer in (3, 2, 1):
        gradient = share * a[layer - 1].T @ dz + 0.3 * net.weights[layer - 1]
        W[layer - 1] -= 0.1 * gradient
        dz = (dz @ W[layer - 1].T) * (1 - a[layer - 1] ** 2)
    story = net.explain("w1[1->2]", X, y, optimizer=bs.SGD(0.1), stale=True)
    twin = told(story).story
    assert twin.update is not None
    assert told(story).value == pytest.approx(gradient[1, 2], rel=1e-10)
    assert twin.update.new == pytest.approx(W[0][1, 2], rel=1e-10)
    assert twin.chain.value == pytest.approx(twin.batch.gradients[twin.batch.row])  # type: ignore[union-attr]
    assert story.value == pytest.approx(net.gradients(X, y).weights[0][1, 2])
    assert all(each.new == pytest.approx(W[int(each.name[1]) - 1][_place(each.name)]) for each in told(story).used)
    stepped = net.copy()
    stepped.step(X, y, optimizer=bs.SGD(0.1))
    assert told(story).loss_after == pytest.approx(stepped.loss(X, y))
    assert told(story).loss_after_stale != pytest.approx(stepped.loss(X, y))


def _place(name: str) -> tuple[int, int]:
    source, unit = name.rstrip("]").split("[")[1].split("->")
    return int(source), int(unit)


def test_samples_and_a_shared_weight() -> None:
    """w2 is used before and after h: only where its gradient is complete is the new value taken."""
    text = "w1 = 0.5\nw2 = 2\nsamples: x t\n1 0\n2 1\n\ng = w2*x\nh = w1*g\ny = w2*h\nL = mean((y - t)^2)"
    f = bs.Formulas.read(text)
    story = f.explain("w1", optimizer=bs.SGD(0.01), stale=True)
    assert told(story).used == ()
    assert told(story).value == pytest.approx(f.gradient("w1"))
    apart = bs.Formulas.read("w3 = 2\n" + text.replace("g = w2*x", "g = w3*x"))
    story = apart.explain("w1", optimizer=bs.SGD(0.01), stale=True)
    new = 2 - 0.01 * apart.gradient("w2")
    assert [(each.name, each.new) for each in told(story).used] == [("w2", pytest.approx(new))]
    assert told(story).value == pytest.approx(apart.gradient("w1") * new / 2)


def test_the_optimizers_state_counts() -> None:
    net = macleod()
    x, t = [[0.35, 0.9]], [[0.5]]
    net.step(x, t, optimizer=bs.SGD(1.0, momentum=0.9))
    story = net.explain("w1[0->0]", x, t, stale=True)
    stepped = net.copy()
    stepped.step(x, t)
    assert told(story).used[0].new == pytest.approx(stepped.weights[1][0, 0], rel=1e-12)
    assert told(story).loss_after == pytest.approx(stepped.loss(x, t), rel=1e-12)


def test_the_page_says_which_is_gradient_descent() -> None:
    page = str(bs.Formulas.read(MAZUR).explain("w1", optimizer=bs.SGD(0.5), stale=True))
    assert "w5⁺ = 0.35891648 (was 0.4) and w7⁺ = 0.51130127 (was 0.5)" in page
    assert "w5⁺ * o1 * (1 - o1)" in page
    assert re.search(r"E⁺ +0.291027774 +0.291027924", page)
    assert "Only the first is gradient descent" in page
    assert max(map(len, page.splitlines())) <= 80
    last = str(bs.Formulas.read(MAZUR).explain("w5", optimizer=bs.SGD(0.5), stale=True))
    assert "both ways give the" in last


@pytest.mark.parametrize(
    ("quantity", "optimizer", "message"),
    [
        ("w1", None, "give an optimizer"),
        ("do1/dh1", bs.SGD(0.5), "ask for the loss by a weight"),
        ("i1", bs.SGD(0.5), "ask for the loss by a weight"),
        ("w1", bs.Polyak(), "Polyak needs the gradients of all"),
    ],
)
def test_what_cannot_be_told(quantity: str, optimizer: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        bs.Formulas.read(MAZUR).explain(quantity, optimizer=optimizer, stale=True)


def test_what_a_network_cannot_tell() -> None:
    net = macleod()
    with pytest.raises(ConfigurationError, match="ask for the loss by a weight"):
        net.explain("x[0]", [0.35, 0.9], [0.5], optimizer=bs.SGD(0.5), stale=True)
    with pytest.raises(ConfigurationError, match="give an optimizer"):
        net.explain("w1[0->0]", [0.35, 0.9], [0.5], stale=True)
