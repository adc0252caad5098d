"""The model file: safetensors, with the spec as JSON in its header. Loading one runs no code.

A file is written beside its place and moved there whole, so a full disk or a killed process leaves the old one.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.errors import BackstoryError, ModelFileError
from backstory.network.spec import Spec

Array = NDArray[Any]
FORMAT = 3
"""Version of the format; a reader refuses newer ones. 2 brought tables whose columns are of several kinds, 3 networks
with more than dense layers; a file says the oldest that can read it."""
_READERS = {".onnx": "bs.from_onnx", ".npz": "bs.from_npz"}
"""Ending of a file that is none -> what reads it."""


def save(path: str | os.PathLike[str], spec: Spec, flat: Array, extra: Mapping[str, Any]) -> None:
    """Write spec, parameters and `extra` (plain data) to a file.

    Raises
    ------
    OSError
        The place cannot be written; an older file there is left as it was.
    """
    from safetensors.numpy import save as to_bytes

    tensors = {name: flat[at : at + int(np.prod(shape))].reshape(shape) for name, at, shape in spec.layout}
    oldest = 2 if spec.is_plain and spec.parametrization == "standard" else FORMAT
    content = {"format": oldest, "spec": spec.to_dict(), **extra}
    header = {"backstory": json.dumps({**content, "sha256": _digest(content, flat)})}
    write_whole(Path(path), to_bytes(tensors, metadata=header))


def _digest(content: Mapping[str, Any], flat: Array) -> str:
    """SHA-256 over the header's content and the parameters, to notice alterations."""
    text = json.dumps(content, sort_keys=True)
    little_endian = flat.astype(flat.dtype.newbyteorder("<"), copy=False)
    return hashlib.sha256(text.encode() + little_endian.tobytes()).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once, or leave it as it was."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"No folder {str(path.parent)!r} to write {path.name!r} into; create it first.")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # mkstemp makes files private; a model file gets the usual mode
        os.replace(name, path)
        _flush_folder(path.parent)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _flush_folder(folder: Path) -> None:
    """Have a folder's entries on the disk, so that a file's new name outlives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def load(path: str | os.PathLike[str]) -> tuple[Spec, Array, dict[str, Any]]:
    """Read (spec, flat parameters, extra) back.

    Raises
    ------
    ModelFileError
        The file is cut short, altered, foreign, or of a newer format.
    FileNotFoundError
        There is none.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No model file at {str(path)!r}; check the path, or write one with net.save(path).")
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get("backstory", "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no mapping
    except (SafetensorError, ValueError, OSError, RecursionError) as error:
        reader = _READERS.get(path.suffix.lower())
        advice = "It was cut short or altered; take a copy of it, or train and save again."
        if reader is not None:
            advice = f"A file of that name is read with {reader}; net.save and 'backstory train' write model files."
        raise ModelFileError(f"{str(path)!r} is not a whole safetensors file ({error}). {advice}") from None
    if not isinstance(header, dict):
        raise ModelFileError(f"{str(path)!r} holds no backstory network. Load a file written by net.save(path).")
    if not isinstance(header.get("format"), int) or header["format"] > FORMAT:
        raise ModelFileError(
            f"{str(path)!r} has format {header.get('format')!r}, and this version of backstory reads up to {FORMAT}. "
            "Upgrade backstory to read it."
        )
    digest = header.pop("sha256", None)
    try:
        spec = Spec.from_dict(header["spec"])
    except (BackstoryError, KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise ModelFileError(
            f"The header of {str(path)!r} describes no network ({error}). The file was altered."
        ) from None
    wanted = {name: (shape, spec.dtype) for name, _, shape in spec.layout}
    found = {name: (tensor.shape, tensor.dtype.name) for name, tensor in tensors.items()}
    if wanted != found:
        raise ModelFileError(f"The arrays in {str(path)!r} do not fit its network. The file was altered.")
    flat = np.concatenate([tensors[name].reshape(-1) for name, _, _ in spec.layout])
    if _digest(header, flat) != digest:
        raise ModelFileError(f"{str(path)!r} was altered after it was saved: its checksum differs. Take a copy of it.")
    return spec, flat, {key: value for key, value in header.items() if key not in ("format", "spec")}
