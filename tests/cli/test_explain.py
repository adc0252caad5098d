"""``backstory explain``: stories of models and of formulas, in every form, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import backstory as bs
from tests.cli.conftest import Run

FORMULAS = "samples: x t\n1 2\n3 4\n\nw = 0.5\ny = w*x\nL = mean((y - t)^2)\n"


@pytest.fixture
def formulas(tmp_path: Path) -> Path:
    path = tmp_path / "net.txt"
    path.write_text(FORMULAS, encoding="utf-8")
    return path


def test_formulas(run: Run, formulas: Path) -> None:
    result = run("explain", formulas, "dL/dw")
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{bs.Formulas.read(FORMULAS).explain('dL/dw')}\n"
    rows = [line.split() for line in run("explain", formulas, "w", "--row", 0).lines]
    assert ["0", "-3", "told", "above"] in rows


def test_a_model_tells_one_row_or_the_batch(run: Run, iris_model: Path, tables: Path) -> None:
    data = tables / "iris.csv"
    one = json.loads(run("explain", iris_model, "w1[2->0]", "--data", data, "--row", 3, "--format", "json").out)
    whole = json.loads(run("explain", iris_model, "w1[2->0]", "--data", data, "--format", "json").out)
    assert one["batch"] is None
    assert whole["batch"]["gradients"][3] == pytest.approx(one["value"] - (one["penalty"] or {"value": 0})["value"])
    net = bs.load(iris_model)
    frame = bs.load(iris_model).table
    assert frame is not None
    from backstory.data.files import read

    rows = read(data, frame.target)
    gradient = net.gradients(frame.inputs(rows), frame.targets(rows), engine="reference").weights[0][2, 0]
    assert whole["value"] == pytest.approx(float(gradient), rel=1e-5)


def test_inputs_are_asked_for_by_their_columns(run: Run, iris_model: Path, tables: Path) -> None:
    where = ("--data", tables / "iris.csv", "--row", 3)
    net = bs.load(iris_model)
    assert net.table is not None
    name, output = net.table.input_names[2], f"da{net.spec.n_layers}[0]"
    named = run("explain", iris_model, f"{output}/dx[{name}]", *where)
    assert (named.code, named.err) == (0, "")
    assert named.out == run("explain", iris_model, f"{output}/dx[2]", *where).out
    assert f"x[2] is {name}." in named.out


@pytest.mark.parametrize(
    ("form", "start"),
    [("text", "∂L/∂w = "), ("latex", "{\\allowdisplaybreaks"), ("html", "<!DOCTYPE html>"), ("json", "{")],
)
def test_every_form_goes_to_the_screen_or_to_a_file(run: Run, formulas: Path, form: str, start: str) -> None:
    out = formulas.parent / "story"
    shown = run("explain", formulas, "w", "--format", form)
    assert shown.out.startswith(start)
    written = run("explain", formulas, "w", "--format", form, "-o", out)
    assert (written.code, written.out) == (0, "")
    assert out.read_text(encoding="utf-8") == shown.out
    assert written.err == f"Wrote the story of ∂L/∂w to {out}.\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["{model}", "w1[0->0]"], "A model's gradient depends on rows of data. Got no --data; add --data FILE."),
        (["{model}", "w1[0->0]", "--data", "{data}", "--row", "150"], "--row must be one of the rows 0 to 149 of "),
        (["{model}", "w9[0->0]", "--data", "{data}"], "'w9[0->0]': the network has layers 1 to "),
        (["{model}", "dL/dx[petal]", "--data", "{data}"], "Unknown column 'petal'. "),
        (["{model}", "hello", "--data", "{data}"], "'hello' is no derivative and no name of this network. Write "),
        (["{formulas}", "dL/dq"], "Unknown name 'q'."),
        (["{formulas}", "w", "--data", "{data}"], "Formulas hold their own samples, and "),
        (["{formulas}", "w", "--row", "2"], "row= must be one of the samples 0 to 1. Got 2."),
        (["{formulas}", "w", "-o", "nowhere/at/all.txt"], "--out must be in a folder that exists. "),
        (["no.txt", "w"], "No such file or directory: 'no.txt'."),
    ],
)
def test_what_it_refuses(run: Run, iris_model: Path, tables: Path, formulas: Path, words: list[str], text: str) -> None:
    places = {"model": iris_model, "data": tables / "iris.csv", "formulas": formulas}
    result = run("explain", *(word.format(**places) for word in words))
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"Error: {text}"), result.err
    assert result.err.count("\n") == 1
