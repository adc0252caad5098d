"""Train a neural network by backpropagation, fast, and ask any gradient for its backstory.

Importing this package loads NumPy and nothing heavier; every name below is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as _numpy  # noqa: F401 - all of backstory stands on it, so the first use of a name need not load it

__version__ = "0.1.0"

if TYPE_CHECKING:
    from backstory.auditing.audit import audit as audit
    from backstory.auditing.report import Report as Report
    from backstory.configuration import show_config as show_config
    from backstory.data.rows import Rows as Rows
    from backstory.data.rows import open_rows as open_rows
    from backstory.data.table import Table as Table
    from backstory.distributed.shards import Shards as Shards
    from backstory.errors import BackstoryError as BackstoryError
    from backstory.errors import BusyError as BusyError
    from backstory.errors import CheckpointError as CheckpointError
    from backstory.errors import ConfigurationError as ConfigurationError
    from backstory.errors import DataError as DataError
    from backstory.errors import DivergenceError as DivergenceError
    from backstory.errors import ExpressionError as ExpressionError
    from backstory.errors import ModelFileError as ModelFileError
    from backstory.estimators import MLPClassifier as MLPClassifier
    from backstory.estimators import MLPRegressor as MLPRegressor
    from backstory.functions import ELU as ELU
    from backstory.functions import L1 as L1
    from backstory.functions import L2 as L2
    from backstory.functions import Activation as Activation
    from backstory.functions import BinaryCrossEntropy as BinaryCrossEntropy
    from backstory.functions import Constant as Constant
    from backstory.functions import CrossEntropy as CrossEntropy
    from backstory.functions import Elastic as Elastic
    from backstory.functions import Huber as Huber
    from backstory.functions import LeakyReLU as LeakyReLU
    from backstory.functions import Loss as Loss
    from backstory.functions import Normal as Normal
    from backstory.functions import Quantile as Quantile
    from backstory.functions import Uniform as Uniform
    from backstory.functions.front import Periodic as Periodic
    from backstory.model.formulas import Formulas as Formulas
    from backstory.model.imports import from_keras as from_keras
    from backstory.model.imports import from_onnx as from_onnx
    from backstory.model.imports import from_sklearn as from_sklearn
    from backstory.model.imports import from_torch as from_torch
    from backstory.model.network import Gradients as Gradients
    from backstory.model.network import Network as Network
    from backstory.model.network import from_npz as from_npz
    from backstory.model.network import load as load
    from backstory.model.tables import train as train
    from backstory.reporting.report import TableReport as TableReport
    from backstory.reporting.report import report as report
    from backstory.story.compare import Comparison as Comparison
    from backstory.story.compare import compare as compare
    from backstory.studio.standalone import figure as figure
    from backstory.studio.widget import Studio as Studio
    from backstory.training.arguments import Clip as Clip
    from backstory.training.callbacks import EarlyStopping as EarlyStopping
    from backstory.training.callbacks import Event as Event
    from backstory.training.callbacks import EveryEpoch as EveryEpoch
    from backstory.training.callbacks import EverySteps as EverySteps
    from backstory.training.checkpoints import Checkpoint as Checkpoint
    from backstory.training.history import History as History
    from backstory.training.optimizers import LBFGS as LBFGS
    from backstory.training.optimizers import SGD as SGD
    from backstory.training.optimizers import Adagrad as Adagrad
    from backstory.training.optimizers import Adam as Adam
    from backstory.training.optimizers import AdamW as AdamW
    from backstory.training.optimizers import Lion as Lion
    from backstory.training.optimizers import Polyak as Polyak
    from backstory.training.optimizers import Quotient as Quotient
    from backstory.training.optimizers import RMSProp as RMSProp
    from backstory.training.optimizers import Rprop as Rprop
    from backstory.training.schedules import Cosine as Cosine
    from backstory.training.schedules import CosLog as CosLog
    from backstory.training.schedules import Exponential as Exponential
    from backstory.training.schedules import FlatCos as FlatCos
    from backstory.training.schedules import InverseTime as InverseTime
    from backstory.training.schedules import OneCycle as OneCycle
    from backstory.training.schedules import ReduceOnPlateau as ReduceOnPlateau
    from backstory.training.schedules import Step as Step

_HOMES = {
    "backstory.auditing.audit": "audit",
    "backstory.auditing.report": "Report",
    "backstory.data.rows": "Rows open_rows",
    "backstory.data.table": "Table",
    "backstory.distributed.shards": "Shards",
    "backstory.errors": "BackstoryError BusyError CheckpointError ConfigurationError DataError DivergenceError "
    "ExpressionError ModelFileError",
    "backstory.estimators": "MLPClassifier MLPRegressor",
    "backstory.functions": "Activation BinaryCrossEntropy Constant CrossEntropy ELU Elastic Huber L1 L2 LeakyReLU Loss "
    "Normal Quantile Uniform",
    "backstory.functions.front": "Periodic",
    "backstory.model.formulas": "Formulas",
    "backstory.model.imports": "from_keras from_onnx from_sklearn from_torch",
    "backstory.model.network": "Gradients Network from_npz load",
    "backstory.model.tables": "train",
    "backstory.configuration": "show_config",
    "backstory.reporting.report": "TableReport report",
    "backstory.story.compare": "Comparison compare",
    "backstory.studio.standalone": "figure",
    "backstory.studio.widget": "Studio",
    "backstory.training.arguments": "Clip",
    "backstory.training.callbacks": "EarlyStopping Event EveryEpoch EverySteps",
    "backstory.training.checkpoints": "Checkpoint",
    "backstory.training.history": "History",
    "backstory.training.optimizers": "Adagrad Adam AdamW LBFGS Lion Polyak Quotient RMSProp Rprop SGD",
    "backstory.training.schedules": "CosLog Cosine Exponential FlatCos InverseTime OneCycle ReduceOnPlateau Step",
}
"""Which module each public name lives in."""

_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__"]  # sorted, and the names above: written out by the line below
__all__ = sorted([*__all__, *_HOME])


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'backstory' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
