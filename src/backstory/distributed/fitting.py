"""From what `fit` is told of shards to the trainer that trains on them."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from backstory.data.rows import Rows
from backstory.distributed.communicator import Alone, Communicator, communicator, launched
from backstory.distributed.shards import SHARDS, Shards
from backstory.distributed.steps import Sharded
from backstory.distributed.sums import Tree
from backstory.distributed.trainer import ShardedTrainer
from backstory.engine.contract import Array, Engine
from backstory.errors import ConfigurationError, DataError
from backstory.network.spec import Spec
from backstory.training.trainer import Data, Memory, Options


def read_shards(shards: Any) -> tuple[Communicator, int | Shards]:
    """Who trains together, and in how many shards; 0 shards are a plain run.

    Parameters
    ----------
    shards : int >= 0, Shards, or None
        None means 8 under an MPI launcher, else 0.
    """
    if isinstance(shards, Shards):
        team = communicator()
    elif shards is None:
        shards = SHARDS if launched() else 0
        team = communicator() if shards else Alone()
    elif isinstance(shards, bool) or not isinstance(shards, int | np.integer) or shards < 0:
        raise ConfigurationError(
            f"shards= must be an integer >= 1, 0 for none, a Shards object, or None. Got {shards!r}."
        )
    else:
        shards = int(shards)
        team = communicator() if shards else Alone()
    number = shards.count if isinstance(shards, Shards) else shards
    if number and team.size > number:
        raise ConfigurationError(
            f"Every process must have a shard of its own. Got {number} shards for {team.size} processes; "
            f"give shards={team.size} or more (--shards), or start fewer."
        )
    return team, shards


def require_arrays(X: Any, class_weight: Any, validation: Any, shards: int | Shards) -> None:
    """Refuse rows that are read in blocks, and what goes by all rows where this process has only some.

    Raises
    ------
    ConfigurationError
    """
    if isinstance(X, Rows):
        raise ConfigurationError(
            "Shards lie in memory, and these rows are read in blocks. Give each process the rows of its shards as "
            "arrays (bs.Shards), or shards=0 to train in each on its own."
        )
    if isinstance(shards, Shards) and (isinstance(class_weight, str) or isinstance(validation, float | np.floating)):
        raise ConfigurationError(
            "class_weight='balanced' and validation= as a fraction go by all rows, and with a Shards object X holds "
            "only those of this process. Give the weights themselves, and a validation set of your own."
        )


def begin_alike(team: Communicator, seed: int, parameters: Array) -> int:
    """Give every process rank 0's weights, and its seed."""
    team.broadcast_array(parameters)
    return team.broadcast(seed)


def fair_threads(team: Communicator, threads: int | None, default: Callable[[int | None], int]) -> int:
    """How many threads this process uses: as it is told, or its part of the processors that it shares with others."""
    wanted = default(threads)
    if threads is not None or team.size == 1:
        return wanted
    place = socket.gethostname(), sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return max(1, wanted // team.gather(place).count(place))


def sharded(team: Communicator, data: Data, shards: int | Shards) -> Sharded:
    """The rows of this process.

    Parameters
    ----------
    data : Data
        All rows; with a `Shards` object only those of this process.
    """
    if isinstance(shards, Shards):
        mine = shards.rows_of(team.rank, team.size)
        if len(data.X) != mine.stop - mine.start:
            raise DataError(
                f"X must hold the rows of this process's shards: {mine.stop - mine.start:,}, from row {mine.start:,} "
                f"to before {mine.stop:,}. Got {len(data.X):,}; take X[shards.mine()]."
            )
        return marked(team, Sharded(data.X, data.y, data.sample_weight, data.rows, shards, mine.start))
    layout = Shards(len(data), shards)
    mine = layout.rows_of(team.rank, team.size)
    weight, rows = (None if part is None else part[mine] for part in (data.sample_weight, data.rows))
    return marked(team, Sharded(data.X[mine], data.y[mine], weight, rows, layout, mine.start))


def whole(data: Data, count: int) -> Sharded:
    """Rows in shards, all of which are here."""
    layout = Shards(len(data), count)
    return Sharded(data.X, data.y, data.sample_weight, data.rows, layout, 0, data.digest())


def marked(team: Communicator, data: Sharded) -> Sharded:
    """The data with what tells them from others, made of the shards' own marks."""
    owned = data.shards.owned(team.rank, team.size)
    marks = [data.part(shard).digest() if len(data.part(shard)) else "" for shard in owned]
    every = Tree(data.shards, team).gathered(marks)
    return replace(data, mark=hashlib.sha256(" ".join(every).encode()).hexdigest())


def summing(spec: Spec) -> Spec:
    """The same network, whose loss is the sum over rows, without a penalty: what a shard gives."""
    return replace(spec, reduction="sum", penalty=None)


def trains(team: Communicator, shards: int | Shards, sums: Engine) -> Callable[..., ShardedTrainer]:
    """What makes the trainer of a team from the arguments of `Trainer`.

    Parameters
    ----------
    sums : Engine
        Of the spec `summing`.
    """

    def made(
        engine: Engine,
        spec: Spec,
        parameters: Array,
        data: Data,
        options: Options,
        memory: Memory,
        validation: Data | None,
        owner: Any,
    ) -> ShardedTrainer:
        mine = sharded(team, data, shards)
        held = None if validation is None else whole(validation, mine.shards.count)
        quiet = options if team.rank == 0 else replace(options, progress=False)
        return ShardedTrainer(engine, sums, spec, parameters, mine, quiet, memory, held, owner, team)

    return made
