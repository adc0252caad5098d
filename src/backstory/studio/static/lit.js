/**
 * What is lit: the one thing that picture and formulas point at together. It lives in the browser only and is never sent.
 *
 * @typedef {object} Lit
 * @property {string[]} nodes  names of the units
 * @property {string[]} lines  addresses of the parameters
 * @property {string[]} edges  "source>target" by name: factors of a path, lines of the picture
 */

/** @type {Lit} */
export const NOTHING_LIT = { nodes: [], lines: [], edges: [] };

/**
 * Give a host's model the key "lit", which views set, get and listen to as they do other keys: `model.set("lit", {lines:
 * ["w1"]})` lights a line, `model.set("lit")` puts the light out. A notebook's other keys are set as ever.
 *
 * @param {any} model
 * @returns {import("./dom.js").Model & {set: (key: string, value?: any) => void}}
 */
export function withLit(model) {
  let lit = NOTHING_LIT;
  /** @type {Set<() => void>} */
  const calls = new Set();

  function set(key, value) {
    if (key !== "lit") return model.set(key, value);
    const next = { ...NOTHING_LIT, ...value };
    if (JSON.stringify(next) === JSON.stringify(lit)) return;
    lit = next;
    for (const call of calls) call();
  }
  return {
    set,
    get: (key) => (key === "lit" ? lit : model.get(key)),
    on: (name, call) => (name === "change:lit" ? void calls.add(call) : model.on(name, call)),
    off: (name, call) => (name === "change:lit" ? void calls.delete(call) : model.off(name, call)),
    send: (message) => model.send(message),
  };
}
