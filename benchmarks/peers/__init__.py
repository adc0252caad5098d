"""The contenders of each kind of work: backstory and the libraries it is held against."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

from benchmarks.peers import with_backstory, with_jax, with_onnxruntime, with_sklearn, with_torch
from benchmarks.peers.contender import Contender
from benchmarks.works import Work

TRAINING: tuple[type[Contender], ...] = (
    with_backstory.Backstory,
    with_jax.JaxScan,
    with_jax.JaxStep,
    with_torch.TorchEager,
    with_torch.TorchCompiled,
    with_sklearn.ScikitLearn,
)

CONTENDERS: Mapping[str, tuple[type[Contender], ...]] = {
    "training": TRAINING,
    "accuracy": TRAINING,
    "gradient": (
        with_backstory.BackstoryGradient,
        with_jax.JaxGradient,
        with_torch.TorchEagerGradient,
        with_torch.TorchCompiledGradient,
        with_sklearn.ScikitLearnGradient,
    ),
    "prediction": (
        with_backstory.BackstoryPrediction,
        with_onnxruntime.OnnxRuntime,
        with_onnxruntime.OnnxRuntimeBound,
        with_jax.JaxPrediction,
        with_torch.TorchEagerPrediction,
        with_torch.TorchCompiledPrediction,
        with_sklearn.ScikitLearnPrediction,
    ),
    "online": (
        with_backstory.BackstoryOnline,
        with_jax.JaxOnline,
        with_torch.TorchEagerOnline,
        with_torch.TorchCompiledOnline,
        with_sklearn.ScikitLearnOnline,
    ),
    "formula": (with_backstory.BackstoryFormula, with_backstory.BackstoryBuiltIn),
    "estimator": (with_backstory.BackstoryEstimator, with_sklearn.ScikitLearnEstimator),
}
"""By kind of work."""


def present(package: str) -> bool:
    """Whether it can be imported."""
    return importlib.util.find_spec(package) is not None


def missing() -> list[str]:
    """Packages of contenders that are not installed."""
    packages = {kind.package for kinds in CONTENDERS.values() for kind in kinds}
    return sorted(package for package in packages if not present(package))


def absences(work: Work) -> dict[str, str]:
    """Contenders of a work that cannot take part, with the reason."""
    found = {}
    for kind in CONTENDERS[work.kind]:
        reason = kind.cannot(work) if present(kind.package) else "not installed"
        if reason:
            found[kind.name] = reason
    return found
