"""The errors backstory raises: each says what must hold, what came and what to do, and each is also a built-in error.

::

    Exception
    └── BackstoryError
        ├── ConfigurationError   (ValueError)       a parameter out of its range, an unknown name, parts that do not fit
        ├── DataError            (ValueError)       X, y, weights of samples, tables
        ├── ExpressionError      (ValueError)       a formula that cannot be read: text, caret, hint, `position`
        ├── ModelFileError       (ValueError)       a model file that is damaged, cut short, newer or foreign
        ├── CheckpointError      (RuntimeError)     checkpoints of another run, in use, or not to be written
        ├── BusyError            (RuntimeError)     another thread trains the network
        └── DivergenceError      (ArithmeticError)  training met a NaN or an infinity: step, epoch, layer, row
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from typing import Any

__all__ = [
    "BackstoryError",
    "BusyError",
    "CheckpointError",
    "ConfigurationError",
    "DataError",
    "DivergenceError",
    "ExpressionError",
    "ModelFileError",
    "fits_memory",
    "nearest",
    "unknown",
]


class BackstoryError(Exception):
    """Base of every error that backstory raises on purpose."""


class ConfigurationError(BackstoryError, ValueError):
    """A parameter outside its range, an unknown name, or parts that do not fit together."""


class DataError(BackstoryError, ValueError):
    """Inputs, targets, sample weights or tables that cannot be used as they are."""


class ModelFileError(BackstoryError, ValueError):
    """A model file that is damaged, cut short, written by a newer version, or not a model file."""


class CheckpointError(BackstoryError, RuntimeError):
    """Checkpoints that belong to another run, that another process uses, or that cannot be written or read."""


class BusyError(BackstoryError, RuntimeError):
    """A network that another thread trains at the moment."""


class ExpressionError(BackstoryError, ValueError):
    """A formula that cannot be read; the message shows the text with a caret under the place.

    Parameters
    ----------
    problem : str
        What is wrong, in one sentence.
    text : str
        The formula as it was given.
    position : int
        Where in `text` it went wrong, counted from 0.
    hint : str
        What to write instead; may be empty.

    Examples
    --------
    >>> print(ExpressionError("Expected a number, a name or '('.", "1 + * z", 4))
    Expected a number, a name or '('.
      1 + * z
          ^
    """

    WIDTH = 72

    def __init__(self, problem: str, text: str, position: int, hint: str = "") -> None:
        self.problem = problem
        self.text = text
        self.position = max(0, min(position, len(text)))
        self.hint = hint
        line, column = _window(text, self.position, self.WIDTH)
        message = f"{problem}\n  {line}\n  {' ' * column}^"
        super().__init__(f"{message}\n{hint}" if hint else message)

    def __reduce__(self) -> tuple[type[ExpressionError], tuple[str, str, int, str]]:
        """Pickle by what it was made from."""
        return type(self), (self.problem, self.text, self.position, self.hint)


def _window(text: str, position: int, width: int) -> tuple[str, int]:
    """Return the line of `text` that holds `position`, cut to `width` characters, and the caret's column in it."""
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", start)
    line = "".join(
        " " if not character.isprintable() else character for character in text[start : end if end >= 0 else len(text)]
    )
    column = position - start
    if len(line) <= width:
        return line, column
    left = max(0, min(column - width // 2, len(line) - width))
    head, tail = ("..." if left else ""), ("..." if left + width < len(line) else "")
    return head + line[left : left + width] + tail, column - left + len(head)


class DivergenceError(BackstoryError, ArithmeticError):
    """Training met a value that is not finite and stopped before the step that made it.

    Parameters
    ----------
    message : str
        What happened and what to try.
    step : int
        The step, counted from 1 since training began, that would have made the value.
    epoch : int
        The epoch of that step, counted from 1.
    layer : int
        The layer, 1 … L, in which it began; 0 where no layer is to blame.
    row : int
        The row of X in which it began, counted from 0; -1 where no single row is to blame.
    quantity : str
        What became non-finite: "loss", "activation", "delta", "gradient", "weight" or "input".
    history : History
        What training recorded up to the last good step.
    """

    def __init__(
        self, message: str, *, step: int, epoch: int, layer: int, row: int, quantity: str, history: Any = None
    ) -> None:
        super().__init__(message)
        self.step = step
        self.epoch = epoch
        self.layer = layer
        self.row = row
        self.quantity = quantity
        self.history = history

    def counted_in(self, rows: Any) -> DivergenceError:
        """The same news for who gave more rows than were trained on; rows[i] is where row i stood."""
        if self.row < 0:
            return self
        row = int(rows[self.row])
        text = str(self).replace(f"row {self.row} of X", f"row {row} of X")
        return _diverged(text, self.step, self.epoch, self.layer, row, self.quantity, self.history)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by what it was made from."""
        return _diverged, (str(self), self.step, self.epoch, self.layer, self.row, self.quantity, self.history)


def _diverged(
    message: str, step: int, epoch: int, layer: int, row: int, quantity: str, history: Any
) -> DivergenceError:
    """Rebuild a pickled `DivergenceError`, whose arguments are keywords."""
    return DivergenceError(message, step=step, epoch=epoch, layer=layer, row=row, quantity=quantity, history=history)


def nearest(name: Any, known: Iterable[str]) -> str | None:
    """Return the one of the known names that is spelled most like `name`, or None where none is close.

    >>> nearest("sigmod", ["relu", "sigmoid"])
    'sigmoid'
    """
    if not isinstance(name, str):
        return None  # whatever a caller gave for a name
    folded = {candidate.lower().replace("_", ""): candidate for candidate in known}
    same = folded.get(name.lower().replace("_", "").replace("-", "").replace(" ", ""))
    return same or next(iter(difflib.get_close_matches(name, list(folded.values()), n=1, cutoff=0.6)), None)


def unknown(kind: str, name: str, known: Iterable[str]) -> ConfigurationError:
    """Make the error for a name that is not one of the known ones, naming the nearest.

    >>> print(unknown("activation", "sigmod", ["relu", "sigmoid"]))
    Unknown activation 'sigmod'. Did you mean 'sigmoid'? Known: relu, sigmoid.
    """
    names = list(known)
    guess = nearest(name, names)
    hint = f" Did you mean {guess!r}?" if guess else ""
    return ConfigurationError(f"Unknown {kind} {name!r}.{hint} Known: {', '.join(names)}.")


def fits_memory(size: float) -> bool:
    """Say whether so many bytes have a place in this machine's memory at all."""
    return size <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
