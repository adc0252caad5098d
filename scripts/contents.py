"""Say what a wheel or source distribution holds that it should not, or lacks: ``python scripts/contents.py FILE...``.

What may be in them is listed here, by patterns; whatever else got there (a build, a cache, a model, a note) is told by
name. `scripts/check_package` asks of every file that it builds.
"""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

NAME = r"[A-Za-z0-9_.-]+"
STATIC = r"studio/static/[a-z_-]+\.(js|css|html|woff2|LICENSE\.txt)"
IN_WHEEL = (
    r"backstory/([a-z_]+/)*[a-z0-9_]+\.py",
    r"backstory/py\.typed",
    r"backstory/_native_(baseline|avx2|avx512)\.[a-z0-9_-]+\.so",
    r"backstory/checking/catalogue\.toml",
    rf"backstory/{STATIC}",
    rf"backstory-{NAME}\.dist-info/(METADATA|WHEEL|RECORD|entry_points\.txt|licenses/LICENSE)",
)
IN_SDIST = (
    r"src/backstory/([a-z_]+/)*[a-z0-9_]+\.py",
    r"src/backstory/(py\.typed|checking/catalogue\.toml)",
    rf"src/backstory/{STATIC}",
    r"native/(include/backstory|src)/[a-z0-9_]+\.[ch]pp",
    r"(tests|benchmarks|scripts|docs|examples)/.+\.(py|cpp|hpp|js|mjs|jsonl?|md|txt|toml|yml|css|html|svg|png|ipynb|csv|csv\.gz)",
    r"scripts/[a-z_]+",
    r"[A-Z]+\.(md|cff)|LICENSE|PKG-INFO|Makefile|CMakeLists\.txt|pyproject\.toml|mkdocs\.yml|\.gitignore",
)
NEVER = (
    r"(^|/)(\.git|\.venv|\.ci|build|dist|__pycache__|\.[a-z]+_cache|node_modules)/"
    r"|\.(pyc|pyo|o|a|whl|safetensors|part)$"
)
AT_LEAST = {".whl": ("backstory/py.typed", "backstory/__init__.py"), ".gz": ("pyproject.toml", "CMakeLists.txt")}
MOST_BYTES = {".whl": 4 << 20, ".gz": 6 << 20}
"""What the file itself may come to; a wheel is about 2.5 MB, the sources with their pictures 2."""
LARGEST = {".whl": 4 << 20, ".gz": 2 << 20}
"""What one file within may come to, as installed."""


def unwanted(names: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """Names that no pattern allows, or that must never be there.

    >>> unwanted(["backstory/py.typed", "backstory/notes.txt"], IN_WHEEL)
    ['backstory/notes.txt']
    """
    pattern = re.compile("|".join(f"(?:{each})" for each in allowed))
    return [name for name in names if not pattern.fullmatch(name) or re.search(NEVER, name)]


def files_in(path: Path) -> dict[str, int]:
    """The size of each file in a wheel or source distribution; of the latter without its outermost folder."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return {entry.filename: entry.file_size for entry in wheel.infolist() if not entry.is_dir()}
    with tarfile.open(path) as archive:
        return {each.name.partition("/")[2]: each.size for each in archive.getmembers() if not each.isdir()}


def faults(path: Path) -> list[str]:
    """Sentences about what is wrong with a distribution; none where it is as it should be."""
    kind, files = path.suffix, files_in(path)
    allowed = IN_WHEEL if kind == ".whl" else IN_SDIST
    found = [f"{path.name} must not hold {name!r}." for name in unwanted(files, allowed)]
    found += [f"{path.name} must hold {name!r}." for name in AT_LEAST[kind] if name not in files]
    found += [f"{name!r} in {path.name} is {size:,} bytes." for name, size in files.items() if size > LARGEST[kind]]
    if (size := path.stat().st_size) > MOST_BYTES[kind]:
        found.append(f"{path.name} must be at most {MOST_BYTES[kind]:,} bytes. It is {size:,}.")
    return found


def main() -> None:
    """Print what each file holds; exit with its faults."""
    wrong: list[str] = []
    for path in map(Path, sys.argv[1:]):
        wrong += faults(path)
        print(f"{path.name}: {len(files_in(path))} files, {path.stat().st_size:,} bytes")
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
