"""Peak memory of training beyond data and parameters, each case in a process of its own.

`python -m benchmarks.memory NAME` is such a process: it prints one number, in bytes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.works import CLASSES, LARGE, REGRESSION, Work

SLACK = 1 << 20
"""Bytes nobody can account for: pages of stacks, of the interpreter, of code that is reached for the first time."""


@dataclass(frozen=True)
class Case:
    """A call whose memory is measured.

    Attributes
    ----------
    work : Work
        The network, batch and optimizer; its kind says which call.
    best : bool
        Whether the best weights are kept too, as early stopping does.
    shuffle : bool
    """

    work: Work
    best: bool = False
    shuffle: bool = False

    @property
    def name(self) -> str:
        """Such as ``784-128-10 ReLU, batch 128, Adam, 59,904 rows``."""
        extras = (", best weights kept" if self.best else "") + (", shuffled" if self.shuffle else "")
        rows = f", {self.work.rows:,} rows" if self.work.kind == "training" else ""
        return f"{self.work.name}{rows}{extras}"

    @property
    def parts(self) -> dict[str, int]:
        """What is allowed, in bytes, by what it is for; empty where nothing is asked."""
        work = self.work
        if work.kind == "prediction":
            return {}
        n = 4 * sum((n_in + 1) * n_out for n_in, n_out in pairwise(work.sizes))
        weights = 4 * sum(n_in * n_out for n_in, n_out in pairwise(work.sizes))
        found = {
            "one batch's activations": 4 * work.batch * sum(work.sizes[1:]),
            "optimizer's state": 2 * n if work.optimizer == "adam" else 0,
            "two packed copies of the weights": 2 * weights,
            "last good weights": n,
        }
        if self.best:
            found["best weights"] = n
        if self.shuffle:
            found["order of the rows"] = 8 * work.rows
        return found

    @property
    def allowed(self) -> int:
        return sum(self.parts.values())


CASES: tuple[Case, ...] = (
    Case(Work((8, 64, 64, 1), "relu", *REGRESSION, 200, "adam", 1e-3, 20_000)),
    Case(Work((784, 128, 10), "relu", *CLASSES, 128, "adam", 1e-3, 12_800)),
    Case(Work((784, 1000, 10), "relu", *CLASSES, 128, "adam", 1e-3, 2_560)),
    Case(Work((784, 1000, 10), "relu", *CLASSES, 128, "adam", 1e-3, 2_560), best=True),
    Case(Work(LARGE, "tanh", *CLASSES, 256, "sgd", 0.01, 512)),
    Case(Work((64, 32, 1), "relu", *REGRESSION, 1_000, "sgd", 0.01, 1_000_000)),
    Case(Work((64, 32, 1), "relu", *REGRESSION, 1_000, "sgd", 0.01, 1_000_000), shuffle=True),
    Case(Work((784, 128, 10), "relu", *CLASSES, 50_000, rows=50_000, kind="prediction")),
)


@dataclass(frozen=True)
class Weighed:
    """A case with the bytes it took."""

    case: Case
    found: int

    @property
    def keeps(self) -> bool:
        return not self.case.parts or self.found <= self.case.allowed + SLACK


def weigh(case: Case) -> Weighed:
    """Measure a case in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.memory", case.name]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True)
    return Weighed(case, int(done.stdout))


def is_possible() -> bool:
    """Whether the system says how much memory a process took at most."""
    return Path("/proc/self/clear_refs").exists()


def resident(field: str) -> int:
    """``VmRSS`` (now) or ``VmHWM`` (at most, since `forget`) in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])
    raise LookupError(f"/proc/self/status has no {field}.")


def forget() -> None:
    """Let the peak be what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def call_of(case: Case) -> Callable[[], object]:
    """Make data and network, train a small one so that all code is loaded, and return the call."""
    import backstory as bs

    work = case.work
    random = np.random.default_rng(0)
    X = random.random((work.rows, work.sizes[0]), dtype=np.float32)
    y = (
        random.integers(0, work.sizes[-1], work.rows)
        if work.loss == "cross_entropy"
        else random.random((work.rows, work.sizes[-1]), dtype=np.float32)
    )
    rule = {"sgd": bs.SGD, "adam": bs.Adam, "": bs.SGD}[work.optimizer]

    def ready(sizes: tuple[int, ...], rows: int) -> Callable[[], object]:
        net = bs.Network(sizes, hidden=work.hidden, output=work.output, loss=work.loss, seed=0, dtype="float32")
        if work.kind == "prediction":
            return lambda: net.predict(X[:rows])
        return lambda: net.fit(
            X[:rows],
            y[:rows],
            optimizer=rule(1e-4),
            batch_size=min(rows, work.batch),
            epochs=2,
            shuffle=case.shuffle,
            early_stopping=5 if case.best else None,
            progress=False,
        )

    ready((work.sizes[0], 2, work.sizes[-1]), 64)()
    return ready(work.sizes, work.rows)


def main() -> int:
    (case,) = (case for case in CASES if case.name == sys.argv[1])
    call = call_of(case)
    forget()
    before = resident("VmHWM")
    result = call()
    print(resident("VmHWM") - before)
    del result
    return 0


if __name__ == "__main__":
    sys.exit(main())
