"""A trained network as a NumPy archive: arrays w1, b1, w2, ..., and all else as JSON beside them."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from backstory.data.files import stored_arrays
from backstory.data.table import Table
from backstory.errors import BackstoryError, DataError, ModelFileError
from backstory.interop.trained import Trained
from backstory.network.spec import Spec

KEY = "backstory"
"""The array that holds the JSON text."""


def write(trained: Trained) -> bytes:
    """The file's content."""
    spec = trained.spec
    content = {
        "spec": spec.to_dict(),
        "seed": trained.seed,
        "classes": None if trained.classes is None else np.asarray(trained.classes).tolist(),
        "table": None if trained.table is None else trained.table.to_dict(),
        "folded": list(trained.folded),
    }
    arrays = {
        name: trained.parameters[start : start + int(np.prod(shape))].reshape(shape)
        for name, start, shape in spec.layout
    }
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays, **{KEY: np.array(json.dumps(content))})
    return file.getvalue()


def read(path: str | os.PathLike[str]) -> Trained:
    """Read such a file back; runs no code from it.

    Raises
    ------
    ModelFileError
        It is damaged, or holds something else.
    FileNotFoundError
        There is none.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No file at {str(path)!r}; check the path, or write one with net.export(path).")
    try:
        arrays = stored_arrays(path)
    except DataError as error:
        raise ModelFileError(f"{str(path)!r} is not a whole .npz file ({error}). Export it again.") from None
    if KEY not in arrays:
        raise ModelFileError(f"{str(path)!r} holds no backstory network. Read a file written by net.export(path).")
    try:
        return _trained(arrays)
    except (BackstoryError, KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise ModelFileError(f"{str(path)!r} describes no network ({error}). The file was altered.") from None


def _trained(arrays: dict[str, Any]) -> Trained:
    content = json.loads(str(arrays[KEY]))
    spec = Spec.from_dict(content["spec"])
    for name, _, shape in spec.layout:
        if arrays[name].shape != shape or arrays[name].dtype != spec.dtype:
            raise ValueError(f"{name} must be {spec.dtype} {shape}, got {arrays[name].dtype} {arrays[name].shape}")
    flat = np.concatenate([arrays[name].reshape(-1) for name, _, _ in spec.layout])
    classes, table = content["classes"], content["table"]
    return Trained(
        spec,
        flat,
        int(content["seed"]),
        None if classes is None else tuple(classes),
        None if table is None else Table.from_dict(table),
        tuple(content["folded"]),
    )
