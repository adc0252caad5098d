/** The setup: layers and training of one's own, formulas of one's own, a table of one's own. */
import { html, short } from "./dom.js";

const MOST_TABLE = 8 * 2 ** 20;
const NUMBERS = [["rate", "Learning rate", "any"], ["batch_size", "Rows per step", "1"], ["seed", "Seed", "1"], ["l2", "L2 penalty", "any"], ["dropout", "Dropout", "any"], ["decay", "Decay by epoch", "any"]];

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function setupView(model) {
  const change = (changes) => model.send({ do: "setup", changes });
  const choice = (name, label) => {
    const select = html("select", { name, change: () => change({ [name]: select.value }) });
    return { name, select, element: html("label", {}, html("span", {}, label), select) };
  };
  const choices = [choice("output", "Output activation"), choice("loss", "Loss"), choice("optimizer", "Optimizer"), choice("schedule", "Rate over time")];
  const numbers = NUMBERS.map(([name, label, step]) => {
    const input = html("input", { type: "number", name, step, min: 0, change: () => input.value !== "" && change({ [name]: Number(input.value) }) });
    return { name, input, element: html("label", {}, html("span", {}, label), input) };
  });
  const layers = html("div", { class: "layers" });
  const summary = html("summary", {});
  const refusal = html("div", { class: "refusal", role: "status" });
  const network = html("fieldset", { class: "fields" }, html("legend", {}, "Layers and training"), layers,
    ...choices.map((each) => each.element), ...numbers.map((each) => each.element));
  const formulas = formulasField(model);
  const table = tableField(model);
  const element = html("details", { "data-part": "setup" }, summary, refusal,
    html("div", { class: "setups" }, network, formulas.element, table.element));
  let listening = false;
  let drawn = "";

  function update() {
    if (!listening && element.isConnected) {
      listening = true;
      table.listen(element.closest(".studio"));
    }
    const setup = model.get("setup");
    const options = model.get("options");
    if (!setup || !options) return;
    network.hidden = Boolean(setup.formulas);
    summary.textContent = setup.formulas ? "Setup: formulas" : `Setup: ${setup.sizes.join("-")}, ${setup.hidden.join(", ") || "no hidden layer"} → ${setup.output}, ${setup.loss.replaceAll("_", " ")}, ${setup.optimizer} ${short(setup.rate)}`;
    const wanted = model.get("refused") === "form" ? model.get("notice") : null;
    const lists = { output: options.outputs, loss: Object.keys(options.losses), optimizer: options.optimizers, schedule: options.schedules };
    for (const { name, select } of choices) {
      if (!select.options.length) select.append(...lists[name].map((value) => html("option", { value }, value.replaceAll("_", " "))));
      if (!wanted) select.value = setup[name];
    }
    for (const { name, input, element: label } of numbers) {
      if (document.activeElement !== input) input.value = String(setup[name]); // what is being typed stays
      if (name === "decay") label.hidden = setup.schedule === "constant";
    }
    drawLayers(setup, options);
    formulas.update(wanted);
    table.update();
    refuse(wanted, setup, options);
  }

  function drawLayers(setup, options) {
    const key = JSON.stringify([setup.sizes, setup.hidden]);
    if (key === drawn) return;
    drawn = key;
    const apply = (sizes, hidden) => change({ sizes: [setup.sizes[0], ...sizes, setup.sizes.at(-1)], hidden });
    const sizes = setup.sizes.slice(1, -1);
    layers.replaceChildren(...sizes.map((size, place) => {
      const units = html("input", { type: "number", min: 1, value: size, "aria-label": `Units of hidden layer ${place + 1}`,
        change: () => apply(sizes.with(place, Number(units.value)), setup.hidden) });
      const activation = html("select", { "aria-label": `Activation of hidden layer ${place + 1}`, change: () => apply(sizes, setup.hidden.with(place, activation.value)) },
        ...options.hidden.map((name) => html("option", { value: name }, name)));
      activation.value = setup.hidden[place];
      return html("div", { class: "row" }, html("span", {}, `Layer ${place + 1}`), units, activation,
        html("button", { type: "button", "aria-label": `Remove hidden layer ${place + 1}`, click: () => apply(sizes.toSpliced(place, 1), setup.hidden.toSpliced(place, 1)) }, "−"));
    }), html("button", { type: "button", "data-do": "add-layer", click: () => apply([...sizes, sizes.at(-1) ?? 4], [...setup.hidden, setup.hidden.at(-1) ?? "tanh"]) }, "Add a layer"));
  }

  /** Say why a choice was refused; where loss and output do not fit, offer those that do. */
  function refuse(wanted, setup, options) {
    if (!wanted || formulas.waits()) return refusal.replaceChildren();
    const loss = choices[1].select.value;
    const fitting = options.losses[loss] ?? [];
    const pair = fitting.length && (loss !== setup.loss || choices[0].select.value !== setup.output) && !fitting.includes(choices[0].select.value);
    const offers = pair ? fitting.slice(0, 6).map((output) => html("button", { type: "button", "data-offer": output, click: () => change({ loss, output }) }, `Use ${output}`)) : [];
    refusal.replaceChildren(html("p", { class: "notice" }, wanted), html("div", { class: "row" }, ...offers));
  }
  return { element, keys: ["setup", "options", "table", "notice", "refused"], update };
}

/** Formulas of one's own, read as they are typed; what is wrong is said below, with the place. */
function formulasField(model) {
  let timer = 0;
  let typed = false;
  const input = html("textarea", { name: "formulas", rows: 9, spellcheck: "false", "aria-label": "Formulas", class: "code", input: () => {
    typed = true;
    clearTimeout(timer);
    timer = setTimeout(() => model.send({ do: "formulas", text: input.value }), 300);
  } });
  const wrong = html("pre", { class: "notice", role: "status" });
  const element = html("fieldset", {}, html("legend", {}, "Formulas of your own"),
    html("p", {}, "One to a line, leaves first; the last is the loss. Leaves named w, b or theta are learned."), input, wrong);

  function update(refused) {
    const setup = model.get("setup");
    if (!refused && document.activeElement !== input) {
      typed = false;
      input.value = setup.formulas;
    }
    wrong.textContent = typed && refused ? refused : "";
  }
  return { element, update, waits: () => typed && document.activeElement === input };
}

/** A table of one's own: dropped anywhere on the studio, or chosen as a file; the target is chosen from its columns. */
function tableField(model) {
  const said = html("p", { class: "notice", role: "status" });
  const file = html("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv", "aria-label": "A table as CSV", change: () => file.files[0] && take(file.files[0]) });
  const target = html("select", { name: "target", change: () => model.send({ do: "target", name: target.value }) });
  const columns = html("tbody");
  const seen = html("div", { hidden: true }, html("label", {}, html("span", {}, "Predict the column"), target),
    html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The table's columns" }, html("table", {}, html("thead", {}, html("tr", {},
      ...["column", "is", "missing", ""].map((name) => html("th", { scope: "col" }, name)))), columns)));
  const element = html("fieldset", {}, html("legend", {}, "A table of your own"), html("p", {}, "Drop a CSV anywhere on this page, or choose one; up to 8 MB."), file, said, seen);
  let shown = null;

  async function take(given) {
    said.textContent = given.size > MOST_TABLE ? `${given.name} has ${(given.size / 2 ** 20).toFixed(1)} MB; a table for the studio may have 8 MB.` : "";
    if (given.size <= MOST_TABLE) model.send({ do: "table", name: given.name, text: await given.text() });
  }

  function listen(studio) {
    studio.addEventListener("dragover", (event) => event.preventDefault());
    studio.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
    });
  }

  function update() {
    const table = model.get("table");
    if (table === shown) return;
    shown = table;
    seen.hidden = !table;
    if (!table) return;
    target.replaceChildren(...table.columns.map((column) => html("option", { value: column.name }, column.name)));
    target.value = table.target ?? "";
    columns.replaceChildren(...table.columns.map((column) => html("tr", {}, html("th", { scope: "row" }, column.name),
      html("td", {}, column.kind), html("td", {}, column.missing ? String(column.missing) : ""), html("td", {}, column.detail))));
  }
  return { element, update, listen };
}
