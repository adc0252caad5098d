/**
 * Where everything in the picture of a network stands: units in columns, or in rows where the page is narrow, and the
 * handles on the lines so that none covers another.
 *
 * @typedef {object} Box  a rectangle by its middle
 * @property {number} x
 * @property {number} y
 * @property {number} w
 * @property {number} h
 *
 * @typedef {object} Layout
 * @property {boolean} down  whether layers follow each other downwards
 * @property {boolean} dense  whether there are too many units for more than a line each
 * @property {number} lines  how many lines of text a unit has
 * @property {boolean} tight  whether units are too narrow for a number's usual digits
 * @property {number} width
 * @property {number} height
 * @property {Map<string, Box>} nodes  by name, targets included
 * @property {{x: number, y: number, text: string, anchor: string}[]} titles
 */

const ROOMY = { w: 80, h: 50, across: 122, free: 50, beside: 50 };
const DENSE = { w: 88, h: 24, across: 66, free: 24, beside: 20 };
const LEAST_WIDTH = 58;
const TARGET_BOX = { w: 74, h: 26, apart: 8 };
const MANY_UNITS = 6;
const FEW_UNITS = 3;
const LETTER = 6.4;
const HEAD_ROOM = 26;
const SIDE_BY_SIDE = { value: 72, letter: 7, most: 10 };
/** Beside a value a unit has room for so many letters of its name; an input's unit grows with its name up to the most. */
export const lettersBeside = (width) => Math.max(3, Math.floor((width - SIDE_BY_SIDE.value) / SIDE_BY_SIDE.letter));

/** Lay a picture out for a width: as wide as it is high where there is room, else from top to bottom. */
export function layout(net, room) {
  const across = laidOut(net, false, room);
  const down = laidOut(net, true, room);
  const fits = (made) => Math.min(room / made.width, 1);
  return room < 620 && fits(down) > fits(across) ? down : across;
}

function laidOut(net, down, room) {
  const most = Math.max(...net.columns.map((column) => column.nodes.length + (column.more ? 1 : 0)));
  const dense = most > MANY_UNITS;
  const size = { ...(dense && !down ? DENSE : ROOMY) };
  if (down) size.w = Math.max(LEAST_WIDTH, Math.min(size.w, (room - 30) / most - 6));
  const grown = dense && !down ? grownInputs(net, size.w) : 0;
  const starts = columnStarts(net, down ? size.h : size.w, size.across, size.free, down);
  const spread = Math.min(size.w * 1.9, (room - 30 - size.w) / Math.max(most - 1, 1));
  const pitch = down ? Math.max(size.w + 6, spread) : size.h + size.beside + (most <= FEW_UNITS ? 36 : 0);
  const head = net.columns.some((column) => column.title) ? HEAD_ROOM : 0;
  const margin = { x: 14, y: 26 + head };
  const middle = (most - 1) / 2;
  const nodes = new Map();
  const titles = [];
  net.columns.forEach((column, layer) => {
    const count = column.nodes.length + (column.more ? 1 : 0);
    const place = (unit) => {
      const side = (unit - (count - 1) / 2 + middle) * pitch;
      return down
        ? { x: margin.x + size.w / 2 + side, y: margin.y + size.h / 2 + starts[layer] }
        : { x: margin.x + size.w / 2 + starts[layer] + (layer ? grown : grown / 2), y: margin.y + size.h / 2 + side };
    };
    column.nodes.forEach((name, unit) => nodes.set(name, { ...place(unit), w: size.w + (layer ? 0 : grown), h: size.h }));
    const first = place(0);
    if (column.title)
      titles.push(down
        ? downTitle(column.title, first, size)
        : { x: first.x, y: 16, text: column.title, anchor: "middle", kind: "title" });
    if (column.more) {
      const last = place(count - 1);
      titles.push({ x: last.x, y: last.y + 4, text: `… ${column.more.toLocaleString("en")} more`, anchor: "middle", kind: "more" });
    }
  });
  placeTargets(net, nodes, down);
  const boxes = [...nodes.values()];
  const left = Math.min(...boxes.map((box) => box.x - box.w / 2)) - margin.x;
  for (const box of boxes) box.x -= Math.min(left, 0);
  for (const title of titles) if (title.anchor !== "start") title.x -= Math.min(left, 0);
  return {
    down, dense, lines: dense && !down ? 1 : 2, tight: size.w < 70, nodes, titles,
    width: Math.max(...boxes.map((box) => box.x + box.w / 2)) + margin.x,
    height: Math.max(...boxes.map((box) => box.y + box.h / 2), ...titles.map((title) => title.y - 10)) + 26,
  };
}

/** How much wider the units of inputs are where names stand beside values. */
function grownInputs(net, width) {
  const longest = Math.max(...net.columns[0].nodes.map((name) => (net.labels[name]?.text ?? "").length));
  return Math.max(0, Math.min(longest, SIDE_BY_SIDE.most) * SIDE_BY_SIDE.letter + SIDE_BY_SIDE.value - width);
}

/** The title of a row: beside it where there is room, else above. */
function downTitle(text, first, size) {
  const beside = first.x - size.w / 2 > LETTER * text.length + 8;
  return { x: 4, y: beside ? first.y + 4 : first.y - size.h / 2 - 30, text, anchor: "start", kind: "title" };
}

/** Where each layer begins: apart where weights lie between, close together where none does, titles side by side. */
function columnStarts(net, size, apart, close, down) {
  const layerOf = new Map(net.columns.flatMap((column, layer) => column.nodes.map((name) => [name, layer])));
  const weighted = new Set(net.lines.filter((line) => line.address).map((line) => layerOf.get(line.target)));
  let at = 0;
  return net.columns.map((_, layer) => {
    if (!layer) return 0;
    const titles = (LETTER * (net.columns[layer - 1].title.length + net.columns[layer].title.length)) / 2 + 10;
    at += Math.max(size + (weighted.has(layer) ? apart : close), down ? 0 : titles);
    return at;
  });
}

/** Put what the loss compares with beside it, where nothing follows. */
function placeTargets(net, nodes, down) {
  const last = net.columns.at(-1).nodes;
  const users = new Map();
  for (const target of net.targets) users.set(target.target, [...(users.get(target.target) ?? []), target.name]);
  for (const [user, names] of users) {
    const box = nodes.get(user);
    if (!box) continue;
    const below = down === last.includes(user);
    const rows = below ? 4 : names.length;
    names.forEach((name, place) => {
      const [row, column] = below ? [Math.floor(place / rows), place % rows] : [place, 0];
      const inRow = below ? Math.min(rows, names.length - row * rows) : 1;
      const x = below
        ? box.x + (column - (inRow - 1) / 2) * (TARGET_BOX.w + TARGET_BOX.apart)
        : box.x + box.w / 2 + 30 + TARGET_BOX.w / 2;
      const y = below
        ? box.y + box.h / 2 + 34 + row * (TARGET_BOX.h + TARGET_BOX.apart)
        : box.y + (place - (names.length - 1) / 2) * (TARGET_BOX.h + TARGET_BOX.apart);
      nodes.set(name, { x, y, w: TARGET_BOX.w, h: TARGET_BOX.h });
    });
  }
}

/** Where the handles of biases stand: above their units, one above the other. */
export function biasPlaces(net, plan) {
  const hanging = new Map();
  return net.biases.map((bias) => {
    const box = plan.nodes.get(bias.target);
    const many = hanging.get(bias.target) ?? 0;
    hanging.set(bias.target, many + 1);
    return plan.dense
      ? { x: box.x - box.w / 2 - 8, y: box.y - box.h / 2 - 1 - many * 16, w: 14, h: 14 }
      : { x: box.x - box.w / 2 + 31, y: box.y - box.h / 2 - 15 - many * 22, w: 66, h: 20 };
  });
}

/** Where a line from one box to another leaves the first and reaches the second. */
export function ends(from, to, down) {
  return down
    ? [from.x, from.y + from.h / 2, to.x, to.y - to.h / 2]
    : [from.x + from.w / 2, from.y, to.x - to.w / 2, to.y];
}

const HANDLE_PLACES = [0.32, 0.68, 0.22, 0.78, 0.42, 0.58, 0.5, 0.14, 0.86];

/**
 * Choose a place on each line for its handle, so that none covers another and few lie on a strange line.
 *
 * @param {{line: number[]}[]} lines  x1, y1, x2, y2 of each
 * @param {number} w
 * @param {number} h  size of a handle
 * @param {Box[]} boxes  what is not to be covered
 * @returns {{x: number, y: number}[]}
 */
export function handlePlaces(lines, w, h, boxes) {
  const spots = lines.map(({ line: [x1, y1, x2, y2] }, own) => HANDLE_PLACES.map((part, rank) => {
    const [x, y] = [x1 + part * (x2 - x1), y1 + part * (y2 - y1)];
    const crossed = lines.filter((other, index) => index !== own && lineDistance({ x, y }, other.line) < h / 2 + 2).length;
    const covered = boxes.reduce((sum, box) => sum + overlap({ x, y, w, h }, box), 0);
    return { x, y, w, h, cost: 15 * crossed + covered + rank };
  }));
  /** @type {typeof spots[0]} */
  const chosen = [];
  for (let pass = 0; pass < 3; pass += 1)
    spots.forEach((some, own) => {
      const cost = (spot) => spot.cost + chosen.reduce((sum, other, index) => sum + (index === own ? 0 : overlap(spot, other)), 0);
      chosen[own] = some.reduce((best, spot) => (cost(spot) < cost(best) ? spot : best));
    });
  return chosen;
}

function overlap(one, other) {
  const wide = (one.w + other.w) / 2 - Math.abs(other.x - one.x);
  const high = (one.h + other.h) / 2 - Math.abs(other.y - one.y);
  return Math.max(0, wide) * Math.max(0, high);
}

function lineDistance({ x, y }, [x1, y1, x2, y2]) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const part = Math.max(0, Math.min(1, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(x1 + part * dx - x, y1 + part * dy - y);
}
