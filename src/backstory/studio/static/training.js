/** How training goes: loss, gradient norms and stuck units by step; the cursor takes the network back to any step. */
import { chart } from "./chart.js";
import { html, short } from "./dom.js";

/** Send the last of many wishes: while one is under way, only the newest waits. */
export function latest(send) {
  let busy = false;
  let waiting = null;
  return function ask(message) {
    waiting = message;
    if (busy) return;
    busy = true;
    const now = waiting;
    waiting = null;
    Promise.resolve(send(now) ?? new Promise((done) => setTimeout(done, 60))).finally(() => {
      busy = false;
      if (waiting) ask(waiting);
    });
  };
}

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function trainingView(model) {
  const rewind = latest((step) => model.send({ do: "rewind", step }));
  const pick = (x) => rewind(Math.max(0, Math.min(Math.round(x), model.get("training").last)));
  const losses = chart({ label: "Loss by step, on a logarithmic scale", x: "step", y: "loss, log", log: true, pick });
  const norms = chart({ label: "Norm of each layer's gradient by step, on a logarithmic scale", x: "step", y: "|gradient|, log", log: true, pick });
  const cursor = html("input", { type: "range", min: 0, step: 1, name: "rewind", "aria-label": "Go to step",
    input: () => rewind(Number(cursor.value)) });
  const at = html("span", { "data-part": "at" });
  const now = html("p", { "data-part": "figures" });
  const stuck = html("ul", { "data-part": "stuck", class: "stuck" });
  const body = html("tbody");
  const head = html("tr");
  const twin = html("details", { class: "twin", toggle: () => update() }, html("summary", {}, "The curves as a table"),
    html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The curves as a table" },
      html("table", {}, html("thead", {}, head), body)));
  const element = html("section", { "data-part": "training", "aria-label": "Training" }, html("h2", {}, "Training"),
    now, losses.element, html("div", { class: "row rewinder" }, cursor, at), norms.element, stuck, twin);
  let tabled = "";

  function update() {
    const history = model.get("history");
    const training = model.get("training");
    if (!history || !training) return;
    const { steps } = history;
    const curve = (name, look, y) => ({ name, look, x: steps, y });
    const known = (values) => values.some((value) => value !== null);
    losses.draw([curve("training", "loss-curve", history.loss),
      ...(known(history.validation) ? [curve("held out", "loss-curve dashed", history.validation)] : [])], { cursor: training.step });
    norms.draw(history.norms.map((y, layer) => curve(history.norms.length > 1 ? `layer ${layer + 1}` : "all parameters", `norm-curve norm-${layer % 4}`, y)), { cursor: training.step });
    cursor.max = String(Math.max(training.last, 1));
    if (document.activeElement !== cursor || training.running) cursor.value = String(training.step);
    cursor.disabled = training.last === 0;
    at.textContent = `step ${training.step.toLocaleString("en")} of ${training.last.toLocaleString("en")}`;
    const data = model.get("data");
    const some = data?.measured < data?.rows - data?.held_out ? ` · over ${data.measured} of the samples` : "";
    now.textContent = sentence(history, training) + some;
    stuck.replaceChildren(...history.stuck.filter((layer) => layer.dead.length || layer.saturated.length).map(stuckLine));
    table(history);
  }

  function table(history) {
    const key = `${history.steps.length} ${history.steps.at(-1)}`;
    if (!twin.open || key === tabled) return;
    tabled = key;
    const columns = [["step", history.steps], ["loss", history.loss], ["loss, held out", history.validation],
      ["accuracy", history.accuracy], ["accuracy, held out", history.validation_accuracy],
      ...history.norms.map((values, layer) => [`|gradient| ${layer + 1}`, values])].filter(([, values]) => values.some((value) => value !== null));
    head.replaceChildren(...columns.map(([name]) => html("th", { scope: "col" }, name)));
    body.replaceChildren(...history.steps.map((_, row) => html("tr", {}, ...columns.map(([, values]) => html("td", {}, short(values[row]))))));
  }
  return { element, keys: ["history", "training"], update };
}

function sentence(history, training) {
  const place = history.steps.indexOf(training.step);
  if (place < 0) return "";
  const parts = [`loss ${short(history.loss[place])}`];
  if (history.accuracy[place] !== null) parts.push(`accuracy ${(100 * history.accuracy[place]).toFixed(1)} %`);
  if (history.validation[place] !== null) parts.push(`held out: loss ${short(history.validation[place])}` +
    (history.validation_accuracy[place] === null ? "" : `, accuracy ${(100 * history.validation_accuracy[place]).toFixed(1)} %`));
  return parts.join(" · ");
}

function stuckLine(layer) {
  const named = (units) => `${units.slice(0, 8).join(", ")}${units.length > 8 ? ", …" : ""}`;
  const parts = [];
  if (layer.dead.length) parts.push(`${layer.dead.length} of ${layer.units} dead (${named(layer.dead)})`);
  if (layer.saturated.length) parts.push(`${layer.saturated.length} of ${layer.units} saturated (${named(layer.saturated)})`);
  return html("li", {}, `Layer ${layer.layer}, ${layer.activation}: ${parts.join("; ")}`);
}
