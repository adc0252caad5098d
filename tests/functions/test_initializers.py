"""Initializers: the scale each paper gives, for layers of any size."""

from __future__ import annotations

import math
import pickle

import pytest

from backstory.errors import ConfigurationError
from backstory.expressions import to_latex
from backstory.functions import ACTIVATIONS, INITIALIZERS, Constant, Initializer, Normal, Uniform, initializer

ROWS = [*INITIALIZERS.values(), Normal(0.3), Uniform(2), Constant(-1.5)]
every_row = pytest.mark.parametrize("row", ROWS, ids=str)


@pytest.mark.parametrize(
    ("name", "distribution", "scale"),
    [
        ("glorot_uniform", "uniform", math.sqrt(6 / 100)),
        ("glorot_normal", "normal", math.sqrt(2 / 100)),
        ("he_uniform", "uniform", math.sqrt(6 / 80)),
        ("he_normal", "normal", math.sqrt(2 / 80)),
        ("lecun_uniform", "uniform", math.sqrt(3 / 80)),
        ("lecun_normal", "normal", math.sqrt(1 / 80)),
        ("orthogonal", "orthogonal", 1.0),
        ("normal", "normal", 0.05),
        ("uniform", "uniform", 0.05),
        ("constant", "constant", 0.0),
        ("zeros", "constant", 0.0),
    ],
)
def test_scale(name, distribution, scale):
    row = initializer(name)
    assert row.distribution == distribution
    assert row.scale(80, 20) == pytest.approx(scale, rel=1e-15)


@pytest.mark.parametrize("family", ["glorot", "he", "lecun"])
def test_uniform_and_normal_of_a_family_have_the_same_variance(family):
    limit, std = (initializer(f"{family}_{kind}").scale(7, 5) for kind in ("uniform", "normal"))
    assert limit**2 / 3 == pytest.approx(std**2)


def test_every_activation_names_one_that_fits():
    assert {row.initializer for row in ACTIVATIONS.values()} <= set(INITIALIZERS)
    assert ACTIVATIONS["relu"].initializer == "he_normal"
    assert ACTIVATIONS["selu"].initializer == "lecun_normal"
    assert ACTIVATIONS["tanh"].initializer == "glorot_uniform"


@every_row
def test_a_row_survives_pickling_and_the_model_file(row):
    for again in (pickle.loads(pickle.dumps(row)), Initializer.from_dict(row.to_dict())):
        assert again == row
        assert hash(again) == hash(row)
    assert row.formula in repr(row)
    assert to_latex(row.expression)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(0), r"The 'std' parameter of Normal must be a number in \(0, inf\). Got 0 instead."),
        (
            lambda: Uniform(math.inf),
            r"The 'limit' parameter of Uniform must be a number in \(0, inf\). Got inf instead.",
        ),
        (lambda: Constant(None), "The 'value' parameter of Constant must be a finite number. Got None instead."),
        (lambda: initializer("glorot"), "Unknown initializer 'glorot'. Did you mean 'glorot_normal'?"),
        (lambda: initializer(0), "An initializer must be a name or an Initializer. Got 0 instead."),
        (
            lambda: Initializer.from_dict({"name": "normal", "parameters": {"limit": 1.0}}),
            "The initializer 'normal' has no parameter 'limit'. It has: std.",
        ),
    ],
)
def test_messages(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()
