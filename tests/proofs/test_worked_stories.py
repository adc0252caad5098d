"""Backpropagation worked by hand in texts, told: the factors, deltas and gradients of the stories are the published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backstory as bs

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def worked(shared: Path) -> dict[str, Any]:
    return dict(json.loads((shared / "oracles" / "worked_examples.json").read_text(encoding="utf-8")))


def network(example: dict[str, Any], **options: Any) -> bs.Network:
    """The network of a worked example, whose weights are W[in][out]."""
    W1, W2 = np.array(example["W1"]), np.array(example["W2"])
    biases = example.get("b1") is not None
    sizes = [W1.shape[0], W1.shape[1], W2.shape[1]]
    net = bs.Network(sizes, hidden="sigmoid", output="sigmoid", biases=biases, seed=0, **options)
    net.weights[0][...], net.weights[1][...] = W1, W2
    if biases:
        net.biases[0][...], net.biases[1][...] = example["b1"], example["b2"]
    return net


@pytest.mark.parametrize("name", ["mazur_2015", "macleod_0.35_0.9", "sklearn_test_fit"])
def test_every_gradient_and_delta_of_the_worked_networks(worked: dict[str, Any], name: str) -> None:
    example = worked[name]
    exact = example.get("exact") or example["exact_correct"]
    classifier = name == "sklearn_test_fit"
    options = {"loss": "binary_cross_entropy", "penalty": bs.L2(example["alpha"])} if classifier else {}
    net = network(example, **options)
    x, t = example["x"], np.atleast_1d(example["t"]).astype(float)
    delta_h = exact.get("delta_h", exact.get("d1"))
    delta_o = exact.get("delta_o", exact.get("d2"))
    for layer, (key, deltas) in enumerate((("gW1", delta_h), ("gW2", delta_o)), start=1):
        for (k, j), gradient in np.ndenumerate(np.array(exact[key])):
            story = net.explain(f"w{layer}[{k}->{j}]", x, t)
            assert story.value == pytest.approx(gradient, rel=1e-12)
            own = next(delta for delta in story.deltas if delta.of == f"z{layer}[{j}]")
            assert own.chain.value == pytest.approx(deltas[j], rel=1e-12)
            inputs = x if layer == 1 else exact["h"]
            assert story.factors[0].number == pytest.approx(inputs[k], rel=1e-12)


def test_mazurs_figures_one_by_one(worked: dict[str, Any]) -> None:
    published = worked["mazur_2015"]["published"]
    f = bs.Formulas.read(EXAMPLES / "mazur.txt")
    assert f.values["L"] == pytest.approx(published["E"], abs=5e-10)
    story = f.explain("dL/dh1")
    by_end = {path.nodes[2]: path.value for path in story.paths}
    assert by_end["o1"] == pytest.approx(published["dEo1_douth1"], abs=5e-10)
    assert by_end["o2"] == pytest.approx(published["dEo2_douth1"], abs=1e-9)
    assert story.value == pytest.approx(published["dE_douth1"], abs=5e-10)
    told = f.explain("dL/dw1", optimizer=bs.SGD(0.5))
    numbers = {(factor.target, factor.source): factor.number for factor in told.factors}
    assert numbers["h1", "z_h1"] == pytest.approx(published["douth1_dneth1"], abs=5e-10)
    assert told.value == pytest.approx(published["dE_dw1"], abs=5e-10)
    assert told.update is not None
    assert told.update.new == pytest.approx(published["w1_4_new"][0], abs=5e-10)
    output = f.explain("dL/dw5", optimizer=bs.SGD(0.5))
    assert output.value == pytest.approx(published["dE_dw5"], abs=5e-10)
    assert output.deltas[0].chain.value == pytest.approx(published["delta_o1"], abs=5e-10)
    assert output.update is not None
    assert output.update.new == pytest.approx(published["w5_8_new"][0], abs=5e-10)


def test_nielsens_saturated_neuron_is_told_to_be_so(worked: dict[str, Any]) -> None:
    runs = worked["nielsen_single_neuron"]
    f = bs.Formulas.read(EXAMPLES / "nielsen-neuron.txt")
    f.set(w=2, b=2)
    assert f.values["a"] == pytest.approx(runs["quad w=2 b=2 eta=.15"]["first"])
    slope = next(factor for factor in f.explain("dC/dw").factors if factor.kind == "activation derivative")
    assert slope.number == pytest.approx(0.98201379 * (1 - 0.98201379), rel=1e-6)
    f.fit(optimizer=bs.SGD(0.15), steps=300)
    assert f.values["a"] == pytest.approx(runs["quad w=2 b=2 eta=.15"]["last"], rel=1e-9)


def test_goodfellows_xor_has_no_gradient_left(worked: dict[str, Any]) -> None:
    example = worked["goodfellow_xor"]
    f = bs.Formulas.read(EXAMPLES / "xor.txt")
    assert f.values["y"] == example["y"]
    assert np.column_stack([f.values["h1"], f.values["h2"]]).tolist() == example["relu"]
    assert set(f.gradients.values()) == {0.0}
    assert any("the loss is at its least" in note for note in f.explain("dJ/dw1").notes)
