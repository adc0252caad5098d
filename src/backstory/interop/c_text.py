"""Names, texts and numbers as C source holds them: nothing that comes from a user can end a comment or a string."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from backstory.errors import ConfigurationError

_WIDTH = 100


def c_name(name: str) -> str:
    """The name itself, if names of C may begin with it.

    Raises
    ------
    ConfigurationError
        It has other characters than letters, digits and underscores, or begins with none of the letters.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
        raise ConfigurationError(
            f"The name of exported C code must be letters, digits and underscores, a letter first. Got {name!r}; "
            "pass name='net', say."
        )
    return name


def wrapped(numbers: Iterable[str]) -> Iterator[str]:
    """Numbers with commas, on lines of a sensible width."""
    line = "   "
    for number in numbers:
        if len(line) + len(number) + 2 > _WIDTH:
            yield line
            line = "   "
        line += f" {number},"
    yield line


def comment(text: str) -> str:
    r"""A text that neither ends a comment of C nor opens another: ASCII, on one line.

    >>> comment("a*/b")
    'a*\\/b'
    """
    return quoted(text)[1:-1].replace('\\"', '"')


def quoted(value: Any) -> str:
    r"""A value in quotation marks, likewise; JSON's escapes stand for what is not plain.

    >>> quoted('"ö"')
    '"\\"\\u00f6\\""'
    """
    text = json.dumps(str(value)).replace("*/", "*\\/").replace("/*", "/\\*")
    return text.replace("??", "?\\u003f")  # no trigraph, such as that for a backslash at a line's end


def c_string(text: str) -> str:
    r"""A text as a string of C, UTF-8 in octal where it is not plain.

    >>> c_string('ö "1"??/')
    '"\\303\\266 \\"1\\"\\?\\?/"'
    """
    plain = {ord('"'): '\\"', ord("\\"): "\\\\", ord("?"): "\\?"}
    data = text.encode("utf-8", "surrogatepass")
    return '"' + "".join(plain.get(byte, chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in data) + '"'
