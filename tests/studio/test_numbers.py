"""The table of the parameters and the pass in slow motion, against the Python API's own numbers."""

from __future__ import annotations

import numpy as np
import pytest

import backstory as bs
from backstory.studio.numbers import MOST_ROWS, central, relative_error
from backstory.studio.presets import MAZUR
from backstory.studio.session import Session


@pytest.fixture
def session():
    made = Session(lambda changed: None)
    yield made
    made.close()


def test_the_table_holds_each_gradient_and_a_slope_found_without_it(session):
    session.handle({"do": "numbers"})
    table = session.state()["numbers"]
    truth = bs.Formulas.read(MAZUR).gradients
    assert {row["address"]: row["gradient"] for row in table["rows"]} == pytest.approx(truth, rel=1e-12)
    assert all(row["difference"] == pytest.approx(truth[row["address"]], rel=1e-6) for row in table["rows"])
    assert [abs(row["gradient"]) for row in table["rows"]] == sorted(map(abs, truth.values()), reverse=True)
    assert table["total"] == 8


def test_the_table_of_layers_names_every_parameter_once(session):
    session.handle({"do": "preset", "name": "xor"})
    session.handle({"do": "row", "row": 1})
    session.handle({"do": "numbers"})
    table, values = session.state()["numbers"], session.state()["values"]
    found = {row["address"]: row for row in table["rows"]}
    assert {name: row["value"] for name, row in found.items()} == pytest.approx(values["parameters"])
    assert {name: row["gradient"] for name, row in found.items()} == pytest.approx(values["gradients"])
    assert max(row["error"] for row in table["rows"] if abs(row["gradient"]) > 1e-6) < 1e-6


def test_an_open_table_follows_the_weights(session):
    session.handle({"do": "numbers"})
    session.handle({"do": "set", "address": "w5", "value": 0.7})
    found = {row["address"]: row["value"] for row in session.state()["numbers"]["rows"]}
    assert found["w5"] == 0.7
    session.handle({"do": "numbers", "on": False})
    assert session.state()["numbers"] is None


def test_central_differences_are_exact_for_parabolas_and_errors_are_relative():
    assert central(lambda w: 3 * w**2, 2.0) == pytest.approx(12, rel=1e-9)
    assert relative_error(2.0, 1.0) == 0.5
    assert relative_error(0.0, 0.0) == 0.0


def test_of_a_large_network_the_largest_gradients_are_listed():
    from backstory.studio.numbers import table
    from backstory.studio.samples import Samples
    from backstory.studio.subject import NetworkSubject

    net = bs.Network([60, 10, 3], hidden="tanh", output="softmax", loss="cross_entropy", seed=0)
    rows = np.random.default_rng(0).random((4, 60))
    found = table(NetworkSubject(net, Samples(rows, np.array([0, 1, 2, 1])), bs.SGD(0.1), 4), 2)
    assert (found["total"], len(found["rows"])) == (60 * 10 + 10 + 10 * 3 + 3, MOST_ROWS)
    truth = net.gradients(rows[2:3], np.array([2]), engine="reference")
    everything = np.concatenate([*(w.ravel() for w in truth.weights), *truth.biases])
    assert abs(found["rows"][-1]["gradient"]) == pytest.approx(np.sort(np.abs(everything))[-MOST_ROWS], rel=1e-9)


PHASES = ["forward"] * 5 + ["loss"] + ["backward"] * 4 + ["update"] * 4


def test_a_pass_goes_forward_to_the_loss_and_back_and_then_updates(session):
    session.handle({"do": "scrub"})
    stages = session.state()["scrub"]["stages"]
    assert [stage["phase"] for stage in stages] == PHASES
    assert [stage["nodes"] for stage in stages[6:10]] == [["o2"], ["o1"], ["h2"], ["h1"]]
    assert "0.298371" in stages[5]["html"]
    assert "0.138499" in stages[7]["html"]  # Mazur: delta of o1
    assert stages[12]["lines"] == ["w5", "w6"]
    assert "0.358916" in stages[12]["html"]  # Mazur: w5 after the update


def test_a_step_that_takes_all_samples_is_told_as_such(session):
    session.handle({"do": "preset", "name": "neuron"})
    session.handle({"do": "scrub"})
    last = session.state()["scrub"]["stages"][-1]
    assert last["phase"] == "update"
    assert "all 4 samples" in last["html"]
    session.handle({"do": "step"})
    assert session.state()["values"]["parameters"] == pytest.approx(last["fresh"])


def test_a_unit_is_told_by_its_formulas_and_numbers(session):
    session.handle({"do": "unit", "name": "h1"})
    card = session.state()["unit"]
    assert "0.3775" in card["html"]
    assert "0.59327" in card["html"]
    session.handle({"do": "set", "address": "w1", "value": 0.35})
    assert "0.3875" in session.state()["unit"]["html"]
    session.handle({"do": "unit", "name": "nobody"})
    assert "nobody" in session.state()["notice"]


def test_a_large_network_is_gone_through_layer_by_layer():
    from backstory.studio.samples import Samples
    from backstory.studio.scrubbing import stages
    from backstory.studio.subject import NetworkSubject

    net = bs.Network([60, 10, 3], hidden="tanh", output="softmax", loss="cross_entropy", seed=0)
    subject = NetworkSubject(net, Samples(np.ones((1, 60)), np.array([1])), bs.SGD(0.1), 1)
    found = stages(subject, 0)["stages"]
    assert [stage["phase"] for stage in found] == ["forward"] * 3 + ["loss"] + ["backward"] * 2 + ["update"] * 2
    assert "<munder><mo>∑</mo><mi>k</mi></munder>" in found[1]["html"]
