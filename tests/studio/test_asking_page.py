"""Why, paths, your equation and exercises on the page: its numbers are those of the Python API."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

import backstory as bs
from backstory.studio.presets import MAZUR

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.studio.conftest import Served

WRONG = "dL/dw5 = (t1 - o1)*o1*(1 - o1)*h1"
HALF = "dL/dw1 = dh1/dw1*do2/dh1*dL/do2"


@pytest.fixture
def mazur() -> bs.Formulas:
    return bs.Formulas.read(MAZUR)


def choose(page: Page, quantity: str) -> None:
    page.locator(f'[data-part=network] [data-address="{quantity}"]').first.click(force=True)
    page.wait_for_selector(f'[data-part=story][data-quantity="{quantity}"]')


def write(page: Page, text: str) -> str:
    """Write an equation and return the status of its verdict."""
    page.fill("textarea[name=equation]", text)
    page.wait_for_function(
        "text => { const part = document.querySelector('[data-part=equation] [data-part=verdict]');"
        " return part.dataset.text === text && part.dataset.status }",
        arg=text,
    )
    return page.get_attribute("[data-part=equation] [data-part=verdict]", "data-status") or ""


# -- why


def test_a_click_tells_the_story_with_the_numbers_of_the_api(page: Page, mazur: bs.Formulas) -> None:
    choose(page, "w1")
    story = mazur.explain("w1")
    values = page.eval_on_selector_all("[data-path]", "rows => rows.map(row => [row.dataset.path, +row.dataset.value])")
    assert values == [[" ".join(path.nodes), path.value] for path in story.paths]
    assert f"{story.value:.9f}" in page.inner_text("[data-part=story] h2")


def test_factors_and_picture_light_each_other(page: Page) -> None:
    choose(page, "w1")
    face = "[data-section=chain] [data-face=%s] "
    page.hover(face % "symbols" + '[data-source="h1"][data-target="z_o1"]')
    page.wait_for_selector("[data-part=network] .line.lit", state="attached")
    assert page.locator("[data-part=network] .line.lit").count() == 1
    assert page.text_content(face % "formulas" + '[data-source="h1"].lit') == "w5"
    assert page.text_content(face % "numbers" + '[data-source="h1"].lit') == "0.4"
    page.hover('[data-path="w1 z_h1 h1 z_o2 o2 L"]')
    page.wait_for_selector(face % "numbers" + '[data-source="o2"].lit')
    assert page.locator(face % "numbers" + '[data-source="o1"].lit').count() == 0
    page.focus('[data-path="w1 z_h1 h1 z_o1 o1 L"]')
    page.wait_for_selector(face % "numbers" + '[data-source="o1"].lit')
    page.locator('[data-part=network] [data-address="w7"]').first.hover(force=True)
    page.wait_for_selector(face % "formulas" + '[data-source="h1"][data-target="z_o2"].lit')


def test_each_face_can_be_shown_alone(page: Page) -> None:
    choose(page, "w1")
    visible = "[data-section=chain] [data-face=%s] >> visible=true"
    for face in ("symbols", "formulas"):
        page.click(f"[data-part=story] [data-choice={face}]")
    assert page.locator(visible % "symbols").count() == 0
    assert page.locator(visible % "formulas").count() == 0
    assert page.locator(visible % "numbers").count() > 0
    page.click("[data-part=story] [data-choice=numbers]")
    assert page.locator(visible % "numbers").count() > 0


def test_a_folded_part_is_written_when_it_is_opened_and_stays_open(
    page: Page, served: Served, mazur: bs.Formulas
) -> None:
    choose(page, "w1")
    page.wait_for_selector("details[data-section=deltas]")
    assert page.locator("details[data-section=deltas] math").count() == 0
    page.click("[data-section=deltas] summary")
    page.wait_for_selector('details[data-section=deltas] [data-face=symbols] [data-name="δ_o1"]')
    assert page.locator("[data-section=cost] td").count() == 0
    factors = page.query_selector("[data-section=factors]")
    page.click("[data-section=cost] summary")
    page.wait_for_selector("details[data-section=cost] td")
    assert factors is not None
    assert factors.is_visible()
    choose(page, "w5")
    page.wait_for_selector('details[data-section=deltas]:not(:has([data-name="δ_h1"])) [data-name="δ_o1"]')
    page.click("[data-section=deltas] summary")
    served.waits_for(lambda state: [part["key"] for part in state["rest"]["sections"] if part["html"]][1:] == ["cost"])
    page.reload()
    page.wait_for_selector("details[data-section=cost][open] td")
    assert page.locator("details[data-section=deltas][open]").count() == 0
    page.click("[data-section=deltas] summary")
    page.wait_for_selector('details[data-section=deltas] [data-name="δ_o1"]')
    value = next(delta.chain.value for delta in mazur.explain("w5").deltas if delta.name == "δ_o1")
    assert f"{value:.6g}" in page.inner_text("details[data-section=deltas]")


@pytest.mark.parametrize(
    ("tab", "begins"), [("text", "dL/dw1"), ("latex", "{"), ("mathml", "<section"), ("python", '"""')]
)
def test_the_story_is_written_in_other_ways(page: Page, mazur: bs.Formulas, tab: str, begins: str) -> None:
    choose(page, "w1")
    page.click(f"[data-tab={tab}]")
    page.wait_for_selector(".written pre")
    story = mazur.explain("w1", optimizer=bs.SGD(0.5))
    wanted = {"text": story.to_text, "latex": story.to_latex, "mathml": story.to_mathml, "python": story.to_python}
    assert page.locator(".written pre").text_content() == wanted[tab]()
    assert page.locator(".written button").inner_text() == "Copy"


def test_a_story_stays_while_training_and_says_of_which_step(page: Page, served: Served) -> None:
    choose(page, "w5")
    before = page.inner_text("[data-part=story] h2")
    served.session.handle({"do": "play"})
    page.wait_for_function("() => /Told at step 0/.test(document.querySelector('.taken').textContent)")
    assert page.inner_text("[data-part=story] h2") == before
    page.click(".taken button")
    page.wait_for_function(
        "before => document.querySelector('[data-part=story] h2').textContent !== before", arg=before
    )
    served.session.handle({"do": "pause"})


def test_one_row_or_the_batch(page: Page, served: Served) -> None:
    served.session.handle({"do": "preset", "name": "xor"})
    page.wait_for_selector('[data-address="w1[0->1]"]')
    choose(page, "w1[0->1]")
    page.click("[data-choice=batch]")
    page.wait_for_selector("[data-choice=batch][aria-pressed=true]")
    assert served.session.state()["story"]["over"] == "batch"
    page.wait_for_selector("details[data-section=batch]")


def test_the_nudge_test_and_the_tangent(page: Page, served: Served, mazur: bs.Formulas) -> None:
    choose(page, "w5")
    page.fill("[data-part=story] [name=h]", "0.2")
    page.click("[data-do=nudge]")
    page.wait_for_selector("[data-part=nudge] td")
    first = page.eval_on_selector_all(
        "[data-part=nudge] td", "cells => cells.slice(0, 3).map(each => +each.dataset.value)"
    )
    here = mazur.values["L"]
    mazur.set(w5=0.4 + 0.2)
    change = mazur.values["L"] - here
    promised = 0.2 * bs.Formulas.read(MAZUR).gradient("w5")
    assert first == pytest.approx([change, promised, change - promised])
    page.click("[data-do=tangent]")
    page.wait_for_selector("[data-part=tangent] .curve")
    assert page.locator("[data-part=tangent] tbody tr").count() == 41
    page.locator("[data-part=tangent] input[type=range]").evaluate(
        "range => { range.value = 1.2; range.dispatchEvent(new Event('input')) }"
    )
    page.wait_for_selector("[data-part=tangent] .said:has-text('promises')")
    mazur.set(w5=served.session.state()["tangent"]["value"])
    assert f"truly it is {mazur.values['L']:.5g}".rstrip("0") in page.inner_text("[data-part=tangent] .said")


# -- your equation


def test_terms_are_chips_and_light_their_paths(page: Page) -> None:
    assert write(page, HALF) == "wrong"
    chips = page.eval_on_selector_all(
        "[data-part=equation] .chip", "all => all.map(each => [each.dataset.status, each.textContent])"
    )
    assert chips == [["right", "dh1/dw1*do2/dh1*dL/do2"], ["missing", "w1 → h1 → o1 → L"]]
    page.hover("[data-part=equation] .chip[data-status=missing]")
    page.wait_for_selector("[data-part=network] .lit", state="attached")
    page.click("[data-part=equation] [data-do=mend]")
    page.wait_for_selector("[data-part=equation] [data-part=verdict][data-status=right]")
    assert page.locator("[data-part=equation] .chip[data-status=right]").count() == 2
    assert bs.Formulas.read(MAZUR).check(page.input_value("textarea[name=equation]")).ok


def test_a_wrong_factor_is_marked_and_its_numbers_stand_side_by_side(page: Page, mazur: bs.Formulas) -> None:
    assert write(page, WRONG) == "wrong"
    assert page.inner_text("[data-part=equation] .where mark") == "t1 - o1"
    assert page.locator("[data-part=equation] .preview .at-fault").count() == 2
    cells = page.eval_on_selector_all(".side-by-side td[data-value]", "all => all.map(each => +each.dataset.value)")
    assert cells == pytest.approx([-mazur.gradient("w5"), mazur.gradient("w5")])


def test_hints_come_one_at_a_time(page: Page) -> None:
    page.check("[name=hints]")
    write(page, WRONG)
    part = "[data-part=equation] [data-part=verdict]"
    assert "o1 - t1" not in page.inner_text(part)
    seen = []
    for _ in range(4):
        seen.append(page.inner_text(f"{part} [data-do=reveal]"))
        page.click(f"{part} [data-do=reveal]")
    assert seen == ["What about it?", "Where?", "What?", "Mend it"]
    assert page.locator(f"{part} [data-do=mend]").count() == 1


def test_an_unknown_name_offers_the_nearest(page: Page) -> None:
    assert write(page, "dL/dw5 = o1*hh1") == "unreadable"
    page.click("[data-part=equation] button:has-text('Use h1')")
    assert page.input_value("textarea[name=equation]") == "dL/dw5 = o1*h1"


def test_equations_that_were_tried_can_be_had_again(page: Page) -> None:
    write(page, WRONG)
    page.dispatch_event("textarea[name=equation]", "change")
    write(page, "L = 1/2*(t1 - o1)^2 + 1/2*(t2 - o2)^2")
    page.click("summary:has-text('Tried before')")
    page.click(f".tried button:has-text('{WRONG}')")
    assert page.input_value("textarea[name=equation]") == WRONG


def test_latex_and_networks_of_layers_are_judged(page: Page, served: Served) -> None:
    latex = r"\frac{\partial L}{\partial w_1} = \frac{\partial h_1}{\partial w_1} \frac{\partial L}{\partial h_1}"
    assert write(page, latex) == "right"
    served.session.handle({"do": "preset", "name": "xor"})
    page.wait_for_selector('[data-address="w1[0->1]"]')
    assert write(page, r"\delta_k^{(1)} = \sum_j w_{jk}^{(2)} \delta_j^{(2)} f'(z_k^{(1)})") == "right"
    assert page.locator("[data-part=equation] .preview munder").count() == 1


def test_a_name_with_markup_in_it_is_inert(page: Page, served: Served) -> None:
    page.evaluate("window.hurt = 0")
    write(page, "dL/dw1 = <img src=x onerror='window.hurt = 1'>")
    served.session.handle({"do": "exercise", "kind": "spot", "about": "random", "seed": 1})
    page.fill("textarea[name=answer]", "<img src=x onerror='window.hurt = 1'> = <script>window.hurt = 1</script>")
    page.wait_for_selector("[data-part=exercise] [data-part=verdict][data-status=unreadable]")
    odd = "parameters: w<b\nx = 1\nw = 2\nt = 1\ny = w*x\nL = (y - t)^2"
    served.session.handle({"do": "formulas", "text": odd})
    page.wait_for_timeout(100)
    assert page.evaluate("window.hurt") == 0
    assert page.locator("[data-part=equation] img, [data-part=exercise] img, .studio script").count() == 0


# -- exercises


def test_an_exercise_from_question_to_solution(page: Page, served: Served) -> None:
    page.select_option("[name=exercise]", "gradient stage")
    page.wait_for_selector("textarea[name=answer]")
    asked = served.session.state()["exercise"]["asked"]
    assert page.inner_text(".question") == f"Write {asked}."
    page.fill("textarea[name=answer]", f"{asked} = 3")
    page.wait_for_selector("[data-part=exercise] [data-part=verdict][data-status=wrong]")
    page.click("[data-do=hint]")
    page.wait_for_selector(".hints li")
    page.click("[data-do=solve]")
    page.wait_for_selector("[data-part=solution] pre")
    page.fill("textarea[name=answer]", page.inner_text("[data-part=solution] pre"))
    page.wait_for_selector("[data-part=exercise] [data-part=verdict][data-status=right]")


def test_the_mistakes_that_people_make_are_quizzes(page: Page, served: Served) -> None:
    page.select_option("[name=exercise]", "spot catalogue")
    page.wait_for_selector(".question:has-text('(1 of ')")
    first = page.inner_text("[data-part=exercise] .preview")
    page.click("[data-do=exercise]")
    page.wait_for_selector(".question:has-text('(2 of ')")
    assert page.inner_text("[data-part=exercise] .preview") != first


# -- time


def test_story_and_verdict_are_quick(page: Page) -> None:
    choose(page, "w1")
    took = page.evaluate(
        """async () => {
          const part = document.querySelector('[data-part=story]');
          const told = new Promise((done) => new MutationObserver(() => part.dataset.quantity === 'w2' && done())
            .observe(part, { attributes: true }));
          const started = performance.now();
          document.querySelector('[data-part=network] [data-address=w2]')
            .dispatchEvent(new MouseEvent('click', { bubbles: true }));
          await told;
          return performance.now() - started;
        }"""
    )
    assert took < 1500  # 0.06 s on an idle machine
    write(page, HALF)
    started = time.perf_counter()
    write(page, HALF + " ")
    assert time.perf_counter() - started < 1.5


def test_a_large_network_is_told_too(page: Page, served: Served) -> None:
    served.session.handle({"do": "preset", "name": "digits"})
    page.wait_for_selector('[data-address="w1[0->0]"]')
    served.session.handle({"do": "select", "quantity": "w1[20->3]"})
    page.wait_for_selector('[data-part=story][data-quantity="w1[20->3]"]')
    total = served.session.state()["story"]["paths"]
    assert np.isclose(sum(path["value"] for path in total["listed"]), total["value"]) or total["layers"]
    assert math.isfinite(total["value"])
