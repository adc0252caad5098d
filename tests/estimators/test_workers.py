"""No oversubscription: how many threads a fit uses where others run beside it, seen from the system."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from backstory import MLPClassifier
from backstory.engine.native import default_threads
from backstory.estimators.workers import fair_threads

pytestmark = pytest.mark.filterwarnings("ignore")  # other libraries' own, in their workers
TASKS = 2
random = np.random.default_rng(0)
X = random.normal(size=(4000, 64)).astype(np.float32)
y = (X[:, 0] > 0).astype(int)


def cpus() -> int:
    return len(os.sched_getaffinity(0))


def fit_and_look(seed: int) -> dict[str, Any]:
    """Fit in a worker; the threads that `threads=None` means there, and those that ran beside it meanwhile."""
    os.environ["BACKSTORY_EXACT_THREADS"] = "1"
    mine, before = threading.get_native_id(), cpu_times()
    classifier = MLPClassifier((128, 128), max_iter=3, random_state=seed).fit(X, y)
    busy = {tid for tid, ticks in cpu_times().items() if ticks > before.get(tid, 0) + 3 and tid != mine}
    threads = fair_threads(None)
    return {
        "threads": default_threads() if threads is None else threads,
        "pid": os.getpid(),
        "busy beside": len(busy),
        "parameters": classifier.network_.parameters,
    }


def cpu_times() -> dict[int, int]:
    """Ticks of processor time by thread of this process."""
    found = {}
    for folder in Path("/proc/self/task").iterdir():
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # the thread has ended
        found[int(folder.name)] = int(fields[11]) + int(fields[12])
    return found


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTORY_EXACT_THREADS", "0")  # set back afterwards: tasks in threads set it for this process
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if not Path("/proc/self/task").is_dir():
        pytest.skip("threads are counted in /proc")


def in_parallel(backend: str, **more: Any) -> list[dict[str, Any]]:
    with joblib.parallel_config(backend=backend, n_jobs=TASKS, **more):
        return list(joblib.Parallel()(joblib.delayed(fit_and_look)(seed) for seed in range(TASKS)))


def check(found: list[dict[str, Any]], *, processes: bool) -> None:
    share = max(1, cpus() // TASKS)
    assert [each["threads"] <= share for each in found] == [True] * TASKS, found
    if processes:  # threads of one process see each other
        assert all(each["busy beside"] < share for each in found), found
    alone = [MLPClassifier((128, 128), max_iter=3, random_state=seed).fit(X, y) for seed in range(TASKS)]
    for each, classifier in zip(found, alone, strict=True):
        assert (each["parameters"] == classifier.network_.parameters).all()


def test_alone_a_fit_has_the_whole_machine() -> None:
    assert fair_threads(None) is None
    assert fair_threads(3) == 3
    threads: list[Any] = []
    worker = threading.Thread(target=lambda: threads.append(fair_threads(None)))
    worker.start(), worker.join()
    assert threads == [None]  # a thread of an application's own is no task of joblib


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_tasks_of_joblib_share_the_processors(backend: str) -> None:
    check(in_parallel(backend), processes=backend != "threading")


def test_tasks_of_dask_share_the_processors() -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=TASKS, processes=False, dashboard_address=":0") as one,
        distributed.Client(one),
    ):
        check(in_parallel("dask"), processes=False)
        with distributed.Client(one) as client:
            assert client.submit(fair_threads, None).result() == 1
    assert fair_threads(None) is None


@pytest.fixture
def ray() -> Iterator[Any]:
    library = pytest.importorskip("ray")
    library.init(num_cpus=TASKS, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield library
    library.shutdown()


@pytest.mark.slow
def test_tasks_of_ray_share_the_processors(ray: Any) -> None:
    from ray.util.joblib import register_ray

    register_ray()
    check(in_parallel("ray"), processes=True)


def test_daemons_of_multiprocessing_have_one_each() -> None:
    with multiprocessing.get_context("fork").Pool(TASKS) as pool:
        assert pool.map(fair_threads, [None] * TASKS) == [1] * TASKS


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_search_over_sizes_in_parallel_finds_what_one_alone_finds(backend: str) -> None:
    grid = [{"hidden_layer_sizes": [(4,), (8,)], "activation": ["tanh", ["relu"]]}, {"hidden_layer_sizes": [(8, 4)]}]
    results = []
    for n_jobs in (1, 2):
        search = GridSearchCV(MLPClassifier(max_iter=3, random_state=0), grid, cv=2, n_jobs=n_jobs)
        with joblib.parallel_config(backend=backend):
            results.append(search.fit(X[:400], y[:400]).cv_results_["mean_test_score"])
    np.testing.assert_array_equal(*results)
