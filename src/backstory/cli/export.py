"""``backstory export``: a model for other programs."""

from __future__ import annotations

import sys
from pathlib import Path

from backstory.cli.train import require_place
from backstory.interop.export import format_of
from backstory.model.network import load


def run(model: Path, out: Path, form: str | None, name: str | None, dtype: str | None) -> None:
    """Write the model in the format that the ending of `out` says, or `form`."""
    require_place(out)
    chosen = format_of(out) if form is None else form
    load(model).export(out, format=chosen, name=name, dtype=dtype)
    print(f"Wrote {out} ({chosen}, {out.stat().st_size:,} bytes).", file=sys.stderr)
