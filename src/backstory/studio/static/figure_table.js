/** A figure's picture as a table of all values, and the list of its samples. */
import { html } from "./dom.js";
import { digits, formula } from "./figure_math.js";

/** @param {any} data of the figure @param {{select: (place: number) => void}} state */
export function tableView(data, state) {
  const { quantities, of } = data.graph;
  const symbol = (place) => formula(data.trees[data.symbols[place]]);
  const end = quantities.findIndex((quantity) => quantity.name === of);
  const rows = quantities.map((quantity, place) => {
    const button = html("button", { type: "button", class: "plain", "aria-label": data.names[place] }, symbol(place));
    button.addEventListener("click", () => state.select(place));
    const [value, slope] = [html("td", { class: "number" }), html("td", { class: "number" })];
    const name = html("th", { scope: "row" }, button);
    const row = html("tr", { "data-quantity": quantity.name }, name, html("td", {}, quantity.kind), value, slope);
    return { row, button, value, slope };
  });
  const heads = ["name", "what", "value"].map((each) => html("th", { scope: "col" }, each));
  const head = html("tr", {}, ...heads, html("th", { scope: "col" }, "derivative of ", symbol(end)));
  const body = html("tbody", {}, ...rows.map(({ row }) => row));
  const table = html("table", {}, html("thead", {}, head), body);
  const wide = html("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "All values" }, table);
  const element = html("details", { "data-part": "values" }, html("summary", {}, "All values as a table"), wide);
  let last = null;
  element.addEventListener("toggle", () => last && update(last));

  /** @param {import("./figure_state.js").Look} look */
  function update(look) {
    last = look;
    if (!element.open) return;
    rows.forEach(({ button, value, slope }, place) => {
      const derivative = look.total(place);
      value.textContent = digits(look.value(place));
      value.setAttribute("data-value", String(look.value(place)));
      slope.textContent = derivative === undefined ? "–" : digits(derivative);
      slope.setAttribute("data-value", derivative === undefined ? "" : String(derivative));
      button.disabled = !look.canBeAsked(place);
    });
  }
  return { element, update };
}

/** The samples to choose from, and what their derivatives make together. @param {any} data of the figure */
export function samplesView(data, state) {
  const { rows, join } = data.samples ?? { rows: [], join: "" };
  const text = (row) =>
    Object.entries(row)
      .map(([name, value]) => `${name} = ${digits(value, 4)}`)
      .join(", ");
  const options = rows.map((row, place) => html("option", { value: place }, `${place}: ${text(row)}`));
  const choice = html("select", { name: "sample" }, ...options);
  choice.addEventListener("change", () => state.show(Number(choice.value)));
  const together = html("p", { class: "quiet", "data-part": "samples" });

  function update() {
    choice.value = String(state.sample());
    if (!join) return;
    const sum = state.ofSamples().reduce((left, right) => left + right);
    const value = join === "mean" ? sum / rows.length : sum;
    together.textContent = `The ${join} of this derivative over all ${rows.length} samples is ${digits(value)}.`;
    together.setAttribute("data-value", String(value));
  }
  return { element: html("label", { class: "sample", hidden: !rows.length }, "Sample ", choice), together, update };
}
