"""A state taken away and brought back: links, programs, and what is said to links that are none."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.studio import link as links
from backstory.studio import setup as setups
from backstory.studio.presets import PRESETS
from backstory.studio.session import Session
from tests.studio.test_choosing import CSV


@pytest.fixture
def session():
    made = Session(lambda changed: None)
    yield made
    made.close()


def do(session, action, /, **arguments):
    session.handle({"do": action, **arguments})
    return session.state()


def parameters(session):
    subject = session._subject
    return subject.net.parameters.copy() if subject.kind == "network" else dict(subject.formulas.parameters)


def moved(session):
    """Train a little, set a weight, train on, ask something."""
    name = next(iter(session.state()["values"]["parameters"]))
    for _ in range(2):
        do(session, "step", by="batch")
    do(session, "set", address=name, value=0.123)
    for _ in range(3):
        do(session, "step", by="batch")
    do(session, "row", row=session._subject.rows - 1)
    do(session, "select", quantity=name)
    do(session, "check", text=f"dL/d{name} = 0")
    return session


def copied(session, form):
    state = do(session, "copy", form=form)
    assert state["notice"] is None
    assert state["copied"]["form"] == form
    return state["copied"]["text"]


def same(a, b):
    return a == b if isinstance(a, dict) else bool((a == b).all())


@pytest.mark.parametrize("preset", [*PRESETS])
def test_a_link_brings_everything_back(preset):
    there = moved(Session(lambda changed: None, preset))
    text = copied(there, "link")
    assert len(text) < 1200
    here = Session(lambda changed: None)
    state = do(here, "open", link=f"http://127.0.0.1:1/?token=x{text}")
    before = there.state()
    assert state["notice"] is None
    assert same(parameters(here), parameters(there))
    for key in ("setup", "training"):
        assert state[key] == before[key]
    assert state["story"]["quantity"] == before["story"]["quantity"]
    assert state["story"]["value"] == before["story"]["value"]
    assert state["check"]["text"] == before["check"]["text"]
    do(here, "rewind", step=2)
    do(there, "rewind", step=2)
    assert same(parameters(here), parameters(there))


def test_a_link_to_a_changed_setup_and_to_own_formulas(session):
    do(session, "preset", name="spirals")
    do(session, "setup", changes={"sizes": [2, 3, 1], "hidden": ["relu"], "l2": 0.1, "seed": 3})
    text = copied(session, "link")
    assert do(Session(lambda changed: None), "open", link=text)["setup"] == session.state()["setup"]
    do(session, "formulas", text="x = 2\nt = 3\nw = 0.5\ny = w*x\nL = (y - t)^2")
    text = copied(session, "link")
    assert do(Session(lambda changed: None), "open", link=text)["values"]["gradients"] == {"w": -8.0}


def test_a_link_to_a_table_needs_the_table(session):
    do(session, "table", name="things.csv", text=CSV)
    do(session, "step")
    text = copied(session, "link")
    other = Session(lambda changed: None)
    assert "needs the table 'things.csv'" in do(other, "open", link=text)["notice"]
    assert other.state()["setup"]["preset"] == "mazur"
    do(other, "table", name="things.csv", text=CSV, target="width")
    assert do(other, "open", link=text)["notice"] is None
    assert same(parameters(other), parameters(session))


def packed(content):
    return "#" + base64.urlsafe_b64encode(zlib.compress(content)).decode()


def of(**changes):
    state = {"version": 1, "setup": {"preset": "xor"}, "edits": [], "step": 0, "quantity": None, "equation": None}
    return packed(json.dumps({**state, **changes}).encode())


def test_a_link_written_by_hand_is_read(session):
    assert do(session, "open", link=of(step=3))["training"]["step"] == 3


@pytest.mark.parametrize(
    "link",
    [
        "", "#", "#%%%", "# ", packed(b"[]"), packed(b"{"), packed(b"[" * 5000), packed(b"\0" * (1 << 22)),
        of(version=2), of(step=-1), of(step=True), of(step=1e3), of(step=10**12), of(setup=[]), of(edits=[1]),
        of(setup={"preset": []}), of(edits=[[0, "w", "x"]]), of(quantity=3), of(equation="x" * 5000), of()[:-9],
        7, None,
    ],
)  # fmt: skip
def test_what_is_no_link_is_refused_and_changes_nothing(session, link):
    before = session.state()
    state = do(session, "open", link=link)
    assert "link" in state["notice"] or "preset must be" in state["notice"]
    assert {key: state[key] for key in ("setup", "values", "net")} == {
        key: before[key] for key in ("setup", "values", "net")
    }


@given(st.binary(max_size=200))
def test_reading_a_link_never_fails_otherwise(content):
    for text in (packed(content), "#" + base64.urlsafe_b64encode(content).decode()):
        with pytest.raises(setups.ConfigurationError):
            links.read(text)


def test_a_link_that_would_be_too_long_is_refused(session, monkeypatch):
    monkeypatch.setattr(links, "MOST_CHARACTERS", 20)
    assert "A link may have 20 characters" in do(session, "copy", form="link")["notice"]


@pytest.mark.parametrize("preset", ["neuron", "mazur", "xor", "curve", "spirals", "clouds", "digits"])
def test_the_program_comes_to_the_same_weights(preset, capsys):
    session = moved(Session(lambda changed: None, preset))
    space = {}
    exec(compile(copied(session, "python"), "program", "exec"), space)
    found = space["f"].parameters if "f" in space else space["net"].parameters
    assert same(found, parameters(session))
    printed = capsys.readouterr().out
    assert do(session, "write", form="text")["written"]["text"].splitlines()[0] in printed


def test_the_program_knows_all_of_the_setup():
    session = Session(lambda changed: None, "spirals")
    changes = {
        "sizes": [2, 5, 4, 1], "hidden": ["relu", "sigmoid"], "loss": "hinge", "output": "tanh", "batch_size": 7,
        "optimizer": "rmsprop", "rate": 0.003, "schedule": "inverse_time", "decay": 0.2, "seed": 11, "l2": 0.01,
        "dropout": 0.2,
    }  # fmt: skip
    assert do(session, "setup", changes=changes)["notice"] is None
    moved(session)
    space = {}
    exec(copied(session, "python"), space)
    assert same(space["net"].parameters, parameters(session))


@pytest.mark.parametrize("target", ["kind", "width", "color"])
def test_the_program_of_a_table_reads_the_table(target, tmp_path, monkeypatch):
    text = CSV.replace(",,", ",blue,")
    session = Session(lambda changed: None)
    assert do(session, "table", name="my things.csv", text=text, target=target)["notice"] is None
    moved(session)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my things.csv").write_text(text)
    space = {}
    exec(copied(session, "python"), space)
    assert same(space["net"].parameters, parameters(session))


def test_the_shell_commands_run(tmp_path, session):
    moved(session)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    (tmp_path / "backstory").write_text(f'#!/bin/sh\nexec {sys.executable} -m backstory "$@"\n')
    (tmp_path / "backstory").chmod(0o755)
    run = subprocess.run(["sh", "-c", copied(session, "shell")], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert f"{session.state()['story']['value']:.6g}"[:6] in run.stdout
    assert "wrong" in run.stdout.lower()


def test_the_shell_program_of_a_network_runs(tmp_path):
    session = moved(Session(lambda changed: None, "xor"))
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')  # a link would leave its environment
    (tmp_path / "python").chmod(0o755)
    run = subprocess.run(["sh", "-c", copied(session, "shell")], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert f"loss {session.state()['values']['mean_loss']!r}" in run.stdout, run.stderr


@pytest.mark.parametrize("preset", ["mazur", "neuron", "clouds", "digits"])
def test_a_page_of_its_own_is_saved(preset):
    page = copied(moved(Session(lambda changed: None, preset)), "html")
    assert page.startswith("<!DOCTYPE html>")
    assert "default-src 'none'" in page


def test_a_page_of_a_network_that_is_not_taken_whole_and_none(session):
    do(session, "preset", name="spirals")
    do(session, "setup", changes={"sizes": [2, 64, 64, 1]})
    do(session, "select", quantity="w1[0->3]")
    assert "Two spirals, step 0</h1>" in copied(session, "html")
    assert do(session, "copy")["copied"] is None
