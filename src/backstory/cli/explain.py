"""``backstory explain``: where one gradient of a model or of formulas comes from."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from backstory.cli.evaluate import open_model
from backstory.cli.train import require_place
from backstory.data.files import read
from backstory.errors import ConfigurationError
from backstory.model.formulas import Formulas
from backstory.story.story import Story

PRINTERS: dict[str, Callable[[Story], str]] = {
    "text": lambda story: f"{story}\n",
    "latex": Story.to_latex,
    "html": Story.to_html,
    "json": lambda story: json.dumps(story.to_dict(), allow_nan=False) + "\n",
}


def run(
    source: Path, quantity: str, data: Path | None, row: int | None, target: str | None, form: str, out: Path | None
) -> None:
    """Print a story, or write it to a file."""
    if out is not None:
        require_place(out)
    is_model = source.suffix == ".safetensors"
    story = of_model(source, quantity, data, row, target) if is_model else of_formulas(source, quantity, data, row)
    text = PRINTERS[form](story)
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")
        print(f"Wrote the story of ∂{story.of}/∂{story.by} to {out}.", file=sys.stderr)


def of_model(model: Path, quantity: str, data: Path | None, row: int | None, target: str | None) -> Story:
    """The story of a network's gradient, of one row of a table or of all its rows.

    Raises
    ------
    ConfigurationError
        There is no table, or no such row in it.
    """
    if data is None:
        raise ConfigurationError("A model's gradient depends on rows of data. Got no --data; add --data FILE.")
    net, table = open_model(model)
    frame = read(data, target or table.target)
    if target is not None and target != table.target:
        frame = frame.renamed(target, table.target)
    X, y = table.inputs(frame), table.targets(frame)
    if row is not None:
        if row >= len(X):
            raise ConfigurationError(f"--row must be one of the rows 0 to {len(X) - 1} of {str(data)!r}. Got {row}.")
        X, y = X[row : row + 1], y[row : row + 1]
    return net.explain(quantity, X, y)


def of_formulas(source: Path, quantity: str, data: Path | None, row: int | None) -> Story:
    """The story of a derivative of formulas; a row is one of their samples.

    Raises
    ------
    ConfigurationError
        Formulas were given a table, which they have no place for.
    """
    if data is not None:
        raise ConfigurationError(
            f"Formulas hold their own samples, and {str(source)!r} is read as formulas. Leave out --data, or give a "
            "model file (.safetensors)."
        )
    return Formulas.read(source).explain(quantity, row=row)
