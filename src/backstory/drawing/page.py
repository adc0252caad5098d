"""An HTML page that needs nothing else: its frame and the style all pages share, light or dark as the reader has it."""

from __future__ import annotations

from html import escape

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
.backstory section > div { overflow: auto hidden; margin: .6rem 0; padding-block: .15rem; }
.backstory table { border-collapse: collapse; }
.backstory th, .backstory td { padding: .3rem .9rem .3rem 0; text-align: left; vertical-align: middle;
  border-bottom: 1px solid var(--rule); font-weight: 400; font-variant-numeric: tabular-nums; }
.backstory th[scope=col] { color: var(--soft); font-size: .9rem; }
.backstory figure { margin: 1rem 0; overflow: auto hidden; }
.backstory svg { display: block; }
"""


def whole(title: str, body: str) -> str:
    """A whole file around a body, which brings its style."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>html {{ background: Canvas; }}\n"
        "@media (prefers-color-scheme: dark) { html { background: #16181c; } }\n"
        "@media (prefers-color-scheme: light) { html { background: #fdfdfb; } }\nbody { margin: 0; }</style>\n"
        f"</head>\n<body>\n{body}</body>\n</html>\n"
    )
