"""`python -m benchmarks.endurance [FITS] [POOLS]`: does training keep memory, and do its threads ever get stuck?

Networks of many shapes are made, trained, asked and dropped, by the native engine on two threads, and the resident
memory is looked at; and processes are forked after a threaded fit, each of which starts a pool of threads of its own,
trains, and ends. The figures stand in docs/reliability.md.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

import backstory as bs
from benchmarks.memory import resident

STUCK = 60.0
"""Seconds after which a process is taken to be stuck."""
FEWEST_BYTES = 2 << 20
"""Growth that is none: pages the allocator has not given back yet."""
ROWS = np.random.default_rng(0).normal(size=(64, 8))


def life(number: int) -> None:
    """A network's life: made, trained in one of several ways, asked, copied, dropped."""
    generator = random.Random(number)
    classes = generator.random() < 0.5
    output, loss = ("softmax", "cross_entropy") if classes else ("identity", "half_squared_error")
    sizes = [8, *(generator.randint(1, 70) for _ in range(generator.randint(0, 3))), 3]
    hidden = generator.choice([bs.Activation("own", "z*sigmoid(1.5*z)"), bs.LeakyReLU(0.1)])
    net = bs.Network(sizes, hidden=hidden, output=output, loss=loss, dtype=generator.choice(["float32", "float64"]))
    y = np.arange(64) % 3 if classes else ROWS[:, :3]
    with contextlib.suppress(bs.DivergenceError):
        net.fit(
            ROWS,
            y,
            optimizer=generator.choice([bs.Adam(), bs.SGD(0.01, momentum=0.9), bs.RMSProp()]),
            batch_size=generator.randint(1, 64),
            epochs=2,
            validation=generator.choice([None, 0.25]),
            early_stopping=generator.choice([None, 3]),
            threads=generator.randint(1, 3),
            progress=False,
        )
    net.predict(ROWS), net.gradients(ROWS, y), net.copy()
    with contextlib.suppress(bs.DataError):
        net.predict(ROWS[:, :2])  # what is refused is not kept either


def grown(fits: int, warm: int) -> int:
    """The bytes that so many lives add to the resident memory, after some that are not counted."""
    for number in range(warm):
        life(number)
    gc.collect()
    before = resident("VmRSS")
    for number in range(warm, warm + fits):
        life(number)
    gc.collect()
    return resident("VmRSS") - before


def ends_well(work: Callable[[], object]) -> bool:
    """Whether a forked process does this and ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forks beside threads, which is the point
        child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    end = time.monotonic() + STUCK
    while (done := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(0.001)
    return done[1] == 0


def pools(count: int) -> int:
    """How many of so many pools started, worked and stopped; this process's own works before each."""
    os.environ["BACKSTORY_EXACT_THREADS"] = "1"
    net = bs.Network([8, 8, 3], seed=0)

    def trained() -> None:
        net.copy().fit(ROWS, ROWS[:, :3], epochs=1, batch_size=16, threads=3, progress=False)

    def in_child() -> None:
        trained()
        life(0)

    well = 0
    for _ in range(count):
        trained()
        well += ends_well(in_child)
    return well


def main() -> int:
    """Print what was found."""
    fits, wanted = (int(word) for word in (sys.argv[1:] + ["10000", "1000"][len(sys.argv) - 1 :])[:2])
    start = time.perf_counter()
    kept = grown(fits, 500)
    print(
        f"{fits:,} fits: resident memory grew by {kept / 2**20:.1f} MB. {time.perf_counter() - start:.0f} s", flush=True
    )
    start = time.perf_counter()
    well = pools(wanted)
    print(f"{wanted:,} pools of threads started: {well:,} worked and stopped. {time.perf_counter() - start:.0f} s")
    return 0 if kept < FEWEST_BYTES and well == wanted else 1


if __name__ == "__main__":
    sys.exit(main())
