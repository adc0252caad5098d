"""The studio as a widget, without a notebook: state as traits, messages as a notebook would send them."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("anywidget")


@pytest.fixture
def widget():
    from backstory.studio.widget import Studio

    made = Studio("mazur")
    yield made
    made.session.close()


def say(widget, **message):
    widget._handle_custom_msg(message, [])


def test_the_traits_hold_the_state(widget):
    assert widget.values["loss"] == pytest.approx(0.298371109, abs=1e-9)
    assert set(widget.session.state()) <= set(widget.keys)


def test_a_message_changes_the_traits(widget):
    say(widget, do="select", quantity="w1")
    assert widget.story["value"] == pytest.approx(0.000438568, abs=1e-9)
    say(widget, do="check", text="dL/dw5 = dL/do1*do1/dw5")
    assert widget.check["status"] == "right"


def test_training_in_the_background_arrives(widget):
    say(widget, do="play")
    end = time.monotonic() + 20
    while widget.training["step"] < 5 and time.monotonic() < end:
        time.sleep(0.01)
    say(widget, do="pause")
    assert widget.training["step"] >= 5
    assert not widget.training["running"]


def test_the_front_end_is_one_module(widget):
    assert "export default" in str(widget._esm)
    assert ".studio" in str(widget._css)
