"""`Formulas`: values, gradients, training, and errors, as a user meets them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import backstory as bs
from backstory.errors import ConfigurationError, DataError, DivergenceError, ExpressionError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

SAMPLES = """\
samples: x t
0.2 1
1.0 0
3.0 0.3

w = 1/3
b = 0.1
lam = 0.1
y = sigmoid(w*x + b)
L = mean((y - t)^2) + lam/2*w^2
"""


def central(f: bs.Formulas, name: str, h: float = 1e-6) -> float:
    at = f.values[name]
    values = []
    for step in (h, -h):
        f.set(**{name: at + step})
        values.append(f.values[f.loss])
    f.set(**{name: at})
    return (values[0] - values[1]) / (2 * h)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.txt")), ids=lambda path: path.stem)
def test_every_example_has_the_gradients_of_central_differences(path: Path) -> None:
    f = bs.Formulas.read(path)
    if path.stem == "xor":
        f.set(c1=0.1, c2=-0.9, b=0.05)  # away from relu's kinks
    assert f.parameters
    for name, gradient in f.gradients.items():
        assert gradient == pytest.approx(central(f, name), rel=1e-6, abs=1e-9)
        story = f.explain(name)
        assert story.value == pytest.approx(gradient, rel=1e-12, abs=1e-15)
        assert len(str(story)) > 200


def test_reading_a_path_or_the_text_itself(tmp_path: Path) -> None:
    path = tmp_path / "net.txt"
    path.write_text("\ufeffx = 2\nw = 3\nL = w*x", encoding="utf-8")
    assert bs.Formulas.read(path).values["L"] == bs.Formulas.read(str(path)).values["L"] == 6.0
    assert bs.Formulas.read("L = 2^w\nw = 1\nM = L+w").loss == "M"
    with pytest.raises(FileNotFoundError):
        bs.Formulas.read(tmp_path / "none.txt")
    path.write_bytes(b"\xff\xfe\x00x")
    with pytest.raises(DataError, match="not a text file in UTF-8"):
        bs.Formulas.read(path)
    with pytest.raises(ExpressionError, match="Line 1, column 5"):
        bs.Formulas.read("L = *")


def test_values_hide_what_the_text_does_not_name() -> None:
    values = bs.Formulas.read(SAMPLES).values
    assert set(values) == {"x", "t", "w", "b", "lam", "y", "L"}
    assert values["x"] == [0.2, 1.0, 3.0]
    assert len(values["y"]) == 3


def test_a_batch_is_the_mean_of_its_rows_and_the_penalty() -> None:
    f = bs.Formulas.read(SAMPLES)
    story = f.explain("dL/dw")
    batch = story.batch
    assert batch is not None
    assert batch.combine == "mean"
    assert batch.loss == "L_n"
    y, x, t = (np.array(f.values[name]) for name in ("y", "x", "t"))
    np.testing.assert_allclose(batch.gradients, 2 * (y - t) * y * (1 - y) * x, rtol=1e-14)
    assert batch.rest == pytest.approx(0.1 / 3)
    assert story.value == pytest.approx(np.mean(batch.gradients) + 0.1 / 3)
    assert batch.row == 2  # the row that pushes most
    assert f.explain("dL/dw", row=0).batch.row == 0  # type: ignore[union-attr]
    assert story.nudge is not None
    assert story.nudge.verdict == "fourfold"
    with pytest.raises(ConfigurationError, match="row= must be one of the samples 0 to 2. Got 3."):
        f.explain("dL/dw", row=3)


def test_sums_and_two_kinds_of_means() -> None:
    text = SAMPLES.replace("mean((y - t)^2)", "3*sum((y - t)^2) + mean(y)^2")
    f = bs.Formulas.read(text)
    for name, gradient in f.gradients.items():
        assert gradient == pytest.approx(central(f, name), rel=1e-6)
        assert f.explain(name).value == pytest.approx(gradient, rel=1e-12)


def test_one_sample_can_be_asked_about() -> None:
    f = bs.Formulas.read(SAMPLES)
    y, x = f.values["y"], f.values["x"]
    assert f.explain("dy/dw", row=1).value == pytest.approx(y[1] * (1 - y[1]) * x[1])
    with pytest.raises(ConfigurationError, match="differs from sample to sample"):
        f.gradient("y")


def test_depends_and_gradient() -> None:
    f = bs.Formulas.read(EXAMPLES / "two-two-two.txt")
    assert f.depends("L", "w1")
    assert f.depends("o2", "h1")
    assert not f.depends("w7", "h1")
    assert not f.depends("h2", "w1")
    assert f.gradient("h1") == pytest.approx(0.03635030639314468)
    with pytest.raises(ConfigurationError, match="Unknown name 'w9'"):
        f.gradient("w9")
    with pytest.raises(ExpressionError, match="Unknown name 'w9'"):
        f.explain("dL/dw9")


def test_mazur_is_trained_as_published() -> None:
    f = bs.Formulas.read(EXAMPLES / "mazur.txt")
    losses = f.fit(optimizer=bs.SGD(0.5), steps=2)
    assert losses == pytest.approx([0.2983711087600027, 0.2910277736935994], rel=1e-12)


def test_nielsens_neuron_is_trained_as_published() -> None:
    f = bs.Formulas.read(EXAMPLES / "nielsen-neuron.txt")
    assert f.values["a"] == pytest.approx(0.8175744761936437)
    f.fit(optimizer=bs.SGD(0.15), steps=300)
    assert f.values["a"] == pytest.approx(0.09395569486364726, rel=1e-9)


@pytest.mark.parametrize(
    "optimizer",
    [bs.SGD(0.3, momentum=0.9), bs.SGD(0.3, momentum=0.9, nesterov=True), bs.Adam(0.1), bs.RMSProp(0.05),
     bs.AdamW(0.1, weight_decay=0.2), bs.Rprop(), bs.Polyak(0.5), bs.Quotient(0.05), bs.Lion(0.01)],
    ids=lambda optimizer: type(optimizer).__name__,
)  # fmt: skip
def test_every_optimizer_steps_as_the_reference_engine_does(optimizer: bs.SGD) -> None:
    f = bs.Formulas.read(SAMPLES.replace(" + lam/2*w^2", "").replace("mean((y", "1/2*mean((y"))
    net = bs.Network([1, 1], output="sigmoid", loss="half_squared_error", seed=0)
    net.weights[0][...], net.biases[0][...] = 1 / 3, 0.1
    X, t = np.array([[0.2], [1.0], [3.0]]), [1.0, 0.0, 0.3]
    for step in range(6):
        told = f.explain("dL/dw", optimizer=optimizer).update
        assert told is not None
        net_told = net.explain("w1[0->0]", X, t, optimizer=optimizer).update
        assert net_told is not None
        assert net_told.new == pytest.approx(told.new, rel=1e-12)
        f.step(optimizer)
        net.step(X, t, optimizer=optimizer, engine="reference")
        assert f.parameters["w"] == pytest.approx(net.weights[0][0, 0], rel=1e-10), step
        assert f.parameters["b"] == pytest.approx(net.biases[0][0], rel=1e-10), step
        assert told.new == pytest.approx(f.parameters["w"], rel=1e-12)


def test_a_diverging_step_is_not_taken() -> None:
    f = bs.Formulas.read("w = 1e200\nL = w^4")
    with pytest.raises(DivergenceError, match="it was not taken. Try a smaller learning rate"):
        f.step(bs.SGD(1.0))
    assert f.parameters == {"w": 1e200}
    with pytest.raises(ConfigurationError, match="LBFGS takes no single steps"):
        f.fit(optimizer=bs.LBFGS())


def test_set_refuses_what_is_no_leaf_and_no_number() -> None:
    f = bs.Formulas.read(SAMPLES)
    f.set(w=2, lam=0.0)
    assert f.parameters["w"] == 2.0
    with pytest.raises(ConfigurationError, match="Unknown leaf 'y'"):
        f.set(y=1)
    with pytest.raises(ConfigurationError, match="'w' must be a finite number"):
        f.set(w=float("nan"))
    assert repr(f) == "<Formulas: L of w, b, 3 samples>"


def test_the_way_back_forgets_nothing():
    text = (EXAMPLES / "one-neuron.txt").read_text()
    there, straight = bs.Formulas.read(text), bs.Formulas.read(text)
    there.fit(optimizer=bs.Adam(0.1), steps=3)
    saved = there.save()
    there.fit(optimizer=bs.Adam(0.1), steps=4)
    there.restore(saved)
    there.fit(optimizer=bs.Adam(0.1), steps=4)
    straight.fit(optimizer=bs.Adam(0.1), steps=7)
    assert there.values == straight.values
