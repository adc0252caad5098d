/** What a figure shows at a time, and what a person can do to it. Nothing here draws. */
import { backward, countPaths, forward, strongestPaths } from "./interpreter.js";

const MOST_LISTED = 12;
const STRONGEST = 5;
const STEPS = 200;

/**
 * @typedef {object} Look  what is shown
 * @property {number} of  place of what is differentiated
 * @property {number} by  place of what it is differentiated by
 * @property {boolean} isLeaf  whether `by` is given; else it is held where it is moved to
 * @property {number} here  value of `by`
 * @property {number} loss  value of `of`
 * @property {number} derivative
 * @property {{at: number, slope: number, loss: number, low: number, high: number}} anchor  where the tangent lies
 * @property {bigint} count  of paths
 * @property {import("./interpreter.js").Path[]} paths  all, or the strongest
 * @property {(place: number) => number} value
 * @property {(place: number) => number | undefined} total  derivative of `of`; undefined where it does not depend on it
 * @property {(place: number) => boolean} canBeAsked  whether `of` depends on it where nothing is held
 * @property {(edge: number) => number} local
 * @property {(value: number) => number} lossAt  value of `of` for another value of `by`
 */

/** @param {any} data of the figure @param {() => void} changed called after every change */
export function stateOf(data, changed) {
  const { graph, samples } = data;
  const names = graph.quantities.map((quantity) => quantity.name);
  const isLeaf = graph.quantities.map((quantity) => graph.operations[quantity.at][0] === "leaf");
  const of = names.indexOf(graph.of);
  const leading = backward(graph, forward(graph), graph.of);
  let by = names.indexOf(graph.by);
  let sample = samples?.told ?? 0;
  let anchor = null;
  /** @type {Map<number, number>} places and values of what was moved */
  const moved = new Map();
  /** @type {Look} */
  let look;

  function given(row = samples?.rows[sample]) {
    return { ...row, ...Object.fromEntries([...moved].map(([place, value]) => [names[place], value])) };
  }

  function derivatives(values) {
    const held = [...moved.keys()].filter((place) => !isLeaf[place]);
    return backward(graph, values, graph.of, new Set(held.map((place) => names[place])));
  }

  function seen() {
    const values = forward(graph, given());
    const totals = derivatives(values);
    const count = countPaths(graph, names[by], graph.of);
    const value = (place) => values[graph.quantities[place].at];
    const total = (place) => totals.get(names[place]);
    const here = { of, by, isLeaf: isLeaf[by], here: value(by), loss: value(of), derivative: total(by) ?? 0 };
    anchor ??= anchorAt(here);
    return {
      ...here,
      anchor,
      count,
      value,
      total,
      canBeAsked,
      paths: strongestPaths(graph, values, names[by], graph.of, count <= MOST_LISTED ? MOST_LISTED : STRONGEST),
      local: (edge) => values[graph.edges[edge].local],
      lossAt: (moving) => forward(graph, { ...given(), [names[by]]: moving })[graph.quantities[of].at],
    };
  }

  function update() {
    look = seen();
    changed();
  }

  const canBeAsked = (place) => place !== of && leading.has(names[place]);

  /** What a part of the picture asks for: itself, or what is drawn as it where no path begins at itself. */
  function asked(part) {
    if (canBeAsked(part)) return part;
    const inside = data.drawing.unit.findIndex((unit, place) => unit === part && canBeAsked(place));
    return inside < 0 ? part : inside;
  }

  const state = {
    look: () => look,
    update,
    select(part) {
      const place = asked(part);
      if (place === by || !canBeAsked(place)) return;
      for (const each of moved.keys()) if (!isLeaf[each]) moved.delete(each);
      [by, anchor] = [place, null];
      update();
    },
    move(value) {
      moved.set(by, Math.min(Math.max(value, look.anchor.low), look.anchor.high));
      update();
    },
    /** Move something by so many steps of its slider. */
    nudge(part, steps) {
      state.select(part);
      state.move(look.here + (steps * (look.anchor.high - look.anchor.low)) / STEPS);
    },
    reset() {
      if (isLeaf[by]) moved.set(by, look.anchor.at);
      else moved.delete(by);
      update();
    },
    /** Lay the tangent where the quantity is now. */
    anchor() {
      anchor = anchorAt(look);
      update();
    },
    show(row) {
      [sample, anchor] = [row, null];
      update();
    },
    /** The derivative of every sample. @returns {number[]} */
    ofSamples: () => samples.rows.map((row) => derivatives(forward(graph, given(row))).get(names[by]) ?? 0),
    sample: () => sample,
  };
  return state;
}

function anchorAt({ here, derivative, loss }) {
  const room = 2 * Math.max(Math.abs(here), 1);
  return { at: here, slope: derivative, loss, low: here - room, high: here + room };
}
