/** The paths of the chosen gradient: what each gives, as bars; of many what goes through each layer's units. */
import { fragment, html, short } from "./dom.js";

/** What is lit for one path, from its first quantity to its last. */
export function pathLight(nodes) {
  const edges = nodes.slice(1).map((name, place) => `${nodes[place]}>${name}`);
  return { nodes: nodes.slice(1), lines: [nodes[0]], edges };
}

/** What is lit for all paths, each a list of names, that go from one quantity to another. */
export function betweenLight(paths, source, target) {
  const found = { nodes: new Set([target]), lines: new Set([source]), edges: new Set() };
  for (const nodes of paths) {
    const [start, end] = [nodes.indexOf(source), nodes.indexOf(target)];
    if (start < 0 || end <= start) continue;
    const part = pathLight(nodes.slice(start, end + 1));
    for (const key of ["nodes", "edges"]) part[key].forEach((each) => found[key].add(each));
  }
  if (!found.edges.size) found.edges.add(`${source}>${target}`);
  return { nodes: [...found.nodes], lines: [...found.lines], edges: [...found.edges] };
}

/** Let a part light something while it is pointed at or has the focus. */
export function lights(model, element, light) {
  for (const name of ["pointerenter", "focusin"]) element.addEventListener(name, () => model.set("lit", light()));
  for (const name of ["pointerleave", "focusout"]) element.addEventListener(name, () => model.set("lit"));
  return element;
}

/** Write the table of a story's paths; each row lights its path. */
export function pathsTable(model, story) {
  const { paths } = story;
  const many = paths.layers.length > 0;
  const count = paths.count === "0" ? "No path: " : paths.count === "1" ? "One path: " : `${paths.counted} paths; together `;
  const sum = html("p", {}, count, fragment(paths.symbol), ` = ${short(paths.value, 6)}.`,
    many ? ` The ${paths.listed.length} strongest carry ${paths.carried} of all paths' absolute sum.` : "");
  const largest = Math.max(...paths.listed.map((path) => Math.abs(path.value)), Number.MIN_VALUE);
  const rows = paths.listed.map((path) => pathRow(model, path, largest));
  const head = html("tr", {}, ...["path", "", "gives", "share"].map((name) => html("th", { scope: "col" }, name)));
  const table = html("div", { class: "scroll" }, html("table", { class: "bars" }, html("thead", {}, head), html("tbody", {}, ...rows)));
  return html("div", { "data-part": "paths" }, sum, table, ...paths.layers.map((layer, place) => layerTable(model, layer, place, story)));
}

/** Write a path as the quantities that are seen: a weighted sum is the unit that it is of. */
export function pathText(nodes) {
  return nodes.filter((name, place) => place === 0 || !isSum(name, nodes[place + 1])).join(" → ");
}

function pathRow(model, path, largest) {
  const label = html("th", { scope: "row" }, pathText(path.nodes));
  const share = path.share > 0 && path.share < 0.0005 ? "<0.1%" : `${(100 * path.share).toFixed(1)}%`;
  const row = html("tr", { tabindex: 0, "data-path": path.nodes.join(" "), "data-value": path.value },
    label, barCell(path.value, largest), html("td", {}, short(path.value, 6)), html("td", {}, share));
  return lights(model, row, () => pathLight(path.nodes));
}

/** Whether a quantity is only the weighted sum of the one after it. */
const isSum = (name, next) => name === `z_${next}` || name === `net_${next}` || (/^z\d+\[/.test(name) && name.slice(1) === next?.slice(1));

function barCell(value, largest) {
  const bar = html("span", { class: "bar-of", "data-sign": value < 0 ? "minus" : "plus" });
  bar.style.width = `${(50 * Math.abs(value)) / largest}%`;
  bar.style.marginInlineStart = value < 0 ? `${50 - (50 * Math.abs(value)) / largest}%` : "50%";
  return html("td", { class: "bar-cell", "aria-hidden": "true" }, bar);
}

function layerTable(model, layer, place, story) {
  const values = [...layer.units.map((unit) => unit.value), layer.rest.value];
  const largest = Math.max(...values.map(Math.abs), Number.MIN_VALUE);
  const known = story.paths.listed.map((path) => path.nodes);
  const row = (name, value, light) => {
    const made = html("tr", { tabindex: 0, "data-value": value }, html("th", { scope: "row" }, name), barCell(value, largest),
      html("td", {}, short(value, 6)));
    return light ? lights(model, made, light) : made;
  };
  const rows = layer.units.map(({ name, value }) =>
    row(name, value, () => pathLight(known.find((nodes) => nodes.includes(name)) ?? [story.by, name])));
  if (layer.rest.count) rows.push(row(`the ${layer.rest.count} others`, layer.rest.value));
  const title = `Through the ${layer.count === 1 ? "one unit" : `${layer.count} units`} of layer ${place + 1} on the way`;
  return html("div", { class: "scroll" }, html("table", { class: "bars" }, html("caption", {}, title), html("tbody", {}, ...rows)));
}
