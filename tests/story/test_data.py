"""Stories as data: what JSON can hold, under names that stay."""

from __future__ import annotations

import json
import math
import re

import pytest

from backstory.expressions import evaluate, parse
from backstory.story import data
from tests.story.stories import STORIES, story

KEYS = re.findall(r"^([a-z_]+)  +\S", data.__doc__ or "", flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("name", STORIES)
def test_it_survives_json(name: str) -> None:
    found = story(name).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_every_key_is_documented() -> None:
    assert list(story("batch").to_dict()) == KEYS
    assert list(story("none").to_dict()) == KEYS


def test_what_stands_where() -> None:
    found = story("batch").to_dict()
    assert found["schema"] == 1
    assert found["question"] == {"of": "L", "by": "w1[2->1]", "text": "∂L/∂w1[2->1]"}
    assert found["value"] == story("batch").value
    assert found["path_count"] == 3
    assert math.fsum(path["value"] for path in found["paths"]) == pytest.approx(found["chain"]["value"])
    assert evaluate(parse(found["chain"]["numbers"]), {}) == pytest.approx(found["chain"]["value"], rel=1e-5)
    assert found["batch"]["gradients"][found["batch"]["row"]] == pytest.approx(found["chain"]["value"])
    assert {"m", "v", "w"} <= {line["name"] for line in found["update"]["lines"]}
    assert found["factors"][0]["symbol"] == "∂z1[1]/∂w1[2->1]"


def test_a_count_of_paths_is_exact() -> None:
    assert story("deep").to_dict()["path_count"] == 100**18 * 5


def test_what_is_no_finite_number_is_text() -> None:
    assert data.plain([math.nan, math.inf, -math.inf, 1.5]) == ["nan", "inf", "-inf", 1.5]
