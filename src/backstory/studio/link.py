"""A state as a link: setup, edits, step, selection and equation, short enough for an address; read with suspicion."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Any

from backstory.errors import ConfigurationError
from backstory.studio import setup as setups

State = dict[str, Any]
MOST_CHARACTERS = 8000
"""Of a link's part after #: longer ones are cut by mail programs and chats."""
_MOST_BYTES = 64 << 10
MOST_STEPS = 10_000_000
"""That opening a link may train for."""
_VERSION = 1


def written(
    setup: State, edits: list[tuple[int, str, float]], step: int, quantity: str | None, equation: str | None
) -> str:
    """Return what stands after # in the address.

    Parameters
    ----------
    setup : dict
    edits : list of (step, address, value)
    step : int
    quantity, equation : str, optional
        What was asked.

    Raises
    ------
    ConfigurationError
        It would be longer than `MOST_CHARACTERS`.
    """
    base = setups.preset(setup["preset"]) if setup["preset"] else setups.DEFAULT
    kept = {name: value for name, value in setup.items() if name == "preset" or value != base[name]}
    state = {
        "version": _VERSION,
        "setup": kept,
        "edits": edits,
        "step": step,
        "quantity": quantity,
        "equation": equation,
    }
    content = json.dumps(state, separators=(",", ":"), allow_nan=False)
    text = "#" + base64.urlsafe_b64encode(zlib.compress(content.encode(), 9)).decode().rstrip("=")
    if len(text) > MOST_CHARACTERS:
        raise ConfigurationError(
            f"A link may have {MOST_CHARACTERS:,} characters, and this state needs {len(text):,}. "
            "Copy it as Python, or save it as a file."
        )
    return text


def read(link: str) -> State:
    """Return the state that a link holds; every part of it is checked.

    Raises
    ------
    ConfigurationError
        The link was cut, altered, or made by something else.
    """
    if not isinstance(link, str):
        raise ConfigurationError(f"A link must be a text. Got {link!r:.60}.")
    text = link.rpartition("#")[2].strip()
    if len(text) > MOST_CHARACTERS:
        raise ConfigurationError(f"A link may have {MOST_CHARACTERS:,} characters. Got {len(text):,}.")
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(packed, _MOST_BYTES)
        found = json.loads(content)
        if unpacker.unconsumed_tail or not unpacker.eof or found["version"] != _VERSION:
            raise ValueError
        setup = found["setup"]
        base = setups.preset(setup["preset"]) if setup.get("preset") else setups.DEFAULT
        edits = [(_whole(step), str(address), float(value)) for step, address, value in found["edits"]]
        return {
            "setup": setups.changed(base, setup),
            "edits": sorted(edits, key=lambda edit: edit[0]),
            "step": _whole(found["step"]),
            "quantity": _text(found["quantity"]),
            "equation": _text(found["equation"]),
        }
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, binascii.Error, zlib.error) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError("This is no whole link to a state of the studio. Copy it again, to its end.") from None


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_STEPS:
        raise ValueError
    return value


def _text(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or len(value) > 4000):
        raise ValueError
    return value
