"""`make scale`: training by processes on hosts of their own, over links of given delay and rate, beside the model.

The hosts are namespaces of this machine (`benchmarks.links`); says so where the kernel does not permit them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.links import Link, laid, on_hosts, why_not
from benchmarks.scaling import NETS, Cost, exchange_model, milliseconds, table

HEAD = ("network", "link", "hosts", "exchange, ms", "by the model, ms", "step, ms")

HOSTS = (2, 4)
LINKS = (Link(1e-3, 100e6), Link(1e-4, 1e9), Link(1e-2, 1e9))
STEPS = 12


def measured(hosts: int, link: Link, net: int) -> tuple[Cost, str]:
    """Rank 0's figures of a job with one process on each host, and what it ended with."""
    with tempfile.TemporaryDirectory() as folder, laid(hosts, link) as names:
        words = ["-m", "benchmarks.scaling", "--job", str(net), "--steps", str(STEPS)]
        found = json.loads(on_hosts(names, Path(folder), [sys.executable, *words]).splitlines()[-1])
    return Cost(**{name: value for name, value in found.items() if name != "bits"}), found["bits"]


def rows() -> list[list[str]]:
    """A line for each network, link and number of hosts, all of which must end with the same bits."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    lines: list[list[str]] = []
    bits: dict[int, str] = {}
    for place, net in enumerate(NETS[:2]):
        for link in LINKS:
            for hosts in HOSTS:
                cost, ended = measured(hosts, link, place)
                if bits.setdefault(place, ended) != ended:
                    raise SystemExit(f"{hosts} hosts ended with other bits than {HOSTS[0]}: {net.name}, {link.name}.")
                expected = exchange_model(net, hosts, link.rate, link.delay)
                figures = [milliseconds(each) for each in (cost.exchange, expected, cost.step)]
                lines.append([net.name, link.name, str(hosts), *figures])
                print(*lines[-1], sep="  ", flush=True)
    return lines


def main() -> None:
    """Measure and print."""
    reason = why_not()
    if reason:
        print(f"Not measured between hosts here: {reason}.")
        return
    print("\n" + table(HEAD, rows()) + "\n\nAll numbers of hosts ended with the same bits.")


if __name__ == "__main__":
    main()
