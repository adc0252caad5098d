"""Choosing, training and going back on the page, its numbers beside the Python API's."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest

import backstory as bs
from backstory.studio import datasets
from tests.studio.test_choosing import CSV

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def begin(page, served):
    """Choose a preset on the page, and wait until it is there."""

    def choose(preset):
        page.select_option("select[name=preset]", preset)
        served.waits_for(
            lambda state: state["setup"]["preset"] == preset and state["outputs"]["data"] == state["data"]["id"]
        )
        expect(page.locator("[data-part=step]")).to_have_text(re.compile("^step 0"))

    return choose


def number(text):
    return float(re.search(r"-?[\d.]+(?:e-?\d+)?", text.replace("−", "-")).group())


def steps(page, served, by, times=1):
    for _ in range(times):
        before = served.session.state()["training"]
        page.click(f"[data-do=step][data-by={by}]")
        served.waits_for(lambda state, before=before: state["training"] != before)
    step = served.session.state()["training"]["step"]
    expect(page.locator("[data-part=step]")).to_have_text(re.compile(f"^step {step:,}"))


def test_epochs_on_the_page_are_those_of_fit(page, served, begin):
    begin("spirals")
    steps(page, served, "epoch", 2)
    X, y = datasets.spirals()
    net = bs.Network([2, 16, 16, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy", seed=0)
    net.fit(X[:180], y[:180], optimizer=bs.Adam(0.01), batch_size=20, epochs=2, progress=False)
    assert number(page.inner_text("[data-part=loss]")) == pytest.approx(net.loss(X[:180], y[:180]), rel=1e-3)
    figures = page.inner_text("[data-part=figures]")
    assert f"held out: loss {net.loss(X[180:], y[180:]):.4g}" in figures
    accuracy = np.mean((net.predict(X[:180])[:, 0] > 0.5) == y[:180])
    assert f"accuracy {100 * accuracy:.1f} %" in figures


def test_playing_pausing_and_going_back(page, served, begin):
    begin("xor")
    page.click("[data-do=play]")
    expect(page.locator("[data-do=play]")).to_have_text("Pause")
    served.waits_for(lambda state: state["training"]["step"] > 500)
    page.click("[data-do=play]")
    expect(page.locator("[data-do=play]")).to_have_text("Play")
    last = served.session.state()["training"]["last"]
    cursor = page.locator("input[name=rewind]")
    assert int(cursor.get_attribute("max")) == last
    cursor.focus()
    page.keyboard.press("Home")
    served.waits_for(lambda state: state["training"]["step"] == 0)
    page.keyboard.press("ArrowRight")
    served.waits_for(lambda state: state["training"]["step"] == 1)
    net = bs.Network([2, 3, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy", seed=0)
    X, y = datasets.xor()
    net.fit(X, y, optimizer=bs.SGD(0.5), batch_size=4, epochs=1, progress=False)
    expect(page.locator("[data-part=at]")).to_have_text(f"step 1 of {last:,}")
    assert number(page.inner_text("[data-part=loss]")) == pytest.approx(net.loss(X, y), rel=1e-3)
    box = page.locator("[data-part=training] svg").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2)
    served.waits_for(lambda state: 0.4 < state["training"]["step"] / last < 0.8)


def test_the_map_shows_what_the_network_answers(page, served, begin):
    begin("spirals")
    steps(page, served, "epoch", 3)
    outputs, data = served.session.state()["outputs"], served.session.state()["data"]
    n = outputs["size"]
    across, up = (np.linspace(data["low"][axis], data["high"][axis], n) for axis in (0, 1))
    points = np.array([[x, y] for y in up[::-1] for x in across])
    answers = served.session._subject.net.predict(points)[:, 0]
    sent = np.frombuffer(base64.b64decode(outputs["map"]), np.uint8)
    assert np.abs(sent / 255 - answers).max() <= 0.5 / 255 + 1e-9
    pixels = page.evaluate(
        "() => { const c = document.querySelector('[data-part=data] canvas');"
        " return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]; }"
    )
    painted = np.array(pixels).reshape(n * n, 4)
    blue, orange = painted[answers.argmin()], painted[answers.argmax()]
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]


def test_a_click_on_a_point_chooses_the_sample(page, served, begin):
    begin("clouds")
    X, y = datasets.clouds()
    shape = page.locator("svg.plane .point").nth(7)
    shape.click(force=True)
    served.waits_for(lambda state: state["setup"]["row"] == 7)
    expect(page.locator("input[name=row]")).to_have_value("7")
    net = served.session._subject.net
    bars = page.locator(".answers .answer-value").all_inner_texts()
    assert [float(text) for text in bars] == pytest.approx(net.predict(X[7:8])[0].tolist(), abs=6e-4)
    assert page.inner_text(".answers .truth .answer-name") == ["left", "right", "top"][y[7]]


def test_an_image_and_its_classes(page, served, begin):
    begin("digits")
    page.fill("input[name=row]", "1500")
    page.keyboard.press("Enter")
    served.waits_for(lambda state: state["setup"]["row"] == 1500)
    page.wait_for_selector(f"canvas[aria-label='The chosen image, a {datasets.digits()[1][1500]}']")
    assert "held out" in page.inner_text(".picker")
    page.click("[data-part=data] summary")
    page.wait_for_selector(".confusion td")
    counts = [int(text) for text in page.locator(".confusion td").all_inner_texts() if text]
    assert sum(counts) == 360


def test_layers_are_added_and_activations_chosen(page, served, begin):
    begin("xor")
    page.click("[data-part=setup] summary")
    page.click("[data-do=add-layer]")
    served.waits_for(lambda state: state["setup"]["sizes"] == [2, 3, 3, 1])
    page.select_option("select[aria-label='Activation of hidden layer 2']", "relu")
    served.waits_for(lambda state: state["setup"]["hidden"] == ["tanh", "relu"])
    page.fill("input[name=seed]", "5")
    page.keyboard.press("Tab")
    served.waits_for(lambda state: state["setup"]["seed"] == 5)
    net = bs.Network([2, 3, 3, 1], hidden=["tanh", "relu"], output="sigmoid", loss="binary_cross_entropy", seed=5)
    assert (served.session._subject.net.parameters == net.parameters).all()


def test_a_loss_that_does_not_fit_is_explained_and_outputs_that_do_are_offered(page, served, begin):
    begin("clouds")
    page.click("[data-part=setup] summary")
    page.select_option("select[name=loss]", "binary_cross_entropy")
    served.waits_for(lambda state: state["setup"]["loss"] == "binary_cross_entropy")
    page.select_option("select[name=output]", "tanh")
    page.wait_for_selector(".refusal .notice")
    assert "Outputs that fit" in page.inner_text(".refusal .notice")
    assert page.inner_text(".bar .notice") == ""
    page.click("[data-offer=sigmoid]")
    served.waits_for(lambda state: state["setup"]["output"] == "sigmoid")
    expect(page.locator(".refusal .notice")).to_have_count(0)


def test_formulas_are_read_as_they_are_typed(page, served):
    page.click("[data-part=setup] summary")
    page.fill("textarea[name=formulas]", "x = 2\nt = 3\nw = 0.5\ny = w*x*q\nL = (y - t)^2")
    page.wait_for_selector("pre.notice:not(:empty)")
    assert "Line 4" in page.inner_text("pre.notice")
    assert page.inner_text(".bar .notice") == ""
    page.fill("textarea[name=formulas]", "x = 2\nt = 3\nw = 0.5\ny = w*x\nL = (y - t)^2")
    page.wait_for_selector('[data-address="w"]')
    assert served.session.state()["values"]["gradients"] == {"w": -8.0}
    assert page.inner_text("pre.notice") == ""


def test_a_table_is_dropped_on_the_page(page, served):
    page.evaluate(
        """text => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([text], "things.csv", { type: "text/csv" }));
          const drop = new DragEvent("drop", { dataTransfer: transfer, bubbles: true });
          document.querySelector(".studio").dispatchEvent(drop);
        }""",
        CSV.replace("green", "<img src=x onerror=alert(1)>"),
    )
    served.waits_for(lambda state: state["table"])
    page.wait_for_selector(".confusion td")
    page.click("[data-part=setup] summary")
    assert "color" in page.inner_text("[data-part=setup] tbody")
    page.select_option("select[name=target]", "width")
    served.waits_for(lambda state: state["setup"]["output"] == "identity")
    steps(page, served, "epoch", 2)
    assert page.locator("img").count() == 0
    assert page.locator("[data-part=data] svg circle").count() == 8


def test_a_chosen_file_that_is_no_table_is_named(page, served):
    page.click("[data-part=setup] summary")
    page.set_input_files("input[type=file]", {"name": "bad.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"})
    page.wait_for_selector(".refusal .notice")
    assert "'bad.csv' must have at least 5 rows" in page.inner_text(".refusal .notice")


def test_a_link_opens_where_it_was_copied(page, served, begin):
    begin("xor")
    steps(page, served, "epoch", 5)
    page.locator('[data-address="w1[0->0]"]').first.dispatch_event("click")
    served.waits_for(lambda state: state["story"])
    page.click(".menu summary")
    page.click("[data-copy=link]")
    page.wait_for_selector(".copies textarea:not([hidden])")
    link = page.input_value(".copies textarea")
    weights = served.session._subject.net.parameters.copy()
    page.select_option("select[name=preset]", "mazur")
    served.waits_for(lambda state: state["setup"]["preset"] == "mazur")
    page.goto(link)
    served.waits_for(lambda state: state["training"]["step"] == 5 and state["story"])
    assert (served.session._subject.net.parameters == weights).all()
    assert served.session.state()["story"]["quantity"] == "w1[0->0]"
    page.wait_for_url(lambda url: "#" not in url)


def test_a_slow_pace_and_a_notation_are_chosen(page, served, begin):
    begin("xor")
    page.select_option("select[name=speed]", "10")
    page.select_option("select[name=convention]", "nielsen")
    served.waits_for(lambda state: state["training"]["speed"] == 10 and state["setup"]["convention"] == "nielsen")


@pytest.mark.parametrize("preset", ["neuron", "curve", "digits", "clouds"])
def test_nothing_runs_over_on_a_phone(page, begin, preset):
    begin(preset)
    page.set_viewport_size({"width": 390, "height": 800})
    page.click("[data-part=setup] summary")
    page.click(".menu summary")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_page_of_its_own_is_saved_for_who_asked_and_opens_without_the_studio(page, served, begin, browser, tmp_path):
    begin("xor")
    steps(page, served, "epoch", 3)
    page.locator('[data-address="w1[0->1]"]').first.dispatch_event("click")
    page.wait_for_selector('[data-part=story][data-quantity="w1[0->1]"]')
    other = page.context.new_page()
    saved_there = []
    other.on("download", lambda download: saved_there.append(download))
    other.goto(served.address)
    other.wait_for_selector("[data-part=network] svg")
    page.click(".menu summary")
    with page.expect_download() as download:
        page.click("[data-copy=html]")
    file = tmp_path / download.value.suggested_filename
    assert file.name == "backstory-xor.html"
    download.value.save_as(file)
    served.waits_for(lambda state: state["copied"] is None)
    net = served.session._subject.net
    X, y = datasets.xor()
    other.close()
    page.goto("about:blank")
    served.stop()
    alone = browser.new_context(offline=True).new_page()
    alone.goto(file.as_uri())
    alone.wait_for_selector("[data-figure] svg")
    assert alone.title() == "XOR, step 3"
    assert answer_of(alone) == pytest.approx(net.explain("w1[0->1]", X[0], y[0]).value, rel=1e-12)
    alone.locator('[data-address="w2[2->0]"]').first.click()
    assert answer_of(alone) == pytest.approx(net.explain("w2[2->0]", X[0], y[0]).value, rel=1e-12)
    alone.select_option("select[name=sample]", "2")
    assert answer_of(alone) == pytest.approx(net.explain("w2[2->0]", X[2], y[2]).value, rel=1e-12)
    alone.context.close()
    assert saved_there == []


def answer_of(alone):
    return float(alone.get_attribute("[data-part=story] .answer data", "value"))
