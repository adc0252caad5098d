"""A page's blocks: how they are read, run and shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.book.fences import Piece, pieces
from scripts.book.session import Outcome, run_page

PAGE = """\
Text with `code` and a value: `= 1 + 1`.

```python
x = 2
print("x is", x)
x * 3
```

```text file="net.txt"
x = 1
```

```console
$ cat net.txt \\
  | wc -l
$ echo done
```

```c
int main(void) { return 0; }
```
"""


def computed(page: str) -> list[Piece]:
    return [part for part in pieces(page) if isinstance(part, Piece) and part.runs]


def outcomes(page: str) -> list[Outcome]:
    return run_page("a page", computed(page))


def test_a_page_is_its_pieces_and_the_text_between_them() -> None:
    parts = pieces(PAGE)
    assert [part.language for part in parts if isinstance(part, Piece)] == ["inline", "python", "text", "console", "c"]
    assert [part.runs for part in parts if isinstance(part, Piece)] == [True, True, True, True, False]
    assert parts[0] == "Text with `code` and a value: "
    assert [part.line for part in parts if isinstance(part, Piece)] == [1, 3, 9, 13, 19]


def test_pieces_run_in_one_session_and_one_folder() -> None:
    value, block, _, console = outcomes(PAGE)
    assert value.text == "2"
    assert block.text == "x is 2\n6"
    assert console.text == "$ cat net.txt \\\n  | wc -l\n1\n$ echo done\ndone"


def test_a_fence_within_a_list_loses_its_indentation() -> None:
    (piece,) = computed("- item\n\n    ```python\n    if True:\n        1\n    ```\n")
    assert piece.code == "if True:\n    1"


def test_an_error_that_is_told_is_shown() -> None:
    (outcome,) = outcomes("```python raises=ValueError\nint('x')\n```\n")
    assert outcome.text == "ValueError: invalid literal for int() with base 10: 'x'"


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("```python\n1/0\n```\n", r"a page, line 1: this block fails.*ZeroDivisionError"),
        ("\n```python raises=ValueError\n1\n```\n", "line 2.*must raise ValueError. It raised nothing"),
        ("```console\n$ false\n```\n", "must end with 0, not 1"),
        ("```console exit=3\n$ true\n```\n", "must end with 3, not 0"),
        ('```python figure="A title"\n1\n```\n', "must give an HTML page, an SVG or a Matplotlib figure. Got 1"),
        ("```python\nimport warnings\nwarnings.warn('x')\n```\n", "UserWarning: x"),
        ("A number: `= nothing`", "NameError"),
    ],
)
def test_what_fails_stops_the_build(page: str, said: str) -> None:
    with pytest.raises(RuntimeError, match=f"(?s){said}"):
        outcomes(page)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("```rust\n```\n", r"line 1: a block's language must be one of .* Got 'rust'"),
        ("\n```python hidden\n```\n", r"line 2: a python block knows the words .* Got 'hidden'"),
    ],
)
def test_a_word_that_means_nothing_is_refused(page: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pieces(page)


def test_figures_are_told_from_text() -> None:
    (page,) = outcomes('```python figure="A title"\n"<!DOCTYPE html><p>"\n```\n')
    assert (page.figure, page.text) == ("<!DOCTYPE html><p>", "")


def test_every_page_of_the_book_can_be_read() -> None:
    docs = Path(__file__).resolve().parent.parent.parent / "docs"
    for path in docs.rglob("*.md"):
        for part in pieces(path.read_text(encoding="utf-8")):
            assert not isinstance(part, Piece) or part.language != "console" or part.code.startswith("$ "), path
