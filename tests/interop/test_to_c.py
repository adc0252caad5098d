"""Export to C: the file compiles without a warning and computes what the network predicts."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backstory as bs
from tests.interop.networks import EXTREMES, OF_ONE_UNIT, ONCE, SINE, TRICKY, close, every, neuron, rows

CC = shutil.which("cc")
WARNINGS = ("all", "extra", "pedantic", "conversion", "double-promotion", "shadow", "missing-prototypes", "error")
STRICT = ["-std=c99", *(f"-W{warning}" for warning in WARNINGS)]
needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler")


class Compiled:
    """Exported files of one folder as a shared library."""

    def __init__(self, files: Sequence[Path], *options: str) -> None:
        library = files[0].parent / f"{files[0].stem}.so"
        library.unlink(missing_ok=True)  # one that is loaded must not be written over
        command = [str(CC), *STRICT, *options, "-shared", "-fPIC", "-o", library, *files, "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self.library = ctypes.CDLL(str(library))

    def predict(self, name: str, X: Any, n_out: int) -> Any:
        function = self.library[f"{name}_predict"]
        function.restype = None
        doubles = ctypes.POINTER(ctypes.c_double)
        out = np.full((len(X), n_out), np.nan)
        for x, y in zip(np.array(X, dtype=np.float64), out, strict=True):
            function(x.ctypes.data_as(doubles), y.ctypes.data_as(doubles))
        return out


def compiled(net: bs.Network, path: Path, **how: Any) -> Any:
    net.export(path, **how)
    library = Compiled([path])
    return lambda X: library.predict(path.stem, X, net.spec.n_out)


def all_compiled(nets: dict[str, bs.Network], folder: Path) -> Compiled:
    for name, net in nets.items():
        net.export(folder / f"{name}.c")
    return Compiled([folder / f"{name}.c" for name in nets])


@needs_cc
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_activation_and_output(dtype, tmp_path):
    nets = {f"net{i}": every(hidden, pair, dtype) for i, (hidden, pair) in enumerate(ONCE)}
    library = all_compiled(nets, tmp_path)
    for name, net in nets.items():
        X = rows(net)
        close(library.predict(name, X, net.spec.n_out), net.predict(X, engine="reference"), dtype)


@needs_cc
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_extremes(dtype, tmp_path):
    nets = {f"f{i}": neuron(row, dtype) for i, row in enumerate(OF_ONE_UNIT)}
    library = all_compiled(nets, tmp_path)
    relative, tiny = (1e-13, 1e-300) if dtype == "float64" else (8e-7, 1e-37)
    for name, net in nets.items():
        far = 300 if net.spec.output == SINE else 1e4  # beyond, both its sinh and its cosh are infinite in float32
        X = np.array([x for x in EXTREMES if abs(x) < far], dtype=dtype)[:, None]
        with np.errstate(over="ignore"):
            wanted = net.predict(X, engine="reference")
        found = library.predict(name, X, 1)
        finite = np.isfinite(wanted)
        assert np.array_equal(found[~finite], wanted[~finite]), net
        cancels = abs(X) * relative / 8 if net.spec.output.name == "gelu" else 0 * X  # 1 + erf, on the left
        assert (abs(found[finite] - wanted[finite]) <= (relative * abs(wanted) + tiny + cancels)[finite]).all(), net


@needs_cc
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sizes_from_one_neuron_to_many(dtype, tmp_path):
    nets = {
        "one": bs.Network([1, 1], seed=0, dtype=dtype),
        "without_biases": bs.Network([3, 2, 1], biases=False, seed=0, dtype=dtype),
        "large": bs.Network([300, 200, 50, 10], output="softmax", loss="cross_entropy", seed=0, dtype=dtype),
    }
    for name, net in nets.items():
        X = rows(net, 3)
        close(compiled(net, tmp_path / f"{name}.c")(X), net.predict(X), dtype)


@needs_cc
def test_a_network_in_float64_as_float(tmp_path):
    net = every("tanh", ("identity", "half_squared_error"))
    close(compiled(net, tmp_path / "net.c", dtype="float32")(rows(net)), net.predict(rows(net)), "float32")
    assert "typedef float real;" in (tmp_path / "net.c").read_text()
    assert net.spec.dtype == "float64"


@needs_cc
def test_labels_cannot_break_out(tmp_path):
    labels = [label for label in TRICKY if "\x00" not in label] + ["*/ int x; /*", "??/", "/*", "//", "x" * 3000]
    net = bs.Network([2, len(labels)], output="softmax", loss="cross_entropy", seed=0)
    net.classes = labels
    predict = compiled(net, tmp_path / "net.c")
    close(predict(rows(net)), net.predict(rows(net)), "float64")
    names = (ctypes.c_char_p * len(labels)).in_dll(ctypes.CDLL(str(tmp_path / "net.so")), "net_classes")
    assert [name.decode("utf-8", "surrogatepass") for name in names if name is not None] == labels


@needs_cc
def test_activations_of_any_name(tmp_path):
    names = ["int", "real", "dense", "predict", "w1", "b1", "maximum", "exp2", "ä", "ö"]
    own = [bs.Activation(name, f"max(z, 1/{i + 2}) + 1e-300*z") for i, name in enumerate(names)]
    for dtype in ("float64", "float32"):
        net = bs.Network([2] * (len(names) + 2), hidden=own, seed=0, dtype=dtype)
        close(compiled(net, tmp_path / f"{dtype}.c")(rows(net)), net.predict(rows(net)), dtype)


@needs_cc
def test_it_needs_nothing_but_math_h(tmp_path):
    every("mish", ("softmax", "cross_entropy")).export(tmp_path / "net.c")
    text = (tmp_path / "net.c").read_text()
    assert [line for line in text.splitlines() if line.startswith("#")] == ["#include <math.h>"]


@pytest.mark.parametrize("name", ["my net", "", "2net", "ö", "a-b", "_x", 3, "a\n"])
def test_a_name_that_is_no_identifier_is_refused(name, tmp_path):
    with pytest.raises(bs.ConfigurationError, match="must be letters, digits and underscores, a letter first. Got"):
        bs.Network([2, 1], seed=0).export(tmp_path / "net.c", name=name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("file", "name"), [("my net.c", "my_net"), ("2.c", "net_2"), ("größe.c", "gr__e"), ("ö.c", "net")]
)
def test_the_file_gives_the_name(file, name, tmp_path):
    bs.Network([2, 1], seed=0).export(tmp_path / file)
    assert f"void {name}_predict(const double *x, double *out);" in (tmp_path / file).read_text()


def test_the_same_bytes_twice(tmp_path):
    net = every("gelu", ("softmax", "cross_entropy"))
    net.export(tmp_path / "a.c", name="net")
    net.copy().export(tmp_path / "b.c", name="net")
    assert (tmp_path / "a.c").read_bytes() == (tmp_path / "b.c").read_bytes()
