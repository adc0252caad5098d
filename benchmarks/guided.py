"""`python -m benchmarks.guided [SECONDS]`: the inputs of `benchmarks.hostile`, searched for by atheris.

It keeps an input that makes the package's code take a path not seen before, and changes those further. A finding is
any exception but the package's own errors, code run, more than a few seconds, or too much memory; its input is left in
a file and is tried again by ``--only KIND --input FILE``. The figures stand in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backstory.errors import BackstoryError
from benchmarks.hostile import told
from benchmarks.hostile_kinds import NAMES, Kind, bytes_changed
from benchmarks.hostile_kinds import kind as find

HANGS = 60
"""Seconds after which an input is taken to hang."""
MOST_MEGABYTES = 2048
"""Resident memory of the process that tries inputs, instrumented code and corpus included."""
LONGEST_INPUT = 4096
IN_PROCESS = "--in-process"
"""Before a kind and libFuzzer's own options: this process is the one that tries inputs."""


@dataclass(frozen=True)
class Searched:
    """What came of one kind.

    Attributes
    ----------
    inputs : int
    paths : int
        Edges of the package's code that were reached.
    kept : int
        Inputs that reached a new one.
    finding : str
        What went wrong, or nothing.
    """

    inputs: int
    paths: int
    kept: int
    finding: str


def tried(kind: Kind, content: bytes, events: list[str]) -> None:
    """Try one input; raises what is a finding."""
    try:
        kind.change(content, random.Random(0))
    except Exception:
        return  # JSON or words that cannot be taken apart are no input of this kind
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.read(content)
    except (BackstoryError, OSError):
        pass
    if events:
        raise AssertionError(f"ran code: {events.pop()}")


def mutated(kind: Kind, content: bytes, size: int, generator: random.Random) -> bytes:
    """Another input: changed as its kind says, from one that is right where this is not of its kind."""
    try:
        return kind.change(content, generator)[:size]
    except Exception:
        return kind.change(generator.choice(kind.seeds), generator)[:size]


def search(name: str, options: Sequence[str]) -> None:
    """Try inputs in this process, as libFuzzer's options say; it ends the process."""
    import atheris

    atheris.instrument_imports(include=["backstory"]).__enter__()  # what is imported later too
    kind = find(name)
    for seed in kind.seeds:
        kind.read(seed)
    events: list[str] = []
    told(events)

    def change(content: bytes, size: int, seed: int) -> bytes:
        generator = random.Random(seed)
        if kind.change is bytes_changed and generator.random() < 0.5:
            return bytes(atheris.Mutate(content, size))
        return mutated(kind, content, size, generator)

    atheris.Setup([name, *options], lambda content: tried(kind, content, events), custom_mutator=change)
    atheris.Fuzz()


def searched(name: str, seconds: int, findings: Path) -> Searched:
    """Let a process search for so long; the input of a finding goes into a folder."""
    kind = find(name)
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(kind.seeds):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        longest = max(LONGEST_INPUT, 2 * max(map(len, kind.seeds)))
        prefix = findings / f"{name.replace(' ', '-')}-"
        words = [f"-max_total_time={seconds}", f"-timeout={HANGS}", f"-rss_limit_mb={MOST_MEGABYTES}"]
        words += [f"-max_len={longest}", f"-artifact_prefix={prefix}", "-print_final_stats=1", folder]
        command = [sys.executable, "-m", "benchmarks.guided", IN_PROCESS, name, *words]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return read_log(done.stderr, done.stdout, done.returncode)


def read_log(log: str, said: str, code: int) -> Searched:
    """What libFuzzer's log tells."""
    counts = re.findall(r"^#(\d+)\s.*? cov: (\d+) .*? corp: (\d+)/", log, re.MULTILINE)
    inputs, paths, kept = (int(number) for number in counts[-1]) if counts else (0, 0, 0)
    total = re.search(r"stat::number_of_executed_units:\s+(\d+)", log)
    finding = "" if code == 0 else f"exit code {code}\n{said[-3000:]}\n{log[-3000:]}"
    return Searched(int(total[1]) if total else inputs, paths, kept, finding)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=int, nargs="?", default=60, help="for each kind")
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("--input", type=Path, help="this input alone, with all that it raises")
    parser.add_argument("--findings", type=Path, default=Path(), help="the folder that inputs of findings go into")
    options = parser.parse_args(arguments)
    if options.input is not None:
        find(options.only).read(options.input.read_bytes())
        return 0
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris must be installed: pip install atheris")
    print("| what | inputs | edges of code | inputs kept | findings |\n|---|---|---|---|---|")
    failed = 0
    for name in [options.only] if options.only else NAMES:
        found = searched(name, options.seconds, options.findings)
        print(
            f"| {name} | {found.inputs:,} | {found.paths:,} | {found.kept:,} | {int(bool(found.finding))} |", flush=True
        )
        print(found.finding, file=sys.stderr, end="")
        failed += bool(found.finding)
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == [IN_PROCESS]:
        search(sys.argv[2], sys.argv[3:])
    sys.exit(main())
