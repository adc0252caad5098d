"""Training on files larger than memory: writes docs/streaming.md, part by part.

Run it: ``python -m benchmarks.streaming [memory] [speed] [shuffle] [--megabytes 6000] [--write]``. Each training is a
process of its own, watched from outside.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine, mixing, page, streams
from benchmarks.scaling import table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "streaming.md"
BOUND = 500_000_000
"""Bytes that a process which works on a file of 6 GB may hold."""

SMALLER = {"csv": 3}
"""Text is written slowly: its files are so many times smaller."""

FORMATS = {"parquet": "Parquet", "arrow": "Arrow", "npy": ".npy", "csv": "CSV"}


@dataclass(frozen=True)
class Watched:
    """What a process said, and the most it held while it ran, in bytes.

    Attributes
    ----------
    found : dict
    resident : int
        All its pages in memory, as the system says at its end (`ru_maxrss`).
    own : int
        Of those that belong to no file: looked at a hundred times a second.
    mapped : int
        Of those that belong to files, the program's libraries among them.
    """

    found: dict[str, float]
    resident: int
    own: int
    mapped: int


def watched(task: str, path: Path, net: str) -> Watched:
    """Run a task in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.streams", task, str(path), net]
    root = Path(__file__).resolve().parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        own = mapped = peak = 0
        while process.poll() is None:
            pages = streams.status(process.pid)
            own, mapped = max(own, pages.get("RssAnon", 0)), max(mapped, pages.get("RssFile", 0))
            peak = max(peak, pages.get("VmHWM", 0))
            time.sleep(0.01)
        assert process.stdout is not None
        said = process.stdout.read()
    if process.returncode:
        raise RuntimeError(f"{task} on {path.name} failed.")
    found: dict[str, float] = json.loads(said)
    return Watched(found, max(peak, int(found["peak"])), own, mapped)


def measured_memory(folder: Path, formats: list[str], megabytes: int, done: Callable[[Path], None]) -> str:
    """Peak memory of training and of asking, by format."""
    rows = []
    for kind in formats:
        path = streams.generate(folder, kind, megabytes * 1_000_000 // SMALLER.get(kind, 1))
        size = path.stat().st_size
        for task, what, net in (("show", "train", "25-200-200-50-1"), ("ask", "predict, then loss", "25-64-1")):
            seen = watched(task, path, net)
            visited = f"{seen.found.get('trained', seen.found['rows']) / 1e6:,.1f} million rows"
            rows.append(
                [f"{FORMATS[kind]}, {size / 1e9:.1f} GB, {seen.found['rows'] / 1e6:.1f} million rows", what, visited]
                + [f"{number / 1e6:,.0f} MB" for number in (seen.resident, seen.own, seen.mapped)]
                + ["yes" if seen.resident < BOUND else "**no**"]
            )
            print(rows[-1], file=sys.stderr, flush=True)
        done(folder)
    head = ["file", "work", "rows visited", "peak resident", "of it own", "of it mapped", "under 500 MB"]
    return table(head, rows)


def measured_speed(folder: Path, formats: list[str], megabytes: int, done: Callable[[Path], None]) -> str:
    """Rows a second beside training in memory and beside the reader alone, by format and network."""
    rows = []
    for kind in formats:
        path = streams.generate(folder, kind, megabytes * 1_000_000 // SMALLER.get(kind, 1))
        reading = watched("read", path, next(iter(streams.NETS))).found["rate"]
        for net in streams.NETS:
            whole, streamed = (watched(task, path, net).found["rate"] for task in ("memory", "stream"))
            file = f"{FORMATS[kind]}, {path.stat().st_size / 1e9:.1f} GB"
            rates = [f"{rate:,.0f}" for rate in (whole, streamed, reading)]
            rows.append([file, net, *rates, f"{streamed / whole:.0%}", f"{streamed / reading:.0%}"])
            print(rows[-1], file=sys.stderr, flush=True)
        done(folder)
    head = ["file", "network", "rows/s in memory", "in blocks", "reader alone", "of memory", "of reader"]
    return table(head, rows)


TEXT = """\
# Tables larger than memory

Written by `python -m benchmarks.streaming`, part by part; the figures are of those runs.

    rows = bs.open_rows("big.parquet", "y")          # Parquet, Arrow, CSV; .npy with the targets in another .npy
    net = bs.Network([rows.n_in, 64, 1], seed=0)
    net.fit(rows, epochs=3, validation=0.05)         # reads ahead in a thread of its own
    net.predict(rows), net.loss(rows)

    backstory train big.parquet --target y           # in blocks by itself where it is over 1 GiB, decoded; or --stream
    backstory train big.csv --target y --cache DIR   # text is written as Parquet once, and read from there

## How rows are read

A file is read block by block: Parquet by row groups, of which only the pages that are being decoded are held; Arrow
files and `.npy` by stretches of about a megabyte, mapped, whose pages are let go of after a few megabytes; CSV by
stretches of whole lines. The encoding of a table's columns is learned in one pass over all rows that is bounded in the
same way. In training 2 to 16 blocks, in a drawn order, are read side by side into a pool of 128 MB; each row that comes
changes places with one of the pool drawn at random, and those that leave it make up buffers of 16 MB, of which one is
trained on while a thread makes the next. As the last rows of an epoch leave the pool, the first of the next are read.
All of it follows from seed, epoch and the blocks' sizes: threads and interruptions change no bit.

## Memory

Peaks of processes of their own, imports and the pass that learns the encoding included (when asked, it is known).
"Peak resident" is the most that the system ever counted for the process (its `VmHWM`); "own" the most of it that
belongs to no file, "mapped" the most that does: pages of the data file and of shared libraries, which the system may
take back at any time. The two have their highest values at different moments. Training, of 25-200-200-50-1, ends after
four million rows, when the pool has long been full and rows leave it as fast as they come. Prediction and loss are of
25-64-1, over all rows; the outputs that `predict` returns are among its own pages, 4 bytes a row.

{memory}

## Speed

Network 25-200-200-50-1 has 55,050 multiply-adds a row, 25-64-1 has 1,664; batches of 256, Adam, float32. One
epoch on the same rows in memory, and one in blocks with the filling of the pool; the files are in the page cache. The
reader alone reads, decodes and encodes every row once, on one thread. 25-64-1 is trained faster than any table
is read; what is missing of the reader's speed goes to mixing. CSV was measured beside other work on the machine, so
that of its figures only the shares compare: `--cache` makes it Parquet.

{speed}

## How well rows are shuffled

{shuffle}

Of Parquet with row groups this large few are read at a time, going by a cautious estimate of the memory each takes;
where the file is sorted by what is to be learned, that shows. Smaller row groups mix better, as the stretches of `.npy`
do.

## The machine

{machine}
"""


def emptied(folder: Path) -> None:
    """Make room for the next file."""
    for each in folder.iterdir():
        each.unlink()


def kept(folder: Path) -> None:
    """Leave the files where they are."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streaming", description=__doc__)
    parser.add_argument("what", nargs="*", help="memory, speed, shuffle; by default all")
    parser.add_argument("--megabytes", type=int, help="of each file (memory 6000, speed 1000)")
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--folder", type=Path, help="where files are kept; those that are there are taken")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}; else the parts are printed")
    chosen = parser.parse_args()
    formats = chosen.formats.split(",")
    parts = {"machine": f"{machine.processor()}; {machine.versions()}."}
    for what in chosen.what or ("memory", "speed", "shuffle"):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) if chosen.folder is None else chosen.folder
            done = emptied if chosen.folder is None else kept
            if what == "memory":
                parts[what] = measured_memory(folder, formats, chosen.megabytes or 6000, done)
            elif what == "speed":
                parts[what] = measured_speed(folder, formats, chosen.megabytes or 1000, done)
            else:
                parts[what] = mixing.measured(folder)
    if chosen.write:
        page.update(PAGE, parts, TEXT)
    else:
        print("\n\n".join(parts.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
