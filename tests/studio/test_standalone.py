"""The file that lives on its own, opened from disk in Chromium: its numbers are Python's, names stay names."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import backstory as bs
from backstory.errors import ConfigurationError
from backstory.expressions import ELEMENTARY
from backstory.functions import ACTIVATIONS, LOSSES
from backstory.story.story import Story
from backstory.studio import standalone
from backstory.studio.figure_data import figure_data
from backstory.studio.standalone import element, figure, script_text, style_text
from tests.story.stories import HOSTILE, STORIES, story

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MAZUR = Path(__file__).resolve().parents[2] / "examples" / "mazur.txt"
Open = Callable[..., "Page"]


def mazur() -> bs.Formulas:
    return bs.Formulas.read(MAZUR)


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Open a file from disk; errors, dialogs and requests for anything else fail the test."""
    wrong: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True, reduced_motion="reduce")

    def page_of(text: str, **size: int) -> Page:
        path = tmp_path / "figure.html"
        path.write_text(text, encoding="utf-8")
        page = context.new_page()
        if size:
            page.set_viewport_size(size)  # type: ignore[arg-type]  # width and height
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on(
            "request", lambda sent: None if sent.url.startswith((path.as_uri(), "data:")) else wrong.append(sent.url)
        )
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri())
        page.wait_for_selector("[data-part=network] svg")
        return page

    yield page_of
    context.close()
    assert wrong == []


def answer(page: Page) -> float:
    return float(page.get_attribute("[data-part=story] .answer data", "value"))


def table(page: Page) -> dict[str, tuple[float, float]]:
    """By name, value and derivative, as the table twin has them."""
    page.eval_on_selector("[data-part=values]", "box => box.setAttribute('open', '')")
    page.wait_for_selector("[data-part=values] td[data-value]")
    rows = page.eval_on_selector_all(
        "[data-part=values] tr[data-quantity]",
        "rows => rows.map(row => [row.dataset.quantity, row.cells[2].dataset.value, row.cells[3].dataset.value])",
    )
    return {name: (float(value), float(slope or 0)) for name, value, slope in rows}


def slide(page: Page, value: float) -> None:
    page.eval_on_selector(
        ".slider", "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value
    )


def cells(page: Page, selector: str) -> list[float]:
    return page.eval_on_selector_all(selector, "found => found.map(each => Number(each.dataset.value))")


# -- what the file says


@pytest.mark.parametrize("name", [name for name in STORIES if name != "deep"])
def test_the_file_lets_in_its_own_script_and_style_and_nothing_else(name: str) -> None:
    text = figure(story(name))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    for tag in ("script", "style"):
        own = re.findall(rf'<{tag}(?: type="module")?>(.*?)</{tag}>', text, re.DOTALL)
        assert len(own) == 1
        digest = base64.b64encode(hashlib.sha256(own[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]
    assert "default-src 'none'" in policy[1]
    links = set(re.findall(r"\w+://[^\s\"'<>)]+", text))
    assert links <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML"}, "names of elements, no more"


def test_the_script_runs_no_text_and_makes_no_markup() -> None:
    forbidden = r"\b(eval|Function|innerHTML|outerHTML|insertAdjacentHTML|write|DOMParser|fragment|setTimeout)\b"
    for module in set(standalone.MODULES) - {"dom.js"}:
        code = re.sub(r"/\*.*?\*/|^\s*//.*", "", standalone.text(module), flags=re.DOTALL | re.MULTILINE)
        assert not re.findall(forbidden, code), module


def test_the_script_names_no_activation_and_no_loss() -> None:
    words = set(re.findall(r"\w+", script_text()))
    assert not words & ((set(ACTIVATIONS) | set(LOSSES)) - set(ELEMENTARY))


def test_modules_are_joined_after_those_they_import_from_and_share_no_name() -> None:
    names: list[str] = []
    for place, module in enumerate(standalone.MODULES):
        text = standalone.text(module)
        assert set(re.findall(r'from "\./([\w.]+)"', text)) <= set(standalone.MODULES[:place])
        names += re.findall(r"^(?:export )?(?:const|let|function) (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names))


def test_all_of_the_style_is_under_one_class() -> None:
    plain = re.sub(r"/\*.*?\*/|@(?:media|container)[^{]*", "", style_text())
    for selectors in re.findall(r"([^{}]+)\{[^{}]*\}", plain):
        assert all(".backstory-figure" in each for each in selectors.split(","))


def test_rows_must_give_values_of_leaves() -> None:
    net = bs.Network([1, 1], seed=0)
    told = net.explain("w1[0->0]", [2.0], [1.0])
    with pytest.raises(ConfigurationError, match=r"A row of a figure must give values of its leaves\. Got 'a1\[0\]'\."):
        figure(told, rows=[{"x[0]": 1.0}, {"a1[0]": 2.0}])


def test_a_network_too_large_for_a_page_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="A figure can hold 20,000 edges"):
        figure(story("deep"))


def test_data_of_a_figure_are_plain_json_and_their_places_are_there() -> None:
    data = json.loads(json.dumps(figure_data(story("batch")), allow_nan=False))
    n, n_edges = len(data["graph"]["quantities"]), len(data["graph"]["edges"])
    assert [len(data[key]) for key in ("names", "symbols", "labels", "classes")] == [n] * 4
    assert len(data["edges"]) == n_edges
    places = [*data["symbols"], *(place for edge in data["edges"] for place in edge.values())]
    assert all(0 <= place < len(data["trees"]) for place in places)
    carried = {line["carries"] for line in data["drawing"]["lines"]} | {
        each["quantity"] for each in data["drawing"]["attached"]
    }
    parameters = [place for place, each in enumerate(data["graph"]["quantities"]) if each["kind"] in ("weight", "bias")]
    assert carried >= set(parameters), "every parameter can be pointed at"


# -- what the page does


def test_it_opens_with_the_published_numbers(opened: Open) -> None:
    page = opened(figure(mazur().explain("w1")))
    assert answer(page) == pytest.approx(mazur().gradient("w1"), rel=1e-12)
    assert answer(page) == pytest.approx(0.000438568, abs=5e-10)
    values = mazur().values
    for name, (value, slope) in table(page).items():
        if name in values:
            assert value == pytest.approx(values[name], rel=1e-12)
            assert slope == pytest.approx(mazur().gradient(name), rel=1e-12)


def test_every_weight_has_its_address_and_a_click_tells_its_paths(opened: Open) -> None:
    formulas = mazur()
    page = opened(figure(formulas.explain("w1")))
    for name in formulas.parameters:
        page.locator(f"[data-address={name}]").first.click()
        told = formulas.explain(name)
        assert answer(page) == pytest.approx(told.value, rel=1e-12)
        paths = page.eval_on_selector_all(".paths data", "found => found.map(each => Number(each.value))")
        assert paths == pytest.approx([path.value for path in told.paths], rel=1e-12)
        assert page.locator(f"[data-address={name}]").first.get_attribute("aria-pressed") == "true"


def test_a_network_of_layers_answers_for_weights_biases_units_and_inputs(opened: Open) -> None:
    net = bs.Network([2, 3, 2], hidden="tanh", output="softmax", loss="cross_entropy", seed=4)
    x, y = [0.4, -1.1], [0.0, 1.0]
    page = opened(figure(net.explain("w1[1->2]", x, y)))
    for name in ("w1[0->0]", "w2[2->1]", "b1[1]", "a1[0]", "x[1]"):
        page.locator(f'[data-address="{name}"]').click()
        assert answer(page) == pytest.approx(net.explain(name, x, y).value, rel=1e-9), name
    page.locator('[data-address="a2[1]"]').click()  # its derivative and softmax's are one edge: asked is z
    assert answer(page) == pytest.approx(net.explain("z2[1]", x, y).value, rel=1e-9)


def test_a_moved_weight_changes_everything_and_the_tangent_is_held_against_it(opened: Open) -> None:
    formulas = mazur()
    page = opened(figure(formulas.explain("w5")))
    start, slope, loss = formulas.parameters["w5"], formulas.gradient("w5"), formulas.values[formulas.loss]
    slide(page, 1.6)
    at = float(page.get_attribute("[data-part=move] output", "data-value"))
    assert at == pytest.approx(1.6, abs=0.02)
    formulas.set(w5=at)
    promised, true, missed = cells(page, "[data-part=move] td")
    assert promised == pytest.approx(slope * (at - start), rel=1e-12)
    assert true == pytest.approx(formulas.values[formulas.loss] - loss, rel=1e-12)
    assert missed == pytest.approx(true - promised, rel=1e-12)
    assert answer(page) == pytest.approx(formulas.gradient("w5"), rel=1e-12)
    assert table(page)["w1"][1] == pytest.approx(formulas.gradient("w1"), rel=1e-12)
    page.get_by_role("button", name="Back").click()
    assert answer(page) == pytest.approx(slope, rel=1e-12)


def test_the_nudge_test_is_that_of_the_story(opened: Open) -> None:
    formulas = mazur()
    page = opened(figure(formulas.explain("w5")))
    rows = page.eval_on_selector_all(
        "[data-part=nudge] tbody tr",
        "rows => rows.map(row => [...row.cells].slice(0, 4).map(each => Number(each.dataset.value)))",
    )
    at, loss = formulas.parameters["w5"], formulas.values[formulas.loss]
    slope = formulas.gradient("w5")
    for h, change, promised, error in rows:
        formulas.set(w5=at + h)
        assert change == pytest.approx(formulas.values[formulas.loss] - loss, rel=1e-9)
        assert promised == pytest.approx(h * slope, rel=1e-12)
        assert error == pytest.approx(change - promised, rel=1e-6)
    assert [rows[0][3] / rows[1][3], rows[1][3] / rows[2][3]] == pytest.approx([4, 4], abs=0.4)


def test_a_weight_is_dragged_with_the_mouse(opened: Open) -> None:
    page = opened(figure(mazur().explain("w1")))
    line = page.locator("[data-address=w6]")
    box = line.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 40, steps=5)
    page.mouse.up()
    at = float(page.get_attribute("[data-part=move] output", "data-value"))
    formulas = mazur()
    assert at > formulas.parameters["w6"] + 0.05
    formulas.set(w6=at)
    assert answer(page) == pytest.approx(formulas.gradient("w6"), rel=1e-12)


def test_the_keyboard_reaches_everything(opened: Open) -> None:
    page = opened(figure(mazur().explain("w1")))
    page.focus("[data-part=network] [tabindex='0'][role=button]")
    assert page.evaluate("document.activeElement.dataset.address") == "w1"
    reached = {"w1"}
    for key in ["ArrowRight"] * 4 + ["ArrowDown"] * 3 + ["ArrowLeft"] * 5 + ["ArrowUp"] * 3 + ["ArrowRight"] * 2:
        page.keyboard.press(key)
        reached.add(page.evaluate("document.activeElement.dataset.address"))
    assert len(reached) >= 8
    chosen = page.evaluate("document.activeElement.dataset.address")
    page.keyboard.press("Enter")
    assert answer(page) == pytest.approx(mazur().gradient(chosen), rel=1e-12)
    before = page.get_attribute("[data-part=move] output", "data-value")
    page.keyboard.press("+")
    assert page.get_attribute("[data-part=move] output", "data-value") != before
    assert page.evaluate("document.activeElement.dataset.address") == chosen, "the focus stays"
    page.focus(".slider")
    before = page.get_attribute("[data-part=move] output", "data-value")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("[data-part=move] output", "data-value") != before


def test_factors_and_picture_light_each_other(opened: Open) -> None:
    page = opened(figure(mazur().explain("w1")))
    lit = "found => found.map(each => each.dataset.address ?? `${each.dataset.target}/${each.dataset.source}`)"
    page.hover("[data-source=z_h1][data-target=h1] >> nth=0")
    assert page.eval_on_selector_all(".part.lit", lit) == ["h1"]
    assert page.text_content(".because") == "h1=σ(zh1), so ∂h1∂zh1=h1·(1−h1) = 0.241301"
    page.hover("[data-address=w5]")
    assert set(page.eval_on_selector_all(".factor.lit", lit)) == {"z_o1/h1"}
    page.mouse.move(0, 0)
    assert page.locator(".lit").count() == 0


def test_a_unit_is_held_where_it_is_moved_to_and_let_go_after(opened: Open) -> None:
    formulas = mazur()
    page = opened(figure(formulas.explain("h1")))
    slide(page, 1.5)
    at = float(page.get_attribute("[data-part=move] output", "data-value"))
    told = formulas.explain("h1")
    assert told.loss_at is not None
    assert cells(page, "[data-part=move] td")[1] == pytest.approx(
        told.loss_at(at) - formulas.values[formulas.loss], rel=1e-9
    )
    assert table(page)["i1"][1] == pytest.approx(partial_without(formulas, "h1", at), rel=1e-9)
    page.locator("[data-address=w1]").click()
    assert answer(page) == pytest.approx(formulas.gradient("w1"), rel=1e-12)


def partial_without(formulas: bs.Formulas, unit: str, at: float) -> float:
    """The derivative of the loss by i1 where a unit is held: that of the formulas with a number in its place."""
    text = re.sub(rf"^{unit} = .*$", f"{unit} = {at!r}", formulas.program.text, flags=re.MULTILINE)
    return bs.Formulas.read(text).gradient("i1")


def test_samples_are_chosen_from_a_list(opened: Open) -> None:
    text = "samples: x t\n1 0.5\n-2 1\n0.5 0\n\nw = 0.4\nb = 0.1\ny = tanh(w*x + b)\nL = mean((y - t)^2)"
    formulas = bs.Formulas.read(text)
    page = opened(figure(formulas.explain("w")))
    batch = formulas.explain("w").batch
    assert batch is not None
    for row, gradient in enumerate(batch.gradients):
        page.select_option("select[name=sample]", str(row))
        assert answer(page) == pytest.approx(gradient, rel=1e-12)
    assert cells(page, "[data-part=samples]") == pytest.approx([formulas.gradient("w")], rel=1e-12)


def test_rows_of_a_network_are_chosen_from_a_list(opened: Open) -> None:
    net = bs.Network([2, 2, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy", seed=1)
    X, Y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])
    rows = [{"x[0]": x[0], "x[1]": x[1], "y[0]": y[0]} for x, y in zip(X.tolist(), Y.tolist(), strict=True)]
    page = opened(figure(net.explain("w2[0->0]", X[0], Y[0]), rows=rows))
    for row in range(4):
        page.select_option("select[name=sample]", str(row))
        assert answer(page) == pytest.approx(net.explain("w2[0->0]", X[row], Y[row]).value, rel=1e-9)


def test_of_a_large_network_the_chosen_weights_part_is_shown(opened: Open) -> None:
    generator = np.random.default_rng(0)
    net = bs.Network([784, 64, 32, 10], hidden="tanh", output="softmax", loss="cross_entropy", seed=1)
    told = net.explain("w1[300->6]", generator.random(784), 3)
    page = opened(figure(told))
    assert answer(page) == pytest.approx(told.value, rel=1e-9)
    assert "5 strongest of 320 paths" in (page.text_content("[data-part=story]") or "")
    assert page.get_by_text("… 783 more").count() == 1
    page.locator('[data-address="w1[300->6]"]').first.click()
    slide(page, 0.5)
    at = float(page.get_attribute("[data-part=move] output", "data-value"))
    assert told.loss_at is not None
    assert cells(page, "[data-part=move] td")[1] == pytest.approx(told.loss_at(at) - told.graph.values["L"], rel=1e-6)


def test_markup_in_names_titles_and_notes_stays_text(opened: Open) -> None:
    data = figure_data(mazur().explain("w1"))
    hostile = json.loads(
        json.dumps(data).replace('"w1"', json.dumps(HOSTILE)).replace("z_h1", "<img src=x onerror=alert(1)>")
    )
    hostile["notes"] = [HOSTILE]
    text = figure(mazur().explain("w1"), title=HOSTILE)
    safe = element(hostile)
    assert "<img" not in safe
    assert safe.count("<script") == 1
    page = opened(re.sub(r"<div data-figure>.*?</div>", lambda match: safe, text, flags=re.DOTALL))
    page.locator("[data-part=network] [role=button]").first.click()
    assert page.title() == HOSTILE
    assert page.text_content("h1") == HOSTILE
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1, "the page's own; the figure's data made way for the figure"
    assert page.get_by_text(HOSTILE, exact=True).count() >= 2


def test_a_formula_with_an_unknown_element_is_refused_by_the_page(browser: Browser, tmp_path: Path) -> None:
    data = figure_data(mazur().explain("w1"))
    data["trees"] = [["script", "alert(1)"] for _ in data["trees"]]
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    text = re.sub(
        r"<div data-figure>.*?</div>", lambda match: element(data), figure(mazur().explain("w1")), flags=re.DOTALL
    )
    (tmp_path / "figure.html").write_text(text, encoding="utf-8")
    page.goto((tmp_path / "figure.html").as_uri())
    assert any('A formula has no "script"' in error for error in errors)
    page.close()


def test_several_figures_fit_one_page(opened: Open) -> None:
    first, second = figure(mazur().explain("w1")), figure_data(story("bias"))
    page = opened(first.replace("</main>", element(second) + "</main>"))
    answers = page.eval_on_selector_all(".answer data", "found => found.map(each => Number(each.value))")
    assert answers == pytest.approx([mazur().gradient("w1"), story("bias").value], rel=1e-9)
    page.locator("[data-address=w5]").click()
    assert float(page.locator(".answer data").nth(1).get_attribute("value") or 0) == pytest.approx(answers[1])


@pytest.mark.parametrize("width", [390, 1280, 1920])
@pytest.mark.parametrize("name", ["formulas", "batch", "digits"])
def test_nothing_is_wider_than_the_page(opened: Open, name: str, width: int) -> None:
    page = opened(figure(story(name)), width=width, height=900)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_click_is_answered_at_once(opened: Open) -> None:
    """Well within the 100 ms of a small network; measured in the page, a generous factor for a busy machine."""
    page = opened(figure(mazur().explain("w1")))
    took = page.evaluate("""() => {
      const start = performance.now();
      document.querySelector("[data-address=w7]").dispatchEvent(new MouseEvent("click", { bubbles: true }));
      return performance.now() - start;
    }""")
    assert took < 500


def test_a_story_told_in_a_convention_keeps_its_letters(opened: Open) -> None:
    told = story("bias").in_convention("nielsen")
    page = opened(figure(told))
    assert answer(page) == pytest.approx(told.value, rel=1e-9)
    named = told.named("w1[0->0]")
    page.locator(f"[data-address={json.dumps(named)}]").click()
    assert page.get_attribute(".chosen[data-address]", "data-address") == named


def test_a_story_is_not_changed_by_being_shown() -> None:
    told: Story = mazur().explain("w1")
    before: dict[str, Any] = told.to_dict()
    figure(told)
    assert dataclasses.replace(told).to_dict() == before
