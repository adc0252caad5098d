from __future__ import annotations

import numpy as np
import pytest

from benchmarks.works import WORKS, Work, aligned, make, task_of


@pytest.mark.parametrize("work", WORKS, ids=lambda work: str(work.name))
def test_tasks_are_the_same_every_time_and_fill_their_batches(work: Work) -> None:
    if work.kind != "estimator":
        assert work.rows % work.batch == 0
    first, second = make(work.quick()), make(work.quick())
    assert np.array_equal(first.X, second.X)
    assert np.array_equal(first.y, second.y)
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))
    assert first.X.dtype == np.float32
    if work.loss == "cross_entropy" and work.rows >= work.sizes[-1]:
        assert set(first.y) == set(range(work.sizes[-1]))


def test_every_row_has_a_name_of_its_own_and_something_asked() -> None:
    assert len({work.name for work in WORKS}) == len(WORKS)
    assert all(work.targets or work.data == "dense" for work in WORKS)


def test_flops_are_three_products_a_layer_less_the_first_way_back() -> None:
    work = Work((3, 4, 5), "tanh", "identity", "half_squared_error", 7)
    assert work.flops == 2 * 7 * (3 * (12 + 20) - 12)


def test_rows_of_a_data_set_are_permuted_with_their_labels() -> None:
    work = Work((2, 2), "relu", "softmax", "cross_entropy", 1, rows=4)
    X = np.arange(10.0).reshape(5, 2)
    task = task_of(work, X, np.arange(5), seed=1)
    assert task.X.shape == (4, 2)
    assert np.array_equal(task.X[:, 0], 2 * task.y)
    assert not np.array_equal(task.y, np.arange(4))


def test_rows_begin_where_every_library_can_use_them() -> None:
    assert all(aligned(np.ones((n, 3), dtype=np.float32)).ctypes.data % 64 == 0 for n in range(1, 20))
