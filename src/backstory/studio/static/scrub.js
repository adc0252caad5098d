/** One pass in slow motion: forward, loss, backward, update; one unit lit at a time. */
import { fragment, html, set } from "./dom.js";

const PASS_PHASES = { forward: "Forward", loss: "Loss", backward: "Backward", update: "Update" };

/**
 * @param {import("./dom.js").Model} model
 * @param {() => void} changed  called when another moment is shown
 * @returns {import("./dom.js").View & {moment: () => any}}
 */
export function scrubView(model, changed) {
  const open = html("button", { type: "button", "data-do": "scrub", "aria-expanded": "false",
    click: () => model.send({ do: "scrub", on: !model.get("scrub") }) }, "Step through one pass");
  const range = html("input", { type: "range", min: 0, max: 0, step: 1, name: "moment", input: () => go(range.valueAsNumber) });
  const before = html("button", { type: "button", "data-do": "before", click: () => go(at - 1) }, "Previous");
  const after = html("button", { type: "button", "data-do": "after", click: () => go(at + 1) }, "Next");
  const phases = html("ol", { class: "phases" },
    ...Object.entries(PASS_PHASES).map(([phase, title]) => html("li", { "data-phase": phase }, title)));
  const title = html("h3", { "aria-live": "polite" });
  const formulas = html("div", { class: "formulas" });
  const body = html("div", { class: "pass", hidden: true }, phases,
    html("div", { class: "row" }, before, range, after), title, formulas);
  const element = html("div", { "data-part": "scrub", class: "scrub" }, open, body);
  let at = 0;
  let shown = null;

  function go(place) {
    const stages = model.get("scrub")?.stages ?? [];
    at = Math.max(0, Math.min(stages.length - 1, place));
    show();
    changed();
  }

  function show() {
    const stages = model.get("scrub")?.stages;
    if (!stages) return;
    const stage = stages[at];
    set(range, { max: stages.length - 1, "aria-label": "Moment of the pass", "aria-valuetext": `${at + 1} of ${stages.length}: ${stage.title}` });
    range.value = String(at);
    before.disabled = at === 0;
    after.disabled = at === stages.length - 1;
    title.textContent = stage.title;
    for (const each of phases.children)
      set(each, { "aria-current": each.dataset.phase === stage.phase ? "step" : false });
    formulas.replaceChildren(fragment(stage.html));
  }

  /** What the picture is to show at this moment, or null where no pass is gone through. */
  function moment() {
    const stages = model.get("scrub")?.stages;
    if (!stages) return null;
    const stage = stages[at];
    const past = stages.slice(0, at + 1);
    const of = (...kinds) => new Set(past.filter((each) => kinds.includes(each.phase)).flatMap((each) => each.nodes));
    const fresh = Object.assign({}, ...past.map((each) => each.fresh));
    return { values: of("forward", "loss"), deltas: of("backward"), nodes: new Set(stage.nodes), lines: new Set(stage.lines), fresh };
  }

  function update() {
    const scrub = model.get("scrub");
    if (scrub && !shown) at = 0;
    if (scrub) at = Math.min(at, scrub.stages.length - 1);
    body.hidden = !scrub;
    set(open, { "aria-expanded": String(Boolean(scrub)) });
    open.textContent = scrub ? "Close the pass" : "Step through one pass";
    if (scrub !== shown) {
      shown = scrub;
      show();
      changed();
    }
  }
  return { element, keys: ["scrub"], update, moment };
}
