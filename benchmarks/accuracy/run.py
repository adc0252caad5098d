"""Every contender on every split of every table, one process, one thread; what is measured is kept in a file.

A run that is begun again goes on where it ended; a contender is measured anew where its version changed.
"""

from __future__ import annotations

import hashlib
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from backstory.data import kinds
from backstory.data.columns import Flag, Number
from benchmarks.accuracy import kept
from benchmarks.accuracy.contenders import CONTENDERS, Ours
from benchmarks.accuracy.kept import Key
from benchmarks.accuracy.sets import SETS, Opened


@dataclass(frozen=True)
class Measured:
    """One contender on one split.

    Parameters
    ----------
    value : float
        Accuracy, or the root mean squared error in the target's units.
    seconds : float
        Of training and answering.
    version : str
        What it depends on beside the rows: scikit-learn's version, or our recipe and encoding.
    """

    value: float
    seconds: float
    version: str


MOST_SPLITS = 20

Results = dict[str, dict[str, list[Measured]]]
"""Table -> contender -> split by split."""


def version(contender: str) -> str:
    """What the result depends on beside the rows: scikit-learn's version, or our recipe and encoding."""
    own = CONTENDERS[contender]
    if not isinstance(own, Ours):
        return metadata.version("scikit-learn")
    encoding = (kinds.LIMIT, kinds.MOST_LEVELS, kinds.FEWEST_OF_A_LEVEL, Number("x"), Flag("x"))
    return hashlib.sha256(repr((own.recipe, encoding)).encode()).hexdigest()[:12]


def cached(cache: Path) -> Results:
    """The splits that all contenders were measured on, of every table that has any."""
    known = kept.read(Measured, cache)
    results: Results = {}
    for set in SETS:
        by_name = {name: [known.get(Key(set.name, name, split)) for split in range(MOST_SPLITS)] for name in CONTENDERS}
        whole = [each for each in zip(*by_name.values(), strict=True) if None not in each]
        if whole:
            results[set.name] = {name: list(each) for name, each in zip(by_name, zip(*whole, strict=True), strict=True)}
    return results


def run(folder: Path, cache: Path, only: str = "", most_splits: int | None = None) -> Results:
    """Measure what is not in the cache, or in another version, and return all that was asked for."""
    known = kept.read(Measured, cache)
    results: Results = {}
    for set in SETS:
        if only.lower() in set.name.lower() and (folder / set.file).exists():
            results[set.name] = _run_set(set.open(folder), cache, known, most_splits)
    return results


def _run_set(table: Opened, cache: Path, known: dict[Key, Measured], most: int | None) -> dict[str, list[Measured]]:
    results: dict[str, list[Measured]] = {name: [] for name in CONTENDERS}
    for name, measured in results.items():
        for split in range(len(table.splits[:most])):
            key = Key(table.set.name, name, split)
            result = known.get(key)
            if result is None or result.version != version(name):
                result = measure(table, name, split)
                kept.keep(result, key, cache)
                told = f"{key.table}, split {split}, {name}: {result.value:.5g} in {result.seconds:.1f} s"
                print(told, file=sys.stderr, flush=True)
            measured.append(result)
    return results


def measure(table: Opened, contender: str, split: int) -> Measured:
    """Train on a split's rows and measure on the others; the split's number is the seed."""
    train, test = table.splits[split]
    start = time.perf_counter()
    answers = CONTENDERS[contender](table, train, test, split)
    seconds = time.perf_counter() - start
    true = table.labels[test]
    if table.set.task == "classes":
        return Measured(float(np.mean(answers == true)), seconds, version(contender))
    return Measured(float(np.sqrt(np.mean((answers - true) ** 2))), seconds, version(contender))
