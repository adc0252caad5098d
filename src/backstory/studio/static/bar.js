/** The bar: what to begin with, play, pause, step, reset and speed; what to take away. */
import { html, short } from "./dom.js";

const SPEEDS = [[1, "1 step a second"], [10, "10 steps a second"], [100, "100 steps a second"], [1000, "1,000 steps a second"], ["", "as fast as can be"]];
const COPIES = [["link", "Link to this state"], ["python", "Python"], ["shell", "Commands for a shell"], ["html", "Save as a page of its own"]];

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function barView(model) {
  const own = html("option", { value: "", hidden: true }, "your own");
  const presets = html("select", { name: "preset", "aria-label": "Begin with", change: () => presets.value && model.send({ do: "preset", name: presets.value }) }, own);
  const names = html("select", { name: "convention", "aria-label": "Notation of", change: () => model.send({ do: "convention", name: names.value }) },
    html("option", { value: "" }, "this network's own names"));
  const speed = html("select", { name: "speed", "aria-label": "Speed", change: () => model.send({ do: "speed", steps: speed.value ? Number(speed.value) : null }) },
    ...SPEEDS.map(([value, text]) => html("option", { value }, text)));
  const play = html("button", { type: "button", "data-do": "play", class: "play",
    click: () => model.send({ do: model.get("training").running ? "pause" : "play" }) }, "Play");
  const button = (text, message) => html("button", { type: "button", "data-do": message.do, "data-by": message.by ?? null, click: () => model.send(message) }, text);
  const steps = html("span", { class: "row", role: "group", "aria-label": "Step by" }, "Step:",
    ...["sample", "batch", "epoch"].map((by) => button(by, { do: "step", by })));
  const about = html("p", { class: "about" });
  const step = html("span", { "data-part": "step" });
  const loss = html("span", { "data-part": "loss" });
  const notice = html("p", { role: "status", class: "notice" });
  const copying = copyView(model);
  const element = html("header", { class: "bar" },
    html("div", { class: "row" }, html("h1", {}, "backstory studio"), presets, html("label", { class: "row naming" }, "names as in ", names), copying.element),
    html("div", { class: "row" }, play, steps, button("Reset", { do: "reset" }), speed, step, loss), about, notice);

  function update() {
    const options = model.get("options");
    if (options && presets.options.length === 1) {
      presets.append(...options.presets.map((row) => html("option", { value: row.name }, row.title)));
      names.append(...options.conventions.map((name) => html("option", { value: name }, name)));
    }
    const setup = model.get("setup");
    if (setup) {
      presets.value = setup.preset;
      names.value = setup.convention;
      about.textContent = options?.presets.find((row) => row.name === setup.preset)?.about ?? "";
      names.parentElement.hidden = Boolean(setup.formulas);
    }
    const training = model.get("training");
    play.textContent = training?.running ? "Pause" : "Play";
    play.dataset.running = String(Boolean(training?.running));
    if (training) {
      speed.value = training.speed === null ? "" : String(training.speed);
      step.textContent = place(training);
    }
    loss.textContent = `loss ${short(model.get("values")?.mean_loss)}`;
    notice.textContent = model.get("refused") === "form" ? "" : model.get("notice") ?? "";
    copying.update();
  }
  return { element, keys: ["options", "setup", "training", "values", "notice", "refused", "copied"], update };
}

/** Where training is, in words. */
function place(training) {
  const parts = [`step ${training.step.toLocaleString("en")}`];
  if (training.batches > 1) parts.push(`epoch ${training.epoch.toLocaleString("en")}, batch ${training.batch} of ${training.batches}`);
  if (training.sample) parts.push(`sample ${training.sample} of ${training.samples} of the batch`);
  return parts.join(" · ");
}

/** What can be copied: asked for at a click, shown to be seen, and put on the clipboard where the browser lets one. */
function copyView(model) {
  const text = html("textarea", { readonly: true, rows: 8, "aria-label": "To be copied", spellcheck: "false", hidden: true });
  const done = html("span", { role: "status" });
  const link = html("input", { name: "link", "aria-label": "A link to open", placeholder: "paste a link to open it",
    change: () => link.value && model.send({ do: "open", link: link.value }) });
  const panel = html("div", { class: "copies" },
    html("div", { class: "row" }, ...COPIES.map(([form, name]) => html("button", { type: "button", "data-copy": form, click: () => ask(form) }, name)), done),
    text, html("label", { class: "row" }, "Open ", link));
  const element = html("details", { class: "menu" }, html("summary", {}, "Share and copy"), panel);
  let asked = false; // what another tab asked for is neither saved nor put on the clipboard here
  let before = null;

  function ask(form) {
    asked = true;
    before = model.get("copied");
    done.textContent = "";
    model.send({ do: "copy", form });
  }

  function update() {
    const copied = model.get("copied");
    if (!copied || !asked || copied === before) return;
    asked = false;
    text.hidden = copied.form === "html";
    if (text.hidden) return save(copied.text);
    const whole = copied.form === "link" ? `${location.href.split("#")[0]}${copied.text}` : copied.text;
    text.value = whole;
    navigator.clipboard?.writeText(whole).then(() => (done.textContent = "copied"), () => (done.textContent = "select and copy"));
  }

  function save(page) {
    const address = URL.createObjectURL(new Blob([page], { type: "text/html" }));
    const name = `backstory-${model.get("setup").preset || "own"}.html`;
    html("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
    done.textContent = `saved as ${name}`;
    model.send({ do: "copy" });
  }
  return { element, update };
}
