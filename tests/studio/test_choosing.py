"""Presets, setup, own formulas and own tables: what comes of a choice, and what is said to a wrong one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import backstory as bs
from backstory.studio import datasets
from backstory.studio.presets import PRESETS
from backstory.studio.session import Session

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CSV = "width,color,kind\n" + "".join(
    f"{number / 7:.3f},{color},{'ab'[number % 2]}\n" for number, color in enumerate(["red", "green", "", "red"] * 10)
)


@pytest.fixture
def session():
    made = Session(lambda changed: None)
    yield made
    made.close()


def do(session, action, /, **arguments):
    session.handle({"do": action, **arguments})
    return session.state()


@pytest.mark.parametrize(("preset", "file"), [("neuron", "one-neuron"), ("chain", "chain"), ("mazur", "mazur")])
def test_formulas_are_those_of_the_examples(preset, file):
    text = (EXAMPLES / f"{file}.txt").read_text()
    assert [line for line in text.splitlines() if not line.startswith("#")] == PRESETS[preset].formulas.splitlines()


@pytest.mark.parametrize("name", ["xor", "curve", "spirals", "clouds", "digits"])
def test_data_sets_are_the_same_every_time_and_hold_every_class_in_both_parts(name):
    preset = PRESETS[name]
    samples, again = preset.samples(), preset.samples()
    assert (samples.X == again.X).all()
    assert (samples.y == again.y).all()
    for part in (samples.y[: samples.trained], samples.y[samples.trained :]):
        assert not samples.classes or not len(part) or set(part) == set(range(len(samples.classes)))


@pytest.mark.parametrize("name", [*PRESETS])
def test_each_preset_learns(name):
    session = Session(lambda changed: None, name)
    before = session.state()["values"]["mean_loss"]
    steps = {"digits": 3, "neuron": 30}.get(name, 40)
    for _ in range(steps):
        state = do(session, "step")
    assert state["values"]["mean_loss"] < 0.97 * before
    assert state["notice"] is None


def test_spirals_are_wound_and_noisy():
    X, y = datasets.spirals()
    assert np.abs(X).max() < 1.3
    line = bs.Network([2, 1], output="sigmoid", loss="binary_cross_entropy", seed=0)
    line.fit(X, y.astype(float), optimizer=bs.LBFGS(), epochs=100, progress=False)
    assert np.mean((line.predict(X)[:, 0] > 0.5) == y) < 0.75  # no line tells them apart


def test_layers_of_their_own(session):
    do(session, "preset", name="spirals")
    state = do(
        session,
        "setup",
        changes={
            "sizes": [2, 5, 4, 3, 1],
            "hidden": ["relu", "tanh", "sigmoid"],
            "l2": 0.01,
            "seed": 7,
            "dropout": 0.1,
        },
    )
    net = bs.Network(
        [2, 5, 4, 3, 1],
        hidden=["relu", "tanh", "sigmoid"],
        output="sigmoid",
        loss="binary_cross_entropy",
        penalty=bs.L2(0.01),
        seed=7,
    )
    assert (session._subject.net.parameters == net.parameters).all()
    assert state["net"]["columns"][3]["title"] == "layer 3: sigmoid"
    X, y = datasets.spirals()
    do(session, "step")
    net.fit(X[:180], y[:180], optimizer=bs.Adam(0.01), batch_size=20, epochs=1, dropout=0.1, progress=False)
    assert (session._subject.net.parameters == net.parameters).all()


def test_a_rate_that_falls(session):
    do(session, "preset", name="xor")
    do(session, "setup", changes={"schedule": "exponential", "decay": 0.5})
    for _ in range(4):
        do(session, "step")
    net = bs.Network([2, 3, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy", seed=0)
    net.fit(*datasets.xor(), optimizer=bs.SGD(bs.Exponential(0.5, 0.5)), batch_size=4, epochs=4, progress=False)
    assert (session._subject.net.parameters == net.parameters).all()


def test_a_hinge_sees_classes_as_it_needs_them(session):
    do(session, "preset", name="spirals")
    state = do(session, "setup", changes={"loss": "hinge", "output": "tanh"})
    assert state["notice"] is None
    assert set(session._subject.y.tolist()) == {-1.0, 1.0}
    assert 0 <= state["history"]["accuracy"][0] <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "cross_entropy"}, "Outputs that fit: softmax"),
        ({"output": "tanh"}, "Outputs that fit: sigmoid, softmax"),
        ({"hidden": ["rleu", "tanh"]}, "relu"),
        ({"optimizer": "lbfgs"}, "optimizer"),
        ({"sizes": [3, 4, 1], "hidden": ["tanh"]}, "must have 2 inputs and 1 or 2 outputs. Got [3, 4, 1]"),
        ({"sizes": [2, 4, 4, 1], "hidden": ["tanh"]}, "has 2 hidden layers"),
        ({"sizes": [2, 4096, 4096, 1]}, "at most 2,000,000 parameters"),
        ({"sizes": [2, 0, 1]}, "units of a layer must be a whole number from 1 to 4,096. Got 0"),
        ({"sizes": "many"}, "sizes must list the units of 2 to 21 layers"),
        ({"rate": 0}, "rate must be a number above 0"),
        ({"rate": float("nan")}, "rate must be a number above 0"),
        ({"batch_size": 1.5}, "batch_size must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"dropout": 1}, "dropout must be a number from 0 to 0.95"),
        ({"colour": 1}, "entry of the setup"),
        ({"schedule": "sometimes"}, "schedule"),
    ],
)
def test_a_wrong_choice_is_named_and_changes_nothing(session, changes, message):
    do(session, "preset", name="spirals")
    do(session, "step")
    before = session.state()
    state = do(session, "setup", changes=changes)
    assert message in state["notice"]
    assert state["setup"] == before["setup"]
    assert state["training"]["step"] == before["training"]["step"] == 9


def test_the_form_knows_which_outputs_fit_a_loss(session):
    options = session.state()["options"]
    assert options["losses"]["cross_entropy"] == ["softmax"]
    assert "identity" in options["losses"]["half_squared_error"]
    assert "softmax" not in options["hidden"]


def test_formulas_of_ones_own(session):
    state = do(session, "formulas", text="x = 2\nt = 3\nw = 0.5\ny = w*x\nL = (y - t)^2")
    assert state["values"]["gradients"] == {"w": -8.0}
    assert state["setup"]["preset"] == ""
    state = do(session, "formulas", text="x = 2\ny = w * x +\nL = y^2")
    assert "Line 2" in state["notice"]
    assert "^" in state["notice"]
    assert state["values"]["gradients"] == {"w": -8.0}


def test_a_table_of_ones_own(session):
    state = do(session, "table", name="things.csv", text=CSV)
    assert state["notice"] is None
    columns = {column["name"]: column for column in state["table"]["columns"]}
    assert (columns["color"]["kind"], columns["color"]["missing"]) == ("category", 10)
    assert columns["kind"]["kind"] == "target"
    assert (state["table"]["rows"], state["table"]["target"]) == (40, "kind")
    assert state["data"]["inputs"][0] == "width"
    assert "color = red" in state["data"]["inputs"]
    assert state["data"]["classes"] == ["a", "b"]
    assert state["setup"]["sizes"] == [len(state["data"]["inputs"]), 8, 1]
    assert "width" in str(state["net"]["labels"]["x[0]"])


def test_the_target_is_chosen_from_the_columns(session):
    do(session, "table", name="things.csv", text=CSV)
    state = do(session, "target", name="width")
    assert (state["setup"]["output"], state["data"]["classes"]) == ("identity", [])
    for _ in range(3):
        state = do(session, "step")
    targets, outputs = state["outputs"]["pairs"]
    assert len(targets) == len(outputs) == state["data"]["held_out"] == 8
    assert {round(value, 3) for value in targets} <= {round(number / 7, 3) for number in range(40)}
    raw = state["outputs"]["raw"][0]
    assert any(raw == pytest.approx(number / 7, abs=1e-3) for number in range(40))  # in its own units
    state = do(session, "target", name="wdith")
    assert "Did you mean 'width'?" in state["notice"]
    assert state["setup"]["table"]["target"] == "width"


def test_a_table_is_encoded_as_everywhere_else(session):
    do(session, "table", name="things.csv", text=CSV, target="kind")
    samples = session._subject.samples
    order = np.random.default_rng(0).permutation(40)
    frame = session._upload.frame
    table = bs.Table.fit(frame, "kind", order[:32])
    assert samples.table == table
    assert (table.inputs(frame)[order] == samples.X).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("a,b\n1,2\n", "at least 5 rows"),
        ("a,b\n1,2\n1\n3,4\n5,6\n", "line 3"),
        ("a,a\n" + "1,2\n" * 6, "different names"),
        ("a,b\n" + "1,2\n2,\n" * 6, "missing"),
        ("a,b\n" + "1,x\n2,x\n" * 6, "at least two different values"),
        ("a\n" + "1\n2\n" * 6, "columns beside the target"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_by_name(session, text, message):
    before = session.state()
    state = do(session, "table", name="../../etc/table.csv", text=text)
    assert message in state["notice"]
    assert "etc" not in state["notice"]
    assert state["setup"] == before["setup"]


def test_a_table_that_is_too_large_is_refused(session):
    state = do(session, "table", name="big.csv", text="a,b\n" + "1,2\n" * (3 << 20))
    assert "at most 8 MB" in state["notice"]


def test_a_convention_is_passed_on_to_stories(session):
    do(session, "preset", name="xor")
    do(session, "select", quantity="w1[0->1]")
    state = do(session, "convention", name="nielsen")
    assert state["setup"]["convention"] == "nielsen"
    assert "w^2_21" in do(session, "write", form="text")["written"]["text"]
    do(session, "convention")
    assert "w1[0->1]" in do(session, "write", form="text")["written"]["text"]
    assert "convention" in do(session, "convention", name="nobody")["notice"]
