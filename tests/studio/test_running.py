"""Stepping, playing, rewinding: the same bits as `fit`, whatever a person does in between."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import backstory as bs
from backstory.studio import datasets
from backstory.studio.presets import MAZUR, PRESETS
from backstory.studio.recording import Recording
from backstory.studio.running import FRAME, Turns
from backstory.studio.samples import Samples
from backstory.studio.session import Session
from backstory.studio.subject import FormulasSubject, NetworkSubject

CLASSES = {"output": "sigmoid", "loss": "binary_cross_entropy"}


@pytest.fixture
def session():
    made = Session(lambda changed: None)
    yield made
    made.close()


def do(session, action, /, **arguments):
    session.handle({"do": action, **arguments})
    return session.state()


def weights(session):
    return session._subject.net.parameters.copy()


def until(holds, seconds=30.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.002)


def spirals(epochs, steps=0):
    """The preset by hand, so many epochs and steps on."""
    X, y = datasets.spirals()
    net = bs.Network([2, 16, 16, 1], hidden="tanh", **CLASSES, seed=0)
    if epochs:
        net.fit(X[:180], y[:180], optimizer=bs.Adam(0.01), batch_size=20, epochs=epochs, progress=False)
    for _ in range(steps):
        net.walk(X[:180], y[:180], optimizer=bs.Adam(0.01), batch_size=20).take(steps)
        break
    return net


def test_epochs_are_those_of_fit(session):
    do(session, "preset", name="spirals")
    for _ in range(3):
        do(session, "step", by="epoch")
    assert (weights(session) == spirals(3).parameters).all()
    state = session.state()
    assert (state["training"]["step"], state["training"]["epoch"], state["training"]["batch"]) == (27, 3, 0)


def test_batches_and_samples_go_in_the_order_of_fit(session):
    do(session, "preset", name="spirals")
    for _ in range(5):
        do(session, "step", by="batch")
    rows = session._subject.batch()
    seen = [do(session, "step", by="sample")["setup"]["row"] for _ in range(20)]
    assert seen == rows
    assert session.state()["training"]["step"] == 6
    state = do(session, "step", by="epoch")  # to the end of the epoch it is in
    assert (state["training"]["step"], state["training"]["epoch"]) == (9, 1)
    assert (weights(session) == spirals(1).parameters).all()


def test_one_sample_is_one_step_where_a_batch_is_one_sample(session):
    do(session, "step", by="sample")
    assert session.state()["training"]["step"] == 1
    f = bs.Formulas.read(MAZUR)
    f.step(bs.SGD(0.5))
    assert session.state()["values"]["parameters"] == f.parameters


def test_playing_comes_to_what_fit_comes_to(session):
    do(session, "preset", name="spirals")
    do(session, "play")
    until(lambda: session.state()["training"]["step"] > 900)
    state = do(session, "pause")
    step = state["training"]["step"]
    twin = spirals(0)
    X, y = datasets.spirals()
    twin.walk(X[:180], y[:180], optimizer=bs.Adam(0.01), batch_size=20).take(step)
    assert (weights(session) == twin.parameters).all()
    assert state["values"]["mean_loss"] == pytest.approx(twin.loss(X[:180], y[:180]), rel=1e-12)
    assert state["history"]["validation"][-1] == pytest.approx(twin.loss(X[180:], y[180:]), rel=1e-12)
    assert state["history"]["steps"][-1] == step


@pytest.mark.parametrize("preset", [*PRESETS])
def test_going_back_and_on_again_changes_no_bit(preset):
    session = Session(lambda changed: None, preset)
    seen = {}
    for step in range(1, 8):
        do(session, "step", by="batch")
        seen[step] = session._subject.save()
    for back in (3, 7, 0, 5, 4):
        do(session, "rewind", step=back)
        assert session.state()["training"]["step"] == back
        if back:
            assert session.state()["training"]["last"] == 7
            assert same(session._subject.save(), seen[back])
        for step in range(back + 1, 8):
            do(session, "step", by="batch")
            assert same(session._subject.save(), seen[step])


def same(a, b):
    if hasattr(a, "leaves"):
        return a == b
    slots = zip(a.memory.state.values(), b.memory.state.values(), strict=True)
    place = (a.steps, a.memory.steps, a.memory.epochs) == (b.steps, b.memory.steps, b.memory.epochs)
    return place and (a.parameters == b.parameters).all() and all((x == y).all() for x, y in slots)


def test_any_step_of_a_long_run_is_reached_again(session):
    do(session, "preset", name="xor")
    do(session, "play")
    until(lambda: session.state()["training"]["step"] > 20_000)
    state = do(session, "pause")
    last, steps = state["training"]["last"], state["history"]["steps"]
    assert 60 <= len(steps) <= 257
    X, y = datasets.xor()
    for step in (steps[3], steps[3] + 1, last // 2, last, 1):
        do(session, "rewind", step=step)
        net = bs.Network([2, 3, 1], hidden="tanh", **CLASSES, seed=0)
        net.fit(X, y, optimizer=bs.SGD(0.5), batch_size=4, epochs=step, progress=False)
        assert (weights(session) == net.parameters).all()
    assert session.state()["history"]["steps"] == steps


def test_what_was_set_by_hand_is_set_again_on_the_way(session):
    do(session, "preset", name="xor")
    for _ in range(4):
        do(session, "step", by="batch")
    state = do(session, "set", address="w1[0->1]", value=0.25)
    assert state["values"]["parameters"]["w1[0->1]"] == 0.25
    for _ in range(3):
        state = do(session, "step", by="batch")
    end = weights(session)
    do(session, "rewind", step=2)
    do(session, "rewind", step=7)
    assert (weights(session) == end).all()
    do(session, "rewind", step=2)
    do(session, "play")
    until(lambda: session.state()["training"]["step"] > 8)
    do(session, "pause")
    do(session, "rewind", step=7)
    assert (weights(session) == end).all()


def test_setting_a_weight_forgets_what_came_after(session):
    do(session, "preset", name="xor")
    for _ in range(6):
        do(session, "step")
    do(session, "rewind", step=3)
    state = do(session, "set", address="b1[0]", value=-1)
    assert (state["training"]["last"], state["history"]["steps"][-1]) == (3, 3)
    assert do(session, "rewind", step=4)["notice"] == "step must be one of those taken, 0 to 3. Got 4."


def test_reset_goes_back_to_the_first_weights(session):
    do(session, "preset", name="spirals")
    first = weights(session)
    do(session, "set", address="b1[0]", value=3)
    do(session, "step")
    state = do(session, "reset")
    assert (weights(session) == first).all()
    assert (state["training"]["step"], state["training"]["edits"], state["history"]["steps"]) == (0, 0, [0])


def test_a_recording_is_thinned_evenly_and_stays_within_its_bounds():
    X, y = datasets.xor()
    net = bs.Network([2, 3, 1], hidden="tanh", **CLASSES, seed=0)
    recording = Recording(NetworkSubject(net, Samples(X, y, classes=("0", "1")), bs.SGD(0.5), 4))
    for _ in range(3000):
        recording.take(1)
        if not recording.due_in():
            recording.note()
    steps = [point.step for point in recording.points]
    assert 128 <= len(steps) <= 256
    assert set(np.diff(steps[:-1])) == {16}


def test_a_recording_of_a_large_network_takes_little_memory(monkeypatch):
    monkeypatch.setattr("backstory.studio.recording.MOST_BYTES", 4000)
    recording = Recording(FormulasSubject(MAZUR, bs.SGD(0.5)))
    for _ in range(100):
        recording.take(1)
        recording.note()
    assert len(recording.points) <= 8
    assert recording.points[0].step == 0


def test_frames_come_ten_times_a_second_at_most():
    times = []
    session = Session(lambda changed: times.append(time.perf_counter()) if "values" in changed else None, "xor")
    times.clear()
    do(session, "play")
    time.sleep(1.0)
    session.close()
    assert 3 <= len(times) <= 11
    assert min(np.diff(times)) > 0.9 * FRAME


def test_a_slow_speed_is_kept(session):
    do(session, "preset", name="xor")
    do(session, "speed", steps=20)
    do(session, "play")
    before = time.perf_counter()
    until(lambda: session.state()["training"]["step"] >= 15)
    assert 0.5 < time.perf_counter() - before < 5
    assert do(session, "pause")["training"]["speed"] == 20
    assert "steps must be a number" in do(session, "speed", steps="fast")["notice"]


def test_actions_are_served_while_training_runs(session):
    do(session, "preset", name="digits")
    do(session, "play")
    until(lambda: session.state()["training"]["step"] > 50)
    waits = []
    for row in range(20):
        before = time.perf_counter()
        assert do(session, "row", row=row)["values"]["nodes"]
        waits.append(time.perf_counter() - before)
    assert session.state()["training"]["running"]
    before = time.perf_counter()
    do(session, "pause")
    assert time.perf_counter() - before < 1.0  # 50 ms on a quiet machine
    assert sorted(waits)[10] < 0.5
    step = session.state()["training"]["step"]
    time.sleep(0.05)
    assert session._subject.steps == step


def test_a_run_that_diverges_says_so_and_keeps_the_last_good_weights(session):
    do(session, "preset", name="curve")
    do(session, "setup", changes={"optimizer": "sgd", "rate": 1e4})
    do(session, "play")
    until(lambda: not session.state()["training"]["running"])
    until(lambda: session.state()["notice"])
    assert "Training stopped" in session.state()["notice"]
    assert np.isfinite(weights(session)).all()
    state = do(session, "step", by="batch")
    assert "Training stopped" in state["notice"]
    assert state["values"]["step"] == session._subject.steps


def test_turns_are_taken_in_order():
    turns, taken = Turns(), []

    def take(name):
        with turns, turns:
            taken.append(name)

    with turns:
        threads = [threading.Thread(target=take, args=(name,)) for name in range(2)]
        for thread in threads:
            thread.start()
            time.sleep(0.05)
        assert taken == []
    for thread in threads:
        thread.join()
    assert taken == [0, 1]


def test_nobody_waits_longer_than_for_one_chunk():
    turns, stop, counted = Turns(), threading.Event(), [0]

    def hog():
        while not stop.is_set():
            with turns:
                counted[0] += 1
                time.sleep(0.005)

    thread = threading.Thread(target=hog)
    thread.start()
    waits = []
    for _ in range(20):
        before = counted[0]
        with turns:
            waits.append(counted[0] - before)
    stop.set()
    thread.join()
    assert max(waits) <= 2
