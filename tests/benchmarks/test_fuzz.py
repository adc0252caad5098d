"""Texts that are no equations, or hardly: none crashes the checker or takes long."""

from __future__ import annotations

import pytest

from benchmarks.fuzz import KINDS, fuzz, main, texts


def test_no_text_raises_or_takes_long() -> None:
    found = fuzz(900, seed=3)
    assert found.crashes == ()
    assert found.longest < 1, found.slowest
    assert set(found.statuses) == {kind.__name__ for kind in KINDS}
    assert found.statuses["mangled"]["unreadable"] > 0
    assert found.statuses["mangled"]["wrong"] > 0, "some mangled equations are still equations"


def test_texts_are_their_seed() -> None:
    assert list(texts(50, seed=1)) == list(texts(50, seed=1)) != list(texts(50, seed=2))


def test_the_command_prints_what_came_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--count", "18"])
    out = capsys.readouterr().out
    assert "| random bytes | 2 | 0 | 2 | 0 | 0 |" in out
    assert "Raised: 0. Longest: " in out
