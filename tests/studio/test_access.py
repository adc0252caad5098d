"""Everyone can use the page: axe-core finds nothing serious in any view, light and dark, wide and narrow."""

from __future__ import annotations

from importlib.resources import files

import pytest

SEVERE = ("serious", "critical")
OPEN = (
    '[data-node="h1"]',
    '[data-address="w5"]',
    "[data-do=scrub]",
    "[data-do=after]",
    "[data-do=numbers]",
    "[data-sort=address]",
)
"""What is clicked so that all there is stands on the page at once."""


@pytest.fixture(scope="module")
def axe():
    package = pytest.importorskip("axe_playwright_python", reason="axe-core comes with axe-playwright-python")
    return (files(package) / "axe.min.js").read_text(encoding="utf-8")


def found(page):
    """Return what axe-core holds against the page, with where."""
    result = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        (each["impact"], each["id"], [node["html"][:120] for node in each["nodes"]][:3])
        for each in result["violations"]
        if each["impact"] in SEVERE
    ]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious_in_any_view(page, axe, scheme, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(axe)  # not add_script_tag: the page's policy lets no foreign script in
    assert found(page) == [], "as it opens"
    for selector in OPEN:
        page.click(selector)
    page.wait_for_selector(".numbers tbody tr")
    page.wait_for_timeout(600)  # what scrolls is looked over after each change
    assert found(page) == [], "all open"


def test_axe_is_really_asked(page, axe):
    page.evaluate(axe)
    page.evaluate("document.documentElement.removeAttribute('lang')")
    assert [each[1] for each in found(page)] == ["html-has-lang"]


def test_one_heading_of_the_first_rank_and_names_for_all_parts(page):
    assert page.locator("h1").count() == 1
    assert page.locator("main").count() == 1
    unnamed = page.eval_on_selector_all(
        "[data-part=network] section, [data-part] svg, section",
        "found => found.filter((each) => !each.ariaLabel && !each.getAttribute('aria-labelledby')).length",
    )
    assert unnamed == 0


def test_numbers_that_change_by_themselves_are_not_read_aloud(page):
    live = page.eval_on_selector_all(
        "[aria-live], [role=status], output", "found => found.map((each) => each.dataset.part)"
    )
    assert "step" not in live
    assert "loss" not in live


def test_nothing_moves_where_motion_is_reduced(page):
    moving = page.evaluate(
        "[...document.querySelectorAll('.studio *')].map((each) => getComputedStyle(each))"
        ".filter((style) => style.transitionDuration !== '0s' || style.animationName !== 'none').length"
    )
    assert moving == 0


def test_formulas_are_set_in_the_font_that_comes_with_the_page(page, served):
    served.session.handle({"do": "select", "quantity": "w1"})
    page.wait_for_selector("[data-part=story] math")
    assert page.evaluate("document.fonts.ready.then(() => document.fonts.check('16px \"STIX Two Math\"', '∂σ'))")
    loaded = page.evaluate("[...document.fonts].filter((face) => face.status === 'loaded').map((face) => face.family)")
    assert [family.strip('"') for family in loaded] == ["STIX Two Math"]
