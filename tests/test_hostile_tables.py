"""Data nobody hopes for, through every face: trained on rightly, or refused in a sentence that says why."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.data.files import write
from tests.conftest import Run

random = np.random.default_rng(0)
N = 40
X = random.normal(size=(N, 3))
Y = (X[:, 0] > 0).astype(int)


def with_column(values: Any) -> Any:
    changed = X.copy()
    changed[:, 1] = values
    return changed


CASES: dict[str, tuple[Any, Any]] = {
    "zero rows": (X[:0], Y[:0]),
    "one row": (X[:1], Y[:1]),
    "one class": (X, np.ones_like(Y)),
    "a constant column": (with_column(7.0), Y),
    "constant columns": (np.full_like(X, 7.0), Y),
    "a column all missing": (with_column(np.nan), Y),
    "all columns all missing": (np.full_like(X, np.nan), Y),
    "no targets": (X, np.full(N, np.nan)),
    "10,000 columns": (random.normal(size=(N, 10_000)), Y),
    "huge numbers": (1e300 * X, Y),
    "the largest numbers": (np.where(X > 0, 1.7e308, -1.7e308), Y),
    "denormal numbers": (1e-310 * X, Y),
    "an infinity": (with_column(np.where(np.arange(N) == 3, np.inf, X[:, 1])), Y),
    "no columns": (X[:, :0], Y),
}
TRAINED = ""
NO_INPUTS = r"must have columns beside the target 'y'\. It has none to learn from\."
OF_ARRAYS = {
    "zero rows": r"X must have at least 1 row\. Got 0\.",
    "one row": TRAINED,
    "one class": TRAINED,
    "constant columns": TRAINED,
    "a column all missing": r"X must be finite\. Got nan in row 0, column 1",
    "all columns all missing": r"X must be finite\. Got nan in row 0, column 0",
    "no targets": r"y must be finite\. Got nan in row 0",
    "an infinity": r"X must be finite\. Got inf in row 3, column 1",
    "no columns": r"X must have 1 columns, one per input of the network\. Got 0",
}
OF_ESTIMATORS = {
    "zero rows": r"Found array with 0 sample\(s\)",
    "a column all missing": "Input X contains NaN",
    "all columns all missing": "Input X contains NaN",
    "no targets": "Input y contains NaN",
    "huge numbers": r"may contain large values and need to be preprocessed\. Training stopped: the optimizer's memory",
    "the largest numbers": r"need to be preprocessed\. Training stopped: an activation of layer 1 became NaN",
    "an infinity": "Input X contains infinity",
    "no columns": r"Found array with 0 feature\(s\)",
}
OVERFLOW = r"need to be preprocessed\. Training stopped: (the loss|an activation of layer 1) became NaN or infinite"
OF_TABLES = {
    "zero rows": r"must have at least (10 rows|one row)",
    "one row": "must have at least 10 rows to train on and to validate with. Got 1.",
    "one class": r"The target 'y' of .* must have at least two different values\. Got 1 in every row",
    "constant columns": NO_INPUTS + r" 'x0' is left out: it is 7 in every row",
    "all columns all missing": NO_INPUTS + r" 'x0' is left out: all its values are missing",
    "no targets": r"Column 'y' of .* must have no missing values\. Got one in row 0",
    "an infinity": r"Column 'x1' of .* must hold finite numbers\. Got inf in row 3",
    "no columns": NO_INPUTS,
}


def by_name(inputs: Any, aims: Any) -> dict[str, Any]:
    return {f"x{i}": inputs[:, i] for i in range(inputs.shape[1])} | {"y": aims}


def through_network(inputs: Any, aims: Any) -> Any:
    net = bs.Network(
        [max(inputs.shape[1], 1), 4, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy", seed=0
    )
    net.fit(inputs, aims, epochs=2, progress=False)
    return net.predict(inputs)


def through_classifier(inputs: Any, aims: Any) -> Any:
    return bs.MLPClassifier((4,), max_iter=2, random_state=0).fit(inputs, aims).predict_proba(inputs)


def through_regressor(inputs: Any, aims: Any) -> Any:
    return bs.MLPRegressor(hidden_layer_sizes=(4,), max_iter=2, random_state=0).fit(inputs, aims).predict(inputs)


def through_table(inputs: Any, aims: Any) -> Any:
    frame = by_name(inputs, aims)
    net = bs.train(frame, "y", task="classes", hidden=[4], epochs=2, threads=1, progress=False)
    return net.predict(frame)


FACES: dict[str, tuple[Callable[[Any, Any], Any], dict[str, str]]] = {
    "Network": (through_network, OF_ARRAYS),
    "MLPClassifier": (through_classifier, OF_ESTIMATORS),
    "MLPRegressor": (through_regressor, OF_ESTIMATORS | {"huge numbers": OVERFLOW, "the largest numbers": OVERFLOW}),
    "train": (through_table, OF_TABLES),
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("case", CASES)
def test_data_nobody_hopes_for_is_learned_or_refused(case: str, face: str) -> None:
    call, refused = FACES[face]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's, of few iterations
        if refused.get(case, TRAINED):
            with pytest.raises(ValueError, match=refused[case]):
                call(*CASES[case])
        else:
            assert np.isfinite(call(*CASES[case])).all()


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".arrow", ".npz"])
@pytest.mark.parametrize("case", CASES)
def test_files_nobody_hopes_for_are_learned_or_refused(case: str, suffix: str, tmp_path: Path, run: Run) -> None:
    inputs, aims = CASES[case]
    if (case, suffix) in (("10,000 columns", ".csv"), ("10,000 columns", ".arrow")):
        pytest.skip("takes as long as the others and shows no more")
    data, model = tmp_path / f"t{suffix}", tmp_path / "m.safetensors"
    write(data, {"X": inputs, "y": aims} if suffix == ".npz" else by_name(inputs, aims))
    words = ["train", data, "--task", "classes", "--epochs", 2, "--hidden", 4, "--threads", 1, "--out", model]
    trained = run(*words, *([] if suffix == ".npz" else ["--target", "y"]))
    if OF_TABLES.get(case, TRAINED):
        assert trained.code == 2
        assert not model.exists()
        error = " ".join(trained.err.split())
        assert error.startswith("Error: ")
        assert error.count("Error") == 1
        with pytest.raises(ValueError, match=OF_TABLES[case]):
            raise ValueError(error)
        return
    assert trained.code == 0, trained.err
    asked = run("predict", model, data, "--out", tmp_path / "p.csv")
    assert asked.code == 0, asked.err
    assert len((tmp_path / "p.csv").read_text().splitlines()) == len(aims) + 1


TYPES = ["float16", "float32", "int8", "uint16", "int64", "bool", ">f8", ">i4", "longdouble", "object"]


@pytest.mark.parametrize("dtype", TYPES)
def test_tables_and_archives_take_any_type_of_numbers(dtype: str, tmp_path: Path, run: Run) -> None:
    numbers = random.integers(0, 2 if dtype == "bool" else 9, (N, 3))
    inputs = numbers.astype(dtype)
    inputs.flags.writeable = False
    wanted = through_table(numbers.astype(bool) if dtype == "bool" else numbers.astype(float), Y)
    np.testing.assert_array_equal(through_table(inputs[::1], Y), wanted)
    np.testing.assert_array_equal(through_table(np.repeat(inputs, 2, axis=1)[:, ::2], Y), wanted)
    if dtype in ("object", "longdouble"):
        return  # no archive of plain arrays holds objects, and long doubles are not those of other machines
    np.savez(tmp_path / "t.npz", X=inputs, y=Y)
    done = run("train", tmp_path / "t.npz", "--epochs", 2, "--threads", 1, "--out", tmp_path / "m.safetensors")
    assert done.code == 0, done.err
