/**
 * What every view uses: elements, numbers, and the types they share.
 *
 * @typedef {object} Model  what a host offers: the page (page.js) or a notebook (anywidget)
 * @property {(key: string) => any} get
 * @property {(name: string, call: () => void) => void} on  name is "change:KEY"
 * @property {(name: string, call: () => void) => void} off
 * @property {(message: object) => void} send
 *
 * @typedef {object} View  one part of the studio
 * @property {Element} element
 * @property {string[]} keys  of the state that it shows
 * @property {() => void} update  called when one of them has changed
 */

const SVG = "http://www.w3.org/2000/svg";

/** Set attributes; a function is a listener, false and null leave the attribute away. */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === false || value === null || value === undefined) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  return element;
}

/** Make an HTML element; strings among the children become text, never markup. */
export function html(tag, attributes = {}, ...children) {
  const element = set(document.createElement(tag), attributes);
  element.append(...children);
  return element;
}

/** Make an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const element = set(document.createElementNS(SVG, tag), attributes);
  element.append(...children);
  return element;
}

let ids = 0;

/** Return an id that no other element has, though a notebook may show several studios. */
export function newId(word) {
  ids += 1;
  return `studio-${word}-${ids}-${Math.random().toString(36).slice(2, 8)}`;
}

/** Make nodes of what the server's own printers wrote; nothing in it runs, and it holds no person's markup. */
export function fragment(markup) {
  const found = document.createDocumentFragment();
  found.append(...new DOMParser().parseFromString(markup, "text/html").body.childNodes); // which adopts them
  return found;
}

/** Call when what was just changed has been painted. */
export function afterwards(call) {
  requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(call)));
}

/** Write a number to a few digits, as the stories do. */
export function short(value, digits = 4) {
  if (typeof value !== "number") return String(value ?? "");
  return String(Number(value.toPrecision(digits))).replaceAll("-", "−");
}

/** Write a number into so many characters, with as many digits as there is room for; the smallest are 0. */
export function fitting(value, most, digits = 4) {
  if (typeof value !== "number" || !Number.isFinite(value)) return short(value);
  if (Math.abs(value) < 1e-99) return "0";
  for (let some = digits; some > 0; some -= 1) {
    const ways = some > 3 ? [short(value, some)] : [short(value, some), scaled(value, some)];
    const found = ways.find((text) => text.length <= most);
    if (found) return found;
  }
  return scaled(value, 1);
}

function scaled(value, digits) {
  const [factor, power] = value.toExponential(digits - 1).split("e");
  return `${Number(factor)}e${Number(power)}`.replaceAll("-", "−");
}
