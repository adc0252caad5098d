"""Hosts on this machine: network namespaces, joined by a switch in user space whose links have a given delay and rate.

Linux's own delay (tc netem) is not in every kernel, so the switch holds the frames itself.
"""

from __future__ import annotations

import fcntl
import heapq
import multiprocessing
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TUN = Path("/dev/net/tun")
SET_INTERFACE, TAP, NO_HEADER = 0x400454CA, 0x0002, 0x1000  # <linux/if_tun.h>
MTU = 9000
PREFIX = "bs-"


@dataclass(frozen=True)
class Link:
    """Each host's way to the switch.

    Attributes
    ----------
    delay : float
        Seconds from host to host.
    rate : float
        Bits a second, each way.
    """

    delay: float
    rate: float

    @property
    def name(self) -> str:
        return f"{self.rate / 1e6:,.0f} Mbit/s, {self.delay * 1e3:g} ms"


def why_not() -> str:
    """What this machine lacks to lay links; empty where it lacks nothing."""
    if not sys.platform.startswith("linux") or not TUN.exists():
        return "the kernel offers no tap devices (/dev/net/tun)"
    if os.geteuid() != 0:
        return "namespaces and tap devices need root"
    for program in ("ip", "unshare"):
        if subprocess.run(["which", program], capture_output=True).returncode:
            return f"there is no command {program!r} (iproute2, util-linux)"
    tried = subprocess.run(["ip", "netns", "add", f"{PREFIX}try"], capture_output=True, text=True)
    subprocess.run(["ip", "netns", "del", f"{PREFIX}try"], capture_output=True)
    return f"the kernel permits no network namespaces ({tried.stderr.strip()})" if tried.returncode else ""


def addresses(hosts: int) -> list[str]:
    """The hosts' addresses, by which they are also known."""
    return [f"10.77.0.{number + 1}" for number in range(hosts)]


@contextmanager
def laid(hosts: int, link: Link) -> Iterator[list[str]]:
    """So many hosts, each a namespace of its own, for as long as the context lasts; their addresses."""
    names = addresses(hosts)
    taps: list[int] = []
    try:
        for number, address in enumerate(names):
            _ip("netns", "add", PREFIX + address)
            taps.append(_tap(f"bstap{number}"))
            _ip("link", "set", f"bstap{number}", "netns", PREFIX + address)
            _ip("-n", PREFIX + address, "addr", "add", f"{address}/24", "dev", f"bstap{number}")
            _ip("-n", PREFIX + address, "link", "set", f"bstap{number}", "mtu", str(MTU), "up")
            _ip("-n", PREFIX + address, "link", "set", "lo", "up")
        switch = multiprocessing.get_context("fork").Process(target=_switch, args=(taps, link), daemon=True)
        switch.start()
        yield names
        switch.terminate()
        switch.join()
    finally:
        for tap in taps:
            os.close(tap)
        for address in names:
            subprocess.run(["ip", "netns", "del", PREFIX + address], capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def _tap(name: str) -> int:
    """A new interface; the frames that it sends are read from the descriptor, and those written there arrive."""
    descriptor = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, SET_INTERFACE, struct.pack("16sH", name.encode(), TAP | NO_HEADER))
    return descriptor


def _switch(taps: Sequence[int], link: Link) -> None:
    """Carry frames between the hosts, each when it would arrive over links of this delay and rate."""
    known: dict[bytes, int] = {}
    sent = dict.fromkeys(taps, 0.0)  # when each host's way to the switch, and from it, is free again
    received = dict.fromkeys(taps, 0.0)
    waiting: list[tuple[float, int, int, bytes]] = []
    count = 0
    while True:
        pause = max(0.0, waiting[0][0] - time.perf_counter()) if waiting else 1.0
        ready, _, _ = select.select(taps, [], [], pause)
        for source in ready:
            frame = os.read(source, MTU + 64)
            now, seconds = time.perf_counter(), 8 * len(frame) / link.rate
            known[frame[6:12]] = source
            sent[source] = max(now, sent[source]) + seconds
            to = known.get(frame[:6])
            for tap in [to] if to is not None else [tap for tap in taps if tap != source]:
                received[tap] = max(sent[source], received[tap] + seconds)  # the last of several at a time waits
                heapq.heappush(waiting, (received[tap] + link.delay, count, tap, frame))
                count += 1
        while waiting and waiting[0][0] <= time.perf_counter():
            _, _, tap, frame = heapq.heappop(waiting)
            try:
                os.write(tap, frame)
            except OSError:
                continue  # its queue is full, or the host is going: a frame lost, as on any network


AGENT = """#!/bin/sh
host=$1; shift
exec ip netns exec {prefix}$host unshare --uts sh -c "hostname host${{host##*.}}; $*"
"""
"""What stands for ssh: a command on another host, under that host's name."""


def on_hosts(hosts: Sequence[str], folder: Path, command: Sequence[str]) -> str:
    """What a job prints that has one process on each host, over TCP alone."""
    agent = folder / "agent"
    agent.write_text(AGENT.format(prefix=PREFIX))
    agent.chmod(0o755)
    words = [
        str(Path(sys.executable).parent / "mpirun"),
        "--allow-run-as-root",
        "--prtemca",
        "plm_ssh_agent",
        str(agent),
    ]
    words += ["--mca", "pml", "ob1", "--mca", "btl", "tcp,self", "-x", "PYTHONPATH"]
    words += ["-H", ",".join(f"{host}:1" for host in hosts), "-n", str(len(hosts)), *command]
    done = subprocess.run(
        [str(agent), hosts[0], "exec", *words], capture_output=True, text=True, timeout=600, env=dict(os.environ)
    )
    if done.returncode:
        raise SystemExit(f"The job on {len(hosts)} hosts failed: {done.stderr.strip()}")
    return done.stdout
