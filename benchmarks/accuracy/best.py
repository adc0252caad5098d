"""How good and how fast the best of every library are on tables; each result is kept as a line of a file.

A run may be stopped at any time and begun again, on another day: it goes on with what is not there yet. The first
split of every table comes first, then the second of each, small tables before large ones. Several runs at a time may
share the file.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.accuracy import kept
from benchmarks.accuracy.kept import Key
from benchmarks.accuracy.rivals import OURS, RIVALS, SEVERAL, Rival, threads
from benchmarks.accuracy.sets import Opened, Set
from benchmarks.accuracy.tables import TABLES

SPLITS = 5
OWN = (OURS, SEVERAL)
MOST_ROWS = 16_512
"""Rows to train on, at most: a large table's are drawn from its split's, by the split's number."""


@dataclass(frozen=True)
class Result:
    """One contender on one split of one table.

    Parameters
    ----------
    error : float
        The share of wrong answers, or the root mean squared error in the target's units.
    seconds : float
        Of training and answering, on as many threads as said.
    load : float
        The machine's load when it ended: above the number of its processors, the time is not to be believed.
    """

    error: float
    seconds: float
    load: float
    threads: int
    rows: int
    version: str


def run(
    folder: Path, cache: Path, only: str = "", contenders: str = "", splits: int = SPLITS, again: bool = False
) -> None:
    """Measure what is not in the cache; with `again`, what is there too (its time, when the machine is quiet)."""
    known = kept.read(Result, cache)
    for place in range(splits):
        for set in TABLES:
            if only.lower() not in set.name.lower() or not (set.file == "" or (folder / set.file).exists()):
                continue
            for name, rival in RIVALS.items():
                if (not contenders or name in contenders.split(",")) and rival.there:
                    result = known.get(Key(set.name, name, place))
                    if again or result is None or (name in OWN and result.version != rival.version):
                        try_one(cache, Key(set.name, name, place), opened(set, folder), rival)


def cached(cache: Path) -> dict[str, dict[str, dict[int, Result]]]:
    """All that was kept: table -> contender -> split -> result."""
    known, found = kept.read(Result, cache), dict[str, dict[str, dict[int, Result]]]()
    for set in TABLES:
        for name in RIVALS:
            keys = [Key(set.name, name, split) for split in range(SPLITS)]
            results = {key.split: known[key] for key in keys if key in known}
            if results:
                found.setdefault(set.name, {})[name] = results
    return found


@cache
def opened(set: Set, folder: Path) -> Opened:
    """A table, read once."""
    return set.open(folder)


def try_one(cache: Path, key: Key, table: Opened, rival: Rival) -> None:
    """Measure and write; who fails is told of, and tried again by the next run."""
    told = f"{key.table}, split {key.split}, {key.contender}"
    try:
        result = measure(table, key.split, rival)
    except Exception:
        print(f"{told}: failed\n{traceback.format_exc()}", file=sys.stderr, flush=True)
        return
    kept.keep(result, key, cache)
    print(f"{told}: {result.error:.5g} in {result.seconds:.1f} s, load {result.load:.1f}", file=sys.stderr, flush=True)


def rows_of(table: Opened, split: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows to train on and to measure on, the former at most `MOST_ROWS`."""
    train, test = table.splits[split % len(table.splits)]
    if len(train) > MOST_ROWS:
        train = np.sort(np.random.default_rng(split).choice(train, MOST_ROWS, replace=False))
    return train, test


def measure(table: Opened, split: int, rival: Rival) -> Result:
    """Train on a split's rows and measure on the others; the split's number is the seed."""
    train, test = rows_of(table, split)
    start = time.perf_counter()
    answers = rival.fit(table, train, test, split)
    seconds = time.perf_counter() - start
    true = table.labels[test]
    wrong = np.mean(answers != true) if table.set.task == "classes" else np.sqrt(np.mean((answers - true) ** 2))
    return Result(float(wrong), seconds, os.getloadavg()[0], threads(), len(train), rival.version)
