/** Beside the picture: the value of the chosen weight, to be changed, or what a chosen unit computes. */
import { fragment, html, set, short } from "./dom.js";

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function cardView(model) {
  const name = html("h3", {});
  const range = html("input", { type: "range", step: "any", input: () => send(range.valueAsNumber) });
  const field = html("input", { type: "number", step: "any", change: () => send(field.valueAsNumber) });
  const gradient = html("span", { class: "sym-gradient" });
  const weight = html("div", { class: "card", "data-part": "weight", hidden: true }, name, range, field, gradient);
  const unit = html("div", { class: "card", "data-part": "unit", hidden: true });
  const element = html("div", { class: "cards" }, weight, unit);
  let shown = "";
  let waiting = false;
  let next = null;

  /** Send at most one value at a time; what comes meanwhile is sent after it, the last only. */
  async function send(value) {
    if (!Number.isFinite(value)) return;
    next = { do: "set", address: shown, value };
    if (waiting) return;
    waiting = true;
    while (next) {
      const message = next;
      next = null;
      await Promise.all([model.send(message), new Promise((done) => setTimeout(done, 50))]);
    }
    waiting = false;
  }

  function showWeight() {
    const [story, values] = [model.get("story"), model.get("values")];
    const value = story ? values?.parameters[story.by] : undefined;
    weight.hidden = value === undefined;
    if (value === undefined) return void (shown = "");
    if (shown !== story.by) {
      shown = story.by;
      name.textContent = shown;
      const reach = Math.max(2, 2 * Math.abs(value));
      set(range, { min: -reach, max: reach, "aria-label": `Value of ${shown}, by a slider` });
      set(field, { "aria-label": `Value of ${shown}` });
    }
    if (Math.abs(value) > Number(range.max)) set(range, { min: -2 * Math.abs(value), max: 2 * Math.abs(value) });
    if (!waiting) range.value = String(value);
    if (document.activeElement !== field) field.value = String(Number(value.toPrecision(6)));
    gradient.textContent = `∂L/∂${shown} = ${short(values.gradients[shown])}`;
  }

  function showUnit() {
    const told = model.get("unit");
    unit.hidden = !told;
    if (told) unit.replaceChildren(html("h3", {}, told.name), fragment(told.html));
  }

  function update() {
    showWeight();
    showUnit();
  }
  return { element, keys: ["unit"], update };
}
