"""A story as one HTML file that lives on its own: the network, its derivatives and a small interpreter, no server.

The file fetches nothing, and its content security policy lets nothing but its own script and style in.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from backstory.studio.assets import font, joined, text
from backstory.studio.figure_data import figure_data

if TYPE_CHECKING:
    from backstory.story.story import Story

MODULES = (
    "dom.js",
    "interpreter.js",
    "figure_math.js",
    "figure_links.js",
    "figure_state.js",
    "figure_picture.js",
    "figure_story.js",
    "figure_move.js",
    "figure_table.js",
    "figure.js",
)
"""Each imports from those before it; `render` of the last makes a figure."""
_START = """
for (const element of document.querySelectorAll("[data-figure]")) {
  render(element, JSON.parse(element.querySelector("script").textContent));
}
if (parent !== window) {
  const root = document.documentElement;
  const say = () => parent.postMessage({ "backstory-height": Math.ceil(root.getBoundingClientRect().height) }, "*");
  new ResizeObserver(say).observe(root);
}
"""
"""In a frame of another page it says how tall it is, so that the frame can take that height."""
_PAGE = """
/* Formulas are set in STIX Two Math, which its font file says is under the SIL Open Font License 1.1. */
@font-face { font-family: "STIX Two Math"; src: url(data:font/woff2;base64,FONT) format("woff2"); }
html { color-scheme: light dark; background: #fdfdfb; color: #1d2129; }
@media (prefers-color-scheme: dark) { html { background: #16181c; color: #e6e4df; } }
body { margin: 0 auto; padding: 1.2rem; max-width: 84rem; font: 1rem/1.5 system-ui, "Segoe UI", sans-serif; }
h1 { font-size: 1.25rem; font-weight: 600; margin: 0 0 .8rem; }
"""


def figure(story: Story, *, rows: Sequence[Mapping[str, float]] = (), title: str = "") -> str:
    r"""Return an HTML file in which a story lives: its network can be asked for any derivative, and moved.

    A click on a weight, a bias or a unit shows its derivative as a sum over paths; a slider moves it, and everything is
    computed again in the page, beside what the tangent promised.

    Parameters
    ----------
    story : Story
        Of formulas, or of a network of layers. It says what the file opens with.
    rows : sequence of mappings from a leaf's name to its value, optional
        Samples to choose from, such as ``{"x[0]": 1.0, "y[0]": 0.0}``. Formulas bring their own.
    title : str, optional

    Returns
    -------
    str
        To be written in UTF-8.

    Raises
    ------
    ConfigurationError
        The question reaches more than 20,000 edges, goes over several means or sums, or a row names what is no leaf.

    Examples
    --------
    >>> from backstory import Formulas
    >>> page = figure(Formulas.read("x = 2\nt = 3\nw = 0.5\ny = w*x\nL = (y - t)^2").explain("w"))
    >>> page.startswith("<!DOCTYPE html>")
    True
    """
    data = figure_data(story, rows)
    heading = escape(title or f"The backstory of the derivatives of {story.named(data['graph']['of'])}")
    letters = base64.b64encode(font()).decode()
    script, style = script_text() + _START, _PAGE.replace("FONT", letters) + style_text()
    policy = (
        f"default-src 'none'; script-src {_allowed(script)}; style-src {_allowed(style)}; font-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{heading}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n<h1>{heading}</h1>\n"
        f"{element(data)}\n</main>\n"
        f'<script type="module">{script}</script>\n</body>\n</html>\n'
    )


def element(data: Mapping[str, Any]) -> str:
    """Return the element of one figure, for a page that has `script_text` and `style_text`.

    Parameters
    ----------
    data : mapping
        What `figure_data` returns.
    """
    text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    for character, harmless in {"<": "\\u003c", "\u2028": "\\u2028", "\u2029": "\\u2029"}.items():
        text = text.replace(character, harmless)
    return (
        f'<div data-figure><script type="application/json">{text}</script>\n'
        "<noscript>This figure computes in the page and needs JavaScript.</noscript></div>"
    )


def script_text() -> str:
    """Return the figures' script, one module."""
    return joined(MODULES)


def style_text() -> str:
    """Return the figures' style; all of it is under the class ``backstory-figure``."""
    return text("figure.css")


def _allowed(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
