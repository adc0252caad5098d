"""The page in a browser: its fixed hooks, and its numbers beside the session's."""

from __future__ import annotations

import re


def test_the_page_shows_the_network_and_tells_a_chosen_weight(page, served):
    page.locator('[data-address="w1"]').dispatch_event("click")
    page.wait_for_selector("[data-part=story][data-quantity=w1]")
    assert served.session.state()["story"]["value"] == served.session.state()["values"]["gradients"]["w1"]


def test_an_equation_is_judged_as_it_is_typed(page):
    page.fill("textarea[name=equation]", "dL/dw5 = dL/do1 * do1/dw5")
    page.wait_for_selector("[data-part=verdict][data-status=right]")


def test_stepping_moves_the_loss_on_the_page(page, served):
    page.click("[data-do=step]")
    served.waits_for(lambda state: state["training"]["step"] == 1)
    page.wait_for_selector('[data-part=step]:has-text("1")')
    assert re.search(r"0\.291", page.inner_text("[data-part=loss]"))
