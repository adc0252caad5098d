"""What the package declares about itself, and what its distributions carry."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import random
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import backstory as bs
from scripts import contents
from scripts.requirements import requirements

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BASE = ["numpy", "pyarrow", "rich", "safetensors", "scikit-learn", "scipy", "typer"]


def declared() -> list[str]:
    return [*PROJECT["project"]["dependencies"], *requirements(PROJECT, "build"), *requirements(PROJECT, "all")]


def test_version_is_written_once_and_listed_in_the_changelog() -> None:
    assert importlib.metadata.version("backstory") == bs.__version__
    assert f"## [{bs.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_says_the_version_and_its_date() -> None:
    said = dict(re.findall(r'^([\w-]+): "?([^"\n]+)', (ROOT / "CITATION.cff").read_text(encoding="utf-8"), flags=re.M))
    assert said["version"] == bs.__version__
    heading = f"## [{said['version']}] - {said['date-released']}\n"
    assert heading in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert said["license"] == PROJECT["project"]["license"]


def test_base_installation_is_small() -> None:
    assert sorted(Requirement(line).name for line in PROJECT["project"]["dependencies"]) == BASE


@pytest.mark.parametrize("line", sorted(set(declared())))
def test_dependencies_have_a_lower_bound_and_no_upper_one(line: str) -> None:
    requirement = Requirement(line)
    operators = [specifier.operator for specifier in requirement.specifier]
    assert operators == (["=="] if requirement.name == "torch" else [">="])


def test_all_is_every_extra_together() -> None:
    extras = set(PROJECT["project"]["optional-dependencies"]) - {"all"}
    together = {line for extra in extras for line in requirements(PROJECT, extra)}
    assert set(requirements(PROJECT, "all")) == together


def test_an_unknown_extra_names_the_known_ones() -> None:
    with pytest.raises(SystemExit, match=r"must be an extra .*\bplot\b.* Got 'plots'"):
        requirements(PROJECT, "plots")


def test_command_and_type_marker_are_installed() -> None:
    (command,) = importlib.metadata.entry_points(group="console_scripts", name="backstory")
    assert callable(command.load())
    assert importlib.resources.files("backstory").joinpath("py.typed").is_file()


def test_source_distribution_carries_all_that_a_build_needs(tmp_path: Path) -> None:
    build = "import sys; from scikit_build_core.build import build_sdist; print(build_sdist(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.glob("backstory-*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.split("/", 1)[1] for name in opened.getnames() if "/" in name}
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "native").rglob("*.[ch]pp")]
    needed = {"pyproject.toml", "CMakeLists.txt", "LICENSE", "README.md", "src/backstory/py.typed"}
    needed |= {path.relative_to(ROOT).as_posix() for path in sources}
    assert needed <= names
    assert contents.faults(archive) == []


def wheel(path: Path, names: dict[str, bytes]) -> Path:
    """A file with the names of a wheel of this checkout, and more."""
    package = ROOT / "src" / "backstory"
    own = [each for each in package.rglob("*") if each.is_file() and each.suffix != ".pyc"]
    info = f"backstory-{bs.__version__}.dist-info"
    extra = {f"{info}/{name}": b"" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    with zipfile.ZipFile(path / "backstory-0-py3-none-any.whl", "w") as file:
        for name in [each.relative_to(package.parent).as_posix() for each in own]:
            file.writestr(name, b"")
        for name, content in (extra | names).items():
            file.writestr(name, content)
    return path / "backstory-0-py3-none-any.whl"


def test_a_wheel_of_this_checkout_holds_nothing_that_it_should_not(tmp_path: Path) -> None:
    assert contents.faults(wheel(tmp_path, {})) == []


@pytest.mark.parametrize(
    "name",
    [
        "tests/test_model.py",
        "backstory/.env",
        "backstory/notes.md",
        "backstory/__pycache__/errors.cpython-311.pyc",
        "backstory/studio/static/big.png",
        "backstory/_native_sse.cpython-311-x86_64-linux-gnu.so",
        "backstory/libasan.so.8",
        "backstory/digits.safetensors",
        "build/CMakeCache.txt",
        "../outside.py",
    ],
)
def test_what_does_not_belong_into_a_wheel_is_named(tmp_path: Path, name: str) -> None:
    (fault,) = contents.faults(wheel(tmp_path, {name: b""}))
    assert fault == f"backstory-0-py3-none-any.whl must not hold {name!r}."


def test_what_is_too_large_or_not_there_is_named(tmp_path: Path) -> None:
    size = contents.LARGEST[".whl"] + 1
    large = contents.faults(wheel(tmp_path, {"backstory/_native_avx2.abi3.so": random.Random(0).randbytes(size)}))
    assert [re.sub(r"[\d,]+", "N", fault) for fault in large] == [
        "'backstory/_native_avxN.abiN.so' in backstory-N-pyN-none-any.whl is N bytes.",
        "backstory-N-pyN-none-any.whl must be at most N bytes. It is N.",
    ]
    with zipfile.ZipFile(tmp_path / "empty.whl", "w"):
        pass
    assert contents.faults(tmp_path / "empty.whl")[0] == "empty.whl must hold 'backstory/py.typed'."
