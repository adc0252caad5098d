"""Put real runs of the command line into README.md, between its two transcript markers.

The figures are those of the machine that runs this; the text before and after the markers stays as it is.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- transcript:begin", "<!-- transcript:end -->"


COMMANDS = (
    ('backstory check examples/chain.txt "dL/dw1 = x*w2*y*(1-y)*(y-t)"', None),
    ("backstory demo", 18),
)
"""Each with how many lines of its output are shown; None: all."""


def transcript() -> str:
    """Return the commands and their output as a pipe sees it, without colors, 100 columns wide."""
    return "\n\n".join(run(command, most) for command, most in COMMANDS)


def run(command: str, most: int | None) -> str:
    """Return one command and the first lines of its output."""
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
    words = [str(Path(sys.executable).parent / "backstory"), *shlex.split(command)[1:]]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment, cwd=README.parent)
    if done.returncode not in (0, 1):  # 1: an equation that is wrong
        raise SystemExit(f"{command} must run. It ended with {done.returncode}: {done.stderr}")
    lines = [line.rstrip() for line in done.stdout.strip("\n").splitlines()]
    return "\n".join([f"$ {command}", *lines[:most], *["…"] * (most is not None and len(lines) > most)])


def replaced(text: str, content: str) -> str:
    """The text with what stands between the markers replaced by the transcript in a fenced block.

    Raises
    ------
    SystemExit
        The text lacks one of the markers.
    """
    before, begin, rest = text.partition(BEGIN)
    inside, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{README.name} must have the lines {BEGIN!r} ... and {END!r}. Put them back first.")
    marker = inside.splitlines()[0]
    return f"{before}{begin}{marker}\n```\n{content}\n```\n{end}{after}"


def main() -> None:
    """Run the commands, rewrite the README."""
    README.write_text(replaced(README.read_text(encoding="utf-8"), transcript()), encoding="utf-8")
    print(f"wrote the transcript into {README}")


if __name__ == "__main__":
    main()
