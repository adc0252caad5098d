"""A table that several processes train on: rank 0 learns its encoding, and each reads the rows of its shards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.data.frame import Frame
from backstory.data.parts import Parts
from backstory.data.rows import Rows
from backstory.data.some_rows import read_rows
from backstory.data.table import Table
from backstory.distributed.communicator import Communicator, on_root, together
from backstory.distributed.shards import Shards
from backstory.model.recipe import Plan, Recipe, Tabular, TabularPlan
from backstory.model.tables import opened, prepare
from backstory.model.work import Work, network


@dataclass(frozen=True, eq=False, kw_only=True)
class TeamWork(Work):
    """The part of the work that one process has; away from rank 0, `frame` holds no other rows.

    Parameters
    ----------
    layout : Shards
        Of the rows to train on.
    mine : Frame
        Those of this process.
    """

    layout: Shards
    mine: Frame

    def learned(self) -> Frame:
        return self.mine


def prepare_together(team: Communicator, shards: int, data: Path, target: str | None, **options: Any) -> TeamWork:
    """Make a table ready to be trained on by a team; parameters and errors are those of `prepare`.

    Rank 0 learns the table's encoding and chooses the rows held out, for which it reads all of it, a large one in
    blocks. The others read the rows of their shards and those held out, and no more where the table has blocks. What
    a process reads of its shards it holds in memory.
    """
    whole: list[Work] = []

    def make() -> tuple[Parts, Table, Plan | TabularPlan, Recipe | Tabular]:
        work = prepare(data, target, **options | {"plain": True})
        whole.append(work)
        parts = work.parts if work.rows is None else replace(work.parts, train=trained_on(work.rows))
        return parts, work.table, work.plan, work.recipe

    parts, table, plan, recipe = on_root(team, make)
    layout = Shards(len(parts.train), shards)
    rows = parts.train[layout.rows_of(team.rank, team.size)]

    def read() -> TeamWork:
        work, validation = whole[0] if whole else None, options["validation"]
        mine = work.frame.take(rows) if work is not None and work.rows is None else read_rows(data, rows, target)
        if work is not None:
            frame, held, net = work.frame, work.validation, work.net
        else:
            own = validation is None and len(parts.validation) > 0
            frame, held = mine, read_rows(data, parts.validation, target) if own else opened(validation, target)[0]
            net = network(table, recipe, options["seed"])
        return TeamWork(frame, held, parts, table, plan, recipe, net, layout=layout, mine=mine)

    return together(team, read)


def trained_on(rows: Rows) -> NDArray[np.int64]:
    """Which of a table's rows are trained on, where they are read in blocks."""
    return np.arange(len(rows)) if rows.which is None else np.flatnonzero(rows.which(0, len(rows)))
