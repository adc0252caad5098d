"""Put a real run of ``backstory demo`` into README.md, between its two transcript markers.

The figures are those of the machine that runs this; the text before and after the markers stays as it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- transcript:begin", "<!-- transcript:end -->"


def demo() -> str:
    """The standard output of ``backstory demo`` as a pipe sees it, without colors, 100 columns wide."""
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
    command = Path(sys.executable).parent / "backstory"
    run = subprocess.run([command, "demo"], check=True, capture_output=True, text=True, env=environment)
    return "\n".join(line.rstrip() for line in run.stdout.strip("\n").splitlines())


def replaced(text: str, transcript: str) -> str:
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
    return f"{before}{begin}{marker}\n```\n$ backstory demo\n{transcript}\n```\n{end}{after}"


def main() -> None:
    """Run the demo, rewrite the README."""
    README.write_text(replaced(README.read_text(encoding="utf-8"), demo()), encoding="utf-8")
    print(f"wrote the transcript into {README}")


if __name__ == "__main__":
    main()
