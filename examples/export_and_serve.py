"""A trained network for other programs: ONNX, C and plain Python that take raw columns; to PyTorch and back, and in.

    python examples/export_and_serve.py [TABLE] [FOLDER]

TABLE has the columns of Adult, one named split (train, test) among them; by default it is 2,000 rows of Adult, which
lie beside this script. Everything is written to FOLDER, by default a new one. Each part needs what it is about: onnx
and onnxruntime, a C compiler, PyTorch; it says so where that is missing.
"""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.neural_network import MLPClassifier

import backstory as bs

TABLE = Path(__file__).parent / "data" / "adult-sample.csv.gz"
TARGET = "income"


def compare(what: str, found: Any, wanted: Any) -> None:
    """Say how far two sets of probabilities are apart."""
    print(f"{what:<34}largest difference {np.abs(np.asarray(found) - wanted).max():.1e}")


def in_onnxruntime(net: bs.Network, rows: pd.DataFrame, folder: Path) -> None:
    """The graph takes every raw column by its name, (n, 1): numbers as float64, texts as strings."""
    import onnxruntime

    net.export(folder / "income.onnx")
    session = onnxruntime.InferenceSession(folder / "income.onnx", providers=["CPUExecutionProvider"])
    types = {"tensor(double)": np.float64, "tensor(string)": object}
    columns = {each.name: rows[[each.name]].to_numpy(types[each.type]) for each in session.get_inputs()}
    label, probabilities = session.run(["label", "probabilities"], columns)
    compare("ONNX in onnxruntime, raw columns", probabilities, net.predict(rows))
    print(f"{'':<34}accuracy {np.mean(label == rows[TARGET]):.4f}")


def back_from_onnx(net: bs.Network, rows: pd.DataFrame, folder: Path) -> None:
    """Rows of numbers are what a network reads, so the encoding of the columns is cut off first."""
    from onnx.utils import extract_model

    extract_model(folder / "income.onnx", folder / "rows.onnx", ["inputs"], ["probabilities"])
    again = bs.from_onnx(folder / "rows.onnx")
    compare("back from ONNX", again.predict(net.table.inputs(rows)), net.predict(rows))


def in_c(net: bs.Network, rows: pd.DataFrame, folder: Path) -> None:
    """One file that needs math.h alone; texts go in as the codes that it gives for them."""
    net.export(folder / "income.c")
    options = ["-std=c99", "-O2", "-shared", "-fPIC", "-o", folder / "income.so", folder / "income.c", "-lm"]
    subprocess.run([shutil.which("cc"), *options], check=True)
    library = ctypes.CDLL(str(folder / "income.so"))
    library.income_code.restype = ctypes.c_double
    x = np.empty((len(rows), len(net.table.features)))
    for place, name in enumerate(net.table.features):
        is_number = pd.api.types.is_numeric_dtype(rows[name])
        x[:, place] = rows[name] if is_number else [library.income_code(place, text.encode()) for text in rows[name]]
    doubles = ctypes.POINTER(ctypes.c_double)
    found = np.empty((len(rows), len(net.classes)))
    for given, gives in zip(x, found, strict=True):
        library.income_predict(given.ctypes.data_as(doubles), gives.ctypes.data_as(doubles))
    compare("C, compiled", found, net.predict(rows))


def in_python(net: bs.Network, rows: pd.DataFrame, folder: Path) -> None:
    """One module that imports math alone, for where NumPy is not; it takes a dict."""
    net.export(folder / "income.py")
    place = importlib.util.spec_from_file_location("income", folder / "income.py")
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    some = rows.head(100)
    compare("Python, first 100 rows", [module.predict(row) for row in some.to_dict("records")], net.predict(some))


def through_torch(net: bs.Network, rows: pd.DataFrame, folder: Path) -> None:
    """A torch.nn.Sequential with the same weights, and a network made of it again."""
    import torch

    X = net.table.inputs(rows, "float32")
    module = net.to_torch()
    with torch.no_grad():
        compare("PyTorch", module(torch.from_numpy(X)).numpy(), net.predict(rows))
    compare("back from PyTorch", bs.from_torch(module).predict(X), net.predict(rows))


def from_scikit_learn(net: bs.Network, rows: pd.DataFrame, folder: Path) -> None:
    """An estimator trained elsewhere answers the same questions."""
    X = net.table.inputs(rows)
    estimator = MLPClassifier((16,), random_state=0, early_stopping=True).fit(X, rows[TARGET])
    other = bs.from_sklearn(estimator)
    compare("scikit-learn's MLP, as a Network", other.predict(X)[:, 0], estimator.predict_proba(X)[:, 1])
    print(f"{'':<34}and its equations are judged: {other.check('delta2[0] = a2[0] - y[0]').status}")


PARTS = (
    (in_onnxruntime, "onnx", "onnxruntime"), (back_from_onnx, "onnx"), (in_c,), (in_python,), (through_torch, "torch"),
    (from_scikit_learn,),
)  # fmt: skip
"""Each part with the libraries it needs."""


def main(table: Path, folder: Path) -> None:
    """Train once, then take the network everywhere."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = pd.read_csv(table)
    net = bs.train(rows, TARGET, seed=0, plain=True)
    test = rows[rows["split"] == "test"]
    print(f"{net}\n")
    for part, *libraries in PARTS:
        missing = [name for name in libraries if importlib.util.find_spec(name) is None]
        if part is in_c and shutil.which("cc") is None:
            missing = ["a C compiler named cc"]
        if missing:
            print(f"{part.__name__} is left out: it needs {' and '.join(missing)}.")
        else:
            part(net, test, folder)
    print(f"\nWritten to {folder}: {', '.join(sorted(path.name for path in folder.iterdir() if path.is_file()))}.")


if __name__ == "__main__":
    given = [Path(word) for word in sys.argv[1:]]
    main(*given, *[TABLE, Path(tempfile.mkdtemp(prefix="backstory-"))][len(given) :])
