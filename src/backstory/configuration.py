"""`show_config`: what a bug report or a puzzled user needs to know about this installation."""

from __future__ import annotations

import os
import platform
from importlib import metadata

from backstory import __version__

OPTIONAL = {
    "pandas": "History.to_frame",
    "matplotlib": "History.plot (extra 'plot')",
    "torch": "from_torch (extra 'torch')",
    "keras": "from_keras (extra 'keras')",
    "onnx": "from_onnx, Network.export (extra 'onnx')",
    "jax": "benchmarks (extra 'bench')",
}
"""Libraries that the base installation does without, and what they are for."""
BASE = ("numpy", "scipy", "scikit-learn", "pyarrow", "safetensors", "typer", "rich")


def show_config() -> None:
    """Print version, instruction set, threads, and which optional parts are installed.

    Examples
    --------
    >>> show_config()  # doctest: +ELLIPSIS
    backstory        ...
    instruction set  ...
    threads          ...
    """
    rows = [
        (
            "backstory",
            f"{__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        ),
        ("instruction set", _instruction_set()),
        ("threads", _threads()),
        *((name, _version(name)) for name in BASE),
        *((name, f"{_version(name)} - optional, for {purpose}") for name, purpose in OPTIONAL.items()),
    ]
    for name, value in rows:
        print(f"{name:<15}  {value}")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _instruction_set() -> str:
    from backstory.engine.native import native_module
    from backstory.errors import BackstoryError

    try:
        module = native_module()
    except (ImportError, BackstoryError) as error:
        return f"none: {error}"
    forced = " (set by BACKSTORY_ISA)" if os.environ.get("BACKSTORY_ISA") else ""
    return f"{module.isa}{forced}"


def _threads() -> str:
    from backstory.engine.native import default_threads

    cores = os.cpu_count() or 1
    return f"{default_threads()} of {cores} (affinity, cgroup quota and OMP_NUM_THREADS allow)"
