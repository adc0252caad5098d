"""How fast training in the studio is beside `fit`, measured in turns on the same work; and how soon it pauses."""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest

from backstory.studio import presets
from backstory.studio import setup as setups
from backstory.studio.presets import PRESETS, Preset
from backstory.studio.session import Session

ROUNDS, SECONDS = 3, 0.8


def wide():
    random = np.random.default_rng(0)
    return random.normal(size=(2000, 784)), random.integers(0, 10, 2000)


WIDE = Preset(
    "wide",
    "784-128-10",
    "",
    data=wide,
    classes=tuple("0123456789"),
    setup={
        "sizes": [784, 128, 10],
        "hidden": ["relu"],
        "output": "softmax",
        "loss": "cross_entropy",
        "batch_size": 128,
    },
)


def steps_a_second_of_fit(setup, samples):
    net, optimizer = setups.network(setup), setups.optimizer(setup)
    X, y = samples.X[: samples.trained], samples.targets(net.spec.loss, net.spec.n_out)[: samples.trained]
    steps = -(-len(X) // setup["batch_size"])
    epochs, taken = 1, 0.0
    while taken < SECONDS:
        epochs = max(2 * epochs, int(0.9 * epochs * SECONDS / taken) if taken else 1)
        before = time.perf_counter()
        net.fit(X, y, optimizer=optimizer, batch_size=setup["batch_size"], epochs=epochs, progress=False)
        taken = time.perf_counter() - before
    return epochs * steps / taken


def steps_a_second_of_playing(name):
    stopped = []

    def emit(changed):
        if not changed.get("training", {"running": True})["running"]:
            stopped.append(time.perf_counter())

    session = Session(emit, name)
    stopped.clear()
    before = time.perf_counter()
    session.handle({"do": "play"})
    time.sleep(SECONDS)
    asked = time.perf_counter()
    session.handle({"do": "pause"})
    return session.state()["training"]["step"] / (stopped[0] - before), stopped[0] - asked


@pytest.mark.slow
@pytest.mark.parametrize("name", ["xor", "spirals", "digits", "wide"])
def test_training_in_the_studio_keeps_pace_with_fit(name, monkeypatch, capsys):
    monkeypatch.setitem(presets.PRESETS, "wide", WIDE)
    setup, samples = setups.preset(name), PRESETS[name].samples()
    pairs, pauses = [], []
    for _ in range(ROUNDS):
        alone = steps_a_second_of_fit(setup, samples)
        played, pause = steps_a_second_of_playing(name)
        pairs.append((alone, played))
        pauses.append(1000 * pause)
    ratios = [played / alone for alone, played in pairs]
    with capsys.disabled():
        print(
            f"\n{name}: fit {statistics.median(alone for alone, _ in pairs):,.0f} steps a second, "
            f"studio {statistics.median(played for _, played in pairs):,.0f}, ratio {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}); paused in {min(pauses):.0f} to {max(pauses):.0f} ms"
        )
    assert max(ratios) > 0.25  # 0.5 on a quiet machine
