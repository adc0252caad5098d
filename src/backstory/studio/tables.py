"""A person's own table: text that came up with a message, read and encoded as `bs.Table` does, some rows held out."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backstory.data.files import read
from backstory.data.frame import Frame
from backstory.data.table import Table
from backstory.errors import DataError
from backstory.studio.samples import Samples

MOST_BYTES = 8 << 20
FEWEST_ROWS = 5
HELD_OUT = 0.2
"""The share of the rows that is held out."""


@dataclass(frozen=True)
class Upload:
    """A table as it was given."""

    name: str
    digest: str
    frame: Frame

    @classmethod
    def read(cls, name: str, text: str) -> Upload:
        """Read a table's text.

        Parameters
        ----------
        name : str
            The file's name, which messages quote; its ending says how columns are separated.
        text : str

        Raises
        ------
        DataError
            The text is no table, or too large.
        """
        content = text.encode()
        if len(content) > MOST_BYTES:
            raise DataError(
                f"A table for the studio must have at most {MOST_BYTES >> 20} MB. Got {len(content):,} bytes."
            )
        plain = Path(name.replace("\\", "/")).name[-100:] or "table.csv"
        plain = plain if plain.lower().endswith((".csv", ".tsv", ".tab", ".txt")) else f"{plain}.csv"
        folder = tempfile.mkdtemp()  # there for as long as the table is: messages look up lines in the text
        try:
            path = Path(folder, plain)
            path.write_bytes(content)
            frame = read(path)
            if len(frame) < FEWEST_ROWS:
                raise DataError(f"{frame.name} must have at least {FEWEST_ROWS} rows to learn from. Got {len(frame)}.")
        except DataError:
            shutil.rmtree(folder)
            raise
        upload = cls(plain, hashlib.sha256(content).hexdigest()[:16], frame)
        weakref.finalize(upload, shutil.rmtree, folder, ignore_errors=True)
        return upload

    def described(self, target: str | None, table: Table | None) -> dict[str, Any]:
        """Return the key `table`: its columns, which of them has missing values, and what each became."""
        frame = self.frame
        kinds = {} if table is None else {each.name: (each.kind, each.detail) for each in table.columns}
        kinds |= {} if table is None else {each.name: ("left out", each.reason) for each in table.left_out}
        columns = [
            {
                "name": name,
                "missing": int(frame.missing(name).sum()),
                "kind": "target" if name == target and table else kinds.get(name, ("", ""))[0],
                "detail": table.aim.reason if name == target and table else kinds.get(name, ("", ""))[1],
            }
            for name in frame.columns
        ]
        return {"name": self.name, "rows": len(frame), "target": target, "columns": columns}

    def samples(self, target: str, seed: int) -> Samples:
        """Return the encoded rows, a share of them held out; what is learned of the columns comes from the others."""
        n = len(self.frame)
        order = np.random.default_rng(seed).permutation(n)
        held_out = max(1, round(HELD_OUT * n))
        table = Table.fit(self.frame, target, order[:-held_out])
        X, y = table.inputs(self.frame)[order], table.targets(self.frame)[order]
        return Samples(
            X,
            y,
            held_out,
            inputs=table.input_names,
            classes=tuple(map(str, table.classes or ())),
            target=target,
            table=table,
        )
