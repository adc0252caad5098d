"""What the picture of a network holds: every unit and parameter; of a large one what the asked weight goes through."""

from __future__ import annotations

import numpy as np

import backstory as bs
from backstory.studio.drawing import MOST_UNITS, OF_MANY, formulas_drawing, kept_units, network_drawing


def drawing_of(text):
    return formulas_drawing(bs.Formulas.read(text).graph(0))


def addresses(drawing):
    return [each["address"] for each in (*drawing.lines, *drawing.biases) if each["address"]]


def test_a_small_network_is_drawn_whole():
    net = bs.Network([2, 3, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy", seed=0)
    drawing = network_drawing(net, columns=("height", "age"))
    assert drawing.whole
    assert len(addresses(drawing)) == len(set(addresses(drawing))) == net.spec.n_parameters
    assert [column["title"] for column in drawing.columns] == [
        "inputs",
        "layer 1: tanh",
        "layer 2: sigmoid",
        "binary cross entropy",
    ]
    assert drawing.labels["x[1]"] == {"text": "age"}
    assert drawing.targets == [{"name": "y[0]", "target": "L"}]


def test_a_large_network_shows_the_units_that_the_asked_weight_goes_through():
    net = bs.Network([784, 128, 10], hidden="tanh", output="softmax", loss="cross_entropy", seed=0)
    story = net.explain("w1[300->5]", np.linspace(0, 1, 784), np.array([3]))
    kept = kept_units(story)
    assert (kept[0], kept[1]) == ([300], [5])
    drawing = network_drawing(net, kept)
    assert not drawing.whole
    assert "w1[300->5]" in addresses(drawing)
    assert [len(column["nodes"]) for column in drawing.columns] == [OF_MANY, OF_MANY, 10, 1]
    assert [column["more"] for column in drawing.columns] == [784 - OF_MANY, 128 - OF_MANY, 0, 0]
    assert all(len(column["nodes"]) <= MOST_UNITS for column in drawing.columns)


def test_targets_stand_beside_the_loss_and_given_biases_at_their_units():
    text = """parameters: w1 w2
x = 1
t = 2
w1 = 3
w2 = 4
b1 = 5
h = tanh(w1*x + b1)
y = w2*h + b1
L = 1/2*(t - y)^2
"""
    drawing = drawing_of(text)
    assert [column["nodes"] for column in drawing.columns] == [["x"], ["h"], ["y"], ["L"]]
    assert drawing.targets == [{"name": "t", "target": "L"}]
    assert drawing.biases == [{"address": "b1", "target": "h"}, {"address": "b1", "target": "y"}]
    assert drawing.sums == {"h": "z_h"}


def test_a_weight_of_two_lines_and_a_penalty_is_drawn_wherever_it_acts():
    drawing = drawing_of("x = 1\nv = 2\nw = 3\ny = w*x + w*v\nL = y^2 + 0.1*w^2\n")
    assert sorted(line["source"] for line in drawing.lines if line["address"] == "w") == ["v", "x"]
    assert drawing.biases == [{"address": "w", "target": "L"}]
