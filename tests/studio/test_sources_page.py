"""The page's column of the five source texts: what is asked of the command line is asked of the page too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.test_sources import EQUATIONS, EXAMPLES, STORIES

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.studio.conftest import Served

_HOLDS = """said => {
  const text = document.querySelector('.written pre')?.textContent ?? '';
  return text.includes(said) || text.split(/\\s+/).join(' ').includes(said);
}"""


def test_the_stories_on_the_page(page: Page, served: Served) -> None:
    page.click("[data-part=network] [data-address] >> nth=0", force=True)
    page.click("[data-tab=text]")
    for example, quantity, said in STORIES:
        served.session.handle({"do": "formulas", "text": (EXAMPLES / f"{example}.txt").read_text(encoding="utf-8")})
        served.session.handle({"do": "select", "quantity": quantity})
        page.wait_for_selector(f"[data-part=story][data-quantity='{quantity}']")
        page.wait_for_function(_HOLDS, arg=said)


def test_the_equations_on_the_page(page: Page, served: Served) -> None:
    part = "[data-part=equation] [data-part=verdict]"
    for example, equation, code, said in EQUATIONS:
        served.session.handle({"do": "formulas", "text": (EXAMPLES / f"{example}.txt").read_text(encoding="utf-8")})
        page.fill("textarea[name=equation]", equation)
        settled = "text => document.querySelector('[data-part=equation] [data-part=verdict]').dataset.text === text"
        page.wait_for_function(settled, arg=equation)
        status = page.get_attribute(part, "data-status")
        assert (status == "right") == (code == 0), equation
        fixes = page.eval_on_selector_all(f"{part} [data-fix]", "all => all.map(each => each.dataset.fix)")
        assert said in " ".join([page.inner_text(part), *fixes]), equation
