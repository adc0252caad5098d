"""``backstory predict``: the target of every row of a table."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backstory.cli.evaluate import encoded, open_model
from backstory.cli.train import require_place
from backstory.data.files import format_of, text_writer, writing
from backstory.data.opening import frames_of
from backstory.reporting.terminal import plural


def run(model: Path, data: Path, out: Path | None, threads: int | None) -> None:
    """Write a column named like the target, and for classes one more for the probability of each."""
    if out is not None:
        require_place(out)
        format_of(out)
    net, table = open_model(model)
    told: set[str] = set()

    def columns() -> Iterator[dict[str, Any]]:
        for frame in frames_of(data, table.target):
            outputs = net.predict(encoded(table, frame, told), threads=threads)
            found: dict[str, Any] = {table.target: table.answers(outputs)}
            for index, label in enumerate(table.classes or ()):
                found[f"probability_{label}"] = outputs[:, index]
            yield found

    if out is None:
        add = text_writer(lambda text: sys.stdout.write(text.decode()))
        for part in columns():
            add(part)
        return
    rows = 0
    with writing(out) as add:
        for part in columns():
            add(part)
            rows += len(part[table.target])
    print(f"Wrote {plural(rows, 'prediction')} to {out}.", file=sys.stderr)
