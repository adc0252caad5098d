"""The estimators with the recipe for tables: encoded columns, bounded numbers, ensembles, and questions about them."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_score

import backstory as bs

N = 200
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "width": RNG.normal(5.0, 2.0, N),
        "color": RNG.choice(["red", "green", "blue"], N),
        "alone": RNG.choice([True, False], N),
    }
)
FRAME.loc[3, "width"] = np.nan
FRAME.loc[5, "color"] = None
LABELS = np.where((FRAME["width"].fillna(5) > 5) ^ (FRAME["color"] == "red"), "yes", "no")
NUMBERS = 100 + 10 * FRAME["width"].fillna(5) * np.where(FRAME["alone"], 1.0, -1.0)


def classifier(**more: Any) -> bs.MLPClassifier:
    return bs.MLPClassifier.tabular(**{"max_iter": 60, "hidden_layer_sizes": (24, 24), "random_state": 0} | more)


def regressor(**more: Any) -> bs.MLPRegressor:
    return bs.MLPRegressor.tabular(**{"max_iter": 60, "hidden_layer_sizes": (24, 24), "random_state": 0} | more)


def test_mixed_columns_are_learned_from() -> None:
    assert classifier().fit(FRAME, LABELS).score(FRAME, LABELS) > 0.95
    assert regressor().fit(FRAME, NUMBERS).score(FRAME, NUMBERS) > 0.95


def test_an_array_is_encoded_as_a_frame_is() -> None:
    X, y = load_diabetes(return_X_y=True)
    by_array = regressor(max_iter=5).fit(X, y)
    by_frame = regressor(max_iter=5).fit(pd.DataFrame(X), y)
    assert by_array.table_.features == tuple(f"x{place}" for place in range(10))
    assert by_array.predict(X).tolist() == by_frame.predict(pd.DataFrame(X)).tolist()
    assert by_array.n_features_in_ == 10


def test_predictions_stay_within_the_targets_met() -> None:
    X = np.linspace(-1, 1, 80)[:, None]
    far = np.linspace(-9, 9, 50)[:, None]
    found = regressor().fit(X, 3 * X[:, 0]).predict(far)
    assert (found.min(), found.max()) == (-3.0, 3.0)
    assert np.abs(regressor(bounded=False).fit(X, 3 * X[:, 0]).predict(far)).max() > 3
    plain = bs.MLPRegressor(hidden_layer_sizes=4, solver="lbfgs", bounded=True, random_state=0).fit(X, 3 * X[:, 0])
    assert np.abs(plain.predict(far)).max() <= 3


@pytest.mark.parametrize("make", [classifier, regressor])
def test_an_ensemble_is_the_mean_of_its_members_whatever_the_threads(make: Any) -> None:
    y = LABELS if make is classifier else NUMBERS
    one, two = (make(members=3, max_iter=8, threads=threads).fit(FRAME, y) for threads in (1, 2))
    for net, other in zip(one.networks_, two.networks_, strict=True):
        assert (net.parameters == other.parameters).all()
    assert len({net.parameters[0] for net in one.networks_}) == 3
    found = one.predict_proba(FRAME) if make is classifier else one.predict(FRAME)
    every = np.mean([net.predict(one.table_.inputs(FRAME, "float32")) for net in one.networks_], axis=0, dtype=float)
    if make is classifier:
        np.testing.assert_allclose(found, every, rtol=1e-6)
    else:
        aim = one.table_.aim
        np.testing.assert_allclose(found, np.clip(every[:, 0] * aim.scale + aim.mean, aim.low, aim.high), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_members_without_an_encoding() -> None:
    X, y = load_diabetes(return_X_y=True)
    model = bs.MLPRegressor(hidden_layer_sizes=4, solver="lbfgs", members=2, random_state=0, max_iter=5).fit(X, y)
    np.testing.assert_allclose(model.predict(X), np.mean([net.predict(X)[:, 0] for net in model.networks_], axis=0))


def test_all_epochs_are_trained_and_the_best_is_kept() -> None:
    model = classifier(max_iter=40).fit(FRAME, LABELS)
    assert model.n_iter_ == len(model.validation_scores_) == 40
    scores, losses = np.array(model.validation_scores_), np.array(model.validation_loss_curve_)
    best = losses[scores == scores.max()].min()
    own = classifier(max_iter=40, validation_fraction=0.2).fit(FRAME, LABELS)
    assert model.best_validation_score_ == scores.max()
    assert best in losses
    assert (own.network_.parameters == model.network_.parameters).all()


@pytest.mark.parametrize(("make", "y"), [(classifier, LABELS), (regressor, NUMBERS)])
def test_small_tables_are_trained_on_twice(make: Any, y: Any) -> None:
    twice, once = make().fit(FRAME, y), make(refit=False).fit(FRAME, y)
    assert twice.validation_scores_ == once.validation_scores_
    assert twice.loss_curve_ == once.loss_curve_
    assert (twice.network_.parameters != once.network_.parameters).any()
    assert twice.score(FRAME, y) > 0.95
    few = make(refit=N - 1).fit(FRAME, y)
    assert (few.network_.parameters == once.network_.parameters).all()
    members = make(members=2, refit=True).fit(FRAME, y)
    assert all((net.parameters != once.network_.parameters).any() for net in members.networks_)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer. Maximum iterations")
def test_where_no_rows_are_held_out_there_is_one_training() -> None:
    every, own = ({"refit": flag, "max_iter": 5} for flag in (True, False))
    one, two = (regressor(early_stopping=False, **given).fit(FRAME, NUMBERS) for given in (every, own))
    assert (one.network_.parameters == two.network_.parameters).all()
    one, two = (regressor(**given).fit(FRAME, NUMBERS, X_val=FRAME, y_val=NUMBERS) for given in (every, own))
    assert (one.network_.parameters == two.network_.parameters).all()


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer. Maximum iterations")
def test_where_the_end_is_much_worse_than_the_best_epoch_there_is_one_training() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(60, 5)), rng.normal(size=60)
    given = {"solver": bs.AdamW(bs.Cosine(0.1)), "max_iter": 80, "dropout": 0.0, "bounded": False}
    once, twice = (regressor(refit=flag, **given).fit(*noise) for flag in (False, True))
    assert twice.validation_loss_curve_[-1] > 1.3 * min(twice.validation_loss_curve_)
    assert (once.network_.parameters == twice.network_.parameters).all()


def test_the_second_training_has_all_rows_and_no_callbacks() -> None:
    seen: list[int] = []
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(50, 2)), rng.normal(size=50)
    given = {"encode": False, "bounded": False, "dropout": 0.0, "callbacks": lambda event: seen.append(event.epoch)}
    model = regressor(**given, max_iter=20, embedding=None).fit(X, y)
    assert seen == list(range(1, 21))
    lulls = {4: model.validation_scores_[3], 9: model.validation_scores_[8], 20: model.validation_scores_[19]}
    end = max(lulls, key=lambda epoch: lulls[epoch])
    sizes = [2, 24, 24, 1]
    parts = {"scaling": True, "parametric": True, "parametrization": "neural_tangent"}
    net = bs.Network(sizes, hidden="mish", seed=model.network_.seed, **parts)
    random = np.random.RandomState(0)
    first = bs.Network(sizes, hidden="mish", seed=int(random.randint(2**31 - 1)), **parts).standardize_units(X)
    net.parameters[:] = first.parameters
    net.fit(
        X, y, optimizer=model.solver, batch_size=50, epochs=20, rates=model.rates, decays=model.decays,
        callbacks=lambda event: event.epoch == end,
    )  # fmt: skip
    np.testing.assert_allclose(model.network_.parameters, net.parameters, rtol=1e-9)


def test_a_second_training_that_diverges_leaves_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(self: Any, *given: Any, **named: Any) -> Any:
        if not named.get("own_callbacks", True):
            raise bs.DivergenceError("No more.", step=1, epoch=1, layer=None, row=None, quantity="loss", history=None)
        return run(self, *given, **named)

    run = bs.MLPRegressor._run
    monkeypatch.setattr(bs.MLPRegressor, "_run", diverge)
    with pytest.warns(UserWarning, match="the rows that were not held out"):
        twice = regressor().fit(FRAME, NUMBERS)
    once = regressor(refit=False).fit(FRAME, NUMBERS)
    assert (twice.network_.parameters == once.network_.parameters).all()


def test_what_is_kept_has_the_least_loss_of_the_best_scores() -> None:
    rows, held = FRAME[40:], FRAME[:40]
    model = classifier(max_iter=40).fit(rows, LABELS[40:], X_val=held, y_val=LABELS[:40])
    scores, losses = np.array(model.validation_scores_), np.array(model.validation_loss_curve_)
    y = np.searchsorted(model.classes_, LABELS[:40])
    found = model.network_.loss(model.table_.inputs(held, "float32"), y)
    assert found == pytest.approx(losses[scores == scores.max()].min(), rel=1e-6)


def test_it_is_an_ordinary_estimator() -> None:
    model = classifier(max_iter=10)
    assert clone(model).get_params() == model.get_params()
    assert model.get_params()["n_iter_no_change"] == math.inf
    assert cross_val_score(model, FRAME, LABELS, cv=2).shape == (2,)
    again = pickle.loads(pickle.dumps(model.fit(FRAME, LABELS)))
    assert (again.predict_proba(FRAME) == model.predict_proba(FRAME)).all()


def test_questions_are_asked_with_raw_rows() -> None:
    model = classifier(max_iter=10).fit(FRAME, LABELS)
    rows = model.table_.inputs(FRAME[:3], "float64")
    y = np.searchsorted(model.classes_, LABELS[:3])
    assert model.explain("w1[0->1]", FRAME[:3], LABELS[:3]).value == model.network_.explain("w1[0->1]", rows, y).value
    named = model.explain("da3[1]/dx[width]", FRAME[:1]).value
    assert named == model.network_.explain("da3[1]/dx[0]", rows[:1], y[:1]).value
    assert model.gradient_flow(FRAME, LABELS).to_dict()["rows"] == N


def test_saved_networks_take_raw_rows_and_bounds(tmp_path: Any) -> None:
    model = regressor(max_iter=10).fit(FRAME, NUMBERS)
    model.network_.save(tmp_path / "net.safetensors")
    net = bs.load(tmp_path / "net.safetensors")
    assert net.table == model.table_
    np.testing.assert_allclose(net.predict(FRAME)[:, 0], model.predict(FRAME), rtol=1e-12)
    model.export(tmp_path / "net.py")
    scope: dict[str, Any] = {}
    exec((tmp_path / "net.py").read_text(), scope)
    row = {"width": 4.0, "color": "red", "alone": True}
    wanted = model.predict(pd.DataFrame([row]))[0]
    assert scope["predict"](row)[0] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: classifier(members=0).fit(FRAME, LABELS), "'members' parameter of MLPClassifier must be an integer"),
        (lambda: classifier(encode=1).fit(FRAME, LABELS), "'encode' parameter of MLPClassifier must be True or False"),
        (
            lambda: classifier(refit=1.5).fit(FRAME, LABELS),
            "'refit' parameter of MLPClassifier must be an integer >= 1",
        ),
        (
            lambda: classifier(members=2).partial_fit(FRAME, LABELS, classes=["no", "yes"]),
            "partial_fit trains one network",
        ),
        (lambda: classifier(members=2, warm_start=True).fit(FRAME, LABELS), "warm_start goes on with one network"),
        (
            lambda: classifier(members=2, max_iter=1).fit(FRAME, LABELS).export("net.py"),
            "export writes one network, and this estimator is the mean of 2",
        ),
        (lambda: regressor().fit(np.ones((9, 2)), np.arange(9)), "X must have a column that something can be learned"),
        (
            lambda: regressor(max_iter=1).fit(FRAME, np.c_[NUMBERS, NUMBERS]).export("net.py"),
            "export writes encoded columns where there is one target",
        ),
    ],
)
def test_what_cannot_be(act: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        act()


def test_pandas_categories_are_columns_like_others() -> None:
    frame = FRAME.assign(color=FRAME["color"].astype(str).astype("category"))
    assert classifier(max_iter=5).fit(frame, LABELS).table_.columns[1].kind == "category"
