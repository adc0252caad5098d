/** The network as a picture: units with their values, weights as lines; a click asks for the story of what it hits. */
import { cardView } from "./card.js";
import { html, set, short, svg } from "./dom.js";
import { biasPlaces, ends, handlePlaces, layout } from "./layout.js";
import { scrubView } from "./scrub.js";

const MOST_LABELS = 12;
const KEYS_HINT = "Arrow keys move along the network, Enter chooses.";

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function networkView(model) {
  const hint = html("p", { class: "hidden", id: "network-keys" }, KEYS_HINT);
  const stage = html("div", { class: "stage" });
  const more = html("form", { class: "address", submit: chooseTyped });
  const typed = html("input", { name: "address", spellcheck: "false", autocomplete: "off", size: 12 });
  more.append(html("label", {}, "Any weight, bias or unit: ", typed), html("button", { type: "submit" }, "Show"));
  const scrub = scrubView(model, () => paint());
  const card = cardView(model);
  const element = html("section", { "data-part": "network", "aria-labelledby": "network-title" },
    html("h2", { id: "network-title" }, "Network"), hint, stage, more, card.element, scrub.element);
  /** @type {ReturnType<typeof drawnNetwork> | null} */
  let picture = null;
  let room = 0;

  new ResizeObserver(() => {
    if (Math.abs(stage.clientWidth - room) > 1) rebuild();
  }).observe(stage);

  function chooseTyped(event) {
    event.preventDefault();
    if (typed.value.trim()) model.send({ do: "select", quantity: typed.value.trim() });
  }

  function rebuild() {
    const net = model.get("net");
    if (!net) return;
    const held = stage.contains(document.activeElement) ? picture?.current() : null;
    room = stage.clientWidth;
    picture = drawnNetwork(net, layout(net, room || 640), model);
    const scale = Math.max(room > 600 ? 0.6 : 0.72, Math.min(picture.down ? 1.15 : 1.7, (room || 640) / picture.width));
    picture.svg.style.width = `${picture.width * scale}px`;
    stage.replaceChildren(picture.svg);
    more.hidden = net.whole;
    if (!net.whole) typed.placeholder = net.lines[0]?.address ?? "";
    if (held) picture.focus(held);
    paint();
  }

  function paint() {
    const values = model.get("values");
    if (picture && values?.net === picture.id) picture.paint(values, model.get("story"), scrub.moment());
  }

  function update() {
    const net = model.get("net");
    if (net && picture?.id !== net.id) rebuild();
    else paint();
    picture?.light(model.get("lit"));
    card.update();
    scrub.update();
  }
  return { element, keys: ["net", "values", "story", "lit", ...card.keys, ...scrub.keys], update };
}

/** Draw a picture once; `paint` puts numbers in, `light` shows what is pointed at. */
function drawnNetwork(net, plan, model) {
  const root = svg("svg", { viewBox: `0 0 ${plan.width} ${plan.height}`, role: "group", "aria-label": "The network",
    "aria-describedby": "network-keys", class: plan.dense ? "dense" : "roomy" });
  const layers = ["strokes", "hits", "satellites", "nodes", "handles"].map((name) => svg("g", { class: name }));
  const [strokes, hits, satellites, nodes, handles] = layers;
  root.append(...layers);
  for (const title of plan.titles)
    satellites.append(svg("text", { x: title.x, y: title.y, "text-anchor": title.anchor, class: title.kind }, title.text));

  /** @type {Map<string, {node: SVGElement, value: SVGElement, delta: SVGElement | null}>} */
  const units = new Map();
  /** @type {Map<string, {handle: SVGElement, text: SVGElement, strokes: SVGElement[], places: any[], from: string, to: string}>} */
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
    const label = svg("text", { "text-anchor": "middle", "dominant-baseline": "central", "aria-hidden": true });
    const handle = svg("g", { class: "handle", transform: `translate(${place.x} ${place.y})`,
      click: () => choose(address), pointerenter: () => lightLine(line), pointerleave: away },
      svg("circle", { r: 8, class: "grip" }), svg("rect", { class: "pill", x: -31, y: -10, width: 62, height: 20, rx: 10 }),
      label);
    if (known) set(handle, { "data-copy": address, "aria-hidden": true });
    else {
      set(handle, { "data-address": address, tabindex: -1, role: "button",
        focus: () => lightLine(line), blur: away });
      weights.set(address, { handle, labels: [], strokes: [], from: line.source, to: line.target });
      order.push({ address, element: handle, target: line.target });
    }
    weights.get(address).labels.push(label);
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
    const one = plan.dense || kind === "target";
    const value = svg("text", one
      ? { x: box.w / 2 - 7, y: 0, "text-anchor": "end", "dominant-baseline": "central", class: "value" }
      : { x: 0, y: 11, "text-anchor": "middle", "dominant-baseline": "central", class: "value" });
    const named = svg("text", one
      ? { x: left + 7, y: 0, "dominant-baseline": "central", class: "name" }
      : { x: 0, y: -10, "text-anchor": "middle", "dominant-baseline": "central", class: "name" }, ...nameParts(net.labels[name], one));
    const delta = kind === "unit"
      ? svg("text", { x: 0, y: box.h / 2 + (plan.dense ? 8 : 13), "text-anchor": "middle", "dominant-baseline": "central",
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
      unit.value.textContent = there ? short(value, 4) : "·";
      if (unit.delta) unit.delta.textContent = back ? `δ ${short(delta, 3)}` : "";
      unit.node.classList.toggle("path", Boolean(known && way.has(name)));
      unit.node.classList.toggle("selected", by === name);
      unit.node.classList.toggle("now", Boolean(moment?.nodes.has(name)));
      unit.node.setAttribute("aria-label", unitLabel(net.labels[name]?.text ?? name, there ? value : null, back ? delta : null));
    }
    const widest = Math.max(1, ...[...weights.keys()].map((name) => Math.abs(parameterValue(values, name))));
    for (const [address, weight] of weights) {
      const value = moment?.fresh?.[address] ?? parameterValue(values, address);
      const sign = value < 0 ? "minus" : "plus";
      const text = labelled && net.labels[address] ? "both" : "value";
      set(weight.handle, { "data-sign": sign, "aria-label": `${address} = ${short(value)}` });
      for (const each of weight.labels) write(each, address, value, text, moment?.fresh?.[address] !== undefined);
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

  function write(text, address, value, which, fresh) {
    const name = which === "both" ? nameParts(net.labels[address], true) : [];
    text.replaceChildren(...name, `${name.length ? "\u2009" : ""}${short(value, 4)}`);
    text.classList.toggle("fresh", fresh);
    const wide = Math.max(26, 7 * text.textContent.length + 10);
    set(/** @type {any} */ (text.previousSibling), { x: -wide / 2, width: wide });
  }

  /** Show what is pointed at, here or in a formula: units, parameters, and factors by the names of their two ends. */
  function light(lit) {
    const at = (name) => unitOf[name] ?? name;
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

/** Divide "source>target" where an address holds an arrow itself: at the ">" that is not of one. */
function dividedEdge(edge) {
  const at = edge.search(/(?<!-)>/);
  return [edge.slice(0, at), edge.slice(at + 1)];
}

const parameterValue = (values, address) => values.parameters[address] ?? values.nodes[address] ?? 0;

function unitLabel(name, value, delta) {
  if (value === null || value === undefined) return `${name}, not computed yet`;
  return `${name} = ${short(value)}${delta === null || delta === undefined ? "" : `, delta ${short(delta)}`}`;
}

/** A name with its subscript lowered; what is too long for its place is cut, the whole name being in the label. */
function nameParts(parts, cut) {
  if (!parts) return [];
  const text = parts.text ?? parts.base + parts.above;
  const shown = text.length > (cut ? 8 : 12) ? `${text.slice(0, cut ? 7 : 11)}…` : text;
  return parts.below ? [shown, svg("tspan", { class: "below", dy: "0.3em" }, parts.below), svg("tspan", { dy: "-0.3em" }, "\u200b")] : [shown];
}

/** Let the arrow keys go along the graph; one element of the picture at a time is in the order of Tab. */
function rove(root, net, plan, units, weights, order) {
  const columns = net.columns.map((column) => column.nodes);
  const names = [...columns, net.targets.map((target) => target.name)];
  const elementOf = (key) => units.get(key)?.node ?? weights.get(key)?.handle;
  const all = [...columns.flat().flatMap((name) =>
    order.filter((each) => each.target === name).map((each) => each.address))];
  let at = columns[0]?.[0];

  function move(key) {
    const next = elementOf(key);
    if (!next) return;
    elementOf(at)?.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    at = key;
  }

  function focus(key) {
    move(key);
    elementOf(key)?.focus({ preventScroll: false });
  }

  /** From a unit to a line and on to the next unit, back the same way, or to a neighbor. */
  function neighbor(key, way) {
    const weight = weights.get(key);
    if (weight) {
      if (way === "on") return weight.to;
      if (way === "back") return weight.from || weight.to;
      return all[all.indexOf(key) + (way === "next" ? 1 : -1)];
    }
    const out = net.lines.find((line) => line.source === key);
    const into = [...net.lines, ...net.biases].find((line) => line.target === key);
    if (way === "on") return out ? out.address || out.target : net.targets.find((each) => each.target === key)?.name;
    if (way === "back") return into ? into.address || into.source : net.targets.find((each) => each.name === key)?.target;
    const column = names.find((each) => each.includes(key)) ?? [];
    return column[column.indexOf(key) + (way === "next" ? 1 : -1)];
  }

  const ways = plan.down
    ? { ArrowDown: "on", ArrowUp: "back", ArrowRight: "next", ArrowLeft: "before" }
    : { ArrowRight: "on", ArrowLeft: "back", ArrowDown: "next", ArrowUp: "before" };
  root.addEventListener("keydown", (event) => {
    const key = event.target.dataset?.address ?? event.target.dataset?.node;
    if (key === undefined) return;
    if (event.key === "Enter" || event.key === " ") event.target.dispatchEvent(new MouseEvent("click"));
    else if (ways[event.key]) {
      const next = neighbor(key, ways[event.key]);
      if (next !== undefined) focus(next);
    } else return;
    event.preventDefault();
  });
  move(at);
  return { move, focus, current: () => at };
}

const PER_PIXEL = 0.01;
const DRAG_EVERY = 60;

/** Let a weight be dragged: up makes it larger. What came of it is sent at most every 60 ms, the last always. */
function draggable(handle, address, model) {
  let start = null;
  let sent = 0;
  let later = 0;

  function send(value) {
    clearTimeout(later);
    const wait = sent + DRAG_EVERY - Date.now();
    if (wait > 0) later = window.setTimeout(() => send(value), wait);
    else {
      sent = Date.now();
      model.send({ do: "set", address, value });
    }
  }
  set(handle, {
    pointerdown: (event) => {
      if (event.button !== 0) return;
      start = { y: event.clientY, value: parameterValue(model.get("values"), address), moved: false };
      handle.setPointerCapture(event.pointerId);
    },
    pointermove: (event) => {
      if (!start || (!start.moved && Math.abs(event.clientY - start.y) < 4)) return;
      if (!start.moved) {
        model.send({ do: "select", quantity: address });
        model.send({ do: "unit", name: null });
      }
      start.moved = true;
      handle.classList.add("dragged");
      const step = PER_PIXEL * Math.max(1, Math.abs(start.value));
      send(Number((start.value + (start.y - event.clientY) * step).toPrecision(6)));
    },
    pointerup: () => end(),
    pointercancel: () => end(),
  });
  handle.addEventListener("click", (event) => {
    if (handle.classList.contains("dragged")) event.stopImmediatePropagation();
    handle.classList.remove("dragged");
  }, true);

  function end() {
    if (!start?.moved) handle.classList.remove("dragged");
    start = null;
  }
}
