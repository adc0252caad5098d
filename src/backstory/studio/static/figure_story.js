/** The story of a figure: the derivative as a sum over paths, each a product of factors with their numbers. */
import { html } from "./dom.js";
import { digits, formula, partial, percent, sign } from "./figure_math.js";

const MOST_OPEN = 2;

/**
 * @param {any} data of the figure
 * @param {{edges: (edges: number[]) => void}} point says what is pointed at
 */
export function storyView(data, point) {
  const symbol = (place) => data.trees[data.symbols[place]];
  const headline = html("p", { class: "answer" });
  const number = html("data", { class: "number" });
  const saying = html("p", { class: "quiet" });
  const list = html("ol", { class: "paths" });
  const more = html("p", { class: "quiet" });
  const because = html("p", { class: "because quiet" });
  /** @type {{key: string, order: string[], open: Set<string>}} */
  const shown = { key: "", order: [], open: new Set() };
  /** @type {{edge: number, element: Element, number: Element}[]} */
  let factors = [];
  /** @type {Map<string, {value: Element, share: Element, bar: Element}>} */
  let rows = new Map();

  function question(look) {
    headline.replaceChildren(formula(partial(symbol(look.of), symbol(look.by)), sign("=")), " ", number);
    saying.replaceChildren(
      "How ",
      formula(symbol(look.of)),
      " changes when ",
      formula(symbol(look.by)),
      " is moved and nothing else is.",
    );
  }

  function factor(edge) {
    const { source, target } = data.graph.edges[edge];
    const value = html("span", { class: "number" });
    const element = html(
      "span",
      {
        class: "factor",
        tabindex: 0,
        role: "note",
        "data-source": data.names[source],
        "data-target": data.names[target],
      },
      formula(partial(symbol(target), symbol(source))),
      formula(data.trees[data.edges[edge].factor]),
      value,
    );
    for (const start of ["pointerenter", "focus"]) element.addEventListener(start, () => point.edges([edge]));
    for (const end of ["pointerleave", "blur"]) element.addEventListener(end, () => point.edges([]));
    factors.push({ edge, element, number: value });
    return element;
  }

  function path(each, key) {
    const product = html("div", { class: "product" });
    const fill = () => {
      if (product.childElementCount) return;
      each.edges.forEach((edge, place) => {
        if (place > 0) product.append(html("span", { class: "times", "aria-hidden": true }, "·"));
        product.append(factor(edge));
      });
    };
    const [value, share, bar] = [
      html("data", { class: "number" }),
      html("span", { class: "quiet" }),
      html("span", { class: "bar" }),
    ];
    const nodes = [data.graph.edges[each.edges[0]].source, ...each.edges.map((edge) => data.graph.edges[edge].target)];
    const route = nodes.flatMap((place, number) => [...(number ? [" → "] : []), formula(symbol(place))]);
    const toggle = html(
      "button",
      { type: "button", class: "route", "aria-expanded": String(shown.open.has(key)) },
      html("span", { class: "names" }, ...route),
      value,
      html("span", { class: "scale", "aria-hidden": true }, bar),
      share,
    );
    const open = (isOpen) => {
      toggle.setAttribute("aria-expanded", String(isOpen));
      product.hidden = !isOpen;
      if (isOpen) fill();
    };
    toggle.addEventListener("click", () => {
      const isOpen = !shown.open.has(key);
      if (isOpen) shown.open.add(key);
      else shown.open.delete(key);
      open(isOpen);
      point.edges([]);
    });
    toggle.addEventListener("pointerenter", () => point.edges(each.edges));
    toggle.addEventListener("pointerleave", () => point.edges([]));
    open(shown.open.has(key));
    rows.set(key, { value, share, bar });
    return html("li", {}, toggle, product);
  }

  function build(look, keys) {
    factors = [];
    rows = new Map();
    shown.open = new Set(look.paths.length <= MOST_OPEN ? keys : keys.slice(0, 1));
    list.replaceChildren(...look.paths.map((each, place) => path(each, keys[place])));
    question(look);
    because.replaceChildren(look.count ? "Point at a factor to see where it comes from." : "");
  }

  /** @param {import("./figure_state.js").Look} look */
  function update(look) {
    const keys = look.paths.map((each) => each.edges.join(">"));
    const key = `${look.by}:${[...keys].sort().join(" ")}`;
    if (key !== shown.key) {
      build(look, keys);
      shown.key = key;
    }
    number.textContent = digits(look.derivative);
    number.setAttribute("value", String(look.derivative));
    look.paths.forEach((each, place) => {
      const row = rows.get(keys[place]);
      row.value.textContent = digits(each.value);
      row.value.setAttribute("value", String(each.value));
      row.share.textContent = percent(each.share);
      row.bar.style.width = `${100 * each.share}%`;
      row.bar.classList.toggle("minus", each.value < 0);
    });
    refresh(look);
    more.textContent = summary(look);
  }

  function refresh(look) {
    for (const each of factors) each.number.textContent = digits(look.local(each.edge), 4);
  }

  /** Light the factors of what is pointed at; say where one comes from. */
  function light(edges, look) {
    refresh(look);
    for (const each of factors) each.element.classList.toggle("lit", edges.has(each.edge));
    if (edges.size !== 1) return;
    const [edge] = edges;
    const { source, target } = data.graph.edges[edge];
    const { formula: local, because: reason } = data.edges[edge];
    const derived = formula(partial(symbol(target), symbol(source)), sign("="), data.trees[local]);
    const from = reason === null ? [] : [formula(symbol(target), sign("="), data.trees[reason]), ", so "];
    because.replaceChildren(...from, derived, ` = ${digits(look.local(edge))}`);
  }

  const element = html(
    "section",
    { "data-part": "story", "aria-label": "The derivative as a sum over paths" },
    headline,
    saying,
    list,
    more,
    because,
  );
  return { element, update, light };
}

/** What the list of paths holds and what it leaves out, in a sentence. */
function summary(look) {
  if (look.count === 0n) return "No path leads there: the derivative is 0.";
  if (look.count === 1n) return "One path: its product is the derivative.";
  if (look.count === BigInt(look.paths.length)) return `${look.count} paths: their sum is the derivative.`;
  const carried = look.paths.reduce((sum, each) => sum + each.share, 0);
  return (
    `The ${look.paths.length} strongest of ${look.count.toLocaleString("en-US")} paths; ` +
    `they carry ${percent(carried)} of all paths' absolute sum.`
  );
}
