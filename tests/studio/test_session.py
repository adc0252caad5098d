"""The studio's state and what each message does to it."""

from __future__ import annotations

import pytest

from backstory.studio.session import Session


@pytest.fixture
def session():
    made = Session(lambda changed: None)
    yield made
    made.close()


def test_mazur_opens_with_the_published_numbers(session):
    state = session.state()
    assert state["values"]["loss"] == pytest.approx(0.298371109, abs=1e-9)
    assert state["values"]["gradients"]["w5"] == pytest.approx(0.082167041, abs=1e-9)


def test_a_chosen_weight_is_told(session):
    session.handle({"do": "select", "quantity": "w1"})
    assert session.state()["story"]["value"] == pytest.approx(0.000438568, abs=1e-9)


def test_what_cannot_be_done_is_said_and_changes_nothing(session):
    before = session.state()["setup"]
    session.handle({"do": "preset", "name": "mazor"})
    assert session.state()["setup"] == before
    assert "mazur" in session.state()["notice"]
