"""The question put to a story: ``dL/dw1``, ``∂o2/∂h1``, or just the name of what the loss is differentiated by."""

from __future__ import annotations

import re
from collections.abc import Callable

from backstory.errors import ExpressionError

_DIFFERENTIAL = r"\s*(?:d|∂|delta |\\partial )\s*"
_RATIO = re.compile(rf"{_DIFFERENTIAL}([^/]+?)\s*/{_DIFFERENTIAL}([^/]+?)\s*")


def read_quantity(text: str, loss: str, known: Callable[[str], bool]) -> tuple[str, str]:
    """Return what is differentiated and by what.

    Parameters
    ----------
    text : str
    loss : str
        What is differentiated where the text does not say.
    known : callable
        Whether something is a name of the network.

    Raises
    ------
    ExpressionError
        The text is neither a known name nor a ratio of two differentials of known names.

    Examples
    --------
    >>> read_quantity("dL/dw1", "L", {"L", "w1"}.__contains__)
    ('L', 'w1')
    >>> read_quantity("w1", "L", {"L", "w1"}.__contains__)
    ('L', 'w1')
    """
    name = text.strip()
    if known(name):
        return loss, name
    match = _RATIO.fullmatch(text)
    if match is None:
        hint = "Write dL/dw1, or only w1 for the derivative of the loss by w1."
        raise ExpressionError(f"{name!r} is no derivative and no name of this network.", text, 0, hint)
    for group in (1, 2):
        if not known(match[group]):
            raise ExpressionError(f"Unknown name {match[group]!r}.", text, match.start(group))
    return match[1], match[2]
