"""How a framework's activation is read: which row of the table it is, under which values of its own parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backstory.errors import ConfigurationError
from backstory.functions import Activation
from backstory.functions import activation as find_activation
from backstory.interop.chain import refused


@dataclass(frozen=True)
class Reading:
    """One activation of a framework.

    Parameters
    ----------
    row : str
        The row's name; with `by`, the parameter that says which row it is.
    parameters : mapping
        The framework's name of a parameter -> the row's.
    fixed : mapping
        A parameter -> the values under which it is the row.
    by : mapping
        A value of the parameter `row` -> the row's name.
    """

    row: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    by: Mapping[Any, str] = field(default_factory=dict)

    def read(self, where: str, given: Mapping[str, Any]) -> Activation:
        """The row for given values of the framework's parameters.

        Raises
        ------
        ConfigurationError
            A value for which there is no row; the layer is named.
        """
        for name, values in {**self.fixed, **({self.row: tuple(self.by)} if self.by else {})}.items():
            if not any(_same(given[name], value) for value in values):
                raise refused(
                    where, f"it is known with {name}={' or '.join(map(_text, values))}. Got {_text(given[name])}."
                )
        row = find_activation(self.by[given[self.row]] if self.by else self.row)
        try:
            return row.replace(**{ours: given[theirs] for theirs, ours in self.parameters.items()})
        except ConfigurationError as error:
            raise refused(where, str(error)) from None


def _same(value: Any, known: Any) -> bool:
    """Equal; numbers as float32, which files keep them in."""
    if isinstance(value, float) and isinstance(known, float):
        return abs(value - known) <= 1e-7 * abs(known)
    return bool(value == known)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)
