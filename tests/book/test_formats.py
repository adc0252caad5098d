"""The JSON that the book describes is the JSON that comes out: documents of every kind against their schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import backstory as bs
from tests.conftest import ROOT, Run

jsonschema = pytest.importorskip("jsonschema", reason="schemas are checked by jsonschema (extra test)")
SCHEMAS = ROOT / "docs" / "reference" / "schemas"


def fits(name: str, document: Any) -> None:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(json.dumps(document, allow_nan=False)), schema)


def formulas(name: str) -> bs.Formulas:
    return bs.Formulas.read(ROOT / "examples" / f"{name}.txt")


def stories() -> Iterator[Any]:
    yield formulas("mazur").explain("dL/dw1", optimizer=bs.Adam())
    yield formulas("mazur").explain("dL/dw1", optimizer=bs.SGD(0.5), stale=True)
    yield formulas("mazur").explain("dL/dw1").in_convention("nielsen")
    yield formulas("one-neuron").explain("dC/dw1")
    yield formulas("two-two-two").explain("dw7/dh1")
    net = bs.Network([3, 4, 2], hidden="tanh", output="softmax", loss="cross_entropy", penalty=bs.L2(0.1), seed=0)
    yield net.explain("w1[0->0]", np.ones((3, 3)), [0, 1, 1])
    yield bs.Network([20, 30, 30, 1], hidden="relu", seed=0).explain("w1[0->0]", np.ones(20), [1.0])


@pytest.mark.parametrize("story", [*stories()], ids=lambda story: f"{story.of} by {story.by}")
def test_stories(story: Any) -> None:
    fits("story", story.to_dict())


@pytest.mark.parametrize(
    "equation",
    ["dL/dw1 = x", "dL/dw1 = dL/dh*dh/dw1", "dL/dw1 = x*w2*y*(1-y)*(y-t)", "dL/dw1 = hh", "dL = )", "h = sigmoid(z)"],
)
def test_verdicts(equation: str) -> None:
    fits("verdict", formulas("chain").check(equation).to_dict())


@pytest.mark.parametrize("factor", [2.0, 1.0, -1.0, float("nan")])
def test_audits(factor: float) -> None:
    at = np.array([1.0, -2.0, 0.5])
    fits("audit", bs.audit(lambda x: float((x**2).sum()), lambda x: factor * x, at).to_dict())


@pytest.mark.parametrize("target", ["color", "price"])
def test_evaluations(run: Run, tmp_path: Any, target: str) -> None:
    rows = [f"{i % 7},{'red' if i % 3 else 'blue'},{i % 7 * 1.5 + i % 3}" for i in range(60)]
    data = tmp_path / "rows.csv"
    data.write_text("\n".join(["width,color,price", *rows]) + "\n", encoding="utf-8")
    model = tmp_path / "model.safetensors"
    assert run("train", data, "--target", target, "--epochs", 2, "--out", model).code == 0
    result = run("evaluate", model, data, "--format", "json")
    assert result.code == 0
    document = json.loads(result.out)
    fits("evaluation", document)
    assert ("accuracy" in document) == (target == "color")
    assert ("rmse" in document) == (target == "price")


def test_a_schema_refuses_what_it_does_not_know() -> None:
    document = formulas("chain").check("dL/dw1 = x").to_dict()
    with pytest.raises(jsonschema.ValidationError, match="Additional properties"):
        fits("verdict", document | {"more": 1})
