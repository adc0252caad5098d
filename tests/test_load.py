"""Many at once: fits in threads and processes, questions during training, forks; nothing kept, nothing stuck."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.engine import native
from backstory.training.turns import Turns
from benchmarks import endurance

ROWS = np.random.default_rng(0).normal(size=(400, 8))
AIMS = ROWS[:, :2] ** 2
# Python itself warns of it, and JAX wherever an earlier test has loaded it; the children use neither's threads.
fork_warns = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded.*fork:DeprecationWarning", r"ignore:os.fork\(\) was called:RuntimeWarning"
)


def network(seed: int = 0, width: int = 24) -> bs.Network:
    return bs.Network([8, width, 2], hidden="tanh", seed=seed)


def fitted(seed: int) -> Any:
    net = network(seed)
    net.fit(ROWS, AIMS, epochs=3, batch_size=40, threads=2, dropout=0.1, progress=False)
    return net.parameters


def in_child(work: Callable[[], bool]) -> int:
    """The exit code of a forked process: 0 where the work came out true; -9 where it hung for a minute."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    end = time.monotonic() + 60
    while (done := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < end:
        time.sleep(0.005)
    if done[0] == 0:
        os.kill(child, signal.SIGKILL)
        done = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(done[1])


@pytest.fixture(autouse=True)
def _exact_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTORY_EXACT_THREADS", "1")


def test_fits_in_many_threads_are_those_of_one() -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(fitted, range(16)))
    for seed, parameters in enumerate(found):
        np.testing.assert_array_equal(parameters, fitted(seed))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@fork_warns
def test_fits_in_many_processes_are_those_of_one(method: str) -> None:
    wanted = [fitted(seed) for seed in range(4)]  # before the fork: the parent's pool has threads the children lack
    with multiprocessing.get_context(method).Pool(2) as pool:
        found = pool.map_async(fitted, range(4)).get(timeout=120)
    np.testing.assert_array_equal(found, wanted)


@fork_warns
def test_a_process_forked_after_a_fit_trains_and_answers() -> None:
    net, wanted = network(), fitted(3)
    outputs = net.predict(ROWS)
    assert in_child(lambda: np.array_equal(fitted(3), wanted) and np.array_equal(net.predict(ROWS), outputs)) == 0


# ---- One network, many threads


def test_many_threads_ask_one_network_at_once() -> None:
    net = network(width=300)
    net.fit(ROWS, AIMS, epochs=1, progress=False)
    asks: list[Callable[[], Any]] = [
        lambda: net.predict(ROWS),
        lambda: net.gradients(ROWS, AIMS).weights[0],
        lambda: net.loss(ROWS, AIMS),
        lambda: net.deltas(ROWS, AIMS)[0],
    ]
    wanted = [ask() for ask in asks]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: asks[i % len(asks)](), range(200)))
    for i, answer in enumerate(found):
        np.testing.assert_array_equal(answer, wanted[i % len(asks)])


def states(width: int, **how: Any) -> set[bytes]:
    """Outputs between any two steps of a fit."""
    net, found = network(width=width), set()
    found.add(net.predict(ROWS[:3]).tobytes())
    look = bs.EverySteps(1, lambda event: found.add(net.predict(ROWS[:3]).tobytes()))
    net.fit(ROWS, AIMS, callbacks=look, progress=False, **how)
    return found


@pytest.mark.parametrize("width", [24, 600])
def test_who_asks_while_a_network_is_trained_sees_it_between_two_steps(width: int) -> None:
    how = {"epochs": 6, "batch_size": 20, "threads": 1}
    known, net, seen = states(width, **how), network(width=width), []
    ready, done = threading.Barrier(3), threading.Event()

    def look() -> None:
        ready.wait()
        while not done.is_set():
            seen.append(net.predict(ROWS[:3]).tobytes())

    watchers = [threading.Thread(target=look) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    ready.wait()
    net.fit(ROWS, AIMS, progress=False, callbacks=bs.EverySteps(1, lambda event: time.sleep(0)), **how)
    done.set()
    for watcher in watchers:
        watcher.join(timeout=60)
        assert not watcher.is_alive()
    assert len(set(seen)) > 1, "it was looked at while it was trained"
    assert set(seen) <= known


def test_a_second_thread_that_trains_is_refused_and_changes_nothing() -> None:
    net, wanted = network(), network()
    wanted.fit(ROWS, AIMS, epochs=3, progress=False)
    refused: list[str] = []
    trains: list[Callable[[], Any]] = [
        lambda: net.fit(ROWS, AIMS, optimizer=bs.SGD(9.0), progress=False),
        lambda: net.step(ROWS, AIMS, optimizer=bs.SGD(9.0)),
        lambda: net.walk(ROWS, AIMS, optimizer=bs.SGD(9.0)).take(1),
        lambda: net.fit(ROWS, AIMS, optimizer=bs.LBFGS(), progress=False),
    ]

    def second(train: Callable[[], Any]) -> None:
        with pytest.raises(
            bs.BusyError, match=r"one thread at a time, and another trains this one.*net.copy\(\)"
        ) as info:
            train()
        refused.append(str(info.value))

    def others(event: bs.Event) -> None:
        if event.epoch == 1:
            for train in trains:
                thread = threading.Thread(target=second, args=(train,))
                thread.start(), thread.join(timeout=60)

    net.fit(ROWS, AIMS, epochs=3, callbacks=others, progress=False)
    assert len(refused) == len(trains)
    np.testing.assert_array_equal(net.parameters, wanted.parameters)


def test_steps_from_many_threads_are_taken_one_by_one_or_refused() -> None:
    net, one = network(), network()
    taken = []

    def work() -> None:
        for _ in range(50):
            try:
                net.step(ROWS, AIMS, optimizer=bs.SGD(0.01))
                taken.append(1)
            except bs.BusyError:
                pass

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work) for _ in range(4)]:
            future.result()
    for _ in taken:
        one.step(ROWS, AIMS, optimizer=bs.SGD(0.01))
    np.testing.assert_array_equal(net.parameters, one.parameters)


def test_a_callback_may_ask_train_and_copy_its_own_network() -> None:
    net = network()

    def ask(event: bs.Event) -> None:
        event.network.predict(ROWS)
        event.network.copy().fit(ROWS, AIMS, epochs=1, progress=False)
        event.network.step(ROWS, AIMS)

    net.fit(ROWS, AIMS, epochs=2, callbacks=ask, progress=False)
    assert np.isfinite(net.parameters).all()


@fork_warns
def test_a_process_forked_while_weights_were_written_says_so() -> None:
    turns, begun, go_on = Turns(), threading.Event(), threading.Event()

    def write() -> None:
        with turns, turns.writing():
            begun.set()
            go_on.wait(60)

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait()

    def refused() -> bool:
        with pytest.raises(bs.BusyError, match="was forked while another thread trained the network"):
            turns.read(lambda: 1)
        with pytest.raises(bs.BusyError, match="another trains this one"), turns:
            pass
        return True

    try:
        assert in_child(refused) == 0
    finally:
        go_on.set()
        writer.join()
    assert turns.read(lambda: 1) == 1


# ---- Nothing kept, nothing stuck


def test_fits_leave_no_memory_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTORY_EXACT_THREADS", "0")  # three on two busy processors would wait for each other
    assert endurance.grown(fits=300, warm=100) < 2 << 20


@fork_warns
def test_pools_of_threads_start_and_stop() -> None:
    assert endurance.pools(30) == 30


@fork_warns
def test_a_pool_that_gets_stuck_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endurance, "STUCK", 0.5)
    monkeypatch.setattr(endurance, "life", lambda number: time.sleep(60))
    assert endurance.pools(1) == 0


def test_without_pythons_lock_the_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys._is_gil_enabled", lambda: False, raising=False)
    with pytest.raises(bs.ConfigurationError, match="must have Python's global lock"):
        native.native_module.__wrapped__()
