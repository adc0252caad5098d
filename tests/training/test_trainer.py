"""What `fit` serves between its steps: validation, early stopping, callbacks, history, divergence, training again."""

from __future__ import annotations

import os
import signal
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.engine.counter import permutations
from backstory.training.metrics import default_metrics

ENGINES = ("native", "reference")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3))
Y = np.tanh(X @ RNG.normal(size=(3, 2)))
LABELS = (X[:, 0] > 0).astype(int)


def regressor(**more: Any) -> bs.Network:
    return bs.Network([3, 8, 2], hidden="tanh", seed=1, **more)


def classifier() -> bs.Network:
    return bs.Network([3, 8, 2], hidden="tanh", output="softmax", loss="cross_entropy", seed=1)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_history_has_one_entry_per_epoch(engine: str) -> None:
    history = regressor().fit(X, Y, epochs=4, batch_size=16, validation=(X, Y), engine=engine)
    assert len(history) == 4 == len(history.loss) == len(history.validation_loss) == len(history.metrics["rmse"])
    assert history.gradient_norm.shape == (4, 2)
    assert (np.diff(history.seconds) > 0).all()
    assert (history.loss[1:] < history.loss[0]).all()
    frame = history.to_frame()
    assert list(frame.columns) == [
        "loss", "validation_loss", "rmse", "learning_rate", "seconds", "gradient_norm_1", "gradient_norm_2",
    ]  # fmt: skip
    assert "4 epochs" in repr(history)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_recorded_loss_is_the_mean_over_the_rows(engine: str) -> None:
    """With a rate too small to move anything, the running mean is the loss itself, short last batch included."""
    net = regressor(penalty=bs.L2(0.1))
    history = net.fit(X, Y, optimizer=bs.SGD(1e-300), batch_size=16, epochs=2, engine=engine)
    assert history.loss == pytest.approx(net.loss(X, Y, engine=engine), rel=1e-12)
    weight = np.linspace(0, 1, 50)
    history = net.fit(X, Y, optimizer=bs.SGD(1e-300), batch_size=16, epochs=2, engine=engine, sample_weight=weight)
    assert history.loss == pytest.approx(net.loss(X, Y, engine=engine, sample_weight=weight), rel=1e-12)


def test_validation_figures_are_those_of_the_network() -> None:
    net = classifier()
    history = net.fit(X, LABELS, epochs=3, validation=(X[:20], LABELS[:20]))
    assert history.validation_loss[-1] == pytest.approx(net.loss(X[:20], LABELS[:20]))
    assert history.metrics["accuracy"][-1] == np.mean(net.predict(X[:20]).argmax(axis=1) == LABELS[:20])


@pytest.mark.parametrize("loss", ["half_squared_error", "hinge", "binary_cross_entropy", "cross_entropy"])
def test_metrics_weigh_the_rows_of_a_weighted_validation_set(loss: str) -> None:
    outputs = {"binary_cross_entropy": "sigmoid", "cross_entropy": "softmax"}
    net = bs.Network([3, 4, 3], output=outputs.get(loss, "identity"), loss=loss, seed=0)
    y, weight = np.arange(50) % 3, np.random.default_rng(5).integers(1, 4, len(X))
    aims: Any = np.eye(3)[y] if loss == "half_squared_error" else y
    seen: list[Any] = []
    metrics = default_metrics(net.spec.loss)
    metrics |= {"seen": lambda y, a, sample_weight=None: seen.append(sample_weight) or 0.0, "plain": lambda y, a: 1.0}
    whole = net.copy().fit(X, aims, epochs=1, validation=(X, aims, weight), metrics=metrics)
    repeated = np.repeat(np.arange(len(X)), weight)
    again = net.copy().fit(X, aims, epochs=1, validation=(X[repeated], aims[repeated]), metrics=metrics)
    for name in metrics:
        assert whole.metrics[name][0] == pytest.approx(again.metrics[name][0])
    assert whole.validation_loss[0] == pytest.approx(again.validation_loss[0])
    np.testing.assert_array_equal(seen[0], weight)
    assert seen[1] is None


def test_own_metrics_are_taken_on_the_validation_set() -> None:
    history = regressor().fit(X, Y, epochs=2, validation=(X, Y), metrics={"bias": lambda y, a: float((a - y).mean())})
    assert history.metrics["bias"].shape == (2,)


def test_a_fraction_is_held_out_before_training() -> None:
    net = regressor()
    history = net.fit(X, Y, validation=0.2, epochs=1)
    assert np.isfinite(history.validation_loss).all()
    held_out = np.sort(permutations(~net.seed, range(1), 50)[0][:10])
    assert history.validation_loss[-1] == pytest.approx(net.loss(X[held_out], Y[held_out]))


def test_early_stopping_holds_one_copy_of_the_weights() -> None:
    net = bs.Network([3, 5_000, 2], seed=1)
    net.fit(X, Y, optimizer=bs.SGD(1e-5))
    tracemalloc.start()
    history = net.fit(X, Y, optimizer=bs.SGD(1e-5), epochs=5, early_stopping=5, shuffle=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert history.best_epoch == 4
    assert peak < 1.5 * net.parameters.nbytes


def test_early_stopping_keeps_the_best_weights() -> None:
    rng = np.random.default_rng(1)
    X_few, noise = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    net = bs.Network([3, 60, 2], hidden="tanh", seed=1)
    history = net.fit(
        X_few, noise, optimizer=bs.Adam(0.02), epochs=500, validation=(X, Y), early_stopping=bs.EarlyStopping(5)
    )
    assert history.stopped == "early stopping"
    assert len(history) < 500
    assert history.best_epoch == int(np.argmin(history.validation_loss)) == len(history) - 6
    assert net.loss(X, Y) == pytest.approx(history.validation_loss.min())


def test_the_best_of_all_epochs_by_a_metric_is_kept() -> None:
    rng = np.random.default_rng(5)
    X_few, labels = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    net = bs.Network([3, 30, 2], hidden="tanh", output="softmax", loss="cross_entropy", seed=1)
    keep = bs.EarlyStopping(patience=None, metric="accuracy")
    validation = X_few[:15], labels[:15]
    history = net.fit(
        X_few[15:], labels[15:], optimizer=bs.Adam(0.05), epochs=60, validation=validation, early_stopping=keep
    )
    assert (len(history), history.stopped) == (60, "epochs")
    order = sorted(range(60), key=lambda epoch: (-history.metrics["accuracy"][epoch], history.validation_loss[epoch]))
    assert history.best_epoch == order[0] != int(np.argmin(history.validation_loss))
    assert net.loss(*validation) == pytest.approx(history.validation_loss[order[0]])


@pytest.mark.parametrize("options", [{}, {"validation": (X, Y)}])
def test_a_metric_to_watch_must_be_there(options: dict[str, Any]) -> None:
    with pytest.raises(bs.ConfigurationError, match="Unknown metric of the validation set to watch 'accuracy'"):
        regressor().fit(X, Y, early_stopping=bs.EarlyStopping(metric="accuracy"), **options)


def test_early_stopping_watches_the_training_loss_without_a_validation_set() -> None:
    history = regressor().fit(X, Y, optimizer=bs.SGD(1e-300), epochs=50, early_stopping=3)
    assert history.stopped == "early stopping"
    assert len(history) <= 50


@pytest.mark.parametrize("engine", ENGINES)
def test_callbacks_are_called_at_their_time(engine: str) -> None:
    epochs: list[tuple[int, int]] = []
    steps: list[tuple[int, int, int]] = []
    regressor().fit(
        X,
        Y,
        batch_size=20,
        epochs=4,
        engine=engine,
        callbacks=[
            lambda event: epochs.append((event.epoch, event.step)),
            bs.EverySteps(5, lambda event: steps.append((event.epoch, event.step, len(event.history)))),
        ],
    )
    assert epochs == [(1, 3), (2, 6), (3, 9), (4, 12)]
    assert steps == [(1, 5, 1), (3, 10, 3)]


@pytest.mark.parametrize("engine", ENGINES)
def test_epochs_certain_to_follow_are_told_one_by_one(engine: str) -> None:
    def fitted(ahead: Callable[[], int] | None) -> tuple[list[Any], bs.Network]:
        told: list[Any] = []
        net = regressor(penalty=bs.L2(1e-2))
        watch = bs.EveryEpoch(lambda event: told.append((event.epoch, event.step, event.loss)), ahead)
        net.fit(X, Y, batch_size=20, epochs=7, engine=engine, callbacks=watch)
        return told, net

    (told, net), (told_later, net_later) = fitted(None), fitted(lambda: 3)
    assert told == told_later
    assert [epoch for epoch, _, _ in told] == list(range(1, 8))
    assert (net.parameters == net_later.parameters).all()
    assert net.history is not None
    assert net.history.loss[-1] == pytest.approx(told[-1][2])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_divergence_is_told_after_the_epochs_before_it(engine: str) -> None:
    told = []
    watch = bs.EveryEpoch(lambda event: told.append(event.epoch), lambda: 10)
    with pytest.raises(bs.DivergenceError) as caught:
        regressor().fit(X, 1e100 * Y, optimizer=bs.SGD(1e30), epochs=10, engine=engine, callbacks=watch)
    assert told == list(range(1, caught.value.epoch))


def test_a_callback_may_stop_training() -> None:
    by_epoch = regressor().fit(X, Y, epochs=9, callbacks=lambda event: event.epoch == 2)
    assert (len(by_epoch), by_epoch.stopped) == (2, "callback")
    by_step = regressor().fit(X, Y, epochs=9, batch_size=10, callbacks=bs.EverySteps(7, lambda event: True))
    assert (len(by_step), by_step.stopped) == (1, "callback")


@pytest.mark.parametrize("engine", ENGINES)
def test_callbacks_see_the_present_weights_and_what_they_write_counts(engine: str) -> None:
    net = regressor()
    views = [*net.weights, *net.biases]
    seen = []

    def zero_first_bias(event: bs.Event) -> None:
        seen.append(event.network.weights[0].copy())
        event.network.biases[0][:] = 0.0

    net.fit(X, Y, epochs=3, batch_size=25, callbacks=bs.EverySteps(1, zero_first_bias), engine=engine)
    assert all(view is again for view, again in zip(views, [*net.weights, *net.biases], strict=True))
    assert (seen[0] != seen[1]).any()
    assert (net.biases[0] == 0).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_cutting_training_into_chunks_changes_no_bit(engine: str) -> None:
    options = {"batch_size": 7, "epochs": 6, "dropout": 0.3, "optimizer": bs.Adam(0.01), "engine": engine}
    whole, cut, again = regressor(), regressor(), regressor()
    whole.fit(X, Y, **options)
    cut.fit(X, Y, **options, callbacks=bs.EverySteps(1, lambda event: None), validation=(X, Y))
    for _ in range(2):
        again.fit(X, Y, **{**options, "epochs": 3})
    assert (whole.parameters == cut.parameters).all()
    assert (whole.parameters == again.parameters).all()


def test_another_optimizer_starts_anew() -> None:
    net = regressor()
    net.fit(X, Y, optimizer=bs.Adam(0.01), epochs=1)
    assert set(net._memory.state) == {"m", "v"}
    net.fit(X, Y, optimizer=bs.SGD(0.01), epochs=1)
    assert net._memory.state == {}
    assert net._memory.steps == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_steps_one_by_one_are_an_epoch(engine: str) -> None:
    by_fit, by_step = regressor(), regressor()
    by_fit.fit(X, Y, optimizer=bs.Adam(0.01), batch_size=10, epochs=1, shuffle=False, engine=engine)
    losses = [
        by_step.step(X[i : i + 10], Y[i : i + 10], optimizer=bs.Adam(0.01), engine=engine) for i in range(0, 50, 10)
    ]
    assert (by_fit.parameters == by_step.parameters).all()
    assert np.mean(losses) == pytest.approx(by_fit.history.loss[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_frozen_stays(engine: str) -> None:
    net = regressor()
    before = net.copy()
    net.fit(X, Y, freeze=("b1", "w2"), engine=engine)
    assert (net.biases[0] == before.biases[0]).all()
    assert (net.weights[1] == before.weights[1]).all()
    assert (net.weights[0] != before.weights[0]).any()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_row_of_weight_two_counts_as_two_rows(engine: str) -> None:
    weighted, repeated = regressor(), regressor()
    options = {"optimizer": bs.SGD(0.1), "batch_size": 100, "epochs": 5, "engine": engine, "shuffle": False}
    weighted.fit(X, Y, sample_weight=np.where(np.arange(50) < 10, 2.0, 1.0), **options)
    repeated.fit(np.vstack([X, X[:10]]), np.vstack([Y, Y[:10]]), **options)
    np.testing.assert_allclose(weighted.parameters, repeated.parameters, rtol=1e-10)


def test_balanced_class_weights_are_scikit_learns() -> None:
    from sklearn.utils.class_weight import compute_sample_weight

    labels = (X[:, 0] > 0.8).astype(int)
    by_name, by_rows = classifier(), classifier()
    by_name.fit(X, labels, class_weight="balanced")
    by_rows.fit(X, labels, sample_weight=compute_sample_weight("balanced", labels))
    np.testing.assert_allclose(by_name.parameters, by_rows.parameters, rtol=1e-10)


@pytest.mark.parametrize("engine", ENGINES)
def test_divergence_says_where_it_began_and_keeps_the_last_good_weights(engine: str) -> None:
    net = regressor()
    good = []
    with pytest.raises(bs.DivergenceError) as caught:
        net.fit(
            X * 1e3,
            Y,
            optimizer=bs.SGD(1e300),
            epochs=5,
            batch_size=10,
            engine=engine,
            callbacks=bs.EverySteps(1, lambda event: good.append(net.parameters.copy())),
        )
    error = caught.value
    assert np.isfinite(net.parameters).all()
    assert error.step == len(good) + 1
    if good:
        assert (net.parameters == good[-1]).all()
    assert error.quantity in ("activation", "loss", "delta", "gradient", "weight")
    for words in (
        f"at step {error.step} (epoch 1)",
        "weights are those before that step",
        "lower learning rate",
        "clip",
    ):
        assert words in str(error)


@pytest.mark.parametrize("engine", ENGINES)
def test_divergence_names_the_row(engine: str) -> None:
    X_bad = X.copy()
    X_bad[17] = 1e200
    net = bs.Network([3, 4, 2], hidden="relu", loss="squared_error", seed=1)
    net.weights[0][:] = 1.0
    net.weights[1][:] = 1.0
    with pytest.raises(bs.DivergenceError, match="for row 17 of X") as caught:
        net.fit(X_bad, Y, batch_size=5, shuffle=False, engine=engine, optimizer=bs.SGD(1e-300))
    assert (caught.value.row, caught.value.step, caught.value.quantity) == (17, 4, "loss")


def test_the_engines_find_the_same_place_of_divergence() -> None:
    found = []
    for engine in ENGINES:
        net = bs.Network([3, 6, 6, 2], hidden="relu", seed=4)
        with pytest.raises(bs.DivergenceError) as caught:
            net.fit(X, Y, optimizer=bs.SGD(50.0), epochs=200, batch_size=10, engine=engine)
        found.append(
            (caught.value.step, caught.value.epoch, caught.value.layer, caught.value.quantity, caught.value.row)
        )
        assert len(caught.value.history) == caught.value.epoch - 1
    assert found[0] == found[1]


def test_progress_is_shown_when_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    regressor().fit(X, Y, epochs=3, progress=True)
    shown = capsys.readouterr()
    assert "3/3" in shown.err
    assert shown.out == ""
    regressor().fit(X, Y, epochs=3)
    assert capsys.readouterr() == ("", "")


def test_the_plot_shows_both_curves() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    history = regressor().fit(X, Y, epochs=3, validation=(X, Y), early_stopping=10)
    axes = history.plot()
    assert [line.get_label() for line in axes.lines] == ["training", "validation", "best epoch"]
    assert axes.get_yscale() == "log"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "'batch_size' parameter of fit must be an integer >= 1. Got 0"),
        ({"epochs": 1.5}, "'epochs' parameter of fit must be an integer >= 1. Got 1.5"),
        ({"dropout": 1.0}, r"'dropout' parameter of fit must be in \[0, 1\). Got 1.0"),
        ({"dropout": [0.1, 0.1]}, "one for each of the 1 hidden layers. Got 2 numbers"),
        ({"freeze": ("w3",)}, "Unknown parameter array to freeze 'w3'"),
        ({"validation": 1.0}, r"'validation' parameter of fit must be in \(0, 1\). Got 1.0"),
        ({"validation": 0.999}, "leaves none to train on"),
        ({"validation": "some"}, "validation= must be"),
        ({"threads": 0}, "threads= must be an integer >= 1"),
        ({"engine": "cuda"}, "Unknown engine 'cuda'"),
        ({"shuffle": "no"}, "'shuffle' parameter of fit must be True or False. Got 'no'"),
        ({"callbacks": [3]}, "Each callback must be a function of an Event"),
        ({"class_weight": "balanced"}, "class_weight= needs a loss for classes"),
        ({"sample_weight": -np.ones(50)}, "sample_weight must be >= 0. Got -1.0 in row 0"),
        ({"sample_weight": np.zeros(50)}, "must not be zero for every row"),
        ({"early_stopping": 0}, "'patience' parameter of EarlyStopping must be an integer >= 1. Got 0"),
        ({"clip": -1.0}, "'norm' parameter of Clip must be a finite number > 0. Got -1.0"),
    ],
)
def test_bad_arguments_are_refused_before_anything_changes(options: dict[str, Any], message: str) -> None:
    net = regressor()
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=message):
        net.fit(X, Y, **options)
    assert (net.parameters == before).all()


def test_class_weights_name_what_they_do_not_know() -> None:
    with pytest.raises(bs.ConfigurationError, match=r"class indices 0 ... 1 to weights. Got the key 'a'"):
        classifier().fit(X, LABELS, class_weight={"a": 1.0})
    with pytest.raises(bs.ConfigurationError, match="Unknown class_weight 'balance'. Did you mean 'balanced'"):
        classifier().fit(X, LABELS, class_weight="balance")


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt even where these tests run in a shell's background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_keeps_the_steps_done() -> None:
    """Ctrl-C comes while the engine works: the weights, the count of steps and the history stay together."""
    rng = np.random.default_rng(0)
    rows, aims = rng.normal(size=(2000, 50)), rng.normal(size=2000)

    def interrupted() -> bs.Network:
        net = bs.Network([50, 200, 1], seed=0)
        engine = net._engine("native")

        class Interrupted:
            """The engine, with a Ctrl-C during each call that trains."""

            def __getattr__(self, name: str) -> Any:
                return getattr(engine, name)

            def train(self, *arguments: Any) -> Any:
                timer = threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT))
                timer.start()
                return engine.train(*arguments)

        net._engines["native"] = Interrupted()  # type: ignore[assignment]  # it has the engine's methods
        with pytest.raises(KeyboardInterrupt):
            net.fit(rows, aims, optimizer=bs.Adam(1e-4), batch_size=1, epochs=100)
        return net

    net = interrupted()
    assert net.history is not None
    assert net.history.stopped == "interrupted"
    steps = net._memory.steps
    assert steps // 2000 == len(net.history) == net._memory.epochs
    twin = bs.Network([50, 200, 1], seed=0)
    stop = bs.EverySteps(max(steps, 1), lambda event: True)
    twin.fit(rows, aims, optimizer=bs.Adam(1e-4), batch_size=1, epochs=100, callbacks=stop)
    assert twin._memory.steps == steps > 0
    assert (twin.parameters == net.parameters).all()


def test_fitting_again_goes_on_with_an_open_schedule() -> None:
    together, apart = regressor(), regressor()
    options = {"optimizer": bs.SGD(bs.Exponential(0.1, decay=0.5)), "batch_size": 10}
    together.fit(X, Y, epochs=4, **options)
    rates = [apart.fit(X, Y, epochs=2, **options).learning_rate for _ in range(2)]
    assert np.concatenate(rates) == pytest.approx(together.history.learning_rate)
    assert (together.parameters == apart.parameters).all()


def test_fitting_again_lays_a_planned_schedule_out_anew() -> None:
    net = regressor()
    rates = [net.fit(X, Y, epochs=3, optimizer=bs.SGD(bs.Cosine(0.1))).learning_rate for _ in range(2)]
    assert (rates[0] == rates[1]).all()


def test_fitting_again_remembers_a_plateau() -> None:
    net = bs.Network([1, 1], seed=0)
    optimizer = bs.SGD(bs.ReduceOnPlateau(1e-12, factor=0.1, patience=1))
    rates = [net.fit([[1.0], [2.0]], [1.0, 0.0], optimizer=optimizer, epochs=4).learning_rate for _ in range(2)]
    assert rates[1][0] < rates[0][0]


def test_the_best_weights_are_those_that_were_measured() -> None:
    def overwrite(event: bs.Event) -> None:
        if event.epoch == 2:
            event.network.parameters[:] = 7.0

    net = regressor()
    history = net.fit(X, Y, epochs=2, validation=(X, Y), early_stopping=5, callbacks=overwrite)
    assert history.best_epoch == 1
    assert net.loss(X, Y) == history.validation_loss[1]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_optimizers_memory_that_overflows_is_a_divergence(engine: str) -> None:
    net = bs.Network([1, 1], seed=0, dtype="float32")
    with pytest.raises(bs.DivergenceError, match="the optimizer's memory of layer 1 became NaN or infinite at step 1"):
        net.fit([[1e12]], [1e10], optimizer=bs.Adam(1e-3), epochs=50, engine=engine)
    assert np.isfinite(net._memory.state["v"]).all()


def test_a_margin_of_zero_divides_the_classes_of_hinge() -> None:
    """Also where the validation set has rows of one class only."""
    net = bs.Network([1, 1], loss="hinge", initializer="zeros", seed=0)
    net.biases[0][:] = 0.2
    history = net.fit([[0.0]], [1], optimizer=bs.SGD(1e-12), epochs=1, validation=([[0.0]], [1]))
    assert history.metrics["accuracy"].tolist() == [1.0]


def test_rows_of_several_classes_are_right_when_all_their_classes_are() -> None:
    net = bs.Network([1, 3], output="sigmoid", loss="binary_cross_entropy", initializer="zeros", seed=0)
    net.biases[0][:] = [5, 6, -5]
    rows, aims = [[0.0]] * 3, [[1, 1, 0], [1, 1, 0], [0, 1, 0]]
    history = net.fit(rows, aims, optimizer=bs.SGD(1e-12), epochs=1, validation=(rows, aims))
    assert history.metrics["accuracy"][0] == pytest.approx(2 / 3)
    with pytest.raises(bs.ConfigurationError, match="needs one class per row"):
        net.fit(rows, aims, class_weight="balanced")


def test_another_optimizers_schedule_starts_at_its_first_step() -> None:
    net, fresh = regressor(), regressor()
    for _ in range(5):
        net.step(X, Y, optimizer=bs.Adam())
    fresh.parameters[:] = net.parameters
    for each in (net, fresh):
        each.step(X, Y, optimizer=bs.SGD(bs.Exponential(0.1, decay=0.5)))
    assert (net.parameters == fresh.parameters).all()


@pytest.mark.parametrize("kept", [0, 1])
def test_a_fraction_must_leave_weight_on_both_sides(kept: int) -> None:
    net = regressor()
    order = permutations(~net.seed, range(1), 50)[0]
    weight = np.zeros(50)
    weight[order[:25] if kept else order[25:]] = 1.0
    with pytest.raises(bs.DataError, match=f"leaves only rows of weight 0 to {'train' if kept else 'validate'} on"):
        net.fit(X, Y, validation=0.5, sample_weight=weight)


@pytest.mark.parametrize(("dtype", "weight"), [("float32", 1e300), ("float32", 1e-300), ("float64", 1e308)])
def test_sample_weights_must_fit_the_dtype(dtype: str, weight: float) -> None:
    with pytest.raises(bs.DataError, match=f"sample_weight must have a sum that fits {dtype}"):
        regressor(dtype=dtype).fit(X, Y, sample_weight=np.full(50, weight))


def test_numpys_numbers_are_numbers() -> None:
    a, b = regressor(), regressor()
    number, eps = np.float32(0.25), np.float64(1e-3)
    a.fit(X, Y, optimizer=bs.Adam(eps), dropout=number, clip=number, validation=number, epochs=1)
    b.fit(X, Y, optimizer=bs.Adam(1e-3), dropout=0.25, clip=0.25, validation=0.25, epochs=1)
    assert (a.parameters == b.parameters).all()
    assert bs.SGD(np.float32(0.5)).rule().name == "sgd"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": bs.LBFGS(), "dropout": 0.5}, "dropout cannot be used with it"),
        ({"optimizer": bs.LBFGS(), "penalty_rows": 1}, "penalty_rows cannot be used with it"),
        ({"penalty_rows": 0}, r"'penalty_rows' parameter of fit must be a finite number > 0"),
        ({"validation": 0.0}, r"'validation' parameter of fit must be in \(0, 1\)"),
        ({"freeze": 5}, r"freeze= must be names of parameter arrays such as \('b1', 'w2'\). Got 5"),
        ({"metrics": "accuracy"}, "metrics= must be a dict of name: function"),
        ({"metrics": {"a": 5}}, "metrics= must be a dict of name: function"),
        ({"engine": 5}, "Unknown engine 5. Known: native, reference"),
    ],
)
def test_a_refused_call_leaves_the_last_history(options: dict[str, Any], message: str) -> None:
    net = regressor()
    history, before = net.fit(X, Y, epochs=1), net.parameters.copy()
    with pytest.raises(ValueError, match=message):
        net.fit(X, Y, **options)
    assert net.history is history
    assert (net.parameters == before).all()


def test_a_penalty_is_not_divided_where_the_loss_is_not() -> None:
    net = bs.Network([2, 1], penalty=bs.L2(0.1), reduction="sum")
    with pytest.raises(bs.ConfigurationError, match=r"penalty_rows= divides .* Got reduction='sum'; leave it out"):
        net.fit(np.zeros((3, 2)), np.zeros(3), penalty_rows=1)


def test_a_penalty_that_is_divided_by_rows_takes_the_steps_of_its_own_strengths() -> None:
    whole = bs.Network([X.shape[1], 1], penalty=bs.L2(6.0), seed=0)
    y = X[:, :1]
    whole.fit(X[:10], y[:10], optimizer=bs.SGD(0.01), batch_size=6, epochs=1, shuffle=False, penalty_rows=1)
    by_hand = bs.Network([X.shape[1], 1], seed=0)
    for rows in (slice(0, 6), slice(6, 10)):
        gradient, n = by_hand.gradients(X[rows], y[rows]), len(X[rows])
        by_hand.weights[0][:] -= 0.01 * (gradient.weights[0] + 6.0 / n * by_hand.weights[0])
        by_hand.biases[0][:] -= 0.01 * gradient.biases[0]
    np.testing.assert_allclose(whole.weights[0], by_hand.weights[0], rtol=1e-12)


@pytest.mark.parametrize("weight", ["a", -1, float("nan")])
def test_class_weights_must_be_numbers(weight: Any) -> None:
    with pytest.raises(
        bs.ConfigurationError, match=r"'class_weight\[0\]' parameter of fit must be a finite number >= 0"
    ):
        classifier().fit(X, LABELS, class_weight={0: weight})


def test_more_threads_than_there_can_be_are_as_many_as_there_can_be() -> None:
    assert (regressor().predict(X, threads=10**12) == regressor().predict(X, threads=1)).all()
