/** The picture of a figure: units in columns, parameters on lines and beside units, all in reach of the keyboard. */
import { html, set, svg } from "./dom.js";
import { digits } from "./figure_math.js";

const WIDEST = 152;
const NARROWEST = 84;
const LABELED = 128;
const NAMED = 96;
const DOWN = 84;
const RADIUS = 23;
const HALF = 10.5;
const MOST_LABELS = 8;
/** How far along its line a parameter is named: where lines of neighbors are apart. */
const WAY = 0.29;
const WAY_OF_NAMES = 0.36;
/** How far a mouse goes for one step of the slider. */
const PIXELS = 4;

/**
 * @param {any} data of the figure
 * @param {number} room how wide it may be, in pixels
 * @param {any} state of `stateOf`
 * @param {any} links of `linksOf`
 * @param {{part: (place: number | null) => void}} point says what is pointed at
 */
export function pictureView(data, room, state, links, point) {
  const { columns, lines, attached } = data.drawing;
  const across = Math.min(Math.max(room / columns.length, NARROWEST), WIDEST);
  const places = placesOf(columns, across);
  const isRoomy = across >= LABELED;
  const isLabeled = across >= NAMED && lines.filter((line) => line.carries !== null).length <= MOST_LABELS;
  const way = isLabeled && !isRoomy ? WAY_OF_NAMES : WAY;
  const width = columns.length * across;
  const height = 64 + DOWN * Math.max(...columns.map((column) => column.nodes.length + (column.more > 0 ? 1 : 0)));
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "The network" });
  set(drawing, { width, height });
  drawing.style.minWidth = `${0.85 * width}px`;
  /** @typedef {{place: number, name: string, element: SVGElement, at: [number, number]}} Part */
  /** @type {(Part & {value: Element | null, shapes: Element[]})[]} */
  const parts = [];
  /** @type {{line: any, shape: Element}[]} */
  const shapes = [];
  /** @type {Element[]} drawn last, so that no line crosses them */
  const handles = [];

  /** Make shapes something that can be pointed at and chosen: the first by the keyboard too, the others by a mouse. */
  function part(place, at, value, ...shapes) {
    const name = data.names[place];
    const [element] = shapes;
    set(element, { role: "button", tabindex: -1, "data-address": name });
    element.addEventListener("keydown", (event) => onKey(event, place));
    element.addEventListener("focus", () => point.part(place));
    element.addEventListener("blur", () => point.part(null));
    for (const shape of shapes) {
      set(shape, { class: `part ${data.classes[place]}` });
      shape.addEventListener("click", () => state.select(place));
      shape.addEventListener("pointerenter", () => point.part(place));
      shape.addEventListener("pointerleave", () => point.part(null));
      const { kind } = data.graph.quantities[place];
      if (kind === "weight" || kind === "bias") draggable(shape, element, (steps) => state.nudge(place, steps));
    }
    parts.push({ place, name, element, at, value, shapes });
    return shapes;
  }

  function onKey(event, place) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) neighbor(parts, way)?.element.focus();
    else if (event.key === "Enter" || event.key === " ") state.select(place);
    else if (event.key === "+" || event.key === "-") state.nudge(place, event.key === "+" ? 1 : -1);
    else return;
    event.preventDefault();
  }

  for (const line of lines) {
    const [[x1, y1], [x2, y2]] = [places.get(line.source), places.get(line.target)];
    const shape = svg("line", { x1, y1, x2, y2, class: "wire" });
    shapes.push({ line, shape });
    if (line.carries === null) {
      drawing.append(shape);
      continue;
    }
    const at = /** @type {[number, number]} */ ([x1 + way * (x2 - x1), y1 + way * (y2 - y1)]);
    const { element, value } = handleOf(data, line.carries, at, isLabeled, isRoomy);
    const wire = svg("g", {}, svg("line", { x1, y1, x2, y2, class: "reach" }), shape);
    part(line.carries, at, value, element, wire);
    drawing.append(wire);
    handles.push(element);
  }
  columns.forEach((column, number) => {
    const x = (number + 0.5) * across;
    const y = isRoomy ? 16 : 10 + 14 * (number % 2); // titles of narrow columns would run into each other
    if (column.title) drawing.append(svg("text", { x, y, class: "head" }, column.title));
    for (const place of column.nodes) {
      const [, y] = places.get(place);
      const value = svg("text", { x, y: y + RADIUS + 14, class: "value", "aria-hidden": true });
      const circle = svg("circle", { cx: x, cy: y, r: RADIUS, class: "disc" });
      const name = svg("text", { x, y: y + 5, class: "name", "aria-hidden": true }, ...lettered(data, place));
      drawing.append(...part(place, [x, y], value, svg("g", {}, circle, name, value)));
    }
    if (column.more > 0) {
      const y = places.get(column.nodes.at(-1))[1] + DOWN;
      drawing.append(svg("text", { x, y, class: "head" }, `… ${column.more} more`));
    }
  });
  const beside = new Map();
  for (const { quantity, target } of attached) {
    const [x, y] = places.get(target);
    const nth = beside.get(target) ?? 0;
    beside.set(target, nth + 1);
    const [left, top] = [x - RADIUS - HALF - 2 - nth * (2 * HALF + 4), y + RADIUS - 2];
    const box = svg("rect", { x: left - HALF, y: top - HALF, width: 2 * HALF, height: 2 * HALF, rx: 4, class: "disc" });
    const name = svg(
      "text",
      { x: left, y: top + 4, class: "name small", "aria-hidden": true },
      ...lettered(data, quantity),
    );
    drawing.append(...part(quantity, [left, top], null, svg("g", {}, box, name)));
  }
  drawing.append(...handles);

  /** @param {import("./figure_state.js").Look} look */
  function update(look) {
    const { on, wires } = links.along(look.paths);
    const chosen = data.drawing.unit[look.by] ?? look.by;
    const first =
      parts.find(({ element }) => element === document.activeElement) ?? parts.find(({ place }) => place === chosen);
    for (const part of parts) {
      const [value, total, isChosen] = [look.value(part.place), look.total(part.place), part.place === chosen];
      if (part.value) part.value.textContent = digits(value, 4);
      const slope = total === undefined ? "" : `, derivative ${digits(total, 4)}`;
      set(part.element, {
        "aria-label": `${part.name} = ${digits(value, 4)}${slope}`,
        "aria-pressed": String(isChosen),
      });
      set(part.element, { tabindex: part === (first ?? parts[0]) ? 0 : -1 });
      toggle(part, "chosen", isChosen);
      toggle(part, "away", !isChosen && !on.has(part.place));
    }
    for (const { line, shape } of shapes) {
      const value = line.carries === null ? 0.5 : look.value(line.carries);
      set(shape, { "stroke-width": 1 + 2.5 * Math.min(Math.abs(value), 2), "stroke-dasharray": value < 0 && "7 5" });
      shape.classList.toggle("on", wires.has(`${line.source}>${line.target}`));
    }
  }

  /** Light what is pointed at. @param {Set<number>} lit parts @param {Set<string>} wires */
  function light(lit, wires) {
    for (const part of parts) toggle(part, "lit", lit.has(part.place));
    for (const { line, shape } of shapes) shape.classList.toggle("lit", wires.has(`${line.source}>${line.target}`));
  }

  const element = html(
    "div",
    { "data-part": "network", class: "picture", role: "region", "aria-label": "Network", tabindex: 0 },
    drawing,
  );
  return { element, update, light };
}

/** A parameter's name and value on its line, its name alone in narrow columns; a knob that tells when chosen or lit. */
function handleOf(data, place, [x, y], isLabeled, isRoomy) {
  const value = svg("tspan", { class: "number" });
  const [dx, dy, anchor] = isLabeled ? [0, 4, "middle"] : isRoomy ? [9, 4, "start"] : [12, -27, "middle"];
  const where = { x: x + dx, y: y + dy, "text-anchor": anchor, class: "label", "aria-hidden": true };
  const label = svg("text", where, ...lettered(data, place), ...(isLabeled && !isRoomy ? [] : [" ", value]));
  if (isLabeled) return { value, element: svg("g", {}, label) };
  const stem = svg("line", { x1: x, y1: y, x2: x + dx, y2: y + dy, class: "reach" });
  const knob = svg("circle", { cx: x, cy: y, r: 4, class: "disc" });
  return { value, element: svg("g", {}, svg("g", { class: "seldom" }, stem, label), knob) };
}

/** Let something be dragged up and down with a mouse; fingers use the slider, as they scroll here. */
function draggable(element, focused, nudge) {
  let from = null;
  element.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch" || event.button !== 0) return;
    from = event.clientY;
    element.setPointerCapture(event.pointerId);
    focused.focus();
    event.preventDefault();
  });
  element.addEventListener("pointermove", (event) => {
    if (from === null || Math.abs(event.clientY - from) < PIXELS) return;
    nudge((from - event.clientY) / PIXELS);
    from = event.clientY;
  });
  for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, () => (from = null));
}

/** The part nearest to the one in focus, in a direction. */
function neighbor(parts, [x, y]) {
  const here = parts.find((each) => each.element === document.activeElement);
  let [best, least] = [null, Infinity];
  for (const each of parts) {
    const [dx, dy] = [each.at[0] - here.at[0], each.at[1] - here.at[1]];
    const ahead = dx * x + dy * y;
    const distance = ahead > 1 ? ahead + 2 * Math.abs(dx * y + dy * x) : Infinity;
    if (distance < least) [best, least] = [each, distance];
  }
  return best;
}

function placesOf(columns, across) {
  const tallest = Math.max(...columns.map((column) => column.nodes.length + (column.more > 0 ? 1 : 0)));
  const places = new Map();
  columns.forEach((column, x) => {
    const count = column.nodes.length + (column.more > 0 ? 1 : 0);
    column.nodes.forEach((place, y) =>
      places.set(place, [(x + 0.5) * across, 28 + (DOWN * tallest) / 2 + (y - (count - 1) / 2) * DOWN]),
    );
  });
  return places;
}

/** Give all shapes of a part a class, or take it away. */
function toggle(part, name, isOn) {
  for (const shape of part.shapes) shape.classList.toggle(name, isOn);
}

/** A name with what stands below it. */
function lettered(data, place) {
  const [letter, below] = data.labels[place];
  return below ? [letter, svg("tspan", { class: "sub", dy: 4 }, below), svg("tspan", { dy: -4 }, "\u200b")] : [letter];
}
