"""``backstory audit``: whether a gradient in somebody's Python file is that of its loss, and if not, why."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.auditing.audit import audit
from backstory.auditing.report import Report
from backstory.data.files import read
from backstory.data.frame import Frame
from backstory.errors import ConfigurationError, nearest
from backstory.model.network import Network
from backstory.reporting.terminal import console

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 3}
MODULE_NAME = "audited_file"


def run(source: str, data: Path | None, target: str | None, form: str) -> int:
    """Print a report, and return the exit code: 0 pass, 1 fail, 3 inconclusive."""
    path, name = place(source)
    with contextlib.redirect_stdout(sys.stderr):  # what the file prints is no part of the report
        report = audited(named(load(path), path, name), data, target, f"{path.name}:{name}")
    if form == "json":
        print(json.dumps(report.to_dict(), allow_nan=False))
    else:
        console().print(str(report), markup=False)
    return EXIT_CODES[report.verdict]


def place(source: str) -> tuple[Path, str]:
    """Split ``FILE.py:NAME``.

    Raises
    ------
    ConfigurationError
        It has no name.
    """
    file, _, name = source.rpartition(":")
    if not file or not name.isidentifier():
        raise ConfigurationError(f"audit must be told a file and a name in it, FILE.py:NAME. Got {source!r}.")
    return Path(file), name


def load(path: Path) -> ModuleType:
    """Run a Python file, its own folder first on the path, and return it as a module.

    Raises
    ------
    FileNotFoundError, ConfigurationError
        There is none, or it does not run to its end.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"The code to audit must be a Python file. {str(path)!r} does not exist; check the path."
        )
    spec = importlib.util.spec_from_file_location(MODULE_NAME, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"The code to audit must be a Python file, named *.py. Got {path.name!r}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE_NAME] = module  # dataclasses and pickles look a class's module up
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigurationError(f"{path.name} must run to its end. It raised {_told(error)}") from error
    finally:
        sys.path.remove(str(path.parent.resolve()))
    return module


def named(module: ModuleType, path: Path, name: str) -> Any:
    """What a name stands for in a module.

    Raises
    ------
    ConfigurationError
        Nothing; the nearest name is offered.
    """
    if not hasattr(module, name):
        guess = nearest(name, [each for each in vars(module) if not each.startswith("_")])
        hint = f" Did you mean {guess!r}?" if guess else ""
        raise ConfigurationError(f"{path.name} must define {name!r}, and does not.{hint}")
    return getattr(module, name)


def audited(value: Any, data: Path | None, target: str | None, source: str) -> Report:
    """Audit what a name stands for: an estimator, or a function that returns what `audit` takes.

    Raises
    ------
    ConfigurationError
        It is neither, the function raises, or data and what there is to audit do not go together.
    """
    if not _can_be_fed(value):
        if not callable(value):
            raise ConfigurationError(
                f"{source} must be a function without arguments that returns what bs.audit takes, or an estimator. "
                f"Got {type(value).__name__}."
            )
        try:
            value = value()
        except Exception as error:
            raise ConfigurationError(f"{source}() must run without arguments. It raised {_told(error)}") from error
    if isinstance(value, Report):
        return value
    if isinstance(value, dict):
        return audit(**value)
    if isinstance(value, tuple | list):
        return audit(*value)
    if data is None:
        raise ConfigurationError(
            f"{source} is a {type(value).__name__}, which needs rows: add --data FILE --target COL."
        )
    frame = read(data, target)
    if target is None and "y" not in frame.columns:
        raise ConfigurationError("audit must be told which column is the target. Got no --target; add --target COLUMN.")
    return audit(value, *_rows(value, frame, target or "y"))


def _can_be_fed(value: Any) -> bool:
    """Whether it is an estimator or a network, which take rows, and no class of them."""
    return not isinstance(value, type) and (hasattr(value, "fit") or isinstance(value, Network))


def _rows(value: Any, frame: Frame, target: str) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Inputs and targets of a table: raw numbers, unless a network brings the encoding of its table."""
    table = getattr(value, "table", None)
    if table is not None:
        return table.inputs(frame), table.targets(frame)
    names = [name for name in frame.columns if name != target]
    if not names:
        raise ConfigurationError(f"{frame.name} must have columns beside the target {target!r}. It has none.")
    y = np.asarray(frame.column(target, "the target").to_numpy())
    X = np.column_stack([frame.numbers(name) for name in names])
    return X, np.unique(y, return_inverse=True)[1] if y.dtype == object and isinstance(value, Network) else y


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(".") + "; run it by itself to see where."
