"""Export to .npz: arrays by name, and all that is needed to have the network again."""

from __future__ import annotations

import json

import numpy as np
import pytest

import backstory as bs
from tests.interop.networks import EVERY, SINE, every, rows


@pytest.mark.parametrize(("hidden", "pair"), EVERY, ids=str)
def test_the_network_comes_back(hidden, pair, tmp_path):
    net = every(hidden, pair, "float32", penalty=bs.L2(0.1))
    net.export(tmp_path / "net.npz")
    again = bs.from_npz(tmp_path / "net.npz")
    assert again.spec == net.spec
    assert again.seed == net.seed
    assert np.array_equal(again.predict(rows(net)), net.predict(rows(net)))


def test_an_activation_of_ones_own_and_classes_come_back(tmp_path):
    net = bs.Network([2, 3, 2], hidden=SINE, output="softmax", loss="cross_entropy", biases=False, seed=1)
    net.classes = ["no", "yes"]
    net.export(tmp_path / "net.npz")
    again = bs.from_npz(tmp_path / "net.npz")
    assert again.classes == ["no", "yes"]
    assert np.array_equal(again.predict(rows(net)), net.predict(rows(net)))


def test_numpy_alone_reads_the_arrays(tmp_path):
    net = bs.Network([2, 3, 1], seed=0)
    net.export(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz", allow_pickle=False) as file:
        assert file.files == ["w1", "b1", "w2", "b2", "backstory"]
        assert np.array_equal(file["w1"], net.weights[0])
        assert np.array_equal(file["b2"], net.biases[1])
        assert json.loads(str(file["backstory"]))["spec"]["sizes"] == [2, 3, 1]


def test_the_same_bytes_twice(tmp_path):
    net = bs.Network([2, 3, 1], seed=0)
    net.export(tmp_path / "a.npz")
    net.export(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_files_that_are_cut_or_hold_no_network(tmp_path):
    path = tmp_path / "net.npz"
    with pytest.raises(FileNotFoundError, match="check the path, or write one with net.export"):
        bs.from_npz(path)
    np.savez(path, X=np.ones(3))
    with pytest.raises(bs.ModelFileError, match="holds no backstory network"):
        bs.from_npz(path)
    bs.Network([2, 3, 1], seed=0).export(path)
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(bs.ModelFileError, match=r"is not a whole \.npz file"):
            bs.from_npz(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w1": np.ones((2, 2))}, r"describes no network \(w1 must be float64 \(2, 3\)"),
        ({"w1": np.ones((2, 3), dtype="float32")}, r"w1 must be float64 \(2, 3\), got float32"),
        ({"backstory": np.array("{}")}, "describes no network"),
        ({"backstory": np.array("{")}, "describes no network"),
        ({"backstory": np.array([1.0])}, "describes no network"),
    ],
)
def test_arrays_that_were_changed(change, message, tmp_path):
    bs.Network([2, 3, 1], seed=0).export(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "net.npz", **{**arrays, **change})
    with pytest.raises(bs.ModelFileError, match=message):
        bs.from_npz(tmp_path / "net.npz")
