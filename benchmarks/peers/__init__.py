"""The contenders of a timing: backstory and the libraries it is held against."""

from __future__ import annotations

import importlib.util

from benchmarks.peers.contender import Contender
from benchmarks.peers.with_backstory import Backstory
from benchmarks.peers.with_jax import JaxScan, JaxStep
from benchmarks.peers.with_sklearn import ScikitLearn
from benchmarks.peers.with_torch import TorchEager

CONTENDERS: tuple[type[Contender], ...] = (Backstory, JaxScan, JaxStep, TorchEager, ScikitLearn)


def missing() -> list[str]:
    """Packages of contenders that are not installed."""
    return [kind.package for kind in CONTENDERS if importlib.util.find_spec(kind.package) is None]
