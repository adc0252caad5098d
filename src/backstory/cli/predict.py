"""``backstory predict``: the target of every row of a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from backstory.cli.evaluate import encoded, open_model
from backstory.cli.train import require_place
from backstory.data.files import format_of, read, to_text, write
from backstory.reporting.terminal import plural


def run(model: Path, data: Path, out: Path | None, threads: int | None) -> None:
    """Write a column named like the target, and for classes one more for the probability of each."""
    if out is not None:
        require_place(out)
        format_of(out)
    net, table = open_model(model)
    frame = read(data, table.target)
    outputs = net.predict(encoded(table, frame), threads=threads)
    columns: dict[str, Any] = {table.target: table.answers(outputs)}
    for index, label in enumerate(table.classes or ()):
        columns[f"probability_{label}"] = outputs[:, index]
    if out is None:
        sys.stdout.write(to_text(columns).decode())
    else:
        write(out, columns)
        print(f"Wrote {plural(len(frame), 'prediction')} to {out}.", file=sys.stderr)
