/** The network as a picture: units with their values, weights as lines; a click asks for a weight's story. */
import { html, set, short, svg } from "./dom.js";

const ACROSS = 150;
const DOWN = 78;
const RADIUS = 22;

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function networkView(model) {
  const element = html("section", { "data-part": "network", "aria-label": "Network" });
  let built = 0;
  let units = new Map();
  let lines = new Map();

  function build(net) {
    const tallest = Math.max(...net.columns.map((column) => column.nodes.length));
    const width = net.columns.length * ACROSS;
    const height = tallest * DOWN + 40;
    const places = new Map();
    net.columns.forEach((column, x) =>
      column.nodes.forEach((name, y) =>
        places.set(name, [(x + 0.5) * ACROSS, height / 2 + (y - (column.nodes.length - 1) / 2) * DOWN])));
    units = new Map();
    lines = new Map();
    const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "The network" });
    const parameter = (shape, address) => {
      lines.set(address, shape);
      set(shape, { "data-address": address, tabindex: 0, role: "button", "aria-label": address,
        click: () => model.send({ do: "select", quantity: address }),
        keydown: (event) => { if (event.key === "Enter" || event.key === " ") model.send({ do: "select", quantity: address }); } });
      return shape;
    };
    for (const line of net.lines) {
      const [x1, y1] = places.get(line.source);
      const [x2, y2] = places.get(line.target);
      const shape = svg("line", { x1, y1, x2, y2, class: "line" });
      drawing.append(line.address ? parameter(shape, line.address) : shape);
    }
    for (const [name, [x, y]] of places) {
      const value = svg("text", { x, y: y + 5, "text-anchor": "middle" });
      drawing.append(svg("circle", { cx: x, cy: y, r: RADIUS, class: "unit" }), value,
        svg("text", { x, y: y - RADIUS - 5, "text-anchor": "middle", class: "name" }, name));
      units.set(name, value);
    }
    for (const bias of net.biases) {
      const [x, y] = places.get(bias.target);
      const shape = svg("rect", { x: x - RADIUS - 14, y: y + RADIUS - 4, width: 14, height: 14, class: "bias" });
      if (!lines.has(bias.address)) drawing.append(parameter(shape, bias.address));
    }
    element.replaceChildren(drawing);
    built = net.id;
  }

  function update() {
    const net = model.get("net");
    const values = model.get("values");
    if (!net || !values || values.net !== net.id) return;
    if (built !== net.id) build(net);
    for (const [name, text] of units) text.textContent = short(values.nodes[name]);
    for (const [address, shape] of lines) {
      const value = values.parameters[address];
      set(shape, { "data-sign": value < 0 ? "minus" : "plus", "aria-label": `${address} = ${short(value)}` });
      shape.style.strokeWidth = String(1 + 3 * Math.min(Math.abs(value), 2));
    }
  }
  return { element, keys: ["net", "values"], update };
}
