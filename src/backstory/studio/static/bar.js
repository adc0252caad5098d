/** The bar: what to begin with, and play, pause, step, reset. */
import { html, short } from "./dom.js";

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function barView(model) {
  const presets = html("select", { name: "preset", "aria-label": "Begin with",
    change: () => model.send({ do: "preset", name: presets.value }) });
  const play = html("button", { type: "button", "data-do": "play",
    click: () => model.send({ do: model.get("training").running ? "pause" : "play" }) }, "Play");
  const button = (name, message) =>
    html("button", { type: "button", "data-do": message.do, click: () => model.send(message) }, name);
  const step = html("span", { "data-part": "step" });
  const loss = html("span", { "data-part": "loss" });
  const notice = html("p", { role: "status", class: "notice" });
  const element = html("header", { class: "bar" }, html("h1", {}, "backstory studio"), presets, play,
    button("Step", { do: "step", by: "epoch" }), button("Reset", { do: "reset" }), step, loss, notice);

  function update() {
    const options = model.get("options");
    if (options && !presets.options.length)
      presets.append(...options.presets.map((row) => html("option", { value: row.name }, row.title)));
    const setup = model.get("setup");
    if (setup) presets.value = setup.preset;
    const training = model.get("training");
    play.textContent = training?.running ? "Pause" : "Play";
    step.textContent = `step ${training?.step ?? 0}`;
    loss.textContent = `loss ${short(model.get("values")?.mean_loss)}`;
    notice.textContent = model.get("notice") ?? "";
  }
  return { element, keys: ["options", "setup", "training", "values", "notice"], update };
}
