"""The picture in a browser: what is drawn, chosen, dragged, stepped through, and reached with the keyboard alone."""

from __future__ import annotations

import itertools

import pytest

from backstory.studio.presets import PRESETS
from tests.studio.node import node

NARROW = {"width": 390, "height": 844}


def choose(page, preset):
    page.evaluate("document.querySelector('[data-part=network] svg').id = 'before'")
    page.select_option("select[name=preset]", preset)
    page.wait_for_selector("[data-part=network] svg:not(#before) [data-node]")


def test_every_parameter_is_drawn_with_its_value(page, served):
    values = served.session.state()["values"]["parameters"]
    for address, value in values.items():
        label = page.get_attribute(f'[data-address="{address}"]', "aria-label")
        assert label == f"{address} = {value:.6g}".replace("-", "−")
    assert page.locator("[data-address]").count() == len(values) + 2  # and b1 and b2, which are given


def test_units_show_what_they_hold_and_their_deltas(page, served):
    values = served.session.state()["values"]
    text = page.text_content('[data-node="o1"]')
    assert f"{values['nodes']['o1']:.4g}" in text
    assert f"δ {values['deltas']['z_o1']:.3g}" in text
    assert page.locator("[data-node=t1]").count() == 1


@pytest.mark.parametrize("width", [1280, 390])
def test_a_click_on_a_handle_chooses_that_weight(page, served, width):
    page.set_viewport_size({"width": width, "height": 844})
    for address in ("w2", "w3", "w7"):
        page.click(f'[data-address="{address}"]')
        served.waits_for(lambda state, address=address: (state["story"] or {}).get("quantity") == address)
    page.wait_for_selector('[data-part=weight] h3:text-is("w7")')
    lit = page.locator(".line.path").count()
    assert lit == 1 + 1  # w7 itself, and from o2 to the loss


@pytest.mark.parametrize("width", [1280, 390])
def test_no_label_covers_another(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    labelled = [preset for preset in PRESETS if labels_do_not_touch(page, preset)]
    assert {"chain", "mazur", "xor"} <= {*labelled}


def labels_do_not_touch(page, preset):
    """Look at each pair of labels and units; labels of many weights show only where they are pointed at."""
    choose(page, preset)
    if not page.locator("svg.labelled").count():
        return False
    boxes = page.eval_on_selector_all(
        ".handle text, .node > rect",
        "found => found.map((each) => { const box = each.getBoundingClientRect();"
        " return [each.textContent || each.parentNode.dataset.node, box.left, box.top, box.right, box.bottom]; })",
    )
    for (one, *a), (other, *b) in itertools.combinations(boxes, 2):
        wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        assert min(wide, high) < 4, f"{one} and {other} lie on each other"
    return True


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("preset", "bias", "value"), [("spirals", "b3[0]", -38.1), ("clouds", "b2[0]", 38.1)])
def test_tiny_numbers_cover_nothing(page, served, preset, bias, value, width):
    page.set_viewport_size({"width": width, "height": 844})
    choose(page, preset)
    served.session.handle({"do": "set", "address": bias, "value": value})
    page.wait_for_selector(".node .delta:has-text('e−1')")
    texts = ".node .name, .node .value, .node .delta"
    boxes = page.eval_on_selector_all(
        texts,
        "found => found.filter((each) => each.textContent).map((each) => { const box = each.getBoundingClientRect();"
        " return [each.textContent, box.left, box.top, box.right, box.bottom]; })",
    )
    for (one, *a), (other, *b) in itertools.combinations(boxes, 2):
        wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        assert min(wide, high) < 4, f"{one} and {other} lie on each other"
    rects = page.eval_on_selector_all(
        ".node",
        "found => found.map((each) => each.querySelector('rect').getBoundingClientRect().width"
        " - each.querySelector('.value').getBoundingClientRect().width)",
    )
    assert min(rects) > 0


@pytest.mark.parametrize("width", [1280, 390])
def test_long_names_of_columns_touch_no_value_and_leave_their_units_nowhere(page, served, width):
    page.set_viewport_size({"width": width, "height": 844})
    names = ["education_years", "hours_per_week", "WWWWMMMMWW", "t", "income"]
    lines = [
        f"{row * 7919 % 83},{row * 104729 % 97},{row / 7:.4f},{-row},{'no' if row % 3 else 'yes'}" for row in range(40)
    ]
    served.session.handle({"do": "table", "name": "long.csv", "text": "\n".join([",".join(names), *lines])})
    page.wait_for_selector("[data-node='x[3]'] .name:text-is('t')")
    found = page.eval_on_selector_all(
        "[data-node].input",
        """units => units.map((unit) => ['rect', '.name', '.value'].map((part) => {
             const box = unit.querySelector(part).getBoundingClientRect();
             return [box.left, box.right, box.top, box.bottom]; }))""",
    )
    assert len(found) == 4
    for unit, name, value in found:
        assert name[1] <= value[0] + 1 or name[3] <= value[2] + 3  # beside it or above it
        assert unit[0] - 2 <= min(name[0], value[0])
        assert max(name[1], value[1]) <= unit[1] + 2


def test_numbers_are_written_with_as_many_digits_as_there_is_room_for():
    cases = {
        (3.747e-13, 8): "3.75e−13",
        (3.747e-13, 7): "3.7e−13",
        (-3.747e-13, 6): "−4e−13",
        (1.266e-6, 8): "1.27e−6",
        (0.593269992, 8): "0.5933",
        (-0.0005131, 8): "−5.13e−4",
        (-0.0005131, 9): "−0.000513",
        (123456.0, 7): "123500",
        (-2e-300, 7): "0",
        (-12345678.0, 5): "−1e7",
    }
    script = "const answer = given.map(([value, most]) => fitting(value, most));"
    assert node(script, "dom.js", given=[*cases]) == list(cases.values())


def test_a_weight_is_dragged_and_the_loss_moves(page, served):
    before = served.session.state()["values"]["loss"]
    box = page.locator('[data-address="w5"]').bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 - 40, steps=5)
    page.mouse.up()
    served.waits_for(lambda state: state["values"]["parameters"]["w5"] == pytest.approx(0.8))
    after = served.session.state()["values"]["loss"]
    assert after > before
    page.wait_for_selector(f'[data-node=L]:has-text("{after:.4g}")')


def test_the_keyboard_alone_chooses_and_changes_a_weight(page, served):
    page.focus("[data-do=reset]")
    while page.evaluate("document.activeElement.dataset.node") is None:
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.node") == "i1"
    for key, name in (("ArrowRight", "w1"), ("ArrowDown", "w2"), ("ArrowRight", "h1"), ("ArrowDown", "h2")):
        page.keyboard.press(key)
        held = page.evaluate("document.activeElement.dataset.address ?? document.activeElement.dataset.node")
        assert held == name
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    served.waits_for(lambda state: (state["story"] or {}).get("quantity") == "w3")
    page.wait_for_selector('[data-part=weight] h3:text-is("w3")')
    while page.evaluate("document.activeElement.type") != "range":
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("1.5")
    page.keyboard.press("Enter")
    served.waits_for(lambda state: state["values"]["parameters"]["w3"] == 1.5)


def test_focus_and_caret_survive_training(page, served):
    page.focus('[data-address="w4"]')
    page.evaluate("window.held = document.activeElement")
    served.session.handle({"do": "step"})
    served.session.handle({"do": "step"})
    page.wait_for_selector('[data-part=step]:has-text("2")')
    assert page.evaluate("window.held === document.activeElement")


def test_a_pass_is_stepped_through_one_unit_lit_at_a_time(page, served):
    page.click("[data-do=scrub]")
    page.wait_for_selector("[data-part=scrub] h3:text-is('The inputs are given')")
    stages = served.session.state()["scrub"]["stages"]
    assert page.text_content('[data-node="o1"] .value') == "·"
    for stage in stages[1:]:
        page.click("[data-do=after]")
        assert page.inner_text("[data-part=scrub] h3") == stage["title"]
        assert (
            page.eval_on_selector_all(".node.now", "found => found.map((each) => each.dataset.node)") == stage["nodes"]
        )
    assert page.text_content('[data-node="o1"] .value') == "0.7514"
    assert "0.3589" in page.text_content('[data-address="w5"] text')  # Mazur: w5 after the update
    assert page.locator("[data-do=after]").is_disabled()
    page.click("[data-do=scrub]")
    page.wait_for_selector(".pass", state="hidden")
    assert "0.4" in page.text_content('[data-address="w5"] text')


def test_picture_and_formulas_point_at_each_other(page):
    page.hover('[data-address="w6"]')
    assert page.locator('[data-address="w6"].lit').count() == 1
    assert page.locator(".line.lit").count() == 1
    page.mouse.move(2, 2)
    assert page.locator(".lit").count() == 0


def test_the_table_is_sorted_and_saved(page, served):
    page.click("[data-do=numbers]")
    page.wait_for_selector(".numbers tbody tr")
    page.click("[data-sort=address]")
    shown = page.eval_on_selector_all(".numbers tbody th", "found => found.map((each) => each.textContent)")
    assert shown == sorted(shown)
    with page.expect_download() as saved:
        page.click("[data-do=csv]")
    lines = saved.value.path().read_text().splitlines()
    assert lines[0] == "address,value,gradient,difference,error"
    found = {line.split(",")[0]: float(line.split(",")[2]) for line in lines[1:]}
    assert found == served.session.state()["values"]["gradients"]


def test_no_part_is_wider_than_a_phone(page):
    page.set_viewport_size(NARROW)
    for preset in PRESETS:
        choose(page, preset)
        page.click("[data-address] >> nth=0")
        page.wait_for_selector("[data-part=weight]:not([hidden])")
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_any_weight_of_a_large_network_is_reached_by_its_address(page, served):
    choose(page, "digits")
    page.fill("input[name=address]", "w1[30->25]")
    page.keyboard.press("Enter")
    page.wait_for_selector('[data-address="w1[30->25]"].selected')
    assert "w1[30->25]" in page.inner_text("[data-part=weight] h3")
    assert page.locator(".line.path").count() == 1 + 10 + 10  # itself, to all outputs, and on to the loss
    page.fill("input[name=address]", "w1[300->25]")
    page.keyboard.press("Enter")
    served.waits_for(lambda state: "w1[300->25]" in (state["notice"] or ""))
