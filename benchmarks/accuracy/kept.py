"""What was measured, a line of a file each: runs may be stopped and begun again, and several may share the file."""

from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

Kind = TypeVar("Kind")


class Key(NamedTuple):
    """What was measured: a contender on a split of a table."""

    table: str
    contender: str
    split: int


def read(kind: type[Kind], file: Path) -> dict[Key, Kind]:
    """All that was kept; of what was measured twice, the later."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {Key(*found[:3]): kind(*found[3:]) for found in map(json.loads, lines)}


def keep(result: Any, key: Key, file: Path) -> None:
    """Add a result, a dataclass, to the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps([*key, *astuple(result)], ensure_ascii=False) + "\n")
