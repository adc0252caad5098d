"""The scripts and the notebook in examples/ run from a fresh clone, and what they print is so."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import backstory as bs

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SAMPLE = EXAMPLES / "data" / "adult-sample.csv.gz"
LEAST = 0.80
"""The sample's accuracy; always answering the same gives 0.73."""

pytestmark = pytest.mark.slow


def run(*words: Any) -> str:
    """What a script prints; it must end well and warn of nothing."""
    command = [sys.executable, "-W", "error", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def accuracies(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"\baccuracy(?: by hand:| in onnxruntime)? +(0\.\d{4})", text)]


def test_the_sample_is_of_adult(shared: Path) -> None:
    whole = pandas.read_csv(shared / "data" / "adult.csv.gz")
    rows = np.sort(np.random.default_rng(0).choice(len(whole), 2000, replace=False))
    pandas.testing.assert_frame_equal(pandas.read_csv(SAMPLE), whole.iloc[rows].reset_index(drop=True))


def test_train_on_a_table(tmp_path: Path) -> None:
    text = run(EXAMPLES / "train_on_a_table.py", SAMPLE, tmp_path)
    assert "Both doors lead to the same network, to the bit." in text
    test = pandas.read_csv(SAMPLE).query("split == 'test'")
    net = bs.load(tmp_path / "income.safetensors")
    assert net.classes is not None
    accuracy = round(np.mean(np.array(net.classes)[net.predict(test).argmax(axis=1)] == test["income"]), 4)
    baseline = round(test["income"].value_counts(normalize=True).max(), 4)
    found = accuracies(text)
    # Report, baseline, by hand; the command's report, baseline; evaluate, baseline.
    assert found == [accuracy, baseline, accuracy, accuracy, baseline, accuracy, baseline]
    assert accuracy >= LEAST
    predicted = pandas.read_csv(tmp_path / "predictions.csv")
    assert len(predicted) == 2000
    for page in ("report.html", "by-command.html"):
        assert f"{accuracy:.4f}" in (tmp_path / page).read_text(encoding="utf-8")


def test_explain_a_prediction() -> None:
    text = run(EXAMPLES / "explain_a_prediction.py")
    parts = re.split(r"\n(.+)\n=+\n", text)
    told = dict(zip(parts[1::2], parts[2::2], strict=True))
    probabilities = {label: float(p) for label, p in re.findall(r"probability of (\S+): (0\.\d+)", text)}
    (truth,) = re.findall(r"^income +(\S+)$", told["The surest mistake"], re.MULTILINE)
    assert probabilities[truth] < 0.5 < max(probabilities.values())
    assert sum(probabilities.values()) == pytest.approx(1, abs=2e-4)
    assert text.count("the gradient is\n  right.") == 2
    verdicts = re.findall(r"^(Right|Wrong)\.$", told["Is my equation right?"], re.MULTILINE)
    assert verdicts == ["Right", "Right", "Wrong"]
    assert re.search(r"The factor .* does not belong there", told["Is my equation right?"])
    pushes = re.findall(r"[<>]=?50K +(-?\d+\.\d+)$", text, re.MULTILINE)
    sizes = [abs(float(each)) for each in pushes]
    assert len(sizes) == 5
    assert sizes == sorted(sizes, reverse=True)


NEEDED = {
    "ONNX in onnxruntime, raw columns": ("onnx", "onnxruntime"), "back from ONNX": ("onnx", "onnxruntime"),
    "C, compiled": (), "Python, first 100 rows": (), "PyTorch": ("torch",), "back from PyTorch": ("torch",),
    "scikit-learn's MLP, as a Network": (),
}  # fmt: skip
"""What export_and_serve.py compares, and the libraries that it takes."""


def test_export_and_serve(tmp_path: Path) -> None:
    text = run(EXAMPLES / "export_and_serve.py", SAMPLE, tmp_path)
    differences = {
        what.strip(): float(size) for what, size in re.findall(r"^(.+?) *largest difference (\S+)$", text, re.MULTILINE)
    }
    there = {what for what, names in NEEDED.items() if all(map(importlib.util.find_spec, names))}
    if shutil.which("cc") is None:
        there -= {"C, compiled"}
    assert set(differences) == there
    assert max(differences.values()) < 2e-6
    assert "and its equations are judged: right" in text
    assert all(accuracy >= LEAST for accuracy in accuracies(text))


def texts(notebook: Any) -> str:
    """All that the cells of a notebook print and show."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return "\n".join("".join(each) for each in shown)


def test_the_notebook(tmp_path: Path) -> None:
    """It runs, and says what is kept in it: numbers may differ in the last digits on another processor."""
    for library in ("nbconvert", "ipykernel", "onnxruntime"):
        pytest.importorskip(library)
    words = ["nbconvert", "--to", "notebook", "--execute", "--output-dir", tmp_path, EXAMPLES / "adult.ipynb"]
    command = [sys.executable, "-m", *map(str, words)]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}  # scikit-learn's trees wait for each other where others compute too
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, env=alone)
    assert done.returncode == 0, done.stderr
    kept, fresh = (
        texts(json.loads(path.read_text(encoding="utf-8")))
        for path in (EXAMPLES / "adult.ipynb", tmp_path / "adult.ipynb")
    )
    assert accuracies(fresh) == pytest.approx(accuracies(kept), abs=0.02)
    assert len(accuracies(fresh)) == 3  # the report's, its baseline, onnxruntime's
    assert "the same as here: True" in fresh
    assert "\nRight." in fresh
    assert "\nWrong." in fresh
    names = ("always the same", "logistic regression", "boosted trees", "backstory")
    beside = {
        name: float(value) for name, value in re.findall(rf"^({'|'.join(names)}) +(0\.\d+)$", fresh, re.MULTILINE)
    }
    assert beside["always the same"] == accuracies(fresh)[1]
    assert all(beside[name] >= LEAST for name in names[1:])


def test_the_notebook_is_small() -> None:
    assert (EXAMPLES / "adult.ipynb").stat().st_size < 50_000


def test_search() -> None:
    pytest.importorskip("distributed", reason="a search on a cluster needs the extra parallel")
    command = [sys.executable, EXAMPLES / "search.py"]  # Dask warns of its own matters
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    scores = [float(found) for found in re.findall(r"^(0\.\d{4})  \{", done.stdout, re.MULTILINE)]
    assert len(scores) == 6
    (best,) = re.findall(r"^best: .* accuracy (0\.\d{4})$", done.stdout, re.MULTILINE)
    assert float(best) == max(scores) > 0.9
