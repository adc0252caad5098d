"""The measured claim about the checker, on a small fixed sample: what is right is accepted, what is wrong is named."""

from __future__ import annotations

import pytest

import backstory as bs
from benchmarks.mutations import Oracle, case, cases, main, measure, names_it

SAMPLE = 200


@pytest.fixture(scope="module")
def rates():  # type: ignore[no-untyped-def]
    return measure(SAMPLE, first=300_000)


def shown(failed: object) -> str:
    return "\n\n".join(f"not {what}: {each.right}\n{each.wrong}\n{verdict}" for what, each, verdict in failed)


def test_right_equations_are_accepted_and_wrong_ones_refused(rates) -> None:  # type: ignore[no-untyped-def]
    assert rates.accepted >= 0.999, shown(rates.failed)
    assert rates.refused >= 0.999, shown(rates.failed)


def test_the_first_finding_names_the_mistake(rates) -> None:  # type: ignore[no-untyped-def]
    assert rates.named >= 0.95, shown(rates.failed)
    assert rates.named_strictly <= rates.named


def test_most_equations_are_mended(rates) -> None:  # type: ignore[no-untyped-def]
    assert rates.mended >= 0.95, shown(rates.failed)


def test_a_case_is_its_seed() -> None:
    one, other = (next(cases(1, first=12)) for _ in range(2))
    assert (one.network, one.right, one.wrong) == (other.network, other.right, other.wrong)
    assert one.right != one.wrong


def test_the_oracle_agrees_with_the_engine_and_sees_a_difference() -> None:
    made = next(cases(1, first=12))
    formulas = bs.Formulas.read(made.network)
    oracle = Oracle(formulas.program, seed=1)
    right = case(made.seed)
    assert right is not None
    assert oracle.differ(made.slip.left, made.slip.right)
    by = formulas.program.parameters[0]
    formulas.set(**oracle.points[0][0])
    assert oracle.slope(formulas.loss, by, oracle.points[0], partial=False) == pytest.approx(
        formulas.gradient(by), rel=1e-6, abs=1e-9
    )


def test_kinds_that_count_as_the_same_do_so_only_for_their_mistakes() -> None:
    found = {each.slip.name: each for each in cases(60, first=1)}
    link = found["a link skipped"]
    verdict = bs.Formulas.read(link.network).check(link.wrong)
    assert names_it(verdict, link.slip)
    other = found["a sign lost"]
    assert not names_it(verdict, other.slip)


def test_the_command_prints_the_rates(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--count", "5", "--show", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| cases | right: accepted |")
    assert lines[2].startswith("| 5 | 100.00 % | 100.00 % |")
