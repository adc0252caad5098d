/** The picture of a network: drawn once, then numbers put in, light put on and off, what is chosen set apart. */
import { fitting, set, short, svg } from "./dom.js";
import { draggable, parameterValue, rove } from "./hands.js";
import { biasPlaces, ends, handlePlaces, lettersBeside } from "./layout.js";

const MOST_LABELS = 12;
const FULL = 6;
/** Characters that a value, a delta and a label have room for; numbers in full are in the accessible names. */
const MOST_LETTERS = { roomy: { value: 8, delta: 8, label: 7 }, dense: { value: 7, delta: 8, label: 7 }, tight: { value: 6, delta: 6, label: 6 } };

/** Draw a picture once; `paint` puts numbers in, `light` shows what is pointed at. */
export function drawnNetwork(net, plan, model) {
  const root = svg("svg", { viewBox: `0 0 ${plan.width} ${plan.height}`, role: "group", "aria-label": "The network",
    class: `${plan.dense ? "dense" : "roomy"}${plan.tight ? " tight" : ""}` });
  /** Units whose deltas stand a line lower: where units are narrow, neighbors' deltas would touch. */
  const staggered = new Set(plan.tight ? net.columns.flatMap((column) => column.nodes.filter((_, place) => place % 2)) : []);
  const most = MOST_LETTERS[plan.tight ? "tight" : plan.dense ? "dense" : "roomy"];
  const layers = ["strokes", "hits", "satellites", "nodes", "handles"].map((name) => svg("g", { class: name }));
  const [strokes, hits, satellites, nodes, handles] = layers;
  root.append(...layers);
  for (const title of plan.titles)
    satellites.append(svg("text", { x: title.x, y: title.y, "text-anchor": title.anchor, class: title.kind }, title.text));

  /** @type {Map<string, {node: SVGElement, value: SVGElement, delta: SVGElement | null}>} */
  const units = new Map();
  /** @type {Map<string, {handle: SVGElement, labels: SVGElement[], places: number[][], strokes: SVGElement[], from: string, to: string}>} */
  const weights = new Map();
  /** @type {{source: string, target: string, address: string, stroke: SVGElement}[]} */
  const lines = [];
  const order = [];
  const away = () => model.set("lit");
  const addresses = net.lines.filter((line) => line.address);
  const labelled = addresses.length <= MOST_LABELS;
  root.classList.toggle("labelled", labelled);
  const biases = biasPlaces(net, plan);
  const spots = handlePlaces(
    addresses.map((line) => ({ line: ends(plan.nodes.get(line.source), plan.nodes.get(line.target), plan.down) })),
    labelled ? 66 : 14, labelled ? 20 : 14, [...plan.nodes.values(), ...biases]);

  const sumOf = (name) => net.sums[name] ?? (/^a\d/.test(name) ? `z${name.slice(1)}` : name);
  const unitOf = Object.fromEntries(Object.keys(net.kinds).map((name) => [sumOf(name), name]));

  let spot = 0;
  for (const line of net.lines) drawLine(line);
  for (const name of plan.nodes.keys()) drawNode(name);
  for (const target of net.targets) drawTie(target);
  net.biases.forEach((bias, place) => drawBias(bias, biases[place]));
  const stops = rove(root, net, plan, units, weights, order);

  function drawLine(line) {
    const [x1, y1, x2, y2] = ends(plan.nodes.get(line.source), plan.nodes.get(line.target), plan.down);
    const stroke = svg("line", { x1, y1, x2, y2, class: line.address ? "line" : "line tie" });
    strokes.append(stroke);
    lines.push({ ...line, stroke });
    if (!line.address) return;
    const hit = svg("line", { x1, y1, x2, y2, class: "hit", "aria-hidden": true,
      click: () => choose(line.address), pointerenter: () => lightLine(line), pointerleave: away });
    hits.append(hit);
    handleOf(line.address, spots[spot++], stroke, line);
  }

  /** Give a parameter its handle; one that stands in several places has its address on the first. */
  function handleOf(address, place, stroke, line) {
    const known = weights.get(address);
    const named = plan.tight ? [] : nameParts(net.labels[address], 7);
    const label = svg("text", { "text-anchor": "middle", "dominant-baseline": "central", "aria-hidden": true },
      ...named, svg("tspan", { class: "number" }));
    const handle = svg("g", { class: "handle", transform: `translate(${place.x} ${place.y})`,
      click: () => choose(address), pointerenter: () => lightLine(line), pointerleave: away },
      svg("circle", { r: 8, class: "grip" }), svg("rect", { class: "pill", x: -31, y: -10, width: 62, height: 20, rx: 10 }),
      label);
    if (known) set(handle, { "data-copy": address, "aria-hidden": true });
    else {
      set(handle, { "data-address": address, tabindex: -1, role: "button",
        focus: () => lightLine(line), blur: away });
      weights.set(address, { handle, labels: [], places: [], strokes: [], from: line.source, to: line.target });
      order.push({ address, element: handle, target: line.target });
    }
    weights.get(address).labels.push(label);
    weights.get(address).places.push(between(line, place));
    if (stroke) weights.get(address).strokes.push(stroke);
    draggable(handle, address, model);
    handles.append(handle);
  }

  function drawBias(bias, place) {
    const box = plan.nodes.get(bias.target);
    satellites.append(svg("line", { x1: place.x, y1: place.y, x2: place.x, y2: box.y - box.h / 2, class: "tie" }));
    handleOf(bias.address, place, null, { source: "", target: bias.target, address: bias.address });
    handles.lastElementChild.classList.add("bias");
  }

  function drawNode(name) {
    const box = plan.nodes.get(name);
    const kind = net.kinds[name];
    const [left, top] = [-box.w / 2, -box.h / 2];
    const one = plan.lines === 1 || kind === "target";
    const value = svg("text", one
      ? { x: box.w / 2 - 7, y: 0, "text-anchor": "end", "dominant-baseline": "central", class: "value" }
      : { x: 0, y: 11, "text-anchor": "middle", "dominant-baseline": "central", class: "value" });
    const long = (net.labels[name]?.text ?? net.labels[name]?.base ?? "").length > 4;
    const named = svg("text", one
      ? { x: left + 7, y: 0, "dominant-baseline": "central", class: long ? "name long" : "name" }
      : { x: 0, y: -10, "text-anchor": "middle", "dominant-baseline": "central", class: long ? "name long" : "name" }, ...nameParts(net.labels[name], one ? lettersBeside(box.w) : plan.down ? 8 : 11));
    const delta = kind === "unit"
      ? svg("text", { x: 0, y: box.h / 2 + (one ? 8 : 13) + (staggered.has(name) ? 13 : 0), "text-anchor": "middle", "dominant-baseline": "central",
        class: "delta" })
      : null;
    const node = svg("g", { class: `node ${kind}`, "data-node": name, transform: `translate(${box.x} ${box.y})`,
      tabindex: -1, role: "button", click: () => chooseNode(name, kind),
      pointerenter: () => lightNode(name), pointerleave: away, focus: () => lightNode(name), blur: away },
      svg("rect", { x: left, y: top, width: box.w, height: box.h, rx: kind === "target" ? 3 : kind === "loss" ? 8 : box.h / 2.4 }),
      svg("g", { "aria-hidden": true }, named, value, ...(delta ? [delta] : [])));
    nodes.append(node);
    units.set(name, { node, value, delta });
  }

  function drawTie(target) {
    const [from, to] = [plan.nodes.get(target.name), plan.nodes.get(target.target)];
    if (!from || !to) return;
    strokes.append(svg("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y, class: "tie" }));
  }

  function choose(address) {
    stops.move(address);
    model.send({ do: "select", quantity: address });
    model.send({ do: "unit", name: null });
  }

  function chooseNode(name, kind) {
    stops.move(name);
    if (kind === "unit" || kind === "input") model.send({ do: "select", quantity: name });
    model.send({ do: "unit", name });
  }

  function lightLine(line) {
    const to = sumOf(line.target);
    model.set("lit", { lines: [line.address], edges: [`${line.address}>${to}`, ...(line.source ? [`${line.source}>${to}`] : [])] });
  }

  function lightNode(name) {
    model.set("lit", { nodes: [name], edges: sumOf(name) === name ? [] : [`${sumOf(name)}>${name}`] });
  }

  /** Everything that a quantity acts on, to the loss: all its paths. */
  function reached(by) {
    const found = new Set();
    const pending = weights.has(by) ? copies(by) : [unitOf[by] ?? by];
    while (pending.length) {
      const name = pending.pop();
      if (found.has(name)) continue;
      found.add(name);
      for (const line of lines) if (line.source === name) pending.push(line.target);
    }
    return found;
  }

  /** The units a parameter leads to: several where it is shared. */
  function copies(address) {
    return [...net.lines, ...net.biases].filter((each) => each.address === address).map((each) => each.target);
  }

  function paint(values, story, moment) {
    const by = story?.by ?? "";
    const way = by ? reached(by) : null;
    const known = way && [...way].some((name) => units.has(name));
    root.classList.toggle("asked", Boolean(known));
    root.classList.toggle("scrubbing", Boolean(moment));
    for (const [name, unit] of units) {
      const value = values.nodes[name];
      const delta = values.deltas[net.sums[name] ?? name];
      const there = !moment || moment.values.has(name) || net.kinds[name] === "target";
      const back = Boolean(unit.delta) && (!moment || moment.deltas.has(name));
      retext(unit.value, there ? fitting(value, most.value, plan.tight ? 3 : 4) : "·");
      if (unit.delta) retext(unit.delta, back ? `δ ${fitting(delta, most.delta, plan.tight ? 2 : 3)}` : "");
      unit.node.classList.toggle("path", Boolean(known && way.has(name)));
      unit.node.classList.toggle("selected", by === name);
      unit.node.classList.toggle("now", Boolean(moment?.nodes.has(name)));
      unit.node.setAttribute("aria-label", unitLabel(net.labels[name]?.text ?? name, there ? value : null, back ? delta : null));
    }
    const widest = Math.max(1, ...[...weights.keys()].map((name) => Math.abs(parameterValue(values, name))));
    for (const [address, weight] of weights) {
      const value = moment?.fresh?.[address] ?? parameterValue(values, address);
      const sign = value < 0 ? "minus" : "plus";
      set(weight.handle, { "data-sign": sign, "aria-label": `${address} = ${short(value, FULL)}` });
      weight.labels.forEach((each, copy) =>
        write(each, weight.places[copy], address, value, moment?.fresh?.[address] !== undefined));
      for (const stroke of weight.strokes) {
        stroke.dataset.sign = sign;
        stroke.style.strokeWidth = String(1 + (4 * Math.abs(value)) / widest);
        stroke.classList.toggle("now", Boolean(moment?.lines.has(address)));
      }
      weight.handle.classList.toggle("selected", by === address);
      weight.handle.classList.toggle("now", Boolean(moment?.lines.has(address)));
    }
    for (const line of lines) {
      line.stroke.classList.toggle("path",
        Boolean(known && (line.address === by || (way.has(line.source) && way.has(line.target)))));
      line.stroke.classList.toggle("selected", Boolean(by) && line.address === by);
    }
  }

  /** How far to the left and right of its handle a label may reach: to the units that its line joins. */
  function between(line, place) {
    const [from, to] = [plan.nodes.get(line.source), plan.nodes.get(line.target)];
    if (plan.down || !from) return [-Infinity, Infinity];
    return [from.x + from.w / 2 - place.x, to.x - to.w / 2 - place.x];
  }

  function write(text, [left, right], address, value, fresh) {
    const written = `${text.childNodes.length > 1 ? "\u2009" : ""}${fitting(value, most.label, plan.tight ? 3 : 4)}`;
    text.classList.toggle("fresh", fresh);
    if (!retext(text.lastChild, written)) return;
    const wide = Math.max(26, 7 * text.textContent.length + 10);
    const middle = wide < right - left ? Math.max(left + wide / 2, Math.min(right - wide / 2, 0)) : (left + right) / 2;
    const pill = /** @type {any} */ (text.previousSibling);
    set(pill, { x: -wide / 2, width: wide });
    for (const each of [pill, text]) each.style.setProperty("--aside", `${middle}px`);
  }

  /** Show what is pointed at, here or in a formula: units, parameters, and factors by the names of their two ends. */
  function light(lit) {
    const drawn = (name) => (!units.has(name) && name.endsWith("_n") ? name.slice(0, -2) : name); // a row's own loss
    const at = (name) => unitOf[name] ?? drawn(name);
    const pairs = lit.edges.map((edge) => edge.split(">").length === 2 ? edge.split(">") : dividedEdge(edge));
    const names = new Set([...lit.nodes.map(at), ...pairs.filter(([s, t]) => at(s) === at(t)).map(([s]) => at(s))]);
    const addresses = new Set([...lit.lines, ...pairs.map(([source]) => source).filter((each) => weights.has(each))]);
    for (const [name, unit] of units) unit.node.classList.toggle("lit", names.has(name));
    for (const line of lines) {
      const named = pairs.some(([s, t]) => at(s) === line.source && at(t) === line.target);
      line.stroke.classList.toggle("lit", named || (line.address !== "" && addresses.has(line.address)));
    }
    for (const [address, weight] of weights) weight.handle.classList.toggle("lit", addresses.has(address));
  }

  return { svg: root, id: net.id, width: plan.width, down: plan.down, paint, light, focus: stops.focus, current: stops.current };
}

/** Write a text unless it stands there already; return whether it is new. What is written is laid out anew. */
function retext(element, text) {
  if (element.textContent === text) return false;
  element.textContent = text;
  return true;
}

/** Divide "source>target" where an address holds an arrow itself: at the ">" that is not of one. */
function dividedEdge(edge) {
  const at = edge.search(/(?<!-)>/);
  return [edge.slice(0, at), edge.slice(at + 1)];
}

function unitLabel(name, value, delta) {
  if (value === null || value === undefined) return `${name}, not computed yet`;
  return `${name} = ${short(value, FULL)}${delta === null || delta === undefined ? "" : `, delta ${short(delta, FULL)}`}`;
}

/** Cut a name to so many letters of usual width. */
function cut(text, most) {
  const wide = (letters) => letters.length + 0.6 * (letters.match(/[mwMW@%]/g)?.length ?? 0);
  if (wide(text) <= most) return text;
  let kept = text.slice(0, most - 1);
  while (kept.length > 1 && wide(kept) > most - 1) kept = kept.slice(0, -1);
  return `${kept}…`;
}

/** A name with its subscript lowered; what is too long for its place is cut, the whole name being in the label. */
function nameParts(parts, most) {
  if (!parts) return [];
  const shown = cut(parts.text ?? parts.base + parts.above, most);
  if (!parts.below) return [shown];
  return [shown, svg("tspan", { class: "below", dy: "0.3em" }, parts.below), svg("tspan", { dy: "-0.3em" }, "\u200b")];
}
