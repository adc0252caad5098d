"""What README.md shows is true: its examples give what they print, its commands run, its links lead somewhere."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.transcript import BEGIN, COMMANDS, END, replaced, run

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    return [text for name, text in fenced if name == language]


def test_examples_print_what_they_say() -> None:
    example = "\n".join(blocks("pycon"))
    test = doctest.DocTestParser().get_doctest(example, {}, "README.md", "README.md", 0)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"])
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#:]+)\)|(?:src|srcset)=\"([^\"#:]+)\"", text)
    assert [link or picture for link, picture in targets if not (ROOT / (link or picture)).exists()] == []


def test_transcript_is_there_and_a_new_one_takes_its_place() -> None:
    assert all(f"$ {command}" in README for command, _ in COMMANDS)
    changed = replaced(README, "a new line")
    assert replaced(changed, "a new line") == changed
    assert f"-->\n```\na new line\n```\n{END}" in changed


def test_the_transcript_is_what_the_commands_print() -> None:
    command, most = COMMANDS[0]
    assert f"{run(command, most)}\n" in README, "run: python scripts/transcript.py"


def test_a_readme_without_markers_is_refused() -> None:
    with pytest.raises(SystemExit, match=re.escape(BEGIN)):
        replaced("no markers here", "a new line")


@pytest.mark.slow
def test_the_picture_can_be_drawn_again(tmp_path: Path) -> None:
    target = tmp_path / "training.svg"
    subprocess.run([sys.executable, ROOT / "scripts" / "picture.py", target], check=True, capture_output=True)
    assert "<svg" in target.read_text(encoding="utf-8")
