"""`backstory train`, `evaluate` and `predict` on real tables."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

import backstory as bs
from backstory.cli.train import hidden_units, names
from backstory.data.files import read
from backstory.errors import ConfigurationError
from backstory.network.file import save
from tests.cli.conftest import Run


def halves(path: Path, folder: Path) -> tuple[Path, Path]:
    """Every third row to measure on, the others to train on, as two files."""
    frame = pandas.read_csv(path).sample(frac=1.0, random_state=0)
    frame[2::3].to_csv(folder / "test.csv", index=False)
    frame.drop(frame[2::3].index).to_csv(folder / "train.csv", index=False)
    return folder / "train.csv", folder / "test.csv"


@pytest.mark.parametrize(("name", "least"), [("iris", 0.92), ("wine", 0.94), ("breast_cancer", 0.94)])
def test_classes(run: Run, tables: Path, tmp_path: Path, name: str, least: float) -> None:
    train, test = halves(tables / f"{name}.csv", tmp_path)
    model = tmp_path / "m.safetensors"
    assert run("train", train, "--target", "target", "--out", model).code == 0
    result = run("evaluate", model, test)
    assert re.fullmatch(r"accuracy \d\.\d{4}", result.lines[0])
    assert float(result.lines[0].split()[1]) >= least
    assert "baseline accuracy" in result.out
    assert "true \\ predicted" in result.out


def test_a_number(run: Run, tables: Path, tmp_path: Path) -> None:
    train, test = halves(tables / "diabetes.csv", tmp_path)
    model = tmp_path / "m.safetensors"
    result = run("train", train, "--target", "target", "--out", model)
    assert "a number, as it holds" in result.out
    result = run("evaluate", model, test)
    assert re.fullmatch(r"rmse \d+\.\d{4}", result.lines[0])
    old, new = pandas.read_csv(train), pandas.read_csv(test)
    line = LinearRegression().fit(old.drop(columns="target"), old["target"])
    error = line.predict(new.drop(columns="target")) - new["target"]
    assert float(result.lines[0].split()[1]) <= 1.1 * np.sqrt(np.mean(error**2))
    predicted = bs.load(model).predict(new)[:, 0]
    assert float(result.lines[0].split()[1]) == pytest.approx(
        np.sqrt(np.mean((predicted - new["target"]) ** 2)), abs=1e-3
    )


def test_what_train_says(run: Run, tables: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    words = ("--hidden", "8", "--epochs", 3, "--batch-size", 20, "--seed", 7, "--threads", 1, "--out", out)
    result = run("train", tables / "iris.csv", "--target", "target", *words)
    assert result.code == 0, result.err
    text = " ".join(result.out.split())
    assert "iris.csv: 150 rows, 4 input columns" in text
    assert "target: 3 classes, as it holds text: setosa, versicolor, virginica" in text
    assert "4-8-3, relu, softmax, cross_entropy, float32" in text
    assert "120 to train on, 30 held out for validation (drawn with seed 7)" in text
    assert "3 epochs of at most 3" in text
    assert {line.index(word) for line in result.lines for word in ("iris.csv: 150", "3 epochs of") if word in line} == {
        12
    }
    assert "batches of 20" in text
    assert "On the 30 rows held out accuracy" in text
    assert "The best epoch was chosen by these rows" in text
    net = bs.load(out)
    assert net.spec.sizes == (4, 8, 3)
    assert net.seed == 7


def test_rows_of_a_validation_table_are_not_the_tables(run: Run, tables: Path, tmp_path: Path) -> None:
    train, held = halves(tables / "iris.csv", tmp_path)
    where = ("--validation", held, "--epochs", 2, "--out", tmp_path / "m.safetensors")
    result = run("train", train, "--target", "target", *where)
    assert "100 rows, 4 input columns" in result.out
    assert "100 to train on, 50 held out for validation" in " ".join(result.out.split())


def test_arrow_streams_are_tables(run: Run, tables: Path, tmp_path: Path) -> None:
    data, model = tmp_path / "t.arrow", tmp_path / "m.safetensors"
    table = pa.Table.from_pandas(pandas.read_csv(tables / "iris.csv"), preserve_index=False)
    with pa.OSFile(str(data), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    result = run("train", data, "--target", "target", "--epochs", 2, "--out", model)
    assert result.code == 0, result.err
    assert run("evaluate", model, data).code == run("predict", model, data).code == 0
    result = run("train", data, "--target", "target", "--stream", "--out", model)
    assert "must be an Arrow file to be read in blocks, not a stream" in result.err


MIXED = "width,color,note,when,use,price\n" + "".join(
    f"{n % 7 + 1},{'red' if n % 3 else '?'},n{n},,{'test' if n % 5 == 0 else 'train'},{n % 7 + n % 3}.5\n"
    for n in range(60)
)


def test_a_table_of_every_kind_of_column(run: Run, tmp_path: Path) -> None:
    data, model, page = tmp_path / "t.csv", tmp_path / "m.safetensors", tmp_path / "r.html"
    data.write_text(MIXED, encoding="utf-8")
    same = ("--epochs", 5, "--seed", 1, "--out", model)
    result = run("train", data, "--target", "price", "--report", page, *same)
    assert result.code == 0, result.err
    text = " ".join(result.out.split())
    assert "t.csv: 60 rows, 2 input columns target price: a number, as it holds fractions" in text
    assert "numbers width categories color left out note: its texts tell rows apart" in text
    assert "when: all its values are missing" in text
    assert "38 to train on, 10 held out for validation, 12 kept for the test (drawn with seed 1)" in text
    assert "On the 12 rows kept for the test rmse" in text
    assert "The best epoch was chosen by these rows" not in text
    assert all(part in text for part in ("Course", "Calibration", "What it goes by", "Gradient flow"))
    assert f"Wrote the report to {page}." in result.out.replace("\n", "")
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    net = bs.load(model)
    new = {"width": [3], "color": ["mauve"]}
    assert net.predict(new).shape == (1, 1)
    assert run("predict", model, data).code == 0
    result = run("evaluate", model, data, "--part", "test")
    assert (result.lines[0].split()[0], result.lines[1].split()) == ("rmse", ["rows", "12"])
    assert f"rmse           {result.lines[0].split()[1]}" in run("train", data, "--target", "price", *same).out
    result = run("evaluate", model, data)
    assert "Column 'use' says which rows are for what; all were measured. Add --part test" in result.err
    result = run("evaluate", model, data, "--part", "validation")
    assert "--part validation needs a column of the words train, validation, test. Column 'use' has none" in result.err


def test_options_of_a_table(run: Run, tmp_path: Path) -> None:
    data, other, model = tmp_path / "t.csv", tmp_path / "v.csv", tmp_path / "m.safetensors"
    data.write_text(MIXED, encoding="utf-8")
    other.write_text("\n".join(MIXED.splitlines()[:21]), encoding="utf-8")
    common = ("--epochs", 2, "--out", model)
    words = ("--target", "width", "--task", "number", "--drop", "note, use", "--validation", other)
    text = " ".join(run("train", data, *words, *common).out.split())
    assert "width: a number, as you said so" in text
    assert "60 to train on, 20 held out for validation (a table of their own)" in text
    assert "left out note: you said so" in text
    result = run("train", data, "--target", "width", "--split", "color", *common)
    assert "Column 'color' of 't.csv' must hold words that split the table: train, validation or test." in result.err
    assert "Got '?' in row 0 (line 2)" in result.err
    result = run("train", data, "--target", "width", "--report", tmp_path / "no" / "r.html", *common)
    assert "--report must be in a folder that exists. There is no" in result.err


def test_a_date_is_refused_with_advice(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "x,when,y\n" + "".join(f"{n},2026-01-{n + 10},{n / 3}\n" for n in range(12)), encoding="utf-8"
    )
    result = run("train", tmp_path / "t.csv", "--target", "y")
    assert (result.code, result.out) == (2, "")
    assert "must not hold dates or times. Got 2026-01-10 in row 0 (line 2); make numbers of what matters" in result.err
    assert "or leave the column out with drop (--drop when)." in result.err


def test_adult(run: Run, shared: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.safetensors"
    result = run("train", shared / "data" / "adult.csv.gz", "--target", "income", "--epochs", 6, "--out", model)
    assert result.code == 0, result.err
    found = next(line for line in result.lines if line.startswith("  accuracy"))
    assert float(found.split()[1]) > 0.845
    assert "On the 16,281 rows kept for the test" in result.out


def test_the_same_command_gives_the_same_model(run: Run, tables: Path, tmp_path: Path) -> None:
    for name, threads in (("a", 1), ("b", 2)):
        words = ("--target", "target", "--epochs", 5, "--threads", threads, "--out", tmp_path / name)
        assert run("train", tables / "iris.csv", *words).code == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_loaded_network_takes_raw_frames(iris_model: Path, tables: Path) -> None:
    net = bs.load(iris_model)
    assert net.classes == ["setosa", "versicolor", "virginica"]
    frame = pandas.read_csv(tables / "iris.csv")
    outputs = net.predict(frame)
    np.testing.assert_array_equal(outputs, net.predict(frame[frame.columns[::-1]]))
    np.testing.assert_array_equal(outputs, net.predict({name: frame[name].to_numpy() for name in frame}))
    np.testing.assert_array_equal(outputs, net.predict(read(tables / "iris.csv").data))
    np.testing.assert_array_equal(outputs, net.predict(net.table.inputs(frame)))
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-5)
    assert np.mean(net.table.answers(outputs) == frame["target"]) > 0.9
    twin = net.copy()
    np.testing.assert_array_equal(twin.predict(frame), outputs)


def test_evaluate_as_json(run: Run, iris_model: Path, tables: Path) -> None:
    result = json.loads(run("evaluate", iris_model, tables / "iris.csv", "--format", "json").out)
    assert set(result) == {
        "accuracy", "cross_entropy", "baseline_accuracy", "rows", "target", "classes", "confusion",
    }  # fmt: skip
    assert result["rows"] == np.sum(result["confusion"]) == 150
    assert result["accuracy"] == pytest.approx(np.trace(result["confusion"]) / 150)
    net = bs.load(iris_model)
    frame = read(tables / "iris.csv")
    assert result["cross_entropy"] == pytest.approx(
        net.loss(net.table.inputs(frame), net.table.targets(frame)), rel=1e-5
    )


def test_predict(run: Run, iris_model: Path, tables: Path, tmp_path: Path) -> None:
    result = run("predict", iris_model, tables / "iris.csv")
    assert (result.code, result.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert list(rows[0]) == ["target", "probability_setosa", "probability_versicolor", "probability_virginica"]
    assert len(rows) == 150
    likeliest = [max(row, key=lambda name: float(row[name]) if name != "target" else -1) for row in rows]
    assert [f"probability_{row['target']}" for row in rows] == likeliest
    for name in ("p.csv", "p.tsv", "p.parquet", "p.arrow"):
        result = run("predict", iris_model, tables / "iris.csv", "--out", tmp_path / name)
        assert (result.code, result.out) == (0, "")
        assert result.err.startswith("Wrote 150 predictions to ")
        assert read(tmp_path / name).data["target"].to_pylist() == [row["target"] for row in rows]


def test_predict_needs_no_target(run: Run, iris_model: Path, tables: Path, tmp_path: Path) -> None:
    frame = pandas.read_csv(tables / "iris.csv").drop(columns="target")
    frame.to_csv(tmp_path / "new.csv", index=False)
    assert len(run("predict", iris_model, tmp_path / "new.csv").lines) == 151
    result = run("evaluate", iris_model, tmp_path / "new.csv")
    assert result.code == 2
    assert result.err.startswith("Error: 'new.csv' must have the column 'target', the target.")


def test_what_training_did_not_meet_is_told(run: Run, iris_model: Path, tables: Path, tmp_path: Path) -> None:
    for command in ("predict", "evaluate"):
        result = run(command, iris_model, edited(tables, tmp_path, "5.1,3.5", "5.1,?"))
        assert result.code == 0
        assert (
            result.err
            == "Not seen in training: 'sepal width (cm)' has missing values in 1 row, taken as 3, the median.\n"
        )


def test_npz(run: Run, tables: Path, tmp_path: Path) -> None:
    frame = pandas.read_csv(tables / "breast_cancer.csv")
    X, y = frame.drop(columns="target").to_numpy(), frame["target"].to_numpy()
    np.savez(tmp_path / "a.npz", X=X, y=y)
    np.savez(tmp_path / "b.npz", X_train=X[::2], y_train=y[::2], X_test=X[1::2], y_test=y[1::2])
    model = tmp_path / "m.safetensors"
    assert run("train", tmp_path / "a.npz", "--epochs", 20, "--out", model).code == 0
    assert float(run("evaluate", model, tmp_path / "a.npz").lines[0].split()[1]) > 0.95
    assert run("train", tmp_path / "b.npz", "--target", "y_train", "--epochs", 20, "--out", model).code == 0
    result = json.loads(run("evaluate", model, tmp_path / "b.npz", "--target", "y_test", "--format", "json").out)
    assert result["rows"] == len(y[1::2])
    assert result["accuracy"] > 0.9
    result = run("predict", model, tmp_path / "b.npz", "--out", tmp_path / "p.npz")
    assert result.code == 0
    with np.load(tmp_path / "p.npz") as predicted:
        assert set(np.unique(predicted["y_train"])) == {0, 1}


def edited(tables: Path, folder: Path, old: str, new: str) -> Path:
    text = (tables / "iris.csv").read_text(encoding="utf-8")
    assert old in text
    (folder / "iris.csv").write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder / "iris.csv"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            "5.1,3.5",
            "5.1,wide",
            "Column 'sepal width (cm)' of 'iris.csv' must hold numbers. Got 'wide' in row 0 (line 2);",
        ),
        ("4.9,3.0", "4.9,inf", "must hold finite numbers. Got inf in row 1 (line 3);"),
        ("4.9,3.0", "4.9", "Every line of 'iris.csv' must have 5 fields, as the first has. Got 4 in line 3;"),
        (",target", ",tarket", "must have the column 'target', the target. Did you mean 'tarket'?"),
        (
            "petal width",
            "petal_width",
            "must have the column 'petal width (cm)', which the network was trained on. Did",
        ),
        (
            "setosa",
            "Setosa",
            "must hold classes known from training (setosa, versicolor, virginica). Got 'Setosa' in row 0",
        ),
    ],
)
def test_bad_tables_at_evaluation(
    run: Run, iris_model: Path, tables: Path, tmp_path: Path, old: str, new: str, text: str
) -> None:
    result = run("evaluate", iris_model, edited(tables, tmp_path, old, new))
    assert (result.code, result.out) == (2, "")
    assert text in result.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--target", "tagret"), "must have the column 'tagret', the target. Did you mean 'target'?"),
        (
            ("--target", "target", "--hidden", "8x8"),
            "--hidden must be integers >= 1 with commas between, such as 64,64.",
        ),
        (("--target", "target", "--hidden", "0"), "Got '0'."),
        (("--target", "target", "--out", "no/m.safetensors"), "--out must be in a folder that exists. There is no"),
        (
            ("--target", "target", "-o", "m.onnx"),
            "m.safetensors. Got 'm.onnx', the name of another format; write it with 'backstory export' from there",
        ),
        (
            ("--target", "target", "--out", "iris.csv"),
            "--out must name a model file, such as iris.safetensors. Got 'iris.csv', the name of another format.",
        ),
    ],
)
def test_bad_options(
    run: Run, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: object, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("train", tables / "iris.csv", *words)  # type: ignore[misc]
    assert (result.code, result.out) == (2, "")
    assert text in result.err
    assert list(tmp_path.iterdir()) == []


def test_names_with_brackets_are_printed_as_they_are(run: Run, tables: Path, tmp_path: Path) -> None:
    frame = pandas.read_csv(tables / "iris.csv").replace({"target": {"setosa": "[red]setosa[/]"}})
    folder = tmp_path / "[bold]"
    folder.mkdir()
    frame.rename(columns={"target": "[red]kind"}).to_csv(folder / "[b].csv", index=False)
    words = ("--target", "[red]kind", "--epochs", 2, "--out", folder / "[m]")
    result = run("train", folder / "[b].csv", *words)
    assert result.code == 0, result.err
    assert "[red]kind: 3 classes" in result.out
    assert f"Saved {folder / '[m]'}." in result.out
    assert "[red]setosa[/]" in run("evaluate", folder / "[m]", folder / "[b].csv").out


def test_too_few_rows(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,t\n1,a\n2,b\n", encoding="utf-8")
    result = run("train", tmp_path / "t.csv", "--target", "t")
    assert result.err == "Error: 't.csv' must have at least 10 rows to train on and to validate with. Got 2.\n"


def test_a_model_without_a_table(run: Run, tables: Path, tmp_path: Path) -> None:
    bs.Network([4, 3], output="softmax", loss="cross_entropy", seed=0).save(tmp_path / "m")
    result = run("evaluate", tmp_path / "m", tables / "iris.csv")
    assert result.code == 2
    assert "must know the columns it was trained on. It holds a network only;" in result.err


def test_a_damaged_encoding_is_a_damaged_file(tmp_path: Path) -> None:
    net = bs.Network([4, 3], seed=0)
    for encoding in ({}, None, [1]):
        save(tmp_path / "m", net.spec, net.parameters, {"table": encoding})
        with pytest.raises(
            bs.ModelFileError, match=r"has a damaged header\. A table's encoding must have all its parts"
        ):
            bs.load(tmp_path / "m")


def test_a_table_is_no_model(run: Run, tables: Path) -> None:
    result = run("evaluate", tables / "iris.csv", tables / "iris.csv")
    assert (result.code, result.out) == (2, "")
    assert "is not a whole safetensors file" in result.err


def test_other_formats_are_no_models_and_what_reads_them_is_said(run: Run, tables: Path, tmp_path: Path) -> None:
    for name, reader in (("m.onnx", "bs.from_onnx"), ("m.npz", "bs.from_npz")):
        (tmp_path / name).write_bytes(b"no model file at all")
        result = run("evaluate", tmp_path / name, tables / "iris.csv")
        assert result.code == 2
        assert f"A file of that name is read with {reader}; net.save and 'backstory train' write model" in result.err


def test_hidden_units() -> None:
    assert hidden_units("10") == [10]
    assert hidden_units("10, 20,30") == [10, 20, 30]
    for text in ("", "a", "1,", "-1", "1.5", "²"):
        with pytest.raises(ConfigurationError, match="--hidden must be integers >= 1"):
            hidden_units(text)


def test_names() -> None:
    assert names(None) == names("") == []
    assert names("a, b c,d") == ["a", "b c", "d"]


def test_predictions_are_as_right_as_the_figures_say_far_from_zero(run: Run, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=60)
    data, model = tmp_path / "t.csv", tmp_path / "m.safetensors"
    pandas.DataFrame({"x": x, "target": 1e9 + x}).to_csv(data, index=False)
    assert run("train", data, "--target", "target", "--epochs", 20, "--seed", 0, "--out", model).code == 0
    found = json.loads(run("evaluate", model, data, "--format", "json").out)["rmse"]
    assert run("predict", model, data, "--out", tmp_path / "p.csv").code == 0
    error = pandas.read_csv(tmp_path / "p.csv").iloc[:, 0] - (1e9 + x)
    assert np.sqrt(np.mean(error**2)) == pytest.approx(found, rel=1e-3)


@pytest.mark.parametrize("unit", [1e300, 1e-150])
def test_figures_of_targets_whose_squares_have_no_place(run: Run, tmp_path: Path, unit: float) -> None:
    x = np.random.default_rng(0).normal(size=60)
    data, model = tmp_path / "t.csv", tmp_path / "m.safetensors"
    pandas.DataFrame({"x": x, "target": x * unit}).to_csv(data, index=False)
    assert run("train", data, "--target", "target", "--epochs", 3, "--seed", 0, "--out", model).code == 0
    found = json.loads(run("evaluate", model, data, "--format", "json").out)
    predicted = bs.load(model).predict(pandas.read_csv(data))[:, 0] / unit
    assert found["rmse"] / unit == pytest.approx(np.sqrt(np.mean((predicted - x) ** 2)), rel=1e-4)
    assert found["r2"] == pytest.approx(1 - np.mean((predicted - x) ** 2) / x.var(), rel=1e-4)
