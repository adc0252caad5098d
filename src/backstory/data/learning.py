"""The encoding of a table that is read in blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backstory.data.blocks import Blocks
from backstory.data.frame import Frame
from backstory.data.table import Table
from backstory.errors import DataError

WHOLE_BYTES = 1 << 28
"""The encoding of a larger table is not learned here yet."""


def learn(blocks: Blocks, target: str, task: str | None = None, drop: Sequence[str] | Mapping[str, str] = ()) -> Table:
    """Learn the encoding as `Table.fit` does.

    Raises
    ------
    DataError
        As `Table.fit`, and for a table that is too large.
    """
    import pyarrow as pa

    if len(blocks) * blocks.row_bytes > WHOLE_BYTES:
        raise DataError(
            f"The encoding of {blocks.name} must be learned from fewer rows. It holds {len(blocks):,}; "
            "give table=, learned by Table.fit from some of them."
        )
    whole = Frame(pa.concat_tables([frame.data for frame in blocks.all_frames()]), blocks.name)
    return Table.fit(whole, target, task=task, drop=drop)
