"""Every format that networks are exported to, by the ending of a file's name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from backstory.errors import ConfigurationError, unknown
from backstory.interop import to_c, to_npz, to_onnx, to_python, to_torch
from backstory.interop.trained import Trained
from backstory.network.file import write_whole

ENDINGS: Mapping[str, str] = MappingProxyType(
    {".onnx": "onnx", ".c": "c", ".py": "python", ".npz": "npz", ".pt": "torch", ".pth": "torch"}
)
"""How a file's name ends -> its format."""

FORMATS: Mapping[str, Callable[[Trained, str], bytes]] = MappingProxyType(
    {
        "onnx": lambda trained, name: to_onnx.write(trained),
        "c": to_c.write,
        "python": lambda trained, name: to_python.write(trained),
        "torch": lambda trained, name: to_torch.write(trained),
        "npz": lambda trained, name: to_npz.write(trained),
    }
)
"""Format -> from a network and the name of the code to the file's content."""


def export(trained: Trained, path: str | os.PathLike[str], format: str | None = None, name: str | None = None) -> None:
    """Write a network in another format; an older file there is replaced at once or left as it was.

    Parameters
    ----------
    trained : Trained
    path : path
    format : str, optional
        One of `FORMATS`; by default the one that the path's ending says.
    name : str, optional
        What names of C code begin with; by default the file's, made fit.

    Raises
    ------
    ConfigurationError
        No such format, or a network that has no form in it.
    OSError
        The place cannot be written.
    """
    path = Path(path)
    chosen = format_of(path) if format is None else format
    if chosen not in FORMATS:
        raise unknown("format", chosen, FORMATS)
    write_whole(path, FORMATS[chosen](trained, code_name(path) if name is None else name))


def format_of(path: Path) -> str:
    """The format that a file's name says.

    Raises
    ------
    ConfigurationError
        It ends in none of the known ways.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise ConfigurationError(
            f"A network is exported to a file whose name ends in one of {', '.join(ENDINGS)}. Got {path.name!r}; "
            "rename it, or say format=."
        )
    return ENDINGS[ending]


def code_name(path: Path) -> str:
    """What names of code begin with for a file of that name.

    >>> code_name(Path("my net-2.c")), code_name(Path("7.c"))
    ('my_net_2', 'net_7')
    """
    plain = re.sub(r"\W", "_", path.stem, flags=re.ASCII).strip("_")
    return plain if plain[:1].isalpha() else f"net_{plain}".rstrip("_")
