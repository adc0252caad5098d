"""A story as one HTML file that needs nothing else: formulas in MathML, the network as SVG, no script, no network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from backstory.expressions import Partial, to_text
from backstory.story.mathml import Blocks
from backstory.story.page import Section
from backstory.story.picture import Picture
from backstory.story.svg import svg

STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --paper: #fdfdfb; --soft: #5c6470; --rule: #d9dbdf; --lit: #b3410b;
  --fill: #fbe9df; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e4df; --paper: #16181c; --soft: #a3a9b3; --rule: #3a3f47; --lit: #ffa36b; --fill: #43291b; }
}
.backstory { color: var(--ink); background: var(--paper); font: 16px/1.55 system-ui, "Segoe UI", sans-serif;
  max-width: 58rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; }
.backstory h1 { font-size: 1.4rem; font-weight: 600; margin: 0 0 .5rem; }
.backstory h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.backstory p { margin: .5rem 0; max-width: 44rem; }
.backstory math { font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math", math; font-size: 1.08em; }
.backstory section > div { overflow: auto hidden; margin: .6rem 0; padding-block: .15rem; }
.backstory .equation mtd { padding: .18em 0; }
.backstory .equation .before { text-align: right; }
.backstory .equation .after { text-align: left; padding-right: .4em; }
.backstory table { border-collapse: collapse; }
.backstory th, .backstory td { padding: .3rem .9rem .3rem 0; text-align: left; vertical-align: middle;
  border-bottom: 1px solid var(--rule); font-weight: 400; font-variant-numeric: tabular-nums; }
.backstory th[scope=col] { color: var(--soft); font-size: .9rem; }
.backstory figure { margin: 1rem 0; overflow: auto hidden; }
.backstory svg { display: block; }
.backstory svg .dim { stroke: var(--rule); }
.backstory svg .lit { stroke: var(--lit); stroke-width: 2.2; }
.backstory svg circle, .backstory svg rect { fill: var(--paper); }
.backstory svg circle.lit, .backstory svg rect.lit { fill: var(--fill); }
.backstory svg text { fill: var(--ink); font: 13px system-ui, sans-serif; text-anchor: middle; }
.backstory svg .value, .backstory svg .head, .backstory svg .more { fill: var(--soft); font-size: 11px; }
.backstory svg .sub { font-size: 10px; }
.backstory svg .label { fill: var(--lit); stroke: var(--paper); stroke-width: 4; paint-order: stroke;
  font-weight: 600; }
"""


def document(
    question: Partial | str,
    sections: Sequence[Section],
    drawn: Picture | None = None,
    name: Callable[[str], str] = str,
) -> str:
    """Return a whole HTML file; see `body`."""
    title = escape(question if isinstance(question, str) else f"The backstory of {to_text(question, name=name)}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>html {{ background: Canvas; }}\n"
        "@media (prefers-color-scheme: dark) { html { background: #16181c; } }\n"
        "@media (prefers-color-scheme: light) { html { background: #fdfdfb; } }\nbody { margin: 0; }</style>\n"
        f"</head>\n<body>\n{body(question, sections, drawn, name)}</body>\n</html>\n"
    )


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
