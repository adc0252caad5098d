"""Training on data in shards: the steps are those of plain training, and any team ends with the same bits."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.distributed import fitting, steps
from backstory.distributed.communicator import Alone
from backstory.training import trainer as training
from tests.distributed.teams import Member, as_team

random = np.random.default_rng(2)
X = random.normal(size=(203, 6))
Y = np.tanh(X[:, :1] - X[:, 1:2] * X[:, 2:3])
CLASSES = (X[:, 0] > 0.3).astype(int) + (X[:, 1] > 0)
WEIGHTS = random.random(203) * (random.random(203) > 0.1)
VALIDATION = X[:50] + 0.1, Y[:50], WEIGHTS[:50]

OPTIMIZERS = {
    "sgd": bs.SGD(0.1, weight_decay=0.01),
    "momentum": bs.SGD(0.05, momentum=0.9, nesterov=True),
    "adagrad": bs.Adagrad(0.05),
    "rmsprop": bs.RMSProp(0.01),
    "adam": bs.Adam(0.01),
    "adamw": bs.AdamW(bs.Cosine(0.01, warmup=5), weight_decay=0.1),
    "lion": bs.Lion(0.003, weight_decay=0.1),
    "rprop": bs.Rprop(0.01),
    "polyak": bs.Polyak(),
    "quotient": bs.Quotient(1e-3, floor=0.1),
    "lbfgs": bs.LBFGS(),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "penalty": {"penalty": bs.L2(0.01)},
    "penalty of a row": {"penalty": bs.L1(0.01), "penalty_rows": 16.0},
    "norm": {"clip": 0.05},
    "value": {"clip": bs.Clip(norm=0.1, value=0.02)},
    "weights": {"sample_weight": WEIGHTS},
    "frozen": {"freeze": ("w1", "b2"), "clip": 0.05},
    "sum": {"reduction": "sum", "optimizer": bs.SGD(1e-3)},
    "no biases": {"biases": False},
    "parts": {"embedding": bs.Periodic(3, 3), "scaling": True, "parametric": True, "penalty": bs.L2(0.01), "clip": 0.5},
    "alphas": {"parametric": True, "freeze": ("alpha1",), "optimizer": bs.AdamW(0.01, weight_decay=0.1)},
    "in order": {"shuffle": False},
    "schedules": {"optimizer": bs.AdamW(bs.CosLog(0.02), weight_decay=bs.FlatCos(1.0))},
}


OF_NETWORK = ("penalty", "reduction", "biases", "dtype", "embedding", "scaling", "parametric")


def network(**more: Any) -> bs.Network:
    return bs.Network([6, 12, 5, 1], hidden="tanh", **({"seed": 3} | more))


def trained(shards: int | bs.Shards = 8, **more: Any) -> bs.Network:
    of_network = {name: more.pop(name) for name in OF_NETWORK if name in more}
    net = more.pop("net", None) or network(**of_network)
    options = {"optimizer": bs.Adam(0.01), "batch_size": 16, "epochs": 3, "progress": False} | more
    net.fit(options.pop("X", X), options.pop("Y", Y), shards=shards, **options)
    return net


def by_team(monkeypatch: pytest.MonkeyPatch, size: int, work: Callable[[], Any]) -> list[Any]:
    """What `work` returns on each member of a team of so many threads, to which `fit` then belongs."""
    local = threading.local()
    monkeypatch.setattr(fitting, "communicator", lambda: local.team)

    def as_member(team: Member) -> Any:
        local.team = team
        return work()

    return as_team(size, as_member)


def same(one: bs.Network, other: bs.Network) -> None:
    np.testing.assert_array_equal(one.parameters, other.parameters)
    history, twin = one.history, other.history
    assert history is not None
    assert twin is not None
    for name in ("loss", "validation_loss", "gradient_norm", "learning_rate"):
        np.testing.assert_array_equal(getattr(history, name), getattr(twin, name))
    assert history.best_epoch == twin.best_epoch
    assert {name: list(found) for name, found in history.metrics.items()} == {
        name: list(found) for name, found in twin.metrics.items()
    }


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_over_all_rows_are_those_of_plain_training(optimizer: str, engine: str) -> None:
    """Where a batch holds all rows, no choice of rows is left: only the order of additions differs."""
    options = {"optimizer": OPTIMIZERS[optimizer], "batch_size": 203, "epochs": 12, "engine": engine}
    plain, sharded = trained(0, **options), trained(8, **options)
    np.testing.assert_allclose(sharded.parameters, plain.parameters, rtol=1e-6, atol=1e-9)
    assert plain.history is not None
    assert sharded.history is not None
    np.testing.assert_allclose(sharded.history.loss, plain.history.loss, rtol=1e-9)
    np.testing.assert_allclose(sharded.history.gradient_norm, plain.history.gradient_norm, rtol=1e-6)


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("name", OPTIONS)
def test_options_mean_what_they_mean_in_plain_training(name: str, engine: str) -> None:
    options = {"batch_size": 203, "epochs": 12, "engine": engine, "validation": VALIDATION} | OPTIONS[name]
    plain, sharded = trained(0, **options), trained(8, **options)
    np.testing.assert_allclose(sharded.parameters, plain.parameters, rtol=1e-7, atol=1e-10)
    for figure in ("loss", "validation_loss", "gradient_norm"):
        np.testing.assert_allclose(getattr(sharded.history, figure), getattr(plain.history, figure), rtol=1e-7)
    np.testing.assert_allclose(sharded.history.metrics["rmse"], plain.history.metrics["rmse"], rtol=1e-7)


def test_each_batch_is_the_mean_over_its_rows_from_all_shards() -> None:
    """An epoch of gradient descent written out, over the rows that `Shards` says."""
    layout, net, rate = bs.Shards(203, 8), network(), 0.1
    twin = trained(8, optimizer=bs.SGD(rate), epochs=1, shuffle=False, sample_weight=WEIGHTS)
    losses = []
    for batch in range(13):
        rows = np.concatenate(
            [
                np.arange(
                    layout.start(s) + layout.starts(s, 16)[batch], layout.start(s) + layout.starts(s, 16)[batch + 1]
                )
                for s in range(8)
            ]
        )
        losses.append((net.loss(X[rows], Y[rows], sample_weight=WEIGHTS[rows]), WEIGHTS[rows].sum()))
        gradient = net.gradients(X[rows], Y[rows], sample_weight=WEIGHTS[rows])
        for values, slope in zip((*net.weights, *net.biases), (*gradient.weights, *gradient.biases), strict=True):
            values -= rate * slope
    np.testing.assert_allclose(twin.parameters, net.parameters, rtol=1e-12)
    assert twin.history is not None
    means, sizes = zip(*losses, strict=True)
    np.testing.assert_allclose(twin.history.loss[0], np.average(means, weights=sizes), rtol=1e-12)


def test_an_epoch_visits_every_row_once_in_an_order_of_its_own() -> None:
    net = network()
    options = training.Options(16, 1, True, 3, (0.0, 0.0), None, None, (False,) * 6, 1)
    made = fitting.trains(Alone(), 4, net._engine("native"))(
        net._engine("native"), net.spec, net.parameters, training.Data(X, Y), options, net._memory, None, net
    )
    orders = made.orders(range(3))
    for shard in range(4):
        rows = orders.rows[shard]
        np.testing.assert_array_equal(np.sort(rows, axis=1), np.broadcast_to(np.arange(rows.shape[1]), rows.shape))
        assert not np.array_equal(rows[0], rows[1])
    assert not np.array_equal(orders.rows[0][0], orders.rows[1][0])


def test_rows_that_are_read_in_blocks_are_not_put_in_shards(tmp_path: Any) -> None:
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    rows = bs.open_rows(tmp_path / "X.npy", tmp_path / "y.npy")
    with pytest.raises(bs.errors.ConfigurationError, match="Shards lie in memory, and these rows are read in blocks"):
        network().fit(rows, shards=8)


TEAMWORK: dict[str, dict[str, Any]] = {
    **{f"optimizer {name}": {"optimizer": optimizer} for name, optimizer in OPTIMIZERS.items()},
    **OPTIONS,
    "dropout": {"dropout": [0.3, 0.1]},
    "validation": {"validation": VALIDATION, "early_stopping": 2, "epochs": 12, "optimizer": bs.SGD(2.0)},
    "fraction": {"validation": 0.2, "sample_weight": WEIGHTS},
    "plateau": {"optimizer": bs.SGD(bs.ReduceOnPlateau(0.5, patience=1)), "epochs": 6},
    "float32": {"dtype": "float32", "penalty": bs.L2(0.01)},
    "reference": {"engine": "reference", "dropout": 0.2},
    "fewer rows than shards": {"X": X[:5], "Y": Y[:5], "batch_size": 2, "dropout": 0.1},
    "batches of one row": {"X": X[:11], "Y": Y[:11], "batch_size": 1},
}


@pytest.mark.parametrize("name", TEAMWORK)
def test_any_team_ends_with_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = TEAMWORK[name]
    alone = trained(8, **options)
    assert np.isfinite(alone.parameters).all()
    for size in (2, 3, 8):
        for net in by_team(monkeypatch, size, lambda: trained(8, **options)):
            same(net, alone)


def test_classes_with_weights_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> bs.Network:
        net = bs.Network([6, 8, 3], output="softmax", loss="cross_entropy", seed=1)
        net.fit(X, CLASSES, class_weight="balanced", epochs=3, shards=8, validation=(X[:40], CLASSES[:40]))
        return net

    alone = work()
    for net in by_team(monkeypatch, 3, work):
        same(net, alone)


@pytest.mark.parametrize("work", [1, 1 << 40])
def test_threads_change_nothing(work: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "SHARED_WORK", work)
    same(trained(8, threads=1, batch_size=128), trained(8, threads=3, batch_size=128))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("backstory adds")]


@pytest.mark.parametrize("options", [{}, {"sample_weight": WEIGHTS}, {"optimizer": bs.SGD(0.1), "freeze": ("w1",)}])
def test_steps_that_say_where_they_fail_have_the_same_bits(options: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = trained(8, **options)
    gradient = steps.Steps.gradient
    monkeypatch.setattr(steps.Steps, "gradient", lambda self, *some: gradient(self, *some[:-1], True))
    same(trained(8, **options), quick)


def test_weights_that_were_drawn_differently_become_rank_0s(monkeypatch: pytest.MonkeyPatch) -> None:
    nets = by_team(monkeypatch, 3, lambda: trained(net=network(seed=None), dropout=0.1))
    for net in nets:
        same(net, nets[0])
        assert net.seed == nets[0].seed


def test_each_process_may_give_its_own_rows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = trained(8, sample_weight=WEIGHTS, validation=VALIDATION)

    def work() -> bs.Network:
        shards = bs.Shards(203, 8)
        team = fitting.communicator()
        mine = shards.rows_of(team.rank, team.size)
        more = {"sample_weight": WEIGHTS[mine], "validation": VALIDATION}
        return trained(shards, X=X[mine], Y=Y[mine], **more)

    for net in by_team(monkeypatch, 3, work):
        same(net, alone)


def test_rank_0_calls_callbacks_and_all_hear_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> tuple[bs.Network, list[int]]:
        called: list[int] = []

        def each(event: bs.Event) -> bool:
            called.append(event.step)
            event.network.weights[0][0, 0] = 0.25
            return event.step >= 30

        net = trained(callbacks=[bs.EverySteps(10, each)], epochs=5)
        return net, called

    alone, called = work()
    assert called == [10, 20, 30]
    (first, by_first), (second, by_second) = by_team(monkeypatch, 2, work)
    assert (by_first, by_second) == (called, [])
    for net in (first, second):
        np.testing.assert_array_equal(net.parameters, alone.parameters)
        assert net.history is not None
        assert net.history.stopped == "callback"


def test_a_callback_that_fails_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(event: bs.Event) -> None:
        raise LookupError("no such thing")

    for error in by_team(monkeypatch, 2, lambda: trained(callbacks=fail)):
        assert isinstance(error, LookupError)
        assert str(error) == "no such thing"


@pytest.mark.parametrize("size", [1, 3])
def test_a_run_goes_on_with_another_number_of_processes(
    size: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"epochs": 6, "dropout": 0.2, "validation": VALIDATION, "early_stopping": 4}
    whole = trained(**options)
    plan = bs.Checkpoint(tmp_path, every_steps=4)

    def stop(event: bs.Event) -> None:
        if event.step == 31:
            raise LookupError

    for error in by_team(monkeypatch, 2, lambda: trained(**options, checkpoint=plan, callbacks=bs.EverySteps(1, stop))):
        assert isinstance(error, LookupError)
    for net in by_team(monkeypatch, size, lambda: trained(**options, checkpoint=plan, resume=True)):
        same(net, whole)
        assert net.history is not None
        assert net.history.resumed == 28


def test_a_checkpoint_that_cannot_be_written_ends_all(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(checkpoint=tmp_path)
    for error in by_team(monkeypatch, 2, lambda: trained(checkpoint=tmp_path)):
        assert isinstance(error, bs.CheckpointError)
        assert "holds checkpoints of a run" in str(error)


def test_a_run_in_other_shards_is_another_run(tmp_path: Any) -> None:
    trained(8, checkpoint=tmp_path)
    with pytest.raises(bs.CheckpointError, match="shards was 8, and is 4 now"):
        trained(4, checkpoint=tmp_path, resume=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_where_numbers_became_infinite_is_told_to_all(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wild = X.copy()
    wild[150] *= 1e200 if dtype == "float64" else 1e30
    options = {"X": wild, "optimizer": bs.SGD(1e150 if dtype == "float64" else 1e25), "dtype": dtype}

    def work() -> tuple[Any, np.ndarray]:
        net = bs.Network([6, 12, 1], hidden="relu", seed=3, dtype=dtype)
        with pytest.raises(bs.DivergenceError) as found:
            trained(net=net, **{name: value for name, value in options.items() if name != "dtype"})
        return found.value, net.parameters

    error, parameters = work()
    assert np.isfinite(parameters).all()
    assert error.row in (-1, *range(203))
    for other, weights in by_team(monkeypatch, 3, work):
        assert str(other) == str(error)
        np.testing.assert_array_equal(weights, parameters)


def test_the_row_that_diverges_is_counted_in_the_data_that_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    wild = X.copy()
    wild[150] = 1e300

    def work() -> Any:
        with pytest.raises(bs.DivergenceError, match="for row 150 of X") as found:
            trained(net=bs.Network([6, 12, 1], hidden="relu", seed=3), X=wild, epochs=1)
        return found.value

    assert work().layer >= 0
    assert all(error.row == 150 for error in by_team(monkeypatch, 3, work))


def test_a_signal_is_served_between_steps_and_the_run_goes_on(tmp_path: Any, request: pytest.FixtureRequest) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored in a job of the background
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    options = {"epochs": 40, "dropout": 0.2}
    whole = trained(**options)

    def interrupt(event: bs.Event) -> None:
        if event.step == 100:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        trained(**options, checkpoint=tmp_path, callbacks=bs.EverySteps(100, interrupt))
    resumed = trained(**options, checkpoint=tmp_path, resume=True)
    same(resumed, whole)
    assert resumed.history is not None
    assert resumed.history.resumed is not None
    assert 100 <= resumed.history.resumed < 520
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("wrong", [-1, 2.5, True, "all"])
def test_what_is_no_number_of_shards_is_refused(wrong: Any) -> None:
    with pytest.raises(bs.errors.ConfigurationError, match=r"shards= must be an integer >= 1, 0 for none, .* Got"):
        trained(wrong)


def test_a_process_without_a_shard_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in by_team(monkeypatch, 3, lambda: trained(2)):
        assert str(error) == (
            "Every process must have a shard of its own. Got 2 shards for 3 processes; give shards=3 or more "
            "(--shards), or start fewer."
        )


def test_other_arguments_on_another_rank_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        rank = fitting.communicator().rank
        trained(epochs=3, optimizer=bs.SGD(0.1 + rank))

    for error in by_team(monkeypatch, 2, work):
        assert isinstance(error, bs.errors.ConfigurationError)
        assert "must call fit with the same arguments. Got another optimizer on rank 1 than on rank 0" in str(error)


def test_bad_rows_of_one_process_end_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        rank = fitting.communicator().rank
        shards = bs.Shards(203, 8)
        mine = shards.rows_of(rank, 2)
        trained(shards, X=np.where(rank, np.nan, X[mine]), Y=Y[mine])

    first, second = by_team(monkeypatch, 2, work)
    assert isinstance(first, bs.errors.DataError)
    assert str(first) == f"On rank 1: {second}"


def test_rows_that_are_not_this_processs_are_refused() -> None:
    with pytest.raises(bs.errors.DataError, match=r"X must hold the rows of this process's shards: 300, .* Got 203; "):
        trained(bs.Shards(300, 8))


@pytest.mark.parametrize("what", [{"class_weight": "balanced"}, {"validation": 0.1}])
def test_what_goes_by_all_rows_needs_all_of_them(what: dict[str, Any]) -> None:
    with pytest.raises(bs.errors.ConfigurationError, match="go by all rows"):
        trained(bs.Shards(203, 8), **what)


def test_a_failure_of_one_process_that_no_other_knows_of_aborts(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> list[str]:
        team = fitting.communicator()
        if team.rank:
            monkeypatch.setattr("backstory.distributed.steps.Steps.orders", lambda *_: 1 / 0)
        try:
            trained()
        except BaseException:
            return team.aborted  # type: ignore[attr-defined]  # of a member
        return []

    found = [message for messages in by_team(monkeypatch, 2, work) for message in messages]
    assert any("ZeroDivisionError" in message for message in found)
