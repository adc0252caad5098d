"""Graphs as plain data: what stands in them, what is taken of large networks, what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

import backstory as bs
from backstory.errors import ConfigurationError
from backstory.expressions import ELEMENTARY
from backstory.functions import ACTIVATIONS
from backstory.story import scalar
from backstory.story.scalar_story import scalar_graph
from tests.story.stories import STORIES, story

NAMES = [name for name in STORIES if name != "deep"]


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_takes_only_what_stands_before_it(name: str) -> None:
    data = json.loads(json.dumps(scalar_graph(story(name)).to_dict(), allow_nan=False))
    assert data["schema"] == 1
    for place, (kind, *inputs) in enumerate(data["operations"]):
        assert kind in scalar.KINDS
        assert kind in ("leaf", "constant") or all(0 <= each < place for each in inputs)
    places = [quantity["at"] for quantity in data["quantities"]]
    assert len(set(places)) == len(places), "each quantity has an operation of its own"
    assert all(edge["source"] < edge["target"] for edge in data["edges"])


def test_no_activation_is_left_in_the_operations() -> None:
    text = "x = 0.3\nw = 0.5\nb = 0.1\nh = sigmoid(w*x + b)\nk = mish(gelu(h))\nL = softplus(k)^2"
    kinds = {operation[0] for operation in scalar_graph(bs.Formulas.read(text).explain("w")).to_dict()["operations"]}
    assert not kinds & (set(ACTIVATIONS) - set(ELEMENTARY))
    assert {"exp", "erf", "log1p"} <= kinds


def test_nested_calls_do_not_swell() -> None:
    """Written out as one expression, each mish would hold its argument five times."""
    nested = "mish(" * 12 + "w*x" + ")" * 12
    operations = scalar_graph(bs.Formulas.read(f"x = 1\nw = 2\nL = {nested}").explain("w")).to_dict()["operations"]
    assert len(operations) < 1_000


def test_a_small_network_is_taken_whole() -> None:
    data = scalar_graph(story("batch")).to_dict()
    names = [quantity["name"] for quantity in data["quantities"]]
    assert sum(name.startswith("w") for name in names) == 3 * 4 + 4 * 3
    assert (data["of"], data["by"]) == ("L_n", "w1[2->1]")


def test_of_a_large_network_only_what_the_question_reaches_is_taken() -> None:
    data = scalar_graph(story("digits")).to_dict()
    names = [quantity["name"] for quantity in data["quantities"]]
    assert [name for name in names if name.startswith("w1")] == ["w1[300->6]"]
    assert [name for name in names if name.startswith("w2")] == [f"w2[6->{j}]" for j in range(10)]
    assert "x[300]" in names
    assert "x[299]" not in names


def test_what_leads_to_neither_side_of_the_question_is_left_away() -> None:
    text = "x = 1\nw = 2\nh = w*x\nspare = h^2 + w\nL = h^2"
    data = scalar_graph(bs.Formulas.read(text).explain("w")).to_dict()
    assert [quantity["name"] for quantity in data["quantities"]] == ["x", "w", "h", "L"]


def test_two_questions_too_large_for_a_page_are_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"A figure can hold 20,000 edges, and this question reaches more\. Ask"
    ):
        scalar_graph(story("deep"))
    net = bs.Network([30, 20, 5], seed=1)
    told = net.explain("da1[0]/dw2[0->0]", np.ones(30), np.ones(5))
    with pytest.raises(
        ConfigurationError, match=r"No path leads from w2\[0->0\] to a1\[0\], and a figure of a network with"
    ):
        scalar_graph(told)


def test_a_loss_over_samples_is_shown_for_one_of_them() -> None:
    text = "samples: x t\n1 0.5\n-2 1\n\nw = 0.4\ny = w*x\nL = {}"
    read = bs.Formulas.read
    assert scalar_graph(read(text.format("mean((y - t)^2)")).explain("w")).of == "L_n"
    assert scalar_graph(read(text.format("mean((y - t)^2) + w^2")).explain("dL/dy")).of == "L_n"
    with pytest.raises(ConfigurationError, match=r"L may take one mean or sum over the samples\. Got 2: mean\(L_n\), "):
        scalar_graph(read(text.format("mean((y - t)^2)*sum(y)")).explain("w"))
