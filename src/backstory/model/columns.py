"""Inputs called by the names of their columns: read in what is asked, told with the answer."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from backstory.errors import ConfigurationError, unknown
from backstory.story.address import read_address
from backstory.story.story import Story

_INPUT = re.compile(r"(x|a0)\s*\[([^\]]*)\]")


def by_number(quantity: str, names: Sequence[str]) -> str:
    """A quantity with the numbers of the inputs that it names by their columns.

    >>> by_number("da2[0]/dx[petal length]", ["petal width", "petal length"])
    'da2[0]/dx[1]'

    Raises
    ------
    ConfigurationError
        There is no such column, or inputs have no names.
    """

    def numbered(found: re.Match[str]) -> str:
        letter, name = found[1], found[2].strip()
        if name.isascii() and name.isdigit():
            return found[0]
        if not names:
            raise ConfigurationError(
                f"The inputs have no names of columns. Got {found[0]!r}; ask by number: {letter}[0]."
            )
        if name not in names:
            raise unknown("column", name, names)
        return f"{letter}[{names.index(name)}]"

    return _INPUT.sub(numbered, quantity)


def with_columns(story: Story, names: Sequence[str], *, weighted: bool) -> Story:
    """A story that says in its notes which columns the inputs are that it is about.

    Parameters
    ----------
    story : Story
    names : sequence of str
        Of the network's inputs, in order; none where they have no names.
    weighted : bool
        Whether the first layer's weights are of the inputs themselves, and not of what is made of them before.
    """
    numbers = []
    for address in map(read_address, (story.of, story.by)):
        if address is not None and address.letter == "x":
            numbers.append(address.unit)
        elif address is not None and weighted and (address.letter, address.layer) == ("w", 1):
            numbers.append(address.indices[0])
    said = tuple(f"x[{number}] is {names[number]}." for number in dict.fromkeys(numbers) if number < len(names))
    return dataclasses.replace(story, remarks=(*story.remarks, *said)) if said else story
