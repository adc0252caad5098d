"""Make the studio's mathematical font: the characters that formulas are set in, out of the whole STIX Two Math.

    npm pack @fontsource/stix-two-math && tar xzf fontsource-stix-two-math-*.tgz
    pip install fonttools brotli
    python scripts/font.py package/files/stix-two-math-latin-400-normal.woff2

It writes ``src/backstory/studio/static/stix-two-math.woff2``; the font's licence stands beside it.
"""

from __future__ import annotations

import string
import sys
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "src" / "backstory" / "studio" / "static" / "stix-two-math.woff2"

GREEK = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ"
SIGNS = (
    "∂∇∑∏√∞∈≤≥≠≈≡±×·⋅÷−∗∘⊙∥|‖′″…⋯→←↔⟨⟩⌊⌋¯ˆ˜˙¨´°⁺ᵀ⊤∣"
    "\u0302\u0303\u0304\u0307\u0308\u0301\u2061\u2062\u2063\u2064\u200b\u2009\xa0"
)
ITALIC = [*range(0x1D434, 0x1D468), 0x210E, *range(0x1D6E2, 0x1D71C)]
"""What a browser puts in the place of a single letter in ``<mi>``: Latin and Greek; U+210E is the italic h."""


def subset(source: Path) -> None:
    """Write the subset of a font file."""
    from fontTools import subset as tools

    options = tools.Options(flavor="woff2", layout_features=["*"], hinting=False, notdef_outline=True)
    font = tools.load_font(str(source), options)
    chosen = tools.Subsetter(options)
    letters = string.ascii_letters + string.digits + string.punctuation + " " + GREEK + SIGNS
    chosen.populate(unicodes=[*map(ord, letters), *ITALIC])
    chosen.subset(font)
    tools.save_font(font, str(OUT), options)
    print(f"{OUT.name}: {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    subset(Path(sys.argv[1]))
