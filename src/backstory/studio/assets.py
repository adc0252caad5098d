"""The files of the front end; page and notebooks get its modules as one, joined in the order of their use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files

MODULES = (
    "dom.js",
    "lit.js",
    "fonts.js",
    "scrolling.js",
    "layout.js",
    "hands.js",
    "picture.js",
    "card.js",
    "scrub.js",
    "network.js",
    "numbers.js",
    "bar.js",
    "paths.js",
    "tangent.js",
    "setup.js",
    "chart.js",
    "training.js",
    "data.js",
    "story.js",
    "verdict.js",
    "equation.js",
    "exercise.js",
    "studio.js",
)
"""Each may import from those before it; names are unique among them, as a notebook gets them as one module."""
_TYPES = {"js": "text/javascript", "css": "text/css", "html": "text/html", "woff2": "font/woff2"}
FONT = "stix-two-math.woff2"
_OTHERS = ("index.html", "page.js", "page.css", "studio.css", FONT)
_WHOLE = MODULES[-1]
ASSETS = {name: _TYPES[name.rsplit(".")[-1]] for name in (_WHOLE, *_OTHERS)}
"""What the page's server gives out, with the type of each."""
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def text(name: str) -> str:
    """Return a file of the front end."""
    return (files("backstory.studio") / "static" / name).read_text(encoding="utf-8")


def font() -> bytes:
    """Return the font of the formulas."""
    return (files("backstory.studio") / "static" / FONT).read_bytes()


def joined(names: Iterable[str]) -> str:
    """Return files as one module; each may import only from those before it."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", text(name))) for name in names)


def module() -> str:
    """Return the front end as one module.

    A notebook loads it from memory, where it can import no neighbors; a page would wait for one after another.
    """
    return joined(MODULES)


def content(name: str) -> bytes:
    """Return what is given out under a name of `ASSETS`."""
    return module().encode() if name == _WHOLE else (files("backstory.studio") / "static" / name).read_bytes()
