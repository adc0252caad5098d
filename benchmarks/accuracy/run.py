"""Every contender on every split of every table, one process, one thread; what is measured is kept in a file.

A run that is begun again goes on where it ended; a contender is measured anew where its version changed.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from backstory.data import kinds
from backstory.data.columns import Flag, Number
from backstory.model.recipe import Recipe
from benchmarks.accuracy.contenders import CONTENDERS
from benchmarks.accuracy.sets import SETS, Opened, Set


@dataclass(frozen=True)
class Measured:
    """One contender on one split.

    Parameters
    ----------
    value : float
        Accuracy, or the root mean squared error in the target's units.
    seconds : float
        Of training and answering.
    """

    value: float
    seconds: float


MOST_SPLITS = 20

Results = dict[str, dict[str, list[Measured]]]
"""Table -> contender -> split by split."""


def version(contender: str) -> str:
    """What the result depends on beside the rows: scikit-learn's version, or our recipe and encoding."""
    if contender != "backstory":
        return metadata.version("scikit-learn")
    encoding = (kinds.LIMIT, kinds.MOST_LEVELS, kinds.FEWEST_OF_A_LEVEL, Number("x"), Flag("x"))
    return hashlib.sha256(repr((Recipe(), encoding)).encode()).hexdigest()[:12]


def cached(cache: Path) -> Results:
    """The splits that all contenders were measured on, of every table that has any."""
    found: dict[str, list[float]] = json.loads(cache.read_text(encoding="utf-8"))
    results: Results = {}
    for set in SETS:
        keys = {name: [_key(set, split, name) for split in range(MOST_SPLITS)] for name in CONTENDERS}
        whole = [split for split in range(MOST_SPLITS) if all(keys[name][split] in found for name in CONTENDERS)]
        if whole:
            results[set.name] = {name: [Measured(*found[keys[name][split]]) for split in whole] for name in CONTENDERS}
    return results


def _key(set: Set, split: int, contender: str) -> str:
    return f"{set.name}|{split}|{contender}|{version(contender)}"


def run(folder: Path, cache: Path, only: str = "", most_splits: int | None = None) -> Results:
    """Measure what is not in the cache, and return all that was asked for."""
    found: dict[str, list[float]] = json.loads(cache.read_text(encoding="utf-8")) if cache.exists() else {}
    results: Results = {}
    for set in SETS:
        if only.lower() in set.name.lower() and (folder / set.file).exists():
            results[set.name] = _run_set(set, folder, cache, found, most_splits)
    return results


def _run_set(
    set: Set, folder: Path, cache: Path, found: dict[str, list[float]], most: int | None
) -> dict[str, list[Measured]]:
    table = set.open(folder)
    results: dict[str, list[Measured]] = {}
    for name in CONTENDERS:
        results[name] = []
        for split in range(len(table.splits[:most])):
            key = _key(set, split, name)
            if key not in found:
                measured = measure(table, name, split)
                found[key] = [measured.value, measured.seconds]
                cache.write_text(json.dumps(found), encoding="utf-8")
                print(f"{key}: {measured.value:.5g} in {measured.seconds:.1f} s", file=sys.stderr, flush=True)
            results[name].append(Measured(*found[key]))
    return results


def measure(table: Opened, contender: str, split: int) -> Measured:
    """Train on a split's rows and measure on the others; the split's number is the seed."""
    train, test = table.splits[split]
    start = time.perf_counter()
    answers = CONTENDERS[contender](table, train, test, split)
    seconds = time.perf_counter() - start
    true = table.labels[test]
    if table.set.task == "classes":
        return Measured(float(np.mean(answers == true)), seconds)
    return Measured(float(np.sqrt(np.mean((answers - true) ** 2))), seconds)
