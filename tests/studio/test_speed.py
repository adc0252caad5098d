"""How fast training in the studio is beside `fit`, measured in turns on the same work; and how soon it pauses."""

from __future__ import annotations

import statistics
import time

import pytest

from backstory.studio import presets
from backstory.studio.session import Session
from benchmarks.studio_works import LARGE, LARGE_PRESET, fitting

ROUNDS, SECONDS = 3, 0.8


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
@pytest.mark.parametrize("name", ["xor", "spirals", "digits", LARGE])
def test_training_in_the_studio_keeps_pace_with_fit(name, monkeypatch, capsys):
    monkeypatch.setitem(presets.PRESETS, LARGE, LARGE_PRESET)
    pairs, pauses = [], []
    for _ in range(ROUNDS):
        alone = fitting(name, SECONDS)
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
