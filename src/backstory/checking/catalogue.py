"""The table of wrong equations that people write, each with what is wrong with it: `catalogue.toml`, read."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from backstory.checking.verdict import Status


@dataclass(frozen=True)
class Entry:
    """One equation and the verdict it must get.

    Attributes
    ----------
    equation : str
    number : int
        Of the row, or of the text it comes from.
    network : str
        A name of `Catalogue.networks`, or for a text's equation the example file.
    status : str
    kind : str
        Of the first finding; empty where it is right.
    mistake : str
        What was done, in a few words.
    """

    equation: str
    number: int
    network: str
    status: Status = "wrong"
    kind: str = ""
    mistake: str = ""


@dataclass(frozen=True)
class Catalogue:
    """All entries.

    Attributes
    ----------
    networks : mapping of str to dict
        A title, and formulas or the layers of a network.
    rows : tuple of Entry
        What people get wrong.
    sources : tuple of Entry
        The equations of the texts that the library answers, right and wrong.
    """

    networks: Mapping[str, Mapping[str, Any]]
    rows: tuple[Entry, ...]
    sources: tuple[Entry, ...]


@cache
def catalogue() -> Catalogue:
    """Return the table.

    Examples
    --------
    >>> row = catalogue().rows[0]
    >>> row.kind, row.mistake
    ('independent', 'a weight as a stepping stone')
    """
    text = resources.files("backstory.checking").joinpath("catalogue.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    sources = ({**entry, "number": entry["text"], "network": entry["file"]} for entry in table["sources"])
    return Catalogue(
        table["networks"],
        tuple(Entry(**entry) for entry in table["rows"]),
        tuple(
            Entry(**{key: value for key, value in entry.items() if key not in ("text", "file")}) for entry in sources
        ),
    )
