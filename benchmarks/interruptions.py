"""Kill a training run at random moments, again and again, and let it go on: does it end with the same bits?

Run it: ``python -m benchmarks.interruptions [KILLS] [blocks]``; with that word rows are read in blocks from a file.
Each kill is SIGKILL, anywhere: within a step, while a checkpoint is written, while one is read.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np

import backstory as bs
from backstory.training import shuffling

ROWS, INPUTS, EPOCHS = 6000, 12, 4
A_RUN = 10
"""Kills of one run at most; then it is let to end."""
SECONDS = 0.03
"""How long a life lasts in the mean, once training has begun."""


def train(folder: Path, out: Path, threads: int, begins: Event, blocks: bool) -> None:
    """The run: small steps and many checkpoints."""
    random = np.random.default_rng(0)
    X = random.standard_normal((ROWS, INPUTS))
    y = X[:, 0] * X[:, 1]
    net = bs.Network([INPUTS, 48, 48, 1], hidden="tanh", seed=1)
    given = in_blocks(X, y, out.parent) if blocks else (X, y)
    begins.set()
    history = net.fit(
        *given,
        optimizer=bs.Adam(bs.Cosine(1e-3)),
        batch_size=16,
        epochs=EPOCHS,
        dropout=0.1,
        validation=0.1,
        early_stopping=50,
        checkpoint=bs.Checkpoint(folder, every_steps=25, keep=2),
        resume=True,
        threads=threads,
        progress=False,
    )
    part = out.with_suffix(".part.npz")
    np.savez(part, parameters=net.parameters, loss=history.loss, validation_loss=history.validation_loss)
    part.rename(out)


def in_blocks(X: Any, y: Any, folder: Path) -> tuple[bs.Rows]:
    """The rows in a file of many blocks, of which the pool and the buffers hold a part."""
    import pyarrow as pa
    from pyarrow import parquet

    path = folder / "rows.parquet"
    if not path.exists():
        part = path.with_suffix(".part")
        parquet.write_table(
            pa.table([*X.T.copy(), y], [*(f"x{n}" for n in range(INPUTS)), "y"]), part, row_group_size=97
        )
        part.rename(path)
    shuffling.BUFFER_BYTES, shuffling.GULP_BYTES, shuffling.WAITING_BYTES = 80_000, 20_000, 160_000
    return (bs.open_rows(path, "y"),)


def killed(folder: Path, kills: int, seed: int, blocks: bool = False) -> int:
    """Train, killed so many times at most, each a random while after training has begun; return how often it was."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["backstory.model.network", "safetensors.numpy"])
    random = np.random.default_rng(seed)
    out, done, starts = folder / "end.npz", 0, 0
    while not out.exists():
        begins = context.Event()
        process = context.Process(target=train, args=(folder / "run", out, 1 + starts % 2, begins, blocks))
        process.start()
        starts += 1
        if done < kills:
            begins.wait()
            time.sleep(random.exponential(SECONDS))
            done += process.is_alive()
            process.kill()
        process.join()
        if process.exitcode not in (0, -9):
            raise RuntimeError(f"The run ended with exit code {process.exitcode}.")
    return done


def same(one: Path, other: Path) -> bool:
    """Whether two runs ended with the same bits."""
    with np.load(one / "end.npz") as first, np.load(other / "end.npz") as second:
        return all(np.array_equal(first[name], second[name]) for name in first.files)


def main() -> int:
    """Kill until enough, and print how often the bits were the same."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    blocks = "blocks" in sys.argv
    started = time.perf_counter()
    kills = runs = equal = 0
    with tempfile.TemporaryDirectory() as place:
        peaceful = Path(place) / "peaceful"
        peaceful.mkdir()
        killed(peaceful, 0, 0, blocks)
        while kills < wanted:
            folder = Path(place) / str(runs)
            folder.mkdir()
            kills += killed(folder, min(A_RUN, wanted - kills), runs, blocks)
            runs += 1
            equal += same(peaceful, folder)
    seconds = time.perf_counter() - started
    print(f"{kills} kills in {runs} runs: {equal} ended with the bits of an undisturbed run. {seconds:.0f} s")
    return 0 if equal == runs else 1


if __name__ == "__main__":
    sys.exit(main())
