"""The search for hostile inputs: what counts as a finding, how inputs are changed, what is read of libFuzzer's log."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from backstory.errors import DataError
from benchmarks import guided
from benchmarks.hostile_kinds import Kind, plain_data_changed
from benchmarks.hostile_kinds import kind as find


def kind(read: object) -> Kind:
    return Kind("it", (b'{"a": 1}',), plain_data_changed, read)  # type: ignore[arg-type]


def refuse(content: bytes) -> None:
    raise DataError("no")


def fail(content: bytes) -> None:
    raise KeyError(content)


def test_only_what_is_neither_read_nor_refused_is_a_finding() -> None:
    guided.tried(kind(len), b"[1]", [])
    guided.tried(kind(refuse), b"[1]", [])
    guided.tried(kind(fail), b"no JSON", [])  # no input of this kind
    with pytest.raises(KeyError):
        guided.tried(kind(fail), b"[1]", [])
    with pytest.raises(AssertionError, match=r"ran code: os.system"):
        guided.tried(kind(len), b"[1]", ["os.system"])


@pytest.mark.parametrize("name", ["model header", "command line", "formulas"])
def test_inputs_are_changed_as_their_kind_says(name: str) -> None:
    chosen = find(name)
    for seed in range(20):
        for content in (chosen.seeds[0], b"", b"\xff{"):
            changed = guided.mutated(chosen, content, 4096, random.Random(seed))
            assert len(changed) <= 4096
            assert changed == guided.mutated(chosen, content, 4096, random.Random(seed))


def test_a_log_is_read() -> None:
    log = "#64\tNEW    cov: 153 ft: 153 corp: 2/68b lim\n#90\tDONE   cov: 155 ft: 160 corp: 3/70b lim: 9\n"
    assert guided.read_log(log, "", 0) == guided.Searched(90, 155, 3, "")
    assert guided.read_log(log + "stat::number_of_executed_units: 1234\n", "", 0).inputs == 1234
    assert guided.read_log("", "KeyError", 77).finding.startswith("exit code 77\nKeyError")


def test_atheris_searches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("atheris", reason="a search guided by paths needs atheris")
    assert guided.main(["2", "--only", "formulas", "--findings", str(tmp_path)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("| formulas | ")
    assert last.endswith(" | 0 |")
    (tmp_path / "input").write_bytes(b"w = 1\nL = w^2\n")
    assert guided.main(["--only", "formulas", "--input", str(tmp_path / "input")]) == 0
