"""The session's answers, without a browser: stories, nudge test, tangent, verdicts and exercises, against the API."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.checking.catalogue import catalogue
from backstory.studio import stories
from backstory.studio.exercises import mistakes, quiz
from backstory.studio.presets import MAZUR
from backstory.studio.session import Session

RIGHT = "dL/dw1 = dh1/dw1*(do1/dh1*dL/do1 + do2/dh1*dL/do2)"
HALF = "dL/dw1 = dh1/dw1*do2/dh1*dL/do2"


@pytest.fixture
def session() -> Iterator[Session]:
    made = Session(lambda changed: None, "mazur")
    yield made
    made.close()


def do(session: Session, action: str, /, **arguments: Any) -> dict[str, Any]:
    session.handle({"do": action, **arguments})
    assert session.state()["notice"] is None
    return session.state()


def refused(session: Session, action: str, /, **arguments: Any) -> str:
    session.handle({"do": action, **arguments})
    said = session.state()["notice"]
    assert isinstance(said, str)
    return said


# -- stories


def test_a_story_has_the_value_and_the_paths_of_the_api(session: Session) -> None:
    told = do(session, "select", quantity="w1")["story"]
    story = bs.Formulas.read(MAZUR).explain("w1")
    assert told["value"] == story.value
    assert [(path["nodes"], path["value"]) for path in told["paths"]["listed"]] == [
        (list(path.nodes), path.value) for path in story.paths
    ]
    assert sum(path["value"] for path in told["paths"]["listed"]) == pytest.approx(told["value"])
    assert told["paths"]["count"] == "2"
    assert [part["key"] for part in told["sections"]] == ["question", "paths", "chain"]
    rest = session.state()["rest"]
    assert [part["key"] for part in rest["sections"]] == ["factors", "deltas", "update", "cost", "notes"]
    assert (rest["id"], rest["deltas"]["δ_h1"]) == (told["id"], "z_h1")
    assert 'data-source="h1" data-target="z_o1"' in next(p["html"] for p in told["sections"] if p["key"] == "chain")


def test_a_network_tells_one_row_or_the_batch(session: Session) -> None:
    do(session, "preset", name="xor")
    row = do(session, "select", quantity="w1[0->1]", over="row")["story"]
    batch = do(session, "select", quantity="w1[0->1]", over="batch")["story"]
    net = bs.Network([2, 3, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy", seed=0)
    X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float), np.array([0, 1, 1, 0], dtype=float)
    assert row["value"] == net.explain("w1[0->1]", X[0], y[:1]).value
    assert batch["value"] == pytest.approx(net.gradients(X, y).weights[0][0, 1], rel=1e-6)
    assert "batch" in [part["key"] for part in session.state()["rest"]["sections"]]
    assert batch["id"] > row["id"]
    assert do(session, "row", row=3)["story"]["over"] == "batch"


def test_the_story_is_sent_before_what_follows_it() -> None:
    told: list[dict] = []
    session = Session(told.append)
    told.clear()
    session.handle({"do": "select", "quantity": "w1"})
    assert [key for changed in told for key in changed if key in ("story", "rest")] == ["story", "rest"]
    assert not any("story" in changed and "rest" in changed for changed in told)


def test_folded_parts_are_written_when_they_are_opened(session: Session) -> None:
    def written() -> list[str]:
        return [part["key"] for part in session.state()["rest"]["sections"] if part["html"]]

    do(session, "unfold", part="cost")  # before there is a story
    do(session, "select", quantity="w1")
    assert written() == ["factors", "cost", "notes"]
    before = session.state()["story"]
    opened = {part["key"]: part["html"] for part in do(session, "unfold", part="deltas")["rest"]["sections"]}
    assert 'data-name="δ_o1"' in opened["deltas"]
    assert session.state()["story"] == before
    do(session, "unfold", part="cost", on=False)
    assert written() == ["factors", "deltas", "notes"]
    do(session, "select", quantity="w5")
    assert written() == ["factors", "deltas"]
    assert "deltas" in refused(session, "unfold", part="delta")


def test_a_story_is_told_again_when_the_network_has_changed(session: Session) -> None:
    before = do(session, "select", quantity="w5")["story"]
    after = do(session, "set", address="w5", value=0.7)["story"]
    assert after["value"] != before["value"]
    assert do(session, "step", by="epoch")["story"]["step"] == 1


@pytest.mark.parametrize("form", list(stories.FORMS))
def test_a_story_is_written_in_other_ways_when_asked(session: Session, form: str) -> None:
    assert do(session, "select", quantity="w1")["written"] is None
    written = do(session, "write", form=form)["written"]
    assert written["text"] == stories.FORMS[form](bs.Formulas.read(MAZUR).explain("w1", optimizer=bs.SGD(0.5)))


def test_a_story_written_in_python_computes_its_value(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    value = do(session, "select", quantity="w1")["story"]["value"]
    exec(do(session, "write", form="python")["written"]["text"], {})
    assert f"{value:.6g}"[:8] in capsys.readouterr().out


def test_many_paths_are_counted_and_added_up_by_layer(session: Session) -> None:
    net = bs.Network([3, 20, 20, 2], hidden="tanh", seed=0)
    story = net.explain("w1[1->4]", [[0.3, -0.2, 0.9]], [[1.0, 0.0]])
    assert story.path_count == 40
    layers = stories.layers(story.graph, story.by, story.told)
    assert [layer["count"] for layer in layers] == [1, 20, 2]
    for layer in layers:
        assert sum(unit["value"] for unit in layer["units"]) + layer["rest"]["value"] == pytest.approx(story.value)


@pytest.mark.parametrize(("action", "said"), [("write", "form"), ("nudge", ""), ("tangent", "")])
def test_what_is_about_a_story_needs_one(session: Session, action: str, said: str) -> None:
    arguments = {"form": "latex"} if said else {}
    assert refused(session, action, **arguments) == "There is no story yet. Choose a weight in the picture first."


def test_unknown_quantities_forms_and_extents_are_refused(session: Session) -> None:
    assert "w99" in refused(session, "select", quantity="w99")
    do(session, "select", quantity="w1")
    assert "batch" in refused(session, "select", quantity="w1", over="butch")
    assert "latex" in refused(session, "write", form="latx")


# -- nudge and tangent


def test_the_nudge_test_takes_the_h_it_is_given(session: Session) -> None:
    value = do(session, "select", quantity="w5")["story"]["value"]
    test = do(session, "nudge", h=0.2)["nudge"]
    f = bs.Formulas.read(MAZUR)
    here = f.values["L"]
    f.set(w5=0.4 + 0.2)
    first = test["trials"][0]
    assert first["h"] == pytest.approx(0.2)
    assert first["change"] == pytest.approx(f.values["L"] - here)
    assert first["promised"] == pytest.approx(0.2 * value)
    assert first["error"] == pytest.approx(first["change"] - first["promised"])
    assert do(session, "nudge")["nudge"]["verdict"] == "fourfold"


@pytest.mark.parametrize("h", [0, math.nan, 1e-300])
def test_an_h_that_moves_nothing_is_refused(session: Session, h: float) -> None:
    do(session, "select", quantity="w5")
    assert "h must be a number that moves w5" in refused(session, "nudge", h=h)


def test_the_curve_is_the_true_loss_and_the_tangent_stays_while_its_weight_is_dragged(session: Session) -> None:
    gradient = do(session, "select", quantity="w5")["story"]["value"]
    drawn = do(session, "tangent")["tangent"]
    f = bs.Formulas.read(MAZUR)
    for value, loss in drawn["points"][::10]:
        f.set(w5=value)
        assert loss == pytest.approx(f.values["L"], rel=1e-12)
    assert len(drawn["points"]) == 41
    assert drawn["anchor"] == {"value": 0.4, "loss": drawn["loss"], "gradient": gradient}
    moved = do(session, "set", address="w5", value=0.9)["tangent"]
    assert moved["anchor"] == drawn["anchor"]
    assert (moved["value"], moved["loss"]) == (0.9, session.state()["values"]["loss"])
    other = do(session, "set", address="w6", value=0.9)["tangent"]
    assert other["anchor"]["value"] == 0.9
    assert do(session, "tangent", on=False)["tangent"] is None


# -- equations


def test_a_verdict_carries_its_id_terms_and_preview(session: Session) -> None:
    check = do(session, "check", text=HALF, id="tab 7")["check"]
    verdict = bs.Formulas.read(MAZUR).check(HALF)
    assert check["id"] == "tab 7"
    assert {key: check[key] for key in verdict.to_dict() if key not in ("equation", "findings")} == {
        key: value for key, value in verdict.to_dict().items() if key not in ("equation", "findings")
    }
    assert check["missing"] == [["w1", "z_h1", "h1", "z_o1", "o1", "L"]]
    assert 'data-span="0 6"' in check["preview"]
    assert do(session, "check", text=RIGHT)["check"]["headline"] == "Right."


def test_a_wrong_equation_offers_a_right_one_and_an_unknown_name_its_nearest(session: Session) -> None:
    check = do(session, "check", text="dL/dw5 = (t1 - o1)*o1*(1 - o1)*h1")["check"]
    assert do(session, "check", text=check["findings"][0]["fix"])["check"]["ok"]
    check = do(session, "check", text="dL/dw5 = o1*hh1")["check"]
    finding = check["findings"][0]
    assert (check["status"], finding["nearest"]) == ("unreadable", "h1")
    assert check["text"][slice(*finding["span"])] == "hh1"


def test_networks_of_layers_are_asked_in_their_own_notation(session: Session) -> None:
    do(session, "preset", name="xor")
    check = do(session, "check", text=r"\delta_k^{(1)} = \sum_j w_{jk}^{(2)} \delta_j^{(2)} f'(z_k^{(1)})")["check"]
    assert check["ok"]
    assert "<munder>" in check["preview"]


def test_markup_in_an_equation_stays_text(session: Session) -> None:
    check = do(session, "check", text="dL/dw1 = <img src=x onerror=alert(1)>")["check"]
    assert check["status"] == "unreadable"
    assert check["preview"] == ""


def test_an_equation_must_be_a_text_and_not_endless(session: Session) -> None:
    assert "must be a text" in refused(session, "check", text=3)
    assert "at most 4000 characters" in refused(session, "check", text="x" * 5000)


def test_a_verdict_is_quick(session: Session) -> None:
    do(session, "check", text=HALF)
    started = time.perf_counter()
    for _ in range(5):
        do(session, "check", text=HALF)
    assert (time.perf_counter() - started) / 5 < 0.4  # 0.02 s on an idle machine


# -- exercises


@pytest.mark.parametrize(("kind", "about"), [("gradient", "random"), ("spot", "random"), ("gradient", "stage")])
def test_an_exercise_is_asked_hinted_solved_and_answered(session: Session, kind: str, about: str) -> None:
    set_up = do(session, "exercise", kind=kind, about=about, seed=3)["exercise"]
    assert set_up["solution"] is None
    assert set_up["hints"] == []
    state = set_up
    while state["more"]:
        state = do(session, "hint")["exercise"]
    assert len(state["hints"]) == 3
    solution = do(session, "solve")["exercise"]["solution"]
    assert solution["html"].startswith("<math>")
    assert do(session, "answer", text=solution["text"])["exercise"]["answer"]["ok"]
    assert not do(session, "answer", text="3")["exercise"]["answer"]["ok"]


def test_the_catalogue_is_asked_too(session: Session) -> None:
    assert len(mistakes()) >= 40
    unsolved = []
    for place, row in enumerate(mistakes()[:6] + mistakes()[-2:]):
        made = quiz("spot", "catalogue", mistakes().index(row), session._subject)
        assert made.asked == row.equation
        assert made.hints, place
        assert not made.check(row.equation).ok
        if not made.solution or not made.check(made.solution).ok:
            unsolved.append(row.number)
    assert len(unsolved) <= 1
    assert {row.number for row in mistakes()} == {row.number for row in catalogue().rows}


def test_an_answer_to_another_question_is_told_so(session: Session) -> None:
    do(session, "exercise", kind="spot", about="catalogue", seed=0)
    answer = do(session, "answer", text="dL/dw2 = dL/dw2")["exercise"]["answer"]
    assert answer["findings"][0]["message"] == "dL/dw1 was asked for, not dL/dw2."
    answer = do(session, "answer", text="dL/dw1 = dL/dw1")["exercise"]["answer"]
    assert not answer["ok"]


def test_exercises_that_cannot_be_set_are_refused(session: Session) -> None:
    assert refused(session, "hint") == "There is no exercise yet. Ask for one first."
    assert "gradient" in refused(session, "exercise", kind="gradent")
    assert "catalogue" in refused(session, "exercise", about="catalog")
    assert refused(session, "exercise", seed=-1) == "seed must be a whole number >= 0. Got -1."
    do(session, "preset", name="neuron")
    assert "one sample" in refused(session, "exercise", about="stage")
