"""The front end's files: the one module that notebooks get, and what the wheel must hold."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from backstory.studio import assets, session, standalone

STATIC = Path(assets.__file__).parent / "static"
TOP = re.compile(r"^(?:export )?(?:async )?(?:function\*?|const|let|class) ([\w$]+)", re.MULTILINE)


def test_names_are_unique_over_all_modules():
    seen = {}
    for module in assets.MODULES:
        for name in TOP.findall(assets.text(module)):
            assert name not in seen, f"{name} stands in {seen[name]} and in {module}"
            seen[name] = module


def test_each_module_imports_only_from_those_before_it():
    for place, module in enumerate(assets.MODULES):
        for name in re.findall(r'from "\./(.+)";', assets.text(module)):
            assert name in assets.MODULES[:place]


def test_the_joined_module_has_no_imports_and_one_export():
    joined = assets.module()
    assert not re.search(r"^import ", joined, re.MULTILINE)
    assert len(re.findall(r"^export ", joined, re.MULTILINE)) == 1


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_the_joined_module_is_a_module(tmp_path):
    file = tmp_path / "joined.mjs"
    file.write_text(assets.module(), encoding="utf-8")
    subprocess.run(["node", "--check", file], check=True)


def test_every_module_belongs_to_the_page_or_to_the_self_contained_one():
    for file in STATIC.rglob("*.js"):
        assert file.name in {*assets.ASSETS, *assets.MODULES, *standalone.MODULES}


def test_nothing_is_fetched_from_elsewhere():
    for file in STATIC.rglob("*"):
        if file.suffix in (".js", ".css", ".html"):
            text = file.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
            assert "http://" not in text.replace("http://127.0.0.1", "")
            assert "https://" not in text
            assert "eval(" not in text
            assert "innerHTML" not in text


def test_the_table_of_the_state_names_every_key():
    table = session.__doc__.split("=\n", 2)[2]
    assert tuple(re.findall(r"^(\w+) {2,}\S", table, re.MULTILINE)) == session.KEYS
