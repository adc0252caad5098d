"""The model of a step by many processes, the measurement it rests on, and the links between hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import links, scaling
from benchmarks.scaling import NETS, Cost, exchange_model, pays_from, step_model

ROOT = Path(__file__).resolve().parent.parent.parent
NET = NETS[1]
COST = Cost(gradient=0.02, exchange=0.0, update=0.001, step=0.03)


def test_parameters_are_weights_and_biases() -> None:
    assert NET.parameters == 784 * 128 + 128 + 128 * 10 + 10


def test_an_exchange_costs_messages_and_bytes() -> None:
    gradient = 32 * NET.parameters  # bits
    assert exchange_model(NET, 1, 1e9, 1.0) == 0
    assert exchange_model(NET, 2, 1e9, 0.0) == pytest.approx(gradient / 1e9)
    assert exchange_model(NET, 10**6, 1e9, 0.0) == pytest.approx(2 * gradient / 1e9, rel=1e-5)
    assert exchange_model(NET, 9, float("inf"), 1e-3) == pytest.approx(16e-3)


def test_a_step_is_work_and_exchange() -> None:
    assert step_model(NET, COST, 1, 1.0, 1.0, NET.batch) == pytest.approx(0.021)
    more = step_model(NET, COST, 8, 1e9, 1e-3, 2 * NET.batch)
    assert more == pytest.approx(0.041 + exchange_model(NET, 8, 1e9, 1e-3))


def test_it_pays_where_work_and_exchange_are_even() -> None:
    rows = int(pays_from(NET, COST, 1e8, 1e-3).replace(",", ""))
    work = COST.gradient * rows / NET.batch + COST.update
    assert work == pytest.approx(exchange_model(NET, 8, 1e8, 1e-3), rel=1e-2)


def test_the_page_has_a_line_for_each_figure() -> None:
    text = scaling.page({net: {1: COST, 2: COST} for net in range(len(NETS))}, "between")
    for net in NETS:
        assert text.count(f"| {net.name} |") == 2 * 2 + 1 + 2
    assert max(map(len, text.splitlines())) < 160


def test_what_is_measured_adds_up() -> None:
    command = [sys.executable, "-m", "benchmarks.scaling", "--job", "0", "--steps", "3"]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=variables, timeout=120)
    found = json.loads(done.stdout)
    assert found["exchange"] == 0
    assert 0 < found["gradient"] + found["update"] < 2 * found["step"]


@pytest.mark.slow
def test_links_have_their_delay_and_rate() -> None:
    reason = links.why_not()
    if reason:
        pytest.skip(reason)
    code = """
import socket, sys, time
if sys.argv[1] == "serve":
    server = socket.create_server((sys.argv[2], 5000))
    print("ready", flush=True)
    peer, _ = server.accept()
    while data := peer.recv(65536):
        if data.endswith(b"."):
            peer.sendall(b"!")
else:
    peer = socket.create_connection((sys.argv[2], 5000))
    times = []
    for size in (1, 1, 1, 250_000):
        begun = time.perf_counter()
        peer.sendall(b"x" * (size - 1) + b".")
        peer.recv(1)
        times.append(time.perf_counter() - begun)
    print(min(times[1:3]), times[3])
"""
    with links.laid(2, links.Link(delay=0.05, rate=10e6)) as (one, two):
        inside = [["ip", "netns", "exec", links.PREFIX + host, sys.executable, "-c", code] for host in (one, two)]
        with subprocess.Popen([*inside[0], "serve", one], stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            done = subprocess.run([*inside[1], "ask", one], capture_output=True, text=True, check=True, timeout=60)
    quick, long = map(float, done.stdout.split())
    assert 0.1 <= quick < 1.0  # there and back
    assert long >= 0.1 + 0.2  # and 250,000 bytes at 10 Mbit/s
