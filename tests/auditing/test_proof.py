"""No false alarm, and planted mistakes found and named: some hundreds here, thousands in ``benchmarks.auditing``."""

from __future__ import annotations

import numpy as np
import pytest

import backstory as bs
from benchmarks.auditing import MUTANTS, NEED_STRUCTURE, NoMutantError, Perceptron, correct, mutated


def test_right_gradients_raise_no_false_alarm() -> None:
    reports = [report for _, report in correct(240, seed=11)]
    assert [str(report) for report in reports if report.verdict == "fail"] == []
    assert sum(report.ok for report in reports) >= 0.95 * len(reports)


def test_planted_mistakes_are_found_and_named() -> None:
    found = list(mutated(8 * len(MUTANTS), seed=11))
    assert [(kind, str(report)) for kind, _, report in found if report.verdict != "fail"] == []
    named = [report.kind == kind for kind, known, report in found if known or kind not in NEED_STRUCTURE]
    assert np.mean(named) >= 0.97


def test_a_mistake_that_changes_nothing_is_no_mutant() -> None:
    one = Perceptron.draw(np.random.default_rng(0))
    with pytest.raises(NoMutantError):
        one.audited(lambda at: [each.copy() for each in one.gradient(at)], known=False)


def test_the_plain_network_is_the_librarys() -> None:
    one = Perceptron.draw(np.random.default_rng(3), penalty=0.1)
    net = one.network()
    assert isinstance(net, bs.Network)
    assert net.loss(one.X, one.y) == pytest.approx(one.loss(one.at), rel=1e-12)
