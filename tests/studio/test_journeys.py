"""What a person does in the studio, from beginning to end; and where the other journeys are gone.

Picks a preset, plays, steps, scrubs, rewinds        test_training_page, test_network; resets: here
Brings a table or formulas; layers, activations …    test_training_page, test_choosing
Sees values, map, curve, confusion, losses           test_network, test_training_page
Clicks a weight, follows links, toggles              test_asking_page, test_network
Drags a weight, sees tangent and truth; nudges       here; test_asking_page
Writes an equation: typed, hints, repaired           here; test_asking_page
Exercises                                            test_asking_page; finds the mistake: here
Takes a link, Python, a file away                    here; test_training_page, test_sharing, test_standalone
Several tabs, reloads, a server that is gone         here
Trains 784-128-10                                    here; test_speed
Goes by keyboard, on a phone, with a reader          test_network, test_training_page, test_access
In notebooks                                         test_notebooks
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from urllib.parse import urlsplit

import numpy as np
import pytest

import backstory as bs
from backstory.studio import presets
from backstory.studio.presets import MAZUR
from benchmarks.studio_works import LARGE, LARGE_PRESET, fitting
from tests.studio.conftest import start


def choose(page, served, preset):
    page.select_option("select[name=preset]", preset)
    served.waits_for(lambda state: state["setup"]["preset"] == preset)
    page.wait_for_selector("[data-part=step]:has-text('step 0')")


def click(page, address):
    page.locator(f'[data-part=network] [data-address="{address}"]').first.click()
    page.wait_for_selector(f'[data-part=story][data-quantity="{address}"]')


def shown(page):
    """What the picture says of every parameter, to six digits."""
    return page.eval_on_selector_all("[data-address]", "all => all.map((each) => each.ariaLabel)")


def write(page, text, name="equation", part="equation"):
    page.fill(f"textarea[name={name}]", text)
    found = page.wait_for_selector(f"[data-part={part}] [data-part=verdict][data-text='{text}']", state="attached")
    return found.get_attribute("data-status")


def test_resetting_brings_the_first_weights_back(page, served):
    choose(page, served, "xor")
    first = shown(page)
    page.click("[data-do=play]")
    served.waits_for(lambda state: state["training"]["step"] > 100)
    page.click("[data-do=play]")
    served.waits_for(lambda state: not state["training"]["running"])
    page.wait_for_selector("[data-do=play][data-running=false]")
    assert shown(page) != first
    page.click("[data-do=reset]")
    page.wait_for_selector("[data-part=step]:has-text('step 0')")
    assert shown(page) == first
    net = bs.Network([2, 3, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy", seed=0)
    assert (served.session._subject.net.parameters == net.parameters).all()


def test_a_dragged_weight_leaves_the_tangent(page, served):
    click(page, "w5")
    page.click("[data-do=tangent]")
    page.wait_for_selector("[data-part=tangent] .curve")
    page.locator('[data-address="w5"]').scroll_into_view_if_needed()
    box = page.locator('[data-address="w5"]').bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 60, steps=6)
    page.mouse.up()
    page.wait_for_selector("[data-part=tangent] .said:has-text('promises')")
    served.waits_for(lambda state: state["values"]["parameters"]["w5"] == pytest.approx(1.0))
    formulas = bs.Formulas.read(MAZUR)
    before, slope = formulas.values["L"], formulas.gradient("w5")
    formulas.set(w5=1.0)
    page.wait_for_selector(f"[data-part=tangent] .said:has-text('promises L = {before + 0.6 * slope:.5g},')")
    page.wait_for_selector(f"[data-part=tangent] .said:has-text('truly it is {formulas.values['L']:.5g}.')")


def test_an_equation_is_led_to_its_end_hint_by_hint_and_mended_at_a_click(page):
    page.check("[name=hints]")
    assert write(page, "dL/dw1 = dL/do1*do1/dh1*dh1/dw1 + dL/do2*dh1/dw1") == "wrong"
    part = "[data-part=equation] [data-part=verdict]"
    while not page.locator(f"{part} [data-do=mend]").count():
        page.click(f"{part} [data-do=reveal]")
    page.click(f"{part} [data-do=mend]")
    page.wait_for_selector(f"{part}[data-status=right]")
    assert bs.Formulas.read(MAZUR).check(page.input_value("textarea[name=equation]")).ok


def test_the_mistake_is_found_and_mended(page, served):
    page.select_option("[name=exercise]", "spot stage")
    page.wait_for_selector("textarea[name=answer]")
    formulas = bs.Formulas.read(MAZUR)
    wrong = served.session.state()["exercise"]["asked"]
    assert page.input_value("textarea[name=answer]") == wrong
    verdict = formulas.check(wrong)
    assert not verdict.ok
    assert write(page, verdict.findings[0].fix, "answer", "exercise") == "right"


def test_a_link_opens_the_same_state_in_another_studio(page, served, browser):
    choose(page, served, "spirals")
    for _ in range(2):
        page.click("[data-do=step][data-by=epoch]")
    served.waits_for(lambda state: state["training"]["step"] == 18)
    page.fill("input[name=address]", "w2[3->1]")
    page.keyboard.press("Enter")
    page.wait_for_selector('[data-part=story][data-quantity="w2[3->1]"]')
    write(page, "dL/dw2[3->1] = a1[3]*delta2[1]")
    page.click(".menu summary")
    page.click("[data-copy=link]")
    page.wait_for_selector(".copies textarea:not([hidden])")
    link = urlsplit(page.input_value(".copies textarea")).fragment
    there = start()
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    other = context.new_page()
    other.goto(f"{there.address}#{link}")
    other.wait_for_selector('[data-part=story][data-quantity="w2[3->1]"]')
    for part in ("[data-part=story] h2", "[data-part=step]", "[data-part=loss]", "[data-part=verdict] .headline"):
        assert other.text_content(part) == page.text_content(part)
    assert shown(other) == shown(page)
    assert other.input_value("textarea[name=equation]") == page.input_value("textarea[name=equation]")
    here, found = served.session._subject.net, there.session._subject.net
    assert (found.parameters == here.parameters).all()
    context.close()
    there.stop()


def test_the_copied_program_comes_to_the_weights_on_the_page(page, served):
    choose(page, served, "xor")
    for _ in range(3):
        page.click("[data-do=step][data-by=epoch]")
    served.waits_for(lambda state: state["training"]["step"] == 3)
    page.click(".menu summary")
    page.click("[data-copy=python]")
    page.wait_for_selector(".copies textarea:not([hidden])")
    program = page.input_value(".copies textarea") + "\nprint(net.parameters.tolist())"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == str(served.session._subject.net.parameters.tolist())


def test_reloading_and_a_second_tab_show_the_same(page, served):
    choose(page, served, "clouds")
    page.click("[data-do=step][data-by=epoch]")
    served.waits_for(lambda state: state["training"]["step"] > 0)
    click(page, "w1[0->1]")
    write(page, "dL/dw1[0->1] = x[0]*delta1[1]")
    parts = ("[data-part=story] h2", "[data-part=step]", "[data-part=loss]", "[data-part=verdict] .headline")
    before = [shown(page), *map(page.text_content, parts)]
    second = page.context.new_page()
    second.goto(served.address)
    page.reload()
    for tab in (page, second):
        tab.wait_for_selector('[data-part=story][data-quantity="w1[0->1]"]')
        tab.wait_for_selector("[data-part=verdict][data-status=right]")
        assert [shown(tab), *map(tab.text_content, parts)] == before
    page.bring_to_front()
    page.click("[data-do=reset]")
    second.bring_to_front()
    second.wait_for_selector("[data-part=step]:has-text('step 0')")
    assert shown(second) != before[0]


def test_a_page_says_that_its_server_is_gone_and_comes_back_with_it(browser):
    served = start()
    parts = urlsplit(served.address)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(served.address)
    page.wait_for_selector("[data-part=network] svg")
    served.stop()
    page.wait_for_selector("#connection:has-text('does not answer')")
    again = start(parts.port, parts.query.removeprefix("token="))
    again.session.handle({"do": "preset", "name": "xor"})
    page.wait_for_selector("#connection", state="hidden")
    page.wait_for_selector('[data-address="w1[0->0]"]')
    assert page.input_value("select[name=preset]") == "xor"
    again.stop()
    page.wait_for_selector("#connection:has-text('does not answer')")
    other = start(parts.port)
    page.wait_for_selector("#connection:has-text('of an earlier start')")
    other.stop()
    context.close()


FRAMES = """seconds => new Promise((done) => {
  const [frames, painted, step] = [[], [], document.querySelector('[data-part=step]')];
  new MutationObserver(() => painted.push(performance.now())).observe(step, { childList: true });
  const begun = performance.now();
  requestAnimationFrame(function next(now) {
    frames.push(now);
    if (now - begun < 1000 * seconds) requestAnimationFrame(next);
    else done({ frames, painted });
  });
})"""


@pytest.mark.slow
def test_training_a_large_network_stays_smooth(page, served, monkeypatch):
    monkeypatch.setitem(presets.PRESETS, LARGE, LARGE_PRESET)
    served.session.handle({"do": "preset", "name": LARGE})
    page.wait_for_selector('[data-address="w1[0->0]"]')
    page.click("[data-do=play]")
    served.waits_for(lambda state: state["training"]["running"])
    begun = served.session.state()["training"]["step"]
    found = page.evaluate(FRAMES, 2)
    taken = (served.session.state()["training"]["step"] - begun) / 2
    page.click("[data-do=play]")
    served.waits_for(lambda state: not state["training"]["running"])
    waits = np.diff(found["frames"])
    assert statistics.median(waits) < 100  # ms; 17 where nothing else runs
    assert 4 <= len(found["painted"]) <= 2 * 11  # ten numbers a second at most
    assert taken > 0.2 * fitting(LARGE, 0.8)
