from __future__ import annotations

import pytest

from benchmarks.peers.with_backstory import Backstory
from benchmarks.peers.with_sklearn import ScikitLearn
from benchmarks.timing import Timed, measure
from benchmarks.works import WORKS, make


@pytest.fixture
def tiny() -> list[Timed]:
    """The second work, timed for an instant."""
    return measure(make(WORKS[1].quick()), [Backstory, ScikitLearn], threads=1, repeats=3, seconds=0.001)
