"""The accuracy runs at a tiny size: everybody answers, what is measured is kept, the page says what follows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import best, best_page, kept, page, run, sets
from benchmarks.accuracy.__main__ import MEASURED
from benchmarks.accuracy.contenders import CONTENDERS
from benchmarks.accuracy.kept import Key
from benchmarks.accuracy.sets import SETS, drawn_splits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A made-up table in the place of one of the smallest."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 6))
    y = 3 * X[:, 0] + X[:, 1] ** 2 + 10
    test = np.array([np.sort(rng.permutation(120)[:20]) for _ in range(2)])
    np.savez(tmp_path / "uci_pbp_yacht.npz", X=X, y=y, test_index=test)
    return tmp_path


def test_drawn_splits_part_the_rows() -> None:
    splits = drawn_splits(101)
    assert len(splits) == sets.SPLITS
    for train, test in splits:
        assert sorted([*train, *test]) == list(range(101))
        assert len(test) == 20
    assert not np.array_equal(splits[0][1], splits[1][1])


def test_a_run_measures_everybody_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = folder / "kept" / "cache.jsonl"
    results = run.run(folder, cache, most_splits=1)
    assert list(results) == ["UCI yacht"]
    assert {name: len(found) for name, found in results["UCI yacht"].items()} == dict.fromkeys(CONTENDERS, 1)
    assert results["UCI yacht"]["backstory"][0].value < 2  # the targets' standard deviation is 3.3
    assert set(kept.read(run.Measured, cache)) == {Key("UCI yacht", name, 0) for name in CONTENDERS}
    monkeypatch.setattr(run, "measure", lambda *_: pytest.fail("measured again"))
    assert run.run(folder, cache, most_splits=1) == run.cached(cache) == results


def measured(value: float) -> run.Measured:
    return run.Measured(value, 1.0, "1.9.1")


def test_the_page_says_what_was_reached_and_what_not() -> None:
    names = list(CONTENDERS)
    adult, yacht = (next(each.name for each in SETS if word in each.name) for word in ("Adult", "yacht"))
    results = {
        adult: {name: [measured(0.8 + 0.01 * place)] for place, name in enumerate(names)},
        yacht: {name: [measured(1.0 + place), measured(1.6)] for place, name in enumerate(names)},
    }
    text = page.markdown(results)
    assert f"| {adult} | 1 split | accuracy | 80.00 % | 81.00 % |" in text
    assert f"| {yacht} | 2 splits | RMSE | 1.3 ± 0.3 |" in text
    assert f"better than {names[1]} on 1 of 2 tables; not on {adult}." in text
    assert f"on 0 of 1 tables that have one; not on {yacht}." in text


def test_the_later_of_two_measurements_counts(tmp_path: Path) -> None:
    file, key = tmp_path / "kept.jsonl", Key("diabetes", "MLP, raw", 3)
    for value in (1.5, 2.5):
        kept.keep(run.Measured(value, 0.25, "1.9.1"), key, file)
    assert kept.read(run.Measured, file) == {key: run.Measured(2.5, 0.25, "1.9.1")}


def test_the_documentation_says_what_was_measured() -> None:
    """The kept files hold each result that a table of docs/accuracy.md is made of."""
    text = (Path(__file__).parents[2] / "docs" / "accuracy.md").read_text(encoding="utf-8")
    between = {mark: text.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0] for mark in ("table", "best")}
    assert between["table"].strip() == page.markdown(run.cached(MEASURED / "tables.jsonl")).strip()
    assert between["best"].strip() == best_page.markdown(best.cached(MEASURED / "best.jsonl")).strip()
