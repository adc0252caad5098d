"""The pieces of a page that are computed: fenced blocks that run, and numbers in its sentences.

A block's language says what it is, words after it how it is run and shown::

    ```python                          it runs; what it prints, and the value of its last line, follow it
    ```python figure="A title"         its last line gives a figure (`bs.figure`, SVG, Matplotlib), shown live
    ```python hide                     it runs unseen, for a page's own needs; its figure alone is shown
    ```python result                   only what comes out is seen
    ```python markdown                 what it prints is read as Markdown: a table, a list
    ```python raises=DataError         it must raise this error, whose sentence is shown
    ```python says="is missing"        what comes out must hold these words, else the book is not built
    ```console                         each line after "$ " is a command; what it prints follows it
    ```console exit=1                  the last of its commands must end with this status
    ```console norun="why not"         it is shown and not run: an installation, a server that stays
    ```text file="net.txt"             it is written into the page's folder under this name

``lines=20`` shows the first lines of an output, ``height=700`` is a figure's height before it has said its own. Inline,
`` `= f.values["L"]` `` stands for the value itself. All pieces of a page share one session and one folder.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

_PIECE = re.compile(
    r"^(?P<indent>[ ]*)(?P<fence>```+)(?P<info>[^`\n]*)\n(?P<code>.*?)^(?P=indent)(?P=fence)[ ]*$"
    r"|(?<!`)`= (?P<inline>[^`\n]+)`(?!`)",
    flags=re.MULTILINE | re.DOTALL,
)
RUN = ("python", "console")
WORDS = {
    "python": {"figure", "hide", "result", "markdown", "raises", "says", "lines", "height", "norun"},
    "console": {"exit", "says", "lines", "norun"},
}
"""The words that each language that runs understands."""
PLAIN = {"", "text", "math", "json", "toml", "latex", "html", "c", "yaml", "make"}
"""Languages that are only shown."""


@dataclass(frozen=True)
class Piece:
    """One computed piece of a page.

    Parameters
    ----------
    language : str
        ``python``, ``console``, ``inline``, or one that is only shown.
    code : str
        Without the indentation of its fence.
    words : dict of str to str
        What its first line says after the language; a word alone is the empty string.
    indent : str
    line : int
        Where it begins in its page, from 1.
    """

    language: str
    code: str
    words: dict[str, str] = field(default_factory=dict)
    indent: str = ""
    line: int = 1

    @property
    def runs(self) -> bool:
        """Whether a session has anything to do with it."""
        return self.language == "inline" or "file" in self.words or (self.language in RUN and "norun" not in self.words)


def pieces(markdown: str) -> list[str | Piece]:
    """Return a page as texts and pieces, in order.

    Raises
    ------
    ValueError
        A fence has a language or a word that means nothing here.
    """
    found: list[str | Piece] = []
    at = 0
    for match in _PIECE.finditer(markdown):
        found.append(markdown[at : match.start()])
        at = match.end()
        line = markdown.count("\n", 0, match.start()) + 1
        if match["inline"] is not None:
            found.append(Piece("inline", match["inline"], line=line))
        else:
            found.append(_fence(match, line))
    return [*found, markdown[at:]]


def _fence(match: re.Match[str], line: int) -> Piece:
    language, _, rest = match["info"].strip().partition(" ")
    words = {word: value for word, _, value in (each.partition("=") for each in shlex.split(rest))}
    known = WORDS.get(language, {"file"} if language in PLAIN else None)
    if known is None:
        raise ValueError(f"line {line}: a block's language must be one of {[*RUN, *sorted(PLAIN)]}. Got {language!r}.")
    if strange := sorted(set(words) - known - {"title"}):
        raise ValueError(f"line {line}: a {language} block knows the words {sorted(known)}. Got {strange[0]!r}.")
    indent = match["indent"]
    code = "\n".join(each.removeprefix(indent) for each in match["code"].splitlines())
    return Piece(language, code, words, indent, line)
