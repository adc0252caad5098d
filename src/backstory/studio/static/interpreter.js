// Computes with a scalar graph (src/backstory/story/scalar.py says what it holds): values forward, total derivatives
// backward, paths. It knows elementary operations only; which functions a network is made of, and how they
// differentiate, is all in the graph.

/**
 * @typedef {[kind: string, ...inputs: number[]]} Operation
 * @typedef {{name: string, kind: string, at: number}} Quantity
 * @typedef {{source: number, target: number, local: number, kind: string}} Edge
 * @typedef {{of: string, by: string, operations: Operation[], quantities: Quantity[], edges: Edge[]}} Graph
 * @typedef {{nodes: string[], edges: number[], numbers: number[], value: number, share: number}} Path
 */

/**
 * The error function by its series 2x e^(-x²)/√π · Σ (2x²)^n/(1·3·…·(2n+1)), whose terms are positive: none cancel.
 * @param {number} x
 * @returns {number}
 */
function erf(x) {
  if (!(Math.abs(x) < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  let [sum, term] = [1, 1];
  for (let n = 1; term > 1e-17 * sum; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return ((2 * x) / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/**
 * base ^ exponent; as IEEE 754 says, 1 is 1 to whatever power, and -1 to an infinite one.
 * @param {number} base
 * @param {number} exponent
 * @returns {number}
 */
function power(base, exponent) {
  if (base === 1 || (base === -1 && Math.abs(exponent) === Infinity)) return 1;
  return Math.pow(base, exponent);
}

/**
 * One function per kind of operation.
 * @type {Record<string, (...inputs: number[]) => number>}
 */
export const OPERATIONS = {
  add: (...terms) => terms.reduce((sum, term) => sum + term),
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  pow: power,
  neg: (x) => -x,
  exp: Math.exp,
  log: Math.log,
  log1p: Math.log1p,
  expm1: Math.expm1,
  sqrt: Math.sqrt,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  arctan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  erf,
  abs: Math.abs,
  sign: (x) => (Number.isNaN(x) ? x : Number(x > 0) - Number(x < 0)),
  max: (x, y) => (x >= y || Number.isNaN(x) ? x : y),
  min: (x, y) => (x <= y || Number.isNaN(x) ? x : y),
  where: (condition, x, y) => (condition ? x : y),
  ">": (x, y) => Number(x > y),
  ">=": (x, y) => Number(x >= y),
  "<": (x, y) => Number(x < y),
  "<=": (x, y) => Number(x <= y),
};

/**
 * What is worked out about a graph once: places of quantities by name, edges by their source.
 * @type {WeakMap<Graph, {place: Map<string, number>, out: number[][]}>}
 */
const known = new WeakMap();

/** @param {Graph} graph */
function about(graph) {
  let found = known.get(graph);
  if (found === undefined) {
    const out = graph.quantities.map(() => /** @type {number[]} */ ([]));
    graph.edges.forEach((edge, number) => out[edge.source].push(number));
    found = { place: new Map(graph.quantities.map((quantity, place) => [quantity.name, place])), out };
    known.set(graph, found);
  }
  return found;
}

/**
 * @param {Graph} graph
 * @param {string} name
 * @returns {number} where a quantity stands among the graph's
 */
export function placeOf(graph, name) {
  const place = about(graph).place.get(name);
  if (place === undefined) throw new RangeError(`The graph has no quantity ${JSON.stringify(name)}.`);
  return place;
}

/**
 * Compute all operations.
 * @param {Graph} graph
 * @param {Record<string, number>} given values of leaves, or of other quantities, which are then held there
 * @returns {Float64Array} the value of every operation
 */
export function forward(graph, given = {}) {
  const held = new Map(
    Object.entries(given).map(([name, value]) => [graph.quantities[placeOf(graph, name)].at, value]),
  );
  const values = new Float64Array(graph.operations.length);
  graph.operations.forEach(([kind, ...inputs], place) => {
    const own = held.get(place);
    if (own !== undefined) values[place] = own;
    else if (kind === "leaf" || kind === "constant") values[place] = inputs[0];
    else values[place] = OPERATIONS[kind](...inputs.map((input) => values[input]));
  });
  return values;
}

/**
 * @param {Graph} graph
 * @param {Float64Array} values of `forward`
 * @param {string} name
 * @returns {number} the value of a quantity
 */
export function valueOf(graph, values, name) {
  return values[graph.quantities[placeOf(graph, name)].at];
}

/**
 * The total derivative of one quantity by everything it depends on, in one sweep backwards: backpropagation.
 * @param {Graph} graph
 * @param {Float64Array} values of `forward`
 * @param {string} of
 * @param {Set<string>} held quantities that are held at a value: nothing before them changes them
 * @returns {Map<string, number>} by name; of what it does not depend on there is none
 */
export function backward(graph, values, of, held = new Set()) {
  /** @type {(number | undefined)[]} */
  const totals = graph.quantities.map(() => undefined);
  const end = placeOf(graph, of);
  totals[end] = 1;
  for (let place = end - 1; place >= 0; place--) {
    for (const number of about(graph).out[place]) {
      const { target, local } = graph.edges[number];
      const beyond = held.has(graph.quantities[target].name) ? undefined : totals[target];
      if (beyond !== undefined) totals[place] = (totals[place] ?? 0) + values[local] * beyond;
    }
  }
  const found = new Map();
  totals.forEach((total, place) => total !== undefined && found.set(graph.quantities[place].name, total));
  return found;
}

/**
 * @param {Graph} graph
 * @param {string} by
 * @param {string} of
 * @returns {bigint} how many paths lead from one quantity to another
 */
export function countPaths(graph, by, of) {
  const [start, end] = [placeOf(graph, by), placeOf(graph, of)];
  const counts = graph.quantities.map((_, place) => (place === end ? 1n : 0n));
  for (let place = end - 1; place >= start; place--) {
    for (const number of about(graph).out[place]) counts[place] += counts[graph.edges[number].target];
  }
  return start <= end ? counts[start] : 0n;
}

/**
 * The k paths with the largest absolute products, largest first; the others are not listed on the way.
 * @param {Graph} graph
 * @param {Float64Array} values of `forward`
 * @param {string} by
 * @param {string} of
 * @param {number} k
 * @returns {Path[]} `share` is a path's part of the sum of all paths' absolute values
 */
export function strongestPaths(graph, values, by, of, k) {
  const [start, end] = [placeOf(graph, by), placeOf(graph, of)];
  /** @typedef {{value: number, edge: number, rest: Link | null}} Link */
  /** @type {Link[][]} */
  const best = graph.quantities.map(() => []);
  const mass = graph.quantities.map(() => 0);
  best[end] = [{ value: 1, edge: -1, rest: null }];
  mass[end] = 1;
  for (let place = end - 1; place >= start; place--) {
    for (const number of about(graph).out[place]) {
      const { target, local } = graph.edges[number];
      mass[place] += Math.abs(values[local]) * mass[target];
      for (const rest of best[target]) best[place].push({ value: values[local] * rest.value, edge: number, rest });
    }
    best[place] = best[place].sort((left, right) => Math.abs(right.value) - Math.abs(left.value)).slice(0, k);
  }
  const listed = start <= end ? best[start] : [];
  return listed.map((path) => {
    const edges = [];
    for (let link = path; link.rest !== null; link = link.rest) edges.push(link.edge);
    return {
      nodes: [by, ...edges.map((edge) => graph.quantities[graph.edges[edge].target].name)],
      edges,
      numbers: edges.map((edge) => values[graph.edges[edge].local]),
      value: path.value,
      share: mass[start] ? Math.abs(path.value) / mass[start] : 1 / listed.length,
    };
  });
}
