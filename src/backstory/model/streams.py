"""A table too large for memory made ready to be trained on: its encoding learned, its rows read in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backstory.data.files import read
from backstory.data.frame import Frame
from backstory.data.learning import learn
from backstory.data.opening import is_large, open_blocks
from backstory.data.parts import FEWEST_ROWS, Parts, split_column
from backstory.data.rows import TableRows
from backstory.data.table import SAID
from backstory.errors import ConfigurationError, DataError
from backstory.model.recipe import Recipe, Tabular
from backstory.model.work import Work, network
from backstory.training.shuffling import Held

HELD_BYTES = 16 << 20
"""A tenth of the rows is held out, but no more than so many decoded bytes."""


def prepare_streamed(
    path: Path,
    target: str,
    plan: tuple[Recipe | Tabular, int | None, int | None, int],
    *,
    task: str | None,
    drop: Sequence[str],
    split: str | None,
    validation: Any,
) -> Work:
    """As `backstory.model.tables.prepare`, of a table that is read in blocks: in one pass and in bounded memory.

    Raises
    ------
    DataError, ConfigurationError
        As there; or a column says which rows are for what, which blocks are not split by.
    """
    recipe, epochs, batch_size, seed = plan
    blocks = open_blocks(path)
    if len(blocks) < FEWEST_ROWS:
        raise DataError(
            f"{blocks.name} must have at least {FEWEST_ROWS} rows to train on and to validate with. Got {len(blocks)}."
        )
    stay = out = None
    if validation is None:
        share = min(0.1, HELD_BYTES / (len(blocks) * blocks.row_bytes))
        stay, out = (Held(seed, share, which) for which in (False, True))
    learned = learn(blocks, target, task, dict.fromkeys(drop, SAID), out)
    column = split_column(learned.sample, target, frozenset(drop)) if split is None else split
    if column is not None:
        raise ConfigurationError(
            f"A table that is read in blocks is not split by a column. Column {column!r} of {blocks.name} says which "
            f"rows are for what; write each part into a file of its own (--validation FILE), or leave the column out "
            f"(--drop {column})."
        )
    held = learned.held if validation is None else _small(Path(validation), target)
    if held is None:
        raise DataError(
            f"{blocks.name} must have more rows for some to be held out. Got {len(blocks)}; give a validation set."
        )
    whole = TableRows(blocks, learned.table)
    rows, n = (whole, len(blocks)) if stay is None else (whole.only(stay), len(blocks) - len(held))
    origin = "a table of their own" if stay is None else f"drawn with seed {seed}"
    none = np.empty(0, dtype=np.int64)
    parts = Parts(none, none if held.rows is None else held.rows, none, origin)
    net = network(learned.table, recipe, seed)
    return Work(learned.sample, held, parts, learned.table, recipe.plan(n, batch_size, epochs), recipe, net, rows)


def _small(path: Path, target: str) -> Frame:
    """The rows that tell when to stop, which are read whole."""
    if is_large(path):
        raise DataError(f"The rows to validate with must fit in memory. {path.name!r} is larger; take some of them.")
    return read(path, target)
