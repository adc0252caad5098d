"""Two stories side by side: the factors aligned, the first difference named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import backstory as bs

X, Y = [0.3, 0.8], [1.0, 0.0]


def net(loss: str = "half_squared_error", output: str = "sigmoid", **options: Any) -> bs.Network:
    return bs.Network([2, 2, 2], hidden="sigmoid", output=output, loss=loss, seed=0, **options)


def kinds(comparison: bs.Comparison) -> list[tuple[str, str]]:
    return [(row.kind, row.difference) for row in comparison.rows]


def test_squared_error_against_cross_entropy_says_where_the_slope_went() -> None:
    stories = [net(loss).explain("w1[0->0]", X, Y) for loss in ("half_squared_error", "binary_cross_entropy")]
    found = bs.compare(*stories)
    assert kinds(found)[:6] == [
        ("input", ""),
        ("activation derivative", ""),
        ("weight", ""),
        ("weight", ""),
        ("activation derivative", ""),
        ("activation derivative", ""),
    ]
    assert kinds(found)[6:] == [("loss derivative", "formula")] * 2
    assert found.first_difference is found.rows[6]
    assert "On the right the loss divides by just the slope" in found.sentence
    assert "the derivative by the weighted sum is a2[0] - y[0]" in found.sentence
    assert "That is where σ' went; on the other side it stays, here as 0.244367," in found.sentence
    assert "On the left the loss divides" in bs.compare(*reversed(stories)).sentence
    assert found.ratio == pytest.approx(stories[1].value / stories[0].value)


def test_softmax_with_cross_entropy_against_softmax_with_squared_error() -> None:
    left, right = (net(loss, "softmax").explain("w1[0->0]", X, Y) for loss in ("half_squared_error", "cross_entropy"))
    found = bs.compare(left, right)
    assert kinds(found) == [
        ("input", ""),
        ("activation derivative", ""),
        ("weight", ""),
        ("weight", ""),
        ("loss derivative", "formula"),
        ("loss derivative", "formula"),
    ]
    row = found.rows[4]
    assert row.left is not None
    assert row.right is not None
    assert row.left.number == pytest.approx(left.graph.derivative("z2[0]", "L"))
    assert str(row.right).startswith("∂L/∂z2[0] = a2[0] - y[0]")
    assert "That is where σ' went" in found.sentence


def test_losses_that_differ_otherwise_claim_nothing_about_slopes() -> None:
    left, right = (net(loss).explain("w1[0->0]", X, Y) for loss in ("half_squared_error", "squared_error"))
    found = bs.compare(left, right)
    assert found.ratio == pytest.approx(2)
    assert "σ'" not in found.sentence
    assert found.first_difference is not None
    assert found.first_difference.kind == "loss derivative"


def test_equal_hidden_units_stay_equal() -> None:
    twins = net()
    twins.weights[0][...], twins.weights[1][...] = 0.5, 0.25
    found = bs.compare(*(twins.explain(f"w1[0->{unit}]", X, Y) for unit in (0, 1)))
    assert found.first_difference is None
    assert found.ratio == 1
    assert "All 8 factors are equal." in found.sentence
    assert "the units stay equal for ever" in found.sentence
    twins.weights[1][1, 0] = 0.3
    found = bs.compare(*(twins.explain(f"w1[0->{unit}]", X, Y) for unit in (0, 1)))
    assert found.first_difference is not None
    assert (
        "The first difference is the weight ∂z2[0]/∂a1[0]: w2[0->0] = 0.25 on the left, "
        "∂z2[0]/∂a1[1] = w2[1->0] = 0.3 on the right, the same formula with another value."
    ) in found.sentence


FORMULAS = """
x1 = 0.3
x2 = 0.8
t = 1
w1 = 0.5
w2 = -0.4
w3 = 0.7
b = 0
h = sigmoid(w1*x1 + w2*x2 + b)
o = sigmoid(w3*h + b)
E = 1/2*(t - o)^2
"""


def by_layers() -> bs.Network:
    made = bs.Network([2, 1, 1], hidden="sigmoid", output="sigmoid", seed=0)
    made.weights[0][...], made.weights[1][...] = [[0.5], [-0.4]], 0.7
    return made


def test_a_network_against_the_same_one_by_hand() -> None:
    found = bs.compare(bs.Formulas.read(FORMULAS).explain("w1"), by_layers().explain("w1[0->0]", X, [1.0]))
    assert found.sentence == "All 5 factors are equal."
    assert found.ratio == pytest.approx(1)
    wrong = by_layers()
    wrong.weights[1][0, 0] = -0.7
    found = bs.compare(bs.Formulas.read(FORMULAS).explain("w1"), wrong.explain("w1[0->0]", X, [1.0]))
    assert found.first_difference is found.rows[2]
    assert "∂z_o/∂h: w3 = 0.7 on the left, ∂z2[0]/∂a1[0] = w2[0->0] = -0.7 on the right" in found.sentence
    swapped = bs.compare(bs.Formulas.read(FORMULAS).explain("w1"), by_layers().explain("w1[0->0]", X[::-1], [1.0]))
    assert swapped.first_difference is swapped.rows[0]


def test_old_against_already_updated_weights() -> None:
    story = bs.Formulas.read(FORMULAS).explain("w1", optimizer=bs.SGD(0.5), stale=True)
    assert story.stale is not None
    found = bs.compare(story, story.stale.story)
    assert kinds(found) == [
        ("input", ""),
        ("activation derivative", ""),
        ("weight", "number"),
        ("activation derivative", ""),
        ("loss derivative", ""),
    ]
    assert "Of 5 factors 4 are equal." in found.sentence


def test_after_a_step_the_first_difference_lies_in_the_forward_pass() -> None:
    before = by_layers()
    after = before.copy()
    after.step([X], [[1.0]], optimizer=bs.SGD(0.5))
    found = bs.compare(*(each.explain("w1[0->0]", X, [1.0]) for each in (before, after)))
    assert found.first_difference is found.rows[1]
    assert "the same formula with another value, at z1[0] = -0.17 and z1[0] = " in found.sentence
    assert "Of 5 factors 1 is equal; 3 more differ." in found.sentence


def test_penalty_and_batch_are_rows_too() -> None:
    plain, penalized = net(), net(penalty=bs.L2(0.1))
    rows, aims = [X, [0.1, 0.2]], [Y, Y]
    found = bs.compare(plain.explain("w1[0->0]", X, Y), penalized.explain("w1[0->0]", rows, aims, row=0))
    assert kinds(found)[-2:] == [("penalty", "missing"), ("average", "missing")]
    assert "∂penalty/∂w1[0->0] = 0.1*w1[0->0]" in found.sentence
    assert "stands on the right only" in found.sentence
    other = bs.compare(*(plain.explain("w1[0->0]", rows, aims, row=row) for row in (0, 1)))
    assert "The left story tells row 0, the right one row 1" in other.sentence
    assert kinds(other)[-1] == ("average", "")


def test_more_outputs_on_one_side() -> None:
    wide = bs.Network([2, 2, 3], hidden="sigmoid", output="sigmoid", seed=0)
    found = bs.compare(net().explain("w1[0->0]", X, Y), wide.explain("w1[0->0]", X, [1.0, 0.0, 1.0]))
    missing = [row for row in found.rows if row.difference == "missing"]
    assert [str(row.right).split(" = ")[0] for row in missing] == ["∂z2[2]/∂a1[0]"]
    assert all(row.left is None for row in missing)


def test_a_large_network_is_compared_along_its_strongest_path() -> None:
    large = bs.Network([4, 30, 30, 5], hidden="tanh", seed=0)
    other = bs.Network([4, 30, 30, 5], hidden="tanh", seed=1)
    stories = [each.explain("w1[2->7]", [0.1, 0.2, 0.3, 0.4], [0.0] * 5) for each in (large, other)]
    found = bs.compare(*stories)
    assert len(found.rows) <= 12
    assert found.first_difference is found.rows[1]


def test_what_does_not_depend_is_said() -> None:
    f = bs.Formulas.read(FORMULAS)
    found = bs.compare(f.explain("dw3/dh"), f.explain("dE/dw1"))
    assert found.rows == ()
    assert found.ratio is None
    assert found.sentence == "There are no factors to compare."


def test_page_and_data() -> None:
    left, right = (net(loss).explain("w1[0->0]", X, Y) for loss in ("half_squared_error", "binary_cross_entropy"))
    found = bs.compare(left, right)
    page = str(found)
    assert max(map(len, page.splitlines())) <= 80
    assert page.startswith("left   ∂L/∂w1[0->0] = 0.00431185\nright  ∂L/∂w1[0->0] = 0.0187379\n")
    assert "  [input]                                                                  equal\n" in page
    assert page.count("another formula") == 2
    data = json.loads(json.dumps(found.to_dict()))
    assert data["first_difference"] == 6
    assert data["rows"][6]["left"] == {
        "symbol": "∂L/∂a2[0]",
        "formula": "a2[0] - y[0]",
        "number": found.rows[6].left.number,  # type: ignore[union-attr]
    }
    html = found.to_html()
    assert "<title>Two stories side by side</title>" in html
    assert html.count("another formula") == 2
    assert data["right"] == {"quantity": "∂L/∂w1[0->0]", "value": right.value}


@given(st.integers(0, 2**32), st.sampled_from(["tanh", "sigmoid", "relu"]))
def test_a_story_is_equal_to_itself(seed: int, hidden: str) -> None:
    made = bs.Network([2, 3, 2, 1], hidden=hidden, seed=seed)
    story = made.explain("w1[1->1]", X, [1.0])
    found = bs.compare(story, story)
    assert found.first_difference is None
    assert all(row.left == row.right for row in found.rows)
