"""Runs the front end's modules in Node."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.resources import files
from typing import Any

import pytest


def node(script: str, *modules: str, given: Any = None) -> Any:
    """Run a script that computes `answer` from `given`, all exports of the named modules being at hand."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("no Node")
    static = files("backstory.studio") / "static"
    lines = [f"import * as m{place} from {json.dumps(str(static / name))};" for place, name in enumerate(modules)]
    known = ", ".join(f"...m{place}" for place in range(len(modules)))
    lines += [
        'import { readFileSync } from "node:fs";',
        'const given = JSON.parse(readFileSync(0, "utf8"));',
        f"const run = ({{ {', '.join(_exports(modules))} }}) => {{ {script} return answer; }};",
        f"process.stdout.write(JSON.stringify(run({{ {known} }})));",
    ]
    command = [program, "--input-type=module", "--eval", "\n".join(lines)]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _exports(modules: tuple[str, ...]) -> list[str]:
    static = files("backstory.studio") / "static"
    found = [
        re.findall(r"^export (?:const|function) (\w+)", (static / name).read_text(), re.MULTILINE) for name in modules
    ]
    return [name for names in found for name in names]
