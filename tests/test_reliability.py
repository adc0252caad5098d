"""docs/reliability.md names a test for every promise: is each of them there?"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
ROWS = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("| ")]


def functions(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_test_is_there(path: str, name: str) -> None:
    assert name in functions(path)


def test_every_promise_names_a_test() -> None:
    promises = [row for row in ROWS if len(row) == 3 and row[0].strip() != "promise"]
    assert len(promises) > 30
    assert [row[0] for row in promises if "::test_" not in row[1]] == []


def test_every_command_named_can_be_run() -> None:
    modules = set(re.findall(r"`python -m (benchmarks\.\w+)", PAGE))
    targets = set(re.findall(r"`make (\w+)", PAGE))
    assert modules
    assert [name for name in modules if not (ROOT / (name.replace(".", "/") + ".py")).is_file()] == []
    known = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [name for name in targets if f"\n{name}:" not in known] == []
