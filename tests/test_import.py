"""`import backstory` is quick, loads nothing heavy, and offers exactly what `__all__` says."""

from __future__ import annotations

import importlib
import inspect
import json
import statistics
import subprocess
import sys
import types
from typing import Any

import pytest

import backstory as bs

HEAVY = (
    "IPython", "jax", "keras", "matplotlib", "onnx", "pandas", "pyarrow", "rich", "safetensors", "scipy", "sklearn",
    "torch", "typer",
)  # fmt: skip
TIME_IMPORT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def import_seconds(module: str) -> float:
    return float(run(TIME_IMPORT.format(module)))


def test_importing_takes_at_most_half_longer_than_numpy() -> None:
    """Medians of interleaved fresh processes; a busy machine may ask for more pairs, never for a looser bound."""
    import_seconds("numpy"), import_seconds("backstory")  # the first run reads the files from disk
    numpy, backstory = [], []
    for _ in range(4):
        for _ in range(7):
            numpy.append(import_seconds("numpy"))
            backstory.append(import_seconds("backstory"))
        ratio = statistics.median(backstory) / statistics.median(numpy)
        if ratio <= 1.5:
            return
    pytest.fail(f"import backstory must take at most 1.5 times import numpy. Got {ratio:.2f} times.")


def test_importing_loads_numpy_and_nothing_heavier() -> None:
    loaded = json.loads(run("import backstory, json, sys; print(json.dumps(sorted(sys.modules)))"))
    roots = {name.split(".")[0] for name in loaded}
    assert "numpy" in roots
    assert not roots & set(HEAVY)


def test_all_is_sorted_and_has_no_repetition() -> None:
    assert list(bs.__all__) == sorted(set(bs.__all__))


@pytest.mark.parametrize("name", bs.__all__)
def test_every_name_in_all_can_be_imported(name: str) -> None:
    assert getattr(bs, name) is not None


def is_own(value: Any) -> bool:
    """Made by this package: not a module of its tree, nor a name that the package itself imports from elsewhere."""
    return not isinstance(value, types.ModuleType) and getattr(value, "__module__", "").startswith("backstory")


def test_what_can_be_imported_is_in_all() -> None:
    public = {name for name in dir(bs) if not name.startswith("_") and is_own(getattr(bs, name))}
    assert public == set(bs.__all__) - {"__version__"}


def test_star_import_gives_the_same_names() -> None:
    names = json.loads(run("import json; from backstory import *; print(json.dumps(sorted(globals())))"))
    assert set(bs.__all__) - {"__version__"} <= set(names)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Netwrok"):
        _ = bs.Netwrok


PUBLIC = {name: getattr(bs, name) for name in bs.__all__ if isinstance(getattr(bs, name), type | types.FunctionType)}


def documented(value: Any) -> set[str]:
    """The methods and properties of a class that have a docstring, or inherit one."""
    return {key for key in dir(value) if inspect.getdoc(inspect.getattr_static(value, key))}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_objects_say_what_they_are_and_where_they_are_from(name: str) -> None:
    """A docstring (a method's may stand in the protocol beside it), and a home to be found at again when unpickled."""
    value = PUBLIC[name]
    home = importlib.import_module(value.__module__)
    assert value.__doc__
    assert hasattr(home, value.__name__)
    methods = {key for key, member in vars(value).items() if isinstance(member, types.FunctionType | property)}
    protocols = [other for other in vars(home).values() if getattr(other, "_is_protocol", False)]
    said = documented(value).union(*map(documented, protocols))
    assert {key for key in methods - said if not key.startswith("_")} == set()
