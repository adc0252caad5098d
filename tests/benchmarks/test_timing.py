from __future__ import annotations

import numpy as np
import pytest

from benchmarks.peers.with_backstory import Backstory, BackstoryGradient, BackstoryPrediction
from benchmarks.peers.with_sklearn import ScikitLearn, ScikitLearnGradient, ScikitLearnPrediction
from benchmarks.referee import Disagreement
from benchmarks.timing import Timed, measure
from benchmarks.works import WORKS, Array, Work, make


def test_contenders_are_timed_after_they_agree(tiny: list[Timed]) -> None:
    ours, peer = tiny
    assert ours.ours
    assert not peer.ours
    assert ours.verdict.loss == pytest.approx(peer.verdict.loss, rel=1e-5)
    assert all(timed.seconds.shape == (3,) and (timed.seconds > 0).all() for timed in tiny)
    assert ours.quartiles[0] <= ours.median <= ours.quartiles[1]


class Cheat(Backstory):
    """Skips the work."""

    name = "a cheat"

    def run(self, times: int) -> None:
        pass


class Scaled(Backstory):
    """Steps a tenth too far."""

    name = "a wrong scale"

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.first = super().result()

    def result(self) -> Array:
        return np.asarray(self.first + 1.1 * (super().result() - self.first))


@pytest.mark.parametrize("wrong", [Cheat, Scaled])
def test_one_that_does_not_do_the_work_is_not_timed(wrong: type[Backstory]) -> None:
    task = make(WORKS[1].quick())
    with pytest.raises(
        Disagreement, match=rf"{wrong.name} on 2-8-8-1 tanh, batch 10, SGD: after one run the loss must .* off by"
    ):
        measure(task, [wrong], threads=1, repeats=1, seconds=0.001)


class Halved(BackstoryGradient):
    name = "half a gradient"

    def result(self) -> Array:
        return super().result() / 2


class OffByOne(BackstoryPrediction):
    name = "outputs and one"

    def result(self) -> Array:
        return super().result() + 1


CALLS = [work for work in WORKS if work.kind in ("gradient", "prediction") and work.sizes[0] < 100]


@pytest.mark.parametrize("work", CALLS, ids=lambda work: str(work.name))
def test_calls_are_judged_too(work: Work) -> None:
    right, peer, wrong = {
        "gradient": (BackstoryGradient, ScikitLearnGradient, Halved),
        "prediction": (BackstoryPrediction, ScikitLearnPrediction, OffByOne),
    }[work.kind]
    task = make(work.quick())
    timed = measure(task, [right, peer], threads=1, repeats=1, seconds=0.001)
    assert max(one.verdict.off for one in timed) < 1e-5
    with pytest.raises(Disagreement, match=f"{wrong.name} on {work.name}: after one run"):
        measure(task, [wrong], threads=1, repeats=1, seconds=0.001)


def test_a_library_that_averages_over_outputs_is_left_out() -> None:
    work = Work((2, 2, 2), "tanh", "identity", "half_squared_error", 1)
    assert ScikitLearn.cannot(work) == "its loss is averaged over outputs"
