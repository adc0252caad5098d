"""The native engine's adapter: failures, signals, forks, many callers, the choice of instruction set and threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.engine import native, reference
from backstory.engine.contract import Chunk, Failure
from backstory.network.spec import Spec

SPEC = Spec.of([4, 30, 20, 3], "tanh", "softmax", "cross_entropy", dtype="float64")


def parameters_of(spec: Spec, seed: int = 0) -> Any:
    return (0.4 * np.random.default_rng(seed).normal(size=spec.n_parameters)).astype(spec.dtype)


def chunk_of(spec: Spec, rows: int = 60, batch: int = 20, steps: int = 9, **changes: Any) -> Chunk:
    rng = np.random.default_rng(1)
    order = np.array([rng.permutation(rows) for _ in range(steps * batch // rows)])
    chunk = Chunk(
        X=rng.normal(size=(rows, spec.n_in)).astype(spec.dtype),
        y=rng.integers(0, spec.n_out, rows),
        sample_weight=None,
        order=order,
        batch_size=batch,
        first_batch=0,
        steps=steps,
        first_step=0,
        learning_rates=np.full(steps, 0.05),
        epoch=0,
        seed=11,
        dropout=(0.0,) * (spec.n_layers - 1),
        clip_norm=None,
        clip_value=None,
        frozen=(False,) * len(spec.layout),
        record=False,
    )
    return replace(chunk, **changes)


def a_row_of_the_second_epoch(chunk: Chunk) -> int:
    assert chunk.order is not None
    return int(chunk.order[1, chunk.batch_size + 3])


def part_of(chunk: Chunk, begin: int, end: int) -> Chunk:
    """Some of the steps of a chunk that begins with the walk."""
    rates = np.broadcast_to(chunk.learning_rates, chunk.steps)[begin:end]
    return replace(chunk, first_batch=begin, steps=end - begin, first_step=begin, learning_rates=rates.copy())


def train(engine: Any, chunk: Chunk, optimizer: Any = None, threads: int = 1) -> tuple[Any, Any]:
    rule = (optimizer or bs.SGD(0.05)).rule()
    parameters = parameters_of(engine.spec)
    state = {name: np.full_like(parameters, value) for name, value in rule.slots.items()}
    return parameters, engine.train(parameters, rule, state, chunk, threads)


# ---- Failures


def with_bad_input(chunk: Chunk) -> Chunk:
    X = chunk.X.copy()
    X[a_row_of_the_second_epoch(chunk), 2] = np.nan
    return replace(chunk, X=X)


def with_bad_weight(chunk: Chunk) -> Chunk:
    weight = np.ones(len(chunk.X), chunk.X.dtype)
    weight[a_row_of_the_second_epoch(chunk)] = np.inf
    return replace(chunk, sample_weight=weight)


def with_wild_rate(chunk: Chunk) -> Chunk:
    return replace(chunk, learning_rates=np.where(np.arange(chunk.steps) == 5, np.inf, chunk.learning_rates))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "optimizer", [bs.SGD(0.05), bs.SGD(0.05, momentum=0.9), bs.Adam(0.01), bs.Lion(0.01)], ids=repr
)
@pytest.mark.parametrize("spoil", [with_bad_input, with_bad_weight, with_wild_rate])
def test_a_failure_is_found_where_the_reference_finds_it(spoil: Any, optimizer: Any, threads: int) -> None:
    chunk = spoil(chunk_of(SPEC, record=True))
    wanted_parameters, wanted = train(reference.Engine(SPEC), chunk, optimizer)
    parameters, result = train(native.Engine(SPEC), chunk, optimizer, threads)
    assert result.failure == wanted.failure
    assert result.steps == wanted.steps == len(result.losses)
    assert len(result.norms) == len(wanted.norms) == result.steps // chunk.batches
    assert result.failure is not None
    assert result.steps == result.failure.step
    np.testing.assert_allclose(parameters, wanted_parameters, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(result.norms, wanted.norms, rtol=1e-10)


def test_weights_that_overflow_in_the_last_step_are_not_let_out() -> None:
    spec = replace(SPEC, dtype="float32")
    chunk = chunk_of(spec, learning_rates=np.array([0.05] * 8 + [1e38]), sample_weight=np.full(60, 1e3, np.float32))
    chunk = replace(chunk, X=chunk.X * np.float32(1e4))
    spec = replace(spec, reduction="sum")
    before = parameters_of(spec)
    parameters, result = train(native.Engine(spec), replace(part_of(chunk, 8, 9), first_step=0))
    assert result.failure == Failure(0, "weight", result.failure.layer if result.failure else 0, -1)
    np.testing.assert_array_equal(parameters, before)


def test_state_before_the_failing_step_is_kept() -> None:
    chunk = with_bad_input(chunk_of(SPEC))
    rule = bs.Adam(0.01).rule()
    ends = []
    for engine in (native.Engine(SPEC), reference.Engine(SPEC)):
        parameters = parameters_of(SPEC)
        state = {name: np.zeros_like(parameters) for name in rule.slots}
        engine.train(parameters, rule, state, chunk)
        ends.append(np.concatenate([state["m"], state["v"]]))
    np.testing.assert_allclose(*ends, rtol=1e-9, atol=1e-14)


# ---- The same bits, however the work is cut


@pytest.mark.parametrize("optimizer", [bs.Adam(0.01), bs.Polyak(0.5)], ids=repr)
def test_chunks_never_change_a_bit(optimizer: Any) -> None:
    spec = replace(SPEC, penalty=bs.L2(0.1))
    weight = np.random.default_rng(4).uniform(0.5, 2.0, 60)
    chunk = chunk_of(spec, dropout=(0.3, 0.1), sample_weight=weight, penalty_rows=25.0)
    whole, result = train(native.Engine(spec), chunk, optimizer)
    engine, rule = native.Engine(spec), optimizer.rule()
    parameters = parameters_of(SPEC)
    state = {name: np.zeros_like(parameters) for name in rule.slots}
    losses = []
    for begin, end in ((0, 1), (1, 5), (5, 9)):
        losses.append(engine.train(parameters, rule, state, part_of(chunk, begin, end)).losses)
    np.testing.assert_array_equal(parameters, whole)
    np.testing.assert_array_equal(np.concatenate(losses), result.losses)


def test_rows_in_place_and_rows_gathered_are_the_same_to_the_bit() -> None:
    chunk = chunk_of(SPEC, rows=180, order=None)
    shuffled = np.random.default_rng(3).permutation(180)
    X, y = np.empty_like(chunk.X), np.empty_like(chunk.y)
    X[shuffled], y[shuffled] = chunk.X, chunk.y
    in_place, _ = train(native.Engine(SPEC), chunk)
    gathered, _ = train(native.Engine(SPEC), replace(chunk, X=X, y=y, order=shuffled[None]))
    np.testing.assert_array_equal(in_place, gathered)
    ordered, _ = train(native.Engine(SPEC), replace(chunk, order=np.arange(180)[None]))
    np.testing.assert_array_equal(in_place, ordered)


def test_one_rate_for_all_steps_is_an_array_of_it() -> None:
    chunk = chunk_of(SPEC)
    for engine in (native.Engine(SPEC), reference.Engine(SPEC)):
        ends = [train(engine, replace(chunk, learning_rates=rates))[0] for rates in (0.05, np.full(9, 0.05))]
        np.testing.assert_array_equal(*ends)


def test_a_walk_may_begin_and_end_within_an_epoch_whose_last_batch_is_short() -> None:
    spec = replace(SPEC, penalty=bs.Elastic(0.01, 0.02))
    chunk = chunk_of(spec, rows=50, batch=20, steps=15, record=True)
    assert (chunk.batches, chunk.visits) == (3, 50)
    chunk = replace(part_of(chunk, 2, 10), penalty_rows=20.0)
    wanted, reference_result = train(reference.Engine(spec), chunk)
    parameters, result = train(native.Engine(spec), chunk)
    np.testing.assert_allclose(parameters, wanted, rtol=1e-11, atol=1e-13)
    assert len(result.norms) == len(result.penalties) == 3
    np.testing.assert_allclose(result.norms, reference_result.norms, rtol=1e-10)
    np.testing.assert_allclose(result.penalties, reference_result.penalties, rtol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 3, 64, 1000, 70_000])
def test_both_engines_shuffle_alike(n: int) -> None:
    for seed in (0, 7, -8, 2**63 + 5):
        orders = native.Engine(SPEC).permutations(seed, range(3, 5), n)
        np.testing.assert_array_equal(orders, reference.Engine(SPEC).permutations(seed, range(3, 5), n))


def test_callers_on_many_threads_do_not_disturb_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTORY_EXACT_THREADS", "1")
    engine, chunk = native.Engine(SPEC), chunk_of(SPEC)
    wanted, _ = train(engine, chunk)
    found: list[Any] = [None] * 6

    def call(i: int) -> None:
        for _ in range(10):
            found[i] = train(engine, chunk, threads=2)[0]

    callers = [threading.Thread(target=call, args=(i,)) for i in range(len(found))]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)
        assert not caller.is_alive()
    for parameters in found:
        np.testing.assert_array_equal(parameters, wanted)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTORY_EXACT_THREADS", "1")
    engine, chunk = native.Engine(SPEC), chunk_of(SPEC)
    wanted, _ = train(engine, chunk, threads=3)
    child = os.fork()
    if child == 0:
        same = np.array_equal(train(engine, chunk, threads=3)[0], wanted)
        os._exit(0 if same else 1)
    deadline = time.monotonic() + 60
    while (done := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    if done[0] == 0:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert done[0] == child
    assert os.waitstatus_to_exitcode(done[1]) == 0
    np.testing.assert_array_equal(train(engine, chunk, threads=3)[0], wanted)


def test_trying_out_threads_changes_no_bit() -> None:
    """Without BACKSTORY_EXACT_THREADS the engine tries how many threads pay, from one window of steps to the next."""
    net = bs.Network([40, 96, 64, 3], hidden="tanh", seed=0, dtype="float32")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6000, 40)), rng.normal(size=(6000, 3))
    ends = []
    for threads in (1, 2, 3, 8):
        twin = net.copy()
        twin.fit(X, y, batch_size=64, epochs=6, threads=threads, dropout=0.2)
        ends.append(twin.parameters)
    for end in ends[1:]:
        np.testing.assert_array_equal(end, ends[0])


@pytest.mark.parametrize("biases", [True, False])
def test_parameters_copied_by_several_threads_are_the_same_to_the_bit(biases: bool) -> None:
    """A network of a size at which threads share the packing, and which has pages of its own."""
    spec = Spec.of([301, 530, 259, 3], "tanh", "softmax", "cross_entropy", biases=biases, dtype="float32")
    chunk = chunk_of(spec, steps=3, dropout=(0.1, 0.0), record=True)
    engine, rule = native.Engine(spec), bs.SGD(0.05, momentum=0.9)
    wanted, result = train(engine, chunk, rule)
    np.testing.assert_allclose(wanted, train(reference.Engine(spec), chunk, rule)[0], rtol=1e-3, atol=1e-5)
    for threads in (2, 3):
        found, again = train(engine, chunk, rule, threads)
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(again.norms, result.norms)
    wild = replace(chunk, learning_rates=np.full(3, np.inf))
    parameters, failed = train(engine, wild, rule, 2)
    assert failed.failure is not None
    np.testing.assert_array_equal(parameters, parameters_of(spec))


# ---- Signals


class Stop(Exception):
    """Raised by the test's signal handler."""


@pytest.mark.parametrize("threads", [1, 2])
def test_a_signal_stops_a_long_call_after_a_whole_step(threads: int) -> None:
    steps = 3_000_000
    chunk = chunk_of(
        SPEC,
        order=None,
        steps=steps,
        learning_rates=1e-6,
    )
    engine, rule = native.Engine(SPEC), bs.SGD(1e-6).rule()
    parameters = parameters_of(SPEC)

    def stop(*_: Any) -> None:
        raise Stop

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        start = time.monotonic()
        result = engine.train(parameters, rule, {}, chunk, threads)
        assert isinstance(result.interrupt, Stop)
        assert 0 < result.steps < steps
        assert len(result.losses) == result.steps
        assert time.monotonic() - start < 5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert np.isfinite(parameters).all()
    assert not np.array_equal(parameters, parameters_of(SPEC))


# ---- Instruction set and threads


def in_a_new_process(isa: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import backstory as bs, numpy as np\n"
        "from backstory.engine.native import native_module\n"
        "print(native_module().isa, bs.Network([3, 4, 1], seed=0).predict(np.ones((2, 3)))[0, 0])"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "BACKSTORY_ISA": isa},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_instruction_set_of_this_machine_can_be_forced() -> None:
    outputs = []
    for isa in native.usable():
        run = in_a_new_process(isa)
        assert run.returncode == 0, run.stderr
        name, output = run.stdout.split()
        assert name == isa
        outputs.append(float(output))
    np.testing.assert_allclose(outputs, outputs[0], rtol=1e-5)


def test_an_unknown_instruction_set_is_refused_by_name() -> None:
    run = in_a_new_process("axv2")
    assert run.returncode != 0
    assert "Unknown instruction set in BACKSTORY_ISA 'axv2'. Did you mean 'avx2'?" in run.stderr


def test_an_instruction_set_the_machine_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Plain:
        @staticmethod
        def best_isa() -> str:
            return "baseline"

    monkeypatch.setattr(native.importlib, "import_module", lambda name: Plain)
    monkeypatch.setenv("BACKSTORY_ISA", "avx512")
    with pytest.raises(bs.ConfigurationError, match=r"this machine runs and this build has: baseline\. Got 'avx512'"):
        native.native_module.__wrapped__()


def test_threads_follow_affinity_and_openmp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(native, "cgroup_limits", lambda: ())
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    assert native.default_threads() == 6
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    assert native.default_threads() == 4
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert native.default_threads() == 6
    monkeypatch.setattr(native, "cgroup_limits", lambda: (3, 5))
    assert native.default_threads() == 3


@pytest.mark.parametrize(
    ("membership", "files", "limits"),
    [
        ("0::/a/b\n", {"a/cpu.max": "150000 100000\n", "a/b/cpu.max": "max 100000\n"}, (2,)),
        ("0::/\n", {"cpu.max": "50000 100000"}, (1,)),
        (
            "4:cpu,cpuacct:/x\n1:name=systemd:/\n",
            {"cpu/x/cpu.cfs_quota_us": "400000", "cpu/x/cpu.cfs_period_us": "100000"},
            (4,),
        ),
        ("4:cpu:/x\n", {"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "100000"}, ()),
        ("", {}, ()),
    ],
)
def test_a_control_groups_quota_is_read(
    tmp_path: Path, membership: str, files: dict[str, str], limits: tuple[int, ...]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "membership").write_text(membership)
    assert native.cgroup_limits(str(tmp_path), str(tmp_path / "membership")) == limits
