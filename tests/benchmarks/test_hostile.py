"""Damaged and invented inputs of every kind: read rightly or refused, nothing else."""

from __future__ import annotations

import os
import random
import time

import pytest

from benchmarks.hostile import Outcome, made, main, ready, tried, watched
from benchmarks.hostile_kinds import NAMES, Kind, bytes_changed
from benchmarks.hostile_kinds import kind as find

COUNTS = {"command line": 30, "checkpoint file": 60, "checkpoint header": 60}


@pytest.mark.parametrize("name", NAMES)
def test_no_input_of_any_kind_does_anything_else(name: str) -> None:
    kind, outcome = find(name), Outcome()
    ready(kind)
    for number in range(COUNTS.get(name, 200)):
        tried(kind, number, outcome)
    assert outcome.findings == []
    assert outcome.counts["refused"] + outcome.counts["accepted"] == COUNTS.get(name, 200)


def test_inputs_are_their_number() -> None:
    kind = find("formulas")
    assert [made(kind, number) for number in range(20)] == [made(kind, number) for number in range(20)]
    assert len({made(kind, number) for number in range(20)}) > 15


def reads(content: bytes) -> None:
    if content == b"slow":
        sum(range(3 * 10**7))
    elif content == b"wrong":
        raise KeyError(content)


def test_what_goes_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.hostile.LONGEST", 0.3)
    for content, text in ((b"slow", "took "), (b"wrong", "KeyError: b'wrong'"), (b"fine", None)):
        outcome = Outcome()
        tried(Kind("it", (content,), lambda content, _: content, reads), 7, outcome)
        assert [(number, text in said) for number, said in outcome.findings] == ([] if text is None else [(7, True)])


def test_a_process_that_dies_or_hangs_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.hostile.work", dies)
    assert watched("formulas", 1.0).findings == [(5, "the process died with exit code 3")]
    monkeypatch.setattr("benchmarks.hostile.HANGS", 3.0)
    monkeypatch.setattr("benchmarks.hostile.work", hangs)
    assert [text for _, text in watched("formulas", 1.0).findings] == ["hangs"]


def dies(name: str, seconds: float, pipe: object) -> None:
    pipe.send(5)  # type: ignore[attr-defined]  # a Connection
    os._exit(3)


def hangs(name: str, seconds: float, pipe: object) -> None:
    pipe.send(5)  # type: ignore[attr-defined]  # a Connection
    time.sleep(100)


def test_the_command_prints_what_came_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["0.2", "--only", "formulas"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("| formulas | ")
    assert "| 0 | " in last


def test_bytes_are_changed() -> None:
    changed = {bytes_changed(b"0123456789", random.Random(seed)) for seed in range(50)}
    assert len(changed) > 40
