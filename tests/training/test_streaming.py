"""Training on rows that are read in blocks: the same as in memory, well shuffled, and never lost."""

from __future__ import annotations

import threading
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

import backstory as bs
from backstory.engine import engine as find_engine
from backstory.training import shuffling, streaming
from backstory.training.metrics import rmse
from backstory.training.shuffling import Held, Mixer, Stream, plan

RANDOM = np.random.default_rng(5)
N = 3001
X = RANDOM.standard_normal((N, 6)).astype(np.float32)
Y = np.tanh(X[:, 0] - X[:, 1] * X[:, 2])
NAMES = [f"x{place}" for place in range(6)]
PLAIN = bs.Table.from_dict(
    {
        "version": 2,
        "columns": [
            {
                "kind": "number",
                "name": name,
                "center": 0.0,
                "scale": 1.0,
                "limit": None,
                "fill": 0.0,
                "indicator": False,
            }
            for name in NAMES
        ],
        "target": {"name": "y", "classes": None, "mean": 0.0, "scale": 1.0, "reason": "it holds fractions"},
        "left_out": [],
    }
)
"""Takes the numbers as they are, so that training can be compared with training on the arrays."""


@pytest.fixture(autouse=True)
def small_buffers(monkeypatch):
    """About 400 rows to a buffer."""
    for name, rows in {"BUFFER_BYTES": 400, "GULP_BYTES": 90, "WAITING_BYTES": 500}.items():
        monkeypatch.setattr(shuffling, name, rows * 36)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    table = pa.table({name: X[:, place] for place, name in enumerate(NAMES)} | {"y": Y})
    parquet.write_table(table, folder / "rows.parquet", row_group_size=170)
    with pa.OSFile(str(folder / "rows.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=251)
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", Y)
    return folder


def rows_of(files, kind="parquet"):
    if kind == "npy":
        return bs.open_rows(files / "X.npy", files / "y.npy")
    if kind == "mapped":
        return bs.open_rows(np.load(files / "X.npy", mmap_mode="r"), np.load(files / "y.npy", mmap_mode="r"))
    return bs.open_rows(files / f"rows.{kind}", "y", table=PLAIN)


def network():
    return bs.Network([6, 12, 1], hidden="tanh", seed=3, dtype="float32")


def train(rows, folder=None, net=None, resume=False, **more):
    net = net or network()
    options = {"batch_size": 32, "epochs": 3, "optimizer": bs.Adam(bs.Cosine(1e-2)), "progress": False} | more
    net.fit(rows, checkpoint=folder, resume=resume, **options)
    return net


def same(one, other):
    history, twin = one.history, other.history
    return (
        np.array_equal(one.parameters, other.parameters)
        and np.array_equal(history.loss, twin.loss)
        and np.array_equal(history.validation_loss, twin.validation_loss, equal_nan=True)
        and np.array_equal(history.gradient_norm, twin.gradient_norm)
        and history.best_epoch == twin.best_epoch
    )


def visits(rows, epochs, batch_size=32, shuffle=True, held=None, seed=3):
    """The rows in the order in which they are visited, epoch by epoch."""
    spec = network().spec
    mixer = Mixer(
        Stream(rows if held is None else rows.only(held), spec),
        find_engine("reference", spec),
        batch_size,
        shuffle,
        seed,
    )
    buffers = mixer.from_on(range(epochs), 0, lambda: False)
    return [np.concatenate([in_order(next(buffers)) for _ in range(mixer.buffers)]) for _ in range(epochs)]


def in_order(buffer):
    rows = buffer.data.rows
    return rows.copy() if buffer.order is None else rows[buffer.order[0]]


KINDS = ["parquet", "arrow", "npy", "mapped"]


@given(
    counts=st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(any),
    buffer_rows=st.integers(1, 60),
    open_at_once=st.integers(1, 5),
    data=st.data(),
)
def test_a_plan_visits_every_row_once_and_fills_its_buffers(counts, buffer_rows, open_at_once, data):
    order = data.draw(st.permutations(range(len(counts))))
    buffers = plan(counts, order, buffer_rows, open_at_once)
    sizes = [sum(part.stop - part.start for part in buffer) for buffer in buffers]
    assert sizes[:-1] == [buffer_rows] * (len(buffers) - 1)
    assert 0 < sizes[-1] <= buffer_rows
    read = [0] * len(counts)
    for part in (part for buffer in buffers for part in buffer):
        assert read[part.block] == part.start < part.stop  # a block is read on from where it was left
        read[part.block] = part.stop
    assert read == list(counts)


@pytest.mark.parametrize("kind", KINDS)
def test_in_the_files_order_it_is_training_in_memory_to_the_bit(files, kind):
    net, twin = train(rows_of(files, kind), shuffle=False), network()
    twin.fit(X, Y, shuffle=False, batch_size=32, epochs=3, optimizer=bs.Adam(bs.Cosine(1e-2)), progress=False)
    assert same(net, twin)


@pytest.mark.parametrize("kind", KINDS)
def test_each_epoch_visits_every_row_once_in_an_order_of_its_own(files, kind):
    first, second = visits(rows_of(files, kind), 2)
    assert Counter(first.tolist()) == Counter(second.tolist()) == Counter(range(N))
    assert (first != second).mean() > 0.9


def test_shuffled_it_is_training_in_memory_on_rows_in_that_order(files):
    net, twin = train(rows_of(files), epochs=1), network()
    order = visits(rows_of(files), 1)[0]
    twin.fit(
        X[order], Y[order], shuffle=False, batch_size=32, epochs=1, optimizer=bs.Adam(bs.Cosine(1e-2)), progress=False
    )
    assert same(net, twin)


def test_threads_change_nothing(files, monkeypatch):
    monkeypatch.setenv("BACKSTORY_EXACT_THREADS", "1")
    assert same(train(rows_of(files), threads=1), train(rows_of(files), threads=2))


def test_masks_of_dropout_differ_between_buffers(files):
    constant = np.ones((800, 6), np.float32)
    rows = bs.open_rows(constant, np.zeros(800, np.float32))
    net = network()
    losses = []
    net.fit(
        rows,
        optimizer=bs.SGD(1e-30),
        batch_size=4,
        epochs=1,
        dropout=0.5,
        callbacks=bs.EverySteps(1, lambda event: losses.append(event.loss)),
    )
    assert len(set(losses)) > 0.9 * len(losses)


@pytest.mark.parametrize("step", [1, 13, 40, 75, 76, 100, 187])
@pytest.mark.parametrize("kind", ["parquet", "npy"])
def test_a_run_goes_on_with_the_same_bits(files, tmp_path, kind, step):
    options = {"validation": 0.2, "early_stopping": 5, "dropout": 0.2}
    whole = train(rows_of(files, kind), **options)

    class Stop(Exception):
        pass

    def stop(event):
        if event.step == step:
            raise Stop

    checkpoint = bs.Checkpoint(tmp_path, every_steps=11)
    with pytest.raises(Stop):
        train(rows_of(files, kind), checkpoint, callbacks=bs.EverySteps(1, stop), **options)
    resumed = train(rows_of(files, kind), checkpoint, resume=True, **options)
    assert resumed.history.resumed is None or resumed.history.resumed <= step
    assert same(whole, resumed)


def test_another_file_or_split_is_another_run(files, tmp_path):
    train(rows_of(files), tmp_path, validation=0.2)
    for other in ({"validation": 0.3}, {"validation": 0.2, "rows": bs.open_rows(X + 1, Y)}):
        with pytest.raises(bs.CheckpointError, match=r"differ|rows was"):
            train(other.pop("rows", None) or rows_of(files), tmp_path, resume=True, **other)


def test_rows_are_held_out_by_seed_and_position_alone(files, monkeypatch):
    stay, out = (visits(rows_of(files), 1, held=Held(3, 0.25, which))[0] for which in (False, True))
    assert Counter([*stay.tolist(), *out.tolist()]) == Counter(range(N))
    assert abs(len(out) / N - 0.25) < 0.03
    other = visits(rows_of(files, "npy"), 1, held=Held(3, 0.25, True))[0]
    assert set(other.tolist()) == set(out.tolist())


def test_a_large_validation_set_is_read_anew_with_the_same_figures(files, monkeypatch):
    metrics = {"rmse": rmse, "largest": lambda y, outputs: float(np.abs(y - outputs).max())}
    held = train(rows_of(files), validation=0.3, metrics=metrics)
    monkeypatch.setattr(streaming, "HELD_BYTES", 0)
    streamed = train(rows_of(files), validation=0.3, metrics=metrics)
    assert np.array_equal(held.parameters, streamed.parameters)
    np.testing.assert_allclose(held.history.validation_loss, streamed.history.validation_loss, rtol=1e-6)
    for name in metrics:
        np.testing.assert_allclose(held.history.metrics[name], streamed.history.metrics[name], rtol=1e-6)


def test_classes_are_streamed_too(files, monkeypatch):
    monkeypatch.setattr(streaming, "HELD_BYTES", 0)
    labels = (Y > 0).astype(np.int64)
    net, twin = (bs.Network([6, 8, 2], output="softmax", loss="cross_entropy", seed=1) for _ in range(2))
    rows = bs.open_rows(X, labels)
    net.fit(rows, validation=rows, shuffle=False, epochs=2, progress=False)
    twin.fit(X, labels, validation=(X, labels), shuffle=False, epochs=2, progress=False)
    assert np.array_equal(net.parameters, twin.parameters)
    np.testing.assert_allclose(net.history.metrics["accuracy"], twin.history.metrics["accuracy"])


def reading_threads():
    return [thread for thread in threading.enumerate() if thread.name == "backstory reads ahead"]


@pytest.mark.parametrize("kind", KINDS)
def test_it_predicts_and_measures_as_in_memory(files, kind):
    net, rows = network(), rows_of(files, kind)
    np.testing.assert_array_equal(net.predict(rows), net.predict(X))
    assert net.loss(rows) == pytest.approx(net.loss(X, Y), rel=1e-6)
    some = rows.only(Held(3, 0.2, True))
    np.testing.assert_array_equal(net.predict(some), net.predict(X[Held(3, 0.2, True)(0, N)]))


def test_a_table_is_predicted_in_its_own_units(files):
    rows = bs.open_rows(files / "rows.parquet", "y")
    net = bs.Network([rows.n_in, 4, 1], seed=0, dtype="float32")
    net.table = rows.table
    frame = parquet.read_table(files / "rows.parquet")
    np.testing.assert_array_equal(net.predict(rows), net.predict(frame))


@pytest.mark.parametrize("how", ["end", "callback", "error", "early"])
def test_no_thread_is_left_behind(files, how):
    def at_once(event):
        if how == "error":
            raise ZeroDivisionError
        return how == "callback"

    options = {"callbacks": bs.EverySteps(3, at_once)} if how in ("callback", "error") else {}
    options |= {"early_stopping": 1, "validation": 0.2, "epochs": 30} if how == "early" else {}
    if how == "error":
        with pytest.raises(ZeroDivisionError):
            train(rows_of(files), **options)
    else:
        train(rows_of(files), **options)
    assert not reading_threads()


def test_a_bad_number_is_named_in_the_files_rows(files, tmp_path):
    wrong = X.copy()
    wrong[2900, 2] = np.nan
    np.save(tmp_path / "X.npy", wrong)
    with pytest.raises(
        bs.DataError, match=r"X of 'X.npy', counted from its row 0, must be finite. Got nan in row 2900"
    ):
        train(bs.open_rows(tmp_path / "X.npy", files / "y.npy"))
    assert not reading_threads()
    table = pa.table({name: wrong[:, place].astype(str) for place, name in enumerate(NAMES)} | {"y": Y})
    table = table.set_column(1, "x1", pa.array(["oops" if row == 2345 else "1.5" for row in range(N)]))
    parquet.write_table(table, tmp_path / "wrong.parquet", row_group_size=170)
    with pytest.raises(bs.DataError, match=r"Column 'x1' of 'wrong.parquet' must hold numbers. Got 'oops' in row 2345"):
        train(bs.open_rows(tmp_path / "wrong.parquet", "y", table=PLAIN))


def test_divergence_names_the_row_of_the_file(files):
    large = X.copy()
    large[1234] = 1e38
    with pytest.raises(bs.DivergenceError, match=r"row 1234 of X") as caught:
        train(bs.open_rows(large, Y), net=bs.Network([6, 4, 1], hidden="relu", seed=0, dtype="float32"))
    assert caught.value.row == 1234


def test_what_rows_in_blocks_cannot_do_is_said(files):
    rows, net = rows_of(files), network()
    refused = [
        (lambda: net.fit(rows, Y), r"bring their targets. Got y too"),
        (lambda: net.fit(rows, sample_weight=np.ones(N)), r"have no weights"),
        (lambda: net.loss(rows, Y), r"bring their targets. Got y too"),
        (lambda: net.loss(rows, sample_weight=np.ones(N)), r"have no weights"),
        (lambda: net.fit(rows, optimizer=bs.LBFGS()), r"LBFGS needs all rows in memory"),
        (lambda: net.fit(rows, validation=2), r"validation= must be rows from open_rows"),
        (lambda: net.fit(rows, validation=1e-9), r"leaves none to train on or to validate with"),
        (lambda: bs.Network([5, 1]).fit(rows), r"must have 5 inputs, as the network has. Got 6"),
    ]
    for call, message in refused:
        with pytest.raises((bs.ConfigurationError, bs.DataError), match=message):
            call()


def test_a_file_that_is_cut_short_is_named_with_its_row_group(files, tmp_path):
    content = bytearray((files / "rows.parquet").read_bytes())
    metadata = parquet.ParquetFile(files / "rows.parquet").metadata
    at = metadata.row_group(9).column(2).data_page_offset
    content[at : at + 40] = b"\xff" * 40
    (tmp_path / "torn.parquet").write_bytes(content)
    with pytest.raises(
        bs.DataError, match=r"'torn.parquet' must be a whole file. Its row group 9 \(from row 1,530 on\)"
    ):
        train(bs.open_rows(tmp_path / "torn.parquet", "y", table=PLAIN))
    assert not reading_threads()
