/** Formulas as elements, made from the trees that Python printed; numbers as texts. */

/** @typedef {string | [tag: string, ...content: (Tree | Record<string, string>)[]]} Tree */

const MATHML = "http://www.w3.org/1998/Math/MathML";
const TAGS = new Set("math mrow mi mn mo mtext mfrac msub msup msubsup mover msqrt mtable mtr mtd mspace".split(" "));
const ATTRIBUTES = new Set(["class", "data-name", "form", "accent"]);

/** @param {Tree} tree @returns {Node} */
export function mathOf(tree) {
  if (typeof tree === "string") return document.createTextNode(tree);
  const [tag, ...content] = tree;
  if (!TAGS.has(tag)) throw new RangeError(`A formula has no ${JSON.stringify(tag)}.`);
  const element = document.createElementNS(MATHML, tag);
  for (const each of content) {
    if (typeof each === "string" || Array.isArray(each)) element.append(mathOf(/** @type {Tree} */ (each)));
    else for (const name of Object.keys(each)) if (ATTRIBUTES.has(name)) element.setAttribute(name, each[name]);
  }
  return element;
}

/** A formula of pieces side by side, as a line of its own. @param {...Tree} trees @returns {Element} */
export function formula(...trees) {
  return /** @type {Element} */ (mathOf(["math", ["mrow", ...trees]]));
}

/** ∂of/∂by @param {Tree} of @param {Tree} by @returns {Tree} */
export function partial(of, by) {
  return ["mfrac", ["mrow", ["mo", { form: "prefix" }, "∂"], of], ["mrow", ["mo", { form: "prefix" }, "∂"], by]];
}

/** @param {string} text @returns {Tree} */
export function sign(text) {
  return ["mo", text];
}

const RAISED = new Map([..."-0123456789"].map((digit, place) => [digit, "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"[place]]));

/** A number to so many significant digits. @param {number} value @param {number} significant @returns {string} */
export function digits(value, significant = 6) {
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const rounded = Number(value.toPrecision(significant));
  const isPlain = rounded === 0 || (Math.abs(rounded) >= 1e-4 && Math.abs(rounded) < 10 ** Math.max(significant, 6));
  const [front, power] = (isPlain ? String(rounded) : rounded.toExponential()).split("e");
  const text = front.replace("-", "−");
  return power === undefined
    ? text
    : `${text}·10${[...power.replace("+", "")].map((each) => RAISED.get(each)).join("")}`;
}

/** A share in percent. @param {number} share @returns {string} */
export function percent(share) {
  return share > 0 && share < 0.0005 ? "<0.1 %" : `${(100 * share).toFixed(1)} %`;
}
