"""Networks with a table, in every language: raw columns in, the target's units or probabilities out."""

from __future__ import annotations

import ctypes
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.data.columns import Category, Flag, Number
from backstory.data.table import Table
from backstory.data.target import Target
from tests.interop.networks import TRICKY, close
from tests.interop.test_to_c import CC, Compiled
from tests.interop.test_to_python import scope_of

ODD = '*/ int x; /* "\n\\'
COLUMNS = (
    Number("age", 40.0, 10.0, limit=3.0, fill=38.0, indicator=True),
    Category(ODD, ("red", 'b"lue*/', "ö"), other=True, missing=True),
    Number("w1", 1e9, 0.25, limit=3.0, fill=1e9),
    Flag("alone"),
    Number("y'''", 0.0, 1.0, fill=0.5),
    Category("kind", ("a", "b")),
    Category("X", ("3", "4"), missing=True),
)
FRAME: dict[str, list[Any]] = {
    "age": [40.0, None, 12.5, 1e300, -1e300, 38.0],
    ODD: ["red", "ö", None, "mauve", 'b"lue*/', "red"],
    "w1": [1e9 + 0.125, 1e9 - 0.5, None, 1e9, 1e9 + 3, 0.0],
    "alone": ["yes", "NO", None, "True", "0", "perhaps"],
    "y'''": [1.0, -2.0, 0.25, None, 3.0, 0.0],
    "kind": ["a", "b", None, "c", "a", "b"],
    "X": ["3", "4", None, "5", "3", "?"],
}


def network(dtype: str, classes: list[Any] | None = None) -> bs.Network:
    table = Table(COLUMNS, Target("target*/", None if classes is None else tuple(classes), 1e6, 0.125))
    sizes = [len(table.input_names), 6, 1 if classes is None else len(classes)]
    output, loss = ("identity", "half_squared_error") if classes is None else ("softmax", "cross_entropy")
    net = bs.Network(sizes, hidden="gelu", output=output, loss=loss, seed=0, dtype=dtype)
    net.table, net.classes = table, classes
    return net


@pytest.mark.parametrize("language", ["python", "c", "onnx"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_are_kept_within_the_targets_range(language, dtype, tmp_path):
    net = network(dtype)
    free = net.predict(FRAME, engine="reference")[:, 0]
    low, high = sorted(free)[1], sorted(free)[-2]
    net.table = dataclasses.replace(net.table, aim=dataclasses.replace(net.table.aim, low=low, high=high))
    wanted = np.clip(free, low, high)
    assert net.predict(FRAME, engine="reference")[:, 0].tolist() == wanted.tolist()
    if language == "python":
        found = [scope_of(net, tmp_path)["predict"](row)[0] for row in rows()]
    elif language == "c":
        if CC is None:
            pytest.skip("no C compiler")
        library, _, X = compiled(net, tmp_path)
        found = library.predict("net", X, 1)[:, 0]
    else:
        runtime = pytest.importorskip("onnxruntime")
        net.export(tmp_path / "net.onnx")
        session = runtime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
        found = session.run(None, {each.name: fed(each) for each in session.get_inputs()})[0][:, 0]
    np.testing.assert_allclose(np.asarray(found) - 1e6, wanted - 1e6, rtol=1e-4, atol=1e-5)
    assert (min(found), max(found)) == (low, high)


NETWORKS = pytest.mark.parametrize("classes", [None, ["no", "yes"], [0, 1, 2], [False, True]], ids=str)
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])


def check(found: Any, net: bs.Network) -> None:
    """Of a number what counts is the difference from the mean."""
    wanted = net.predict(FRAME, engine="reference")
    assert net.table is not None
    mean = 0.0 if net.classes else net.table.aim.mean
    close(np.asarray(found, dtype=np.float64) - mean, wanted - mean, net.spec.dtype, scale=20)


def rows() -> list[dict[str, Any]]:
    return [dict(zip(FRAME, values, strict=True)) for values in zip(*FRAME.values(), strict=True)]


@NETWORKS
@DTYPES
def test_python(classes, dtype, tmp_path):
    net = network(dtype, classes)
    scope = scope_of(net, tmp_path)
    check([scope["predict"](row) for row in rows()], net)
    texts = [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows()]
    check([scope["predict"](row) for row in texts], net)
    assert classes is None or list(scope["CLASSES"]) == classes


def test_python_reads_numbers_and_booleans_as_the_table_does(tmp_path):
    net = network("float64")
    predict = scope_of(net, tmp_path)["predict"]
    row = {**rows()[0], "X": 3.0, "alone": True, "age": np.float32(12.5), "w1": True}
    wanted = net.predict({name: [value] for name, value in row.items()})
    assert predict(row)[0] == pytest.approx(wanted[0, 0], rel=1e-12)
    assert predict({**row, "X": 3, "alone": np.True_, "age": "12.5", "w1": 1}) == predict(row)
    assert predict({**row, "X": np.nan}) == predict({**row, "X": None}) == predict({**row, "X": "NA"})


def compiled(net: bs.Network, folder: Path) -> tuple[Compiled, Any, list[list[float]]]:
    """The network in C, its function for codes, and the rows of `FRAME` as it takes them."""
    net.export(folder / "net.c")
    library = Compiled([folder / "net.c"])
    code = library.library["net_code"]
    code.restype, code.argtypes = ctypes.c_double, [ctypes.c_int, ctypes.c_char_p]

    def number(index: int, value: Any) -> float:
        if isinstance(COLUMNS[index], Number):
            return float("nan") if value is None else float(value)
        return float(code(index, ("" if value is None else value).encode()))

    return library, code, [[number(index, value) for index, value in enumerate(row.values())] for row in rows()]


@pytest.mark.skipif(CC is None, reason="no C compiler")
@NETWORKS
@DTYPES
def test_c(classes, dtype, tmp_path):
    net = network(dtype, classes)
    library, code, X = compiled(net, tmp_path)
    check(library.predict("net", X, net.spec.n_out), net)
    assert [code(1, b"red"), code(1, "ö".encode()), code(1, b"r"), code(3, b"no"), code(3, b"T")] == [0, 2, -1, 0, 1]
    assert np.isnan([code(1, b"NaN"), code(0, b"red"), code(99, b"red")]).all()


@NETWORKS
@DTYPES
def test_onnx(classes, dtype, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    net = network(dtype, classes)
    net.export(tmp_path / "net.onnx")
    session = runtime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == list(FRAME)
    found = session.run(None, {each.name: fed(each) for each in session.get_inputs()})
    check(found[-1], net)
    assert [each.name for each in session.get_outputs()] == (["label", "probabilities"] if classes else ["prediction"])
    if classes:
        assert found[0].tolist() == net.table.answers(net.predict(FRAME)).tolist()


def fed(wanted: Any) -> Any:
    """A raw column as onnxruntime takes it."""
    values = FRAME[wanted.name]
    if wanted.type == "tensor(string)":
        return np.array([["" if value is None else value] for value in values], dtype=object)
    return np.array([[np.nan if value is None else value] for value in values], dtype=np.float64)


def test_onnx_refuses_a_column_without_a_name(tmp_path):
    pytest.importorskip("onnx")
    net = network("float64")
    net.table = Table((Number(""), *COLUMNS[1:]), net.table.aim)
    with pytest.raises(bs.ConfigurationError, match="A column must have a name to be an input in ONNX"):
        net.export(tmp_path / "net.onnx")


def test_npz_keeps_the_table(tmp_path):
    net = network("float32", ["no", "yes"])
    net.export(tmp_path / "net.npz")
    again = bs.from_npz(tmp_path / "net.npz")
    assert again.table == net.table
    assert np.array_equal(again.predict(FRAME), net.predict(FRAME))


@pytest.mark.skipif(CC is None, reason="no C compiler")
def test_names_and_levels_cannot_break_out(tmp_path):
    texts = [text for text in TRICKY if text.strip() and text.isprintable()] + [ODD, "??/", "/*", "*/", "{x}", "%s"]
    columns = (*(Number(text) for text in texts), Category("c", tuple(texts)))
    net = bs.Network([2 * len(texts), 2, 1], seed=0)
    net.table = Table(columns, Target('*/"\n'))
    frame = {text: [0.5, -1.0] for text in texts} | {"c": [texts[1], texts[-1]]}
    wanted = net.predict(frame)
    predict = scope_of(net, tmp_path)["predict"]
    found = [predict({name: values[row] for name, values in frame.items()}) for row in (0, 1)]
    close(found, wanted, "float64")
    net.export(tmp_path / "net.c")
    X = [[0.5] * len(texts) + [1], [-1.0] * len(texts) + [len(texts) - 1]]
    close(Compiled([tmp_path / "net.c"]).predict("net", X, 1), wanted, "float64")


def test_from_a_file_to_a_prediction(tmp_path):
    """A table learned from a file, not made by hand."""
    rng = np.random.default_rng(0)
    frame = {
        "size": [*rng.normal(10, 3, 59).tolist(), None],
        "color": rng.choice(["red", "green", "blue"], 60).tolist(),
        "sold": rng.choice([True, False], 60).tolist(),
        "price": rng.normal(1e5, 10, 60).tolist(),
    }
    table = Table.fit(frame, "price")
    net = bs.Network([len(table.input_names), 8, 1], seed=0)
    net.table = table
    predict = scope_of(net, Path(tmp_path))["predict"]
    found = [predict(dict(zip(frame, values, strict=True))) for values in zip(*frame.values(), strict=True)]
    assert np.allclose(found, net.predict(frame), rtol=1e-13)
    assert json.dumps(found)
