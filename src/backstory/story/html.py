"""A story as one HTML file that needs nothing else: formulas in MathML, the network as SVG, no script, no network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from backstory.drawing import page
from backstory.expressions import Partial, to_text
from backstory.story.mathml import Blocks
from backstory.story.page import Section
from backstory.story.picture import Picture
from backstory.story.svg import svg

STYLE = f"""{page.STYLE}
.backstory math {{ font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math", math; font-size: 1.08em; }}
.backstory .equation mtd {{ padding: .18em 0; }}
.backstory .equation .before {{ text-align: right; }}
.backstory .equation .after {{ text-align: left; padding-right: .4em; }}
.backstory svg .dim {{ stroke: var(--rule); }}
.backstory svg .lit {{ stroke: var(--lit); stroke-width: 2.2; }}
.backstory svg circle, .backstory svg rect {{ fill: var(--paper); }}
.backstory svg circle.lit, .backstory svg rect.lit {{ fill: var(--fill); }}
.backstory svg text {{ fill: var(--ink); font: 13px system-ui, sans-serif; text-anchor: middle; }}
.backstory svg .value, .backstory svg .head, .backstory svg .more {{ fill: var(--soft); font-size: 11px; }}
.backstory svg .sub {{ font-size: 10px; }}
.backstory svg .label {{ fill: var(--lit); stroke: var(--paper); stroke-width: 4; paint-order: stroke;
  font-weight: 600; }}
"""


def document(
    question: Partial | str,
    sections: Sequence[Section],
    drawn: Picture | None = None,
    name: Callable[[str], str] = str,
) -> str:
    """Return a whole HTML file; see `body`."""
    title = question if isinstance(question, str) else f"The backstory of {to_text(question, name=name)}"
    return page.whole(title, body(question, sections, drawn, name))


def body(
    question: Partial | str,
    sections: Sequence[Section],
    drawn: Picture | None = None,
    name: Callable[[str], str] = str,
) -> str:
    """Return a story as an element with its own style, for a page or a notebook.

    Parameters
    ----------
    question : Partial or str
        What the story is of, or another title.
    sections : sequence of Section
    drawn : Picture, optional
        Of the network.
    name : callable
        From a name to the name that is set in its place.
    """
    blocks = Blocks(name)
    title = escape(question) if isinstance(question, str) else f"The backstory of {blocks.inline(question)}"
    lines = [f'<main class="backstory">\n<style>{STYLE}</style>', f"<h1>{title}</h1>"]
    for place, section in enumerate(sections):
        lines += blocks.section(section)
        if place == 0 and drawn is not None and not isinstance(question, str):
            lit = f"The network; the paths from {name(question.by)} to {name(question.of)} are lit."
            lines += ["<figure>", svg(drawn, lit, name), "</figure>"]
    return "\n".join([*lines, "</main>", ""])
