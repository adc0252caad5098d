"""The machine that is measured on, and the limits that hold for everybody on it.

It imports nothing that starts threads, because limits must be set before that.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = ("numpy", "jax", "torch", "scikit-learn", "onnxruntime")


def limit(threads: int) -> int:
    """Allow this process and all libraries in it so many processors; call it before they are imported.

    Returns
    -------
    int
        How many it really is: no more than the machine has.
    """
    allowed = sorted(os.sched_getaffinity(0))[:threads] if hasattr(os, "sched_getaffinity") else []
    if allowed:
        os.sched_setaffinity(0, allowed)  # JAX has no other setting
        threads = len(allowed)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    return threads


def processor() -> str:
    """The processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions() -> str:
    """Python's version and those of the packages that are there."""
    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def busy() -> float:
    """Processes that want to run, averaged over the last minute: what else the machine was doing."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
