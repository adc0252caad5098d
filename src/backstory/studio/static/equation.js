/** Your equation: judged as it is typed. */
import { html } from "./dom.js";
import { typing, verdictParts } from "./verdict.js";

const MOST_TRIED = 20;

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function equationView(model) {
  const input = html("textarea", { name: "equation", rows: 2, "aria-label": "Your equation", spellcheck: "false", autocapitalize: "off" });
  const hints = html("input", { type: "checkbox", name: "hints", change: () => update() });
  const tried = html("ol", { class: "tried" });
  const before = html("details", { hidden: true }, html("summary", {}, "Tried before"), tried);
  const example = html("p", { class: "example" });
  const parts = verdictParts(model, { label: "Your equation", mend: put });
  const element = html("section", { "data-part": "equation", "aria-label": "Your equation" },
    html("h2", {}, "Your equation"), example, input, html("label", { class: "row" }, hints, "Hints one at a time"), parts.element, before);
  const asked = typing(model, "check", input);
  const known = new Map();
  let network = 0;
  let shown = null;

  function put(text) {
    input.value = text;
    input.focus();
    asked.ask();
  }

  /** Keep an equation that was left standing, with its verdict. */
  function remember(check) {
    if (!check || !check.text.trim() || check.status === "unreadable") return;
    known.delete(check.text);
    known.set(check.text, check.status);
    if (known.size > MOST_TRIED) known.delete(known.keys().next().value);
    before.hidden = false;
    tried.replaceChildren(...[...known].reverse().map(([text, status]) =>
      html("li", { "data-status": status }, html("button", { type: "button", click: () => put(text) }, text), ` ${status.replaceAll("_", " ")}`)));
  }
  input.addEventListener("change", () => remember(shown));

  function update() {
    const [check, net] = [model.get("check"), model.get("net")];
    if (net && network !== net.id) {
      const other = network !== 0 && model.get("check") === null;
      network = net.id;
      if (other && input.value) asked.ask();
      example.textContent = exampleFor(net);
    }
    if (check && asked.isNew() && !input.value) input.value = check.text;
    if (check && !(asked.isLatest(check) || (asked.isNew() && input.value === check.text))) return;
    shown = input.value.trim() ? check : null;
    parts.show(shown, { hints: hints.checked, lit: true });
    if (shown?.ok) remember(shown);
  }
  return { element, keys: ["check", "net"], update };
}

function exampleFor(net) {
  const by = net.lines.find((line) => line.address)?.address ?? net.biases[0]?.address ?? "w1";
  return net.kind === "formulas"
    ? `Write what a gradient is, such as d${net.columns.at(-1).nodes.at(-1)}/d${by} = …; in LaTeX too.`
    : `Write a gradient, such as dL/d${by} = …, or a rule with indices, δ_k^(1) = …; in LaTeX too.`;
}
