/** The mathematical font where a page cannot name its file: a notebook has the bytes only, a shadow root takes no @font-face. */

const MATH_FONT = "STIX Two Math";

/** Give the document the font of formulas from its bytes; without them the browser's own mathematical font is used. */
export function loadMathFont(bytes) {
  if (!bytes?.byteLength || [...document.fonts].some((face) => face.family.replaceAll('"', "") === MATH_FONT)) return;
  const face = new FontFace(MATH_FONT, bytes);
  document.fonts.add(face);
  face.load().catch(() => document.fonts.delete(face));
}
