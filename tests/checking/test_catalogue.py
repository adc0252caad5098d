"""Every wrong equation of the table gets its kind, its place and a mended form; those of the source texts too."""

from __future__ import annotations

import statistics
import time
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

import backstory as bs
from backstory.checking.catalogue import Entry, catalogue
from backstory.checking.verdict import Kind, Status

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
EVERYTHING = (*catalogue().rows, *catalogue().sources)


@cache
def network(name: str) -> bs.Formulas | bs.Network:
    described = catalogue().networks.get(name)
    if described is None:
        return bs.Formulas.read(EXAMPLES / name)
    if "formulas" in described:
        return bs.Formulas.read(described["formulas"])
    return bs.Network(**{key: value for key, value in described.items() if key != "title"})


@pytest.mark.parametrize("entry", EVERYTHING, ids=lambda entry: f"{entry.number} {entry.equation}")
def test_each_equation_gets_its_verdict(entry: Entry) -> None:
    verdict = network(entry.network).check(entry.equation)
    assert verdict.status == entry.status, str(verdict)
    assert (verdict.findings[0].kind if verdict.findings else "") == entry.kind, str(verdict)
    assert verdict.to_dict()["status"] == entry.status
    for finding in verdict.findings:
        start, end = finding.span
        assert 0 <= start < end <= len(entry.equation)
        assert finding.message


@pytest.mark.parametrize(
    "entry",
    [each for each in EVERYTHING if each.status != "right"],
    ids=lambda entry: f"{entry.number} {entry.equation}",
)
def test_what_is_offered_as_mended_is_right(entry: Entry) -> None:
    fixes = [finding.fix for finding in network(entry.network).check(entry.equation).findings if finding.fix]
    assert fixes or entry.kind in ("wrong_definition", "wrong_factor", "missing_path")
    for fix in fixes:
        assert network(entry.network).check(fix).ok, fix


def test_the_table_is_whole() -> None:
    rows = catalogue().rows
    assert {entry.number for entry in rows} == set(range(1, 43))
    assert {entry.number for entry in catalogue().sources} == {1, 2, 3, 4, 5}
    assert all(entry.kind in get_args(Kind) for entry in EVERYTHING if entry.status != "right")
    assert all(entry.status in get_args(Status) for entry in EVERYTHING)
    assert all(entry.mistake for entry in rows if entry.status != "right")
    assert len({(entry.network, entry.equation) for entry in rows}) == len(rows)


def test_an_equation_of_a_small_network_is_judged_in_milliseconds() -> None:
    formulas = network("A")
    seconds = []
    for entry in catalogue().rows:
        if entry.network == "A":
            start = time.process_time()
            formulas.check(entry.equation)
            seconds.append(time.process_time() - start)
    assert statistics.median(seconds) < 0.01
