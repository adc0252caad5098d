"""Exporting as such: which format, whole files or none, what cannot be exported."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import backstory as bs
from backstory.interop.export import FORMATS


def test_the_ending_says_the_format_and_so_does_format(tmp_path):
    net = bs.Network([2, 1], seed=0)
    net.export(str(tmp_path / "a.PY"))
    net.export(tmp_path / "b", format="python")
    assert (tmp_path / "a.PY").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("path", "how", "message"),
    [
        ("net.txt", {}, r"a file whose name ends in one of .*\.py.* Got 'net.txt'; rename it, or say format="),
        ("net", {}, "Got 'net'; rename it"),
        ("net.c", {"format": "pyhton"}, "Unknown format 'pyhton'. Did you mean 'python'"),
        ("net.c", {"format": 3}, "Unknown format 3"),
        ("net.c", {"dtype": "float16"}, "Unknown dtype 'float16'"),
        ("net.c", {"dtype": "flaot32"}, "Unknown dtype 'flaot32'. Did you mean 'float32'"),
    ],
)
def test_what_is_unknown(path, how, message, tmp_path):
    with pytest.raises(bs.ConfigurationError, match=message):
        bs.Network([2, 1], seed=0).export(tmp_path / path, **how)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", FORMATS)
def test_parameters_that_are_not_finite_are_refused(format, tmp_path):
    net = bs.Network([2, 3, 1], seed=0)
    net.biases[0][1] = np.nan
    with pytest.raises(
        bs.ConfigurationError, match="must have finite parameters to be exported or imported. Its b1 holds nan"
    ):
        net.export(tmp_path / "net", format=format)


def test_parameters_beyond_float32_are_refused(tmp_path):
    net = bs.Network([2, 3, 1], seed=0)
    net.weights[1][0] = 1e300
    with pytest.raises(bs.ConfigurationError, match="Its w2 holds inf"):
        net.export(tmp_path / "net.c", dtype="float32")


@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_leaves_the_old_file(format, tmp_path, monkeypatch):
    path = tmp_path / "net"
    path.write_text("old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        bs.Network([2, 1], seed=0).export(path, format=format)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["net"]


@pytest.mark.parametrize(
    ("library", "message"),
    [
        ("onnx", "^ONNX files need the extra 'onnx'; 'onnx' is missing. Run: pip install 'backstory.onnx.'.$"),
        ("torch", "^A PyTorch module needs PyTorch; 'torch' is missing. Run: pip install torch.$"),
    ],
)
def test_a_library_that_is_missing(library, message, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(bs.ConfigurationError, match=message):
        bs.Network([2, 1], seed=0).export(tmp_path / "net", format=library)


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="No folder .* to write 'net.c' into; create it first"):
        bs.Network([2, 1], seed=0).export(Path(tmp_path, "none", "net.c"))
