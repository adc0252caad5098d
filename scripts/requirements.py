"""Print the requirements that pyproject.toml lists under the given names, for pip's command line.

A name is an extra, a dependency group, or ``build`` (what a build without isolation needs), so that the Makefile and
CI install exactly what the package declares and no list is written twice::

    pip install $(python scripts/requirements.py build)
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def requirements(project: dict[str, Any], name: str) -> list[str]:
    """Requirements of one extra or group, references such as ``backstory[plot]`` followed.

    Parameters
    ----------
    project : dict
        The parsed pyproject.toml.
    name : str
        An extra, a dependency group, or ``build``.

    Returns
    -------
    list of str
        Requirement specifiers, without repetitions.

    Raises
    ------
    SystemExit
        No such extra or group.
    """
    extras = project["project"]["optional-dependencies"]
    groups = project["dependency-groups"]
    if name not in extras and name not in groups:
        known = ", ".join(sorted({*extras, *groups}))
        raise SystemExit(f"A name must be an extra or a dependency group of pyproject.toml ({known}). Got {name!r}.")
    found = [*project["build-system"]["requires"]] if name == "build" else []
    for requirement in extras.get(name, groups.get(name, ())):
        reference = re.fullmatch(rf"{project['project']['name']}\[(.+)\]", requirement)
        if reference is None:
            found.append(requirement)
        else:
            for extra in reference[1].split(","):
                found += requirements(project, extra.strip())
    return list(dict.fromkeys(found))


def main() -> None:
    """Print one requirement a line for every name on the command line."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for name in sys.argv[1:]:
        print(*requirements(project, name), sep="\n")


if __name__ == "__main__":
    main()
