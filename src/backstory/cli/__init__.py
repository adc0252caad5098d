"""The command ``backstory``: what it was asked is run, and every error becomes one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells count it: 128 + SIGINT."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; ``--debug`` anywhere shows an error's traceback.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of this process.

    Returns
    -------
    int
        0 done, 2 an error (one sentence on standard error), 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    try:
        from backstory.cli.app import app

        code = app([word for word in words if word != "--debug"], prog_name="backstory", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            raise
        print(f"Error: {sentence(error)}", file=sys.stderr)
        return 2


def sentence(error: Exception) -> str:
    """An error as one line for people.

    >>> sentence(FileNotFoundError(2, "No such file or directory", "a.csv"))
    "No such file or directory: 'a.csv'."
    """
    from backstory.errors import BackstoryError, ExpressionError

    if hasattr(error, "format_message"):  # the command line itself was wrong
        text = str(error.format_message())
    elif isinstance(error, OSError) and error.strerror and error.filename:
        text = f"{error.strerror}: {os.fspath(error.filename)!r}"
    elif isinstance(error, ExpressionError):  # in one line there is no place under which to set a caret
        text = f"{error.problem} {error.hint}"
    elif isinstance(error, BackstoryError | OSError):
        text = str(error)
    else:
        text = f"Unexpected {type(error).__name__}: {error}; run the command again with --debug to see where"
    text = " ".join(text.split())
    return text if text.endswith((".", "?", "!")) else f"{text}."
