"""Look up every word of the prose in a dictionary of English, and in the project's own list, words.txt.

Code, formulas, addresses and whatever has a digit, a capital within or an underscore are left out::

    python -m scripts.book.spelling            names every unknown word with its place; exit code 1 if there is one
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from spellchecker import SpellChecker

ROOT = Path(__file__).resolve().parent.parent.parent
OWN = Path(__file__).resolve().parent / "words.txt"
PROSE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/**/*.md")
_NOT_PROSE = re.compile(
    r"\A---\n.*?^---$|\\\(.*?\\\)"  # what stands before a page, formulas
    r"|^[ ]*```.*?^[ ]*```[ ]*$|^    .*?$|(?<!`)(?P<ticks>``?)(?!`)[^\n]+?(?<!`)(?P=ticks)(?!`)|\$[^$\n]+\$|\]\([^)]*\)|<[^>]*>|https?://\S+|\{[^}\n]*\}"
    r"|^--8<--.*$|^::: .*$|&\w+;|\*[A-Z]\w+ [^*\n]*\*",
    flags=re.MULTILINE | re.DOTALL,
)
_WORD = re.compile(r"(?<![\w'’.\-/@_])[A-Za-z]+(?:['’][a-z]+)?(?![\w_(\[])")


def words(text: str) -> Iterator[tuple[int, str]]:
    """Give every word of a page's prose with its line."""
    blank = _NOT_PROSE.sub(lambda match: " " + "\n" * match[0].count("\n"), text)
    for number, line in enumerate(blank.splitlines(), 1):
        for match in _WORD.finditer(line):
            if match[0][1:] == match[0][1:].lower() and len(match[0]) > 2:
                yield number, match[0].replace("’", "'").removesuffix("'s")


def unknown(files: list[Path]) -> Iterator[str]:
    """Give the places of words that are in neither list."""
    dictionary = SpellChecker()
    own = set(OWN.read_text(encoding="utf-8").lower().split())
    for path in files:
        for line, word in words(path.read_text(encoding="utf-8")):
            if word.lower() not in own and not dictionary.known([word.lower()]):
                yield f"{path.relative_to(ROOT)}:{line}: {word}"


def main() -> None:
    """Print the unknown words, and fail if there are any."""
    found = list(unknown([path for pattern in PROSE for path in sorted(ROOT.glob(pattern))]))
    print(*found, sep="\n")
    if found:
        raise SystemExit(f"{len(found)} words are in no dictionary. Mend them, or add them to {OWN.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
