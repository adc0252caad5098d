"""The processor's peak of fused multiply-adds, measured by a small C++ program that the system's compiler makes."""

from __future__ import annotations

import functools
import math
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("peak.cpp")
FLAGS = {"avx512": ("-march=x86-64-v4",), "avx2": ("-march=x86-64-v3",), "baseline": ()}
"""For the instruction set that the engine runs on."""


@functools.cache
def program() -> Path | None:
    """The compiled program in a folder of its own for as long as the process lives; None without a compiler."""
    from backstory.engine.native import native_module

    compiler = os.environ.get("CXX") or next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if compiler is None:
        return None
    target = Path(folder().name) / "peak"
    flags = ("-O3", "-std=c++20", "-pthread", "-ffp-contract=fast", *FLAGS[native_module().isa])
    done = subprocess.run([compiler, *flags, str(SOURCE), "-o", str(target)], capture_output=True, check=False)
    return target if done.returncode == 0 else None


@functools.cache
def folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="backstory-peak-")


def measured(threads: int, seconds: float = 0.3) -> float:
    """Floating-point operations a second on so many threads; NaN where it cannot be measured."""
    found = program()
    if found is None:
        return math.nan
    done = subprocess.run([found, str(threads), str(seconds)], capture_output=True, check=True, text=True)
    return float(done.stdout)


def bandwidth(threads: int, size: int, seconds: float = 0.1) -> float:
    """Bytes read and written a second when so many threads together add to `size` bytes; NaN if not measured."""
    found = program()
    if found is None:
        return math.nan
    command = [str(found), str(threads), str(seconds), str(size // threads)]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
