"""Checkpoints: a run that goes on ends with the bits of one never interrupted, and nothing good is ever lost."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

import backstory as bs
from backstory.training import checkpoints
from benchmarks import interruptions

RANDOM = np.random.default_rng(5)
X = RANDOM.standard_normal((203, 6))
Y = np.tanh(X[:, :1] - X[:, 1:2] * X[:, 2:3])
XV, YV = X[:40] + 0.1, Y[:40]
OPTIMIZERS = {
    "adam": bs.Adam(1e-2),
    "momentum": bs.SGD(0.05, momentum=0.9),
    "cosine": bs.AdamW(bs.Cosine(1e-2, warmup=5)),
    "plateau": bs.SGD(bs.ReduceOnPlateau(0.1, patience=1)),
    "polyak": bs.Polyak(),
}


def network(dtype="float64"):
    return bs.Network([6, 12, 1], hidden="tanh", seed=3, dtype=dtype)


def train(folder=None, resume=False, epochs=7, net=None, **more):
    net = net or network()
    options = {"optimizer": bs.Adam(1e-2), "batch_size": 16, "dropout": 0.2, "validation": (XV, YV)} | more
    net.fit(X, Y, epochs=epochs, checkpoint=folder, resume=resume, **options)
    return net


class Stop(Exception):
    pass


def interrupt_at(step):
    def stop(event):
        if event.step == step:
            raise Stop

    return bs.EverySteps(1, stop)


def same(one, other):
    history, twin = one.history, other.history
    return (
        np.array_equal(one.parameters, other.parameters)
        and np.array_equal(history.loss, twin.loss)
        and np.array_equal(history.validation_loss, twin.validation_loss)
        and np.array_equal(history.gradient_norm, twin.gradient_norm)
        and all(np.array_equal(one._memory.state[name], other._memory.state[name]) for name in one._memory.state)
        and history.best_epoch == twin.best_epoch
    )


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("step", [5, 13, 40])
def test_a_run_goes_on_with_the_same_bits(tmp_path, optimizer, step, engine):
    chosen = {"optimizer": OPTIMIZERS[optimizer], "engine": engine}
    whole = train(**chosen)
    plan = bs.Checkpoint(tmp_path, every_steps=4)
    with pytest.raises(Stop):
        train(plan, callbacks=interrupt_at(step), **chosen)
    resumed = train(plan, resume=True, **chosen)
    assert resumed.history.resumed == step - step % 4 or resumed.history.resumed % 13 == 0
    assert same(whole, resumed)


@pytest.mark.parametrize("step", [5, 13, 40])
def test_schedules_of_decay_and_dropout_go_on_with_the_same_bits(tmp_path, step):
    options = {"optimizer": bs.AdamW(bs.CosLog(0.05), weight_decay=bs.FlatCos(0.5)), "dropout": bs.FlatCos(0.3)}
    keep = bs.EarlyStopping(patience=None, metric="rmse")
    whole = train(early_stopping=keep, **options)
    with pytest.raises(Stop):
        train(bs.Checkpoint(tmp_path, every_steps=4), early_stopping=keep, callbacks=interrupt_at(step), **options)
    assert same(whole, train(tmp_path, resume=True, early_stopping=keep, **options))
    with pytest.raises(bs.errors.CheckpointError, match=r"dropout_schedule was FlatCos\(rate=0.3\), and is Step"):
        train(tmp_path, resume=True, early_stopping=keep, **options | {"dropout": bs.Step(0.3)})


def test_early_stopping_goes_on_from_the_best_weights(tmp_path):
    options = {"early_stopping": 3, "epochs": 60, "optimizer": bs.SGD(0.5)}
    whole = train(**options)
    assert whole.history.stopped == "early stopping"
    with pytest.raises(Stop):
        train(tmp_path, callbacks=interrupt_at(13 * (len(whole.history) - 1) + 2), **options)
    assert same(whole, train(tmp_path, resume=True, **options))


def test_a_finished_run_is_not_trained_further(tmp_path):
    first = train(tmp_path, early_stopping=3, epochs=60, optimizer=bs.SGD(0.5))
    again = train(tmp_path, resume=True, early_stopping=3, epochs=60, optimizer=bs.SGD(0.5))
    assert again.history.stopped == "early stopping"
    assert same(first, again)


def test_more_epochs_may_be_asked_for(tmp_path):
    train(tmp_path, epochs=3)
    assert same(train(), train(tmp_path, resume=True))


def test_resuming_without_a_checkpoint_begins_anew_and_says_so(tmp_path):
    net = train(tmp_path / "new", resume=True)
    assert net.history.resumed is None
    assert same(net, train())


def test_only_the_newest_files_are_kept(tmp_path):
    train(bs.Checkpoint(tmp_path, keep=2))
    assert [path.name for path in sorted(tmp_path.glob("*.checkpoint"))] == [
        "step-000000000000078.checkpoint",
        "step-000000000000091.checkpoint",
    ]


def test_time_alone_makes_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_SECONDS_AT_ONCE", 1e-9)
    with pytest.raises(Stop):
        train(bs.Checkpoint(tmp_path, every_seconds=1e-9), callbacks=interrupt_at(5))
    assert [path.name for path in tmp_path.glob("*.checkpoint")][-1:] != []
    assert train(tmp_path, resume=True).history.resumed >= 4


@pytest.mark.parametrize("damage", ["cut", "empty", "altered"])
def test_a_torn_file_is_passed_over(tmp_path, damage):
    with pytest.raises(Stop):
        train(bs.Checkpoint(tmp_path, every_steps=4), callbacks=interrupt_at(13))
    newest = max(tmp_path.glob("*.checkpoint"))
    content = newest.read_bytes()
    broken = {"cut": content[: len(content) // 2], "empty": b"", "altered": content[:-9] + b"\x01" + content[-8:]}
    newest.write_bytes(broken[damage])
    with pytest.warns(UserWarning, match=r"An older checkpoint is used"):
        resumed = train(bs.Checkpoint(tmp_path, every_steps=4), resume=True)
    assert resumed.history.resumed == 8
    assert same(train(), resumed)


def test_the_checkpoints_of_an_earlier_run_are_not_written_over(tmp_path):
    train(tmp_path)
    with pytest.raises(bs.CheckpointError, match=r"holds checkpoints of a run, the last of step 91\. Go on from it"):
        train(tmp_path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"batch_size": 8}, r"batch_size was 16, and is 8 now"),
        ({"optimizer": bs.SGD(0.1)}, r"optimizer was Adam\("),
        ({"dropout": 0.0}, r"dropout was \[0.2\], and is \[0.0\] now"),
        ({"validation": (XV + 1, YV)}, r"validation differ"),
        ({"net": bs.Network([6, 11, 1], hidden="tanh", seed=3)}, r"network differ"),
        ({"net": bs.Network([6, 12, 1], hidden="tanh", seed=4)}, r"seed was 3, and is 4 now"),
    ],
)
def test_another_run_is_refused_before_anything_changes(tmp_path, changed, said):
    train(tmp_path)
    net = changed.get("net") or network()
    before = net.parameters.copy()
    with pytest.raises(bs.CheckpointError, match=said):
        train(tmp_path, resume=True, **{"net": net, **changed})
    assert np.array_equal(net.parameters, before)


def test_a_planned_schedule_must_keep_its_epochs(tmp_path):
    cosine = bs.Adam(bs.Cosine(1e-2))
    train(tmp_path, optimizer=cosine, epochs=3)
    with pytest.raises(bs.CheckpointError, match=r"epochs was 3, and is 7 now"):
        train(tmp_path, resume=True, optimizer=cosine)


def test_two_runs_cannot_use_one_folder(tmp_path):
    def second(event):
        with pytest.raises(bs.CheckpointError, match=r"One run at a time may save into"):
            train(tmp_path, resume=True)
        return True

    train(tmp_path, callbacks=second)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    calls = []

    def full(path, content):
        calls.append(path)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, content)

    real = checkpoints.write_whole
    monkeypatch.setattr(checkpoints, "write_whole", full)
    with pytest.raises(
        bs.CheckpointError, match=r"No space left on device. Training stopped; the one before it is who"
    ):
        train(tmp_path)
    monkeypatch.undo()
    resumed = train(tmp_path, resume=True)
    assert resumed.history.resumed == 26
    assert same(train(), resumed)


def test_a_place_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(bs.CheckpointError, match=r"must go into a folder one may write to"):
        train(tmp_path / "file" / "folder")


def test_what_cannot_be_asked():
    with pytest.raises(bs.ConfigurationError, match=r"resume=True needs a folder to go on from"):
        train(resume=True)
    with pytest.raises(bs.ConfigurationError, match=r"The 'keep' parameter of Checkpoint must be an integer >= 1"):
        bs.Checkpoint("x", keep=0)
    with pytest.raises(bs.ConfigurationError, match=r"checkpoint cannot be used with it"):
        network().fit(X, Y, optimizer=bs.LBFGS(), checkpoint="x")


@pytest.mark.parametrize("blocks", [False, True])
def test_killed_at_random_moments_the_bits_are_the_same(tmp_path, blocks):
    for name, kills in (("left alone", 0), ("killed", 5)):
        (tmp_path / name).mkdir()
        done = interruptions.killed(tmp_path / name, kills, 1, blocks)
        assert (done > 0) == (kills > 0)  # a quick machine may be through before the last kill
    assert interruptions.same(tmp_path / "left alone", tmp_path / "killed")
    assert not [name for name in os.listdir(tmp_path / "killed" / "run") if name.endswith(".part")]
