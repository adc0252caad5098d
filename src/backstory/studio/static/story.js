/** Why a gradient is what it is: its story, every factor linked with the picture, and ways to check it. */
import { fragment, html, set, short } from "./dom.js";
import { betweenLight, pathsTable } from "./paths.js";
import { tangentView } from "./tangent.js";

const FACES = { symbols: "Symbols", formulas: "Formulas", numbers: "Numbers" };
const FORMS = { story: "Story", text: "Text", latex: "LaTeX", mathml: "MathML", python: "Python" };
/** Parts that are opened when they are wanted. */
const FOLDED = new Set(["deltas", "batch", "softmax", "update", "stale", "cost"]);

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function storyView(model) {
  const title = html("h2", {}, "Why");
  const invitation = html("p", {}, "Choose a weight, a bias or a unit in the picture: where its gradient comes from is told here.");
  const taken = html("p", { class: "row taken" });
  const extent = choiceButtons("Story of", { row: "this row", batch: "all rows" },
    (over) => model.send({ do: "select", quantity: model.get("story").quantity, over }));
  const faces = choiceButtons("Show", FACES, toggleFace);
  const tabs = tabList(FORMS, showForm);
  const body = html("div", { class: "told-story" });
  const written = html("div", { class: "written", hidden: true });
  const check = tangentView(model);
  const all = html("div", {}, html("div", { class: "row" }, extent.element, faces.element), tabs.element, body, written, check.element);
  const element = html("section", { "data-part": "story", "aria-label": "Why" }, title, invitation, taken, all);
  const linked = linkedParts(model, body);
  const shownFaces = new Set(Object.keys(FACES));
  const opened = new Set();
  let told = null;
  let form = "story";

  function toggleFace(face) {
    if (!shownFaces.delete(face)) shownFaces.add(face);
    if (!shownFaces.size) shownFaces.add(face);
    paintFaces();
  }

  function paintFaces() {
    faces.press([...shownFaces]);
    for (const face of Object.keys(FACES)) body.classList.toggle(`without-${face}`, !shownFaces.has(face));
  }

  function showForm(name) {
    form = name;
    body.hidden = name !== "story";
    written.hidden = name === "story";
    paintWritten();
  }

  function paintWritten() {
    const story = model.get("story");
    if (form === "story" || !story) return;
    const got = model.get("written");
    if (!got || got.form !== form || got.quantity !== story.quantity) {
      written.replaceChildren();
      model.send({ do: "write", form });
      return;
    }
    const copy = html("button", { type: "button", click: () => copyText(got.text, copy) }, "Copy");
    written.replaceChildren(copy, html("pre", { tabindex: 0 }, got.text));
  }

  function tell(story) {
    told = story;
    title.replaceChildren("Why ", fragment(story.answer));
    element.dataset.quantity = story.quantity;
    body.replaceChildren(...story.sections.map((part) => section(part, story)));
    linked.find(story);
    paintFaces();
  }

  function section(part, story) {
    const made = fragment(part.html).firstElementChild;
    made.querySelector("h2")?.remove();
    if (part.key === "question") made.querySelector(".equation")?.remove();
    for (const table of made.querySelectorAll("table")) table.parentElement.classList.add("scroll");
    if (part.key === "paths") made.replaceChildren(pathsTable(model, story));
    if (part.key === "factors") for (const row of made.querySelectorAll("tr:has(td)")) set(row, { tabindex: 0 });
    if (!part.title) return made;
    if (!FOLDED.has(part.key)) return made.prepend(html("h3", {}, part.title)), made;
    const folded = html("details", { "data-section": part.key, open: opened.has(part.key),
      toggle: () => (folded.open ? opened.add(part.key) : opened.delete(part.key)) }, html("summary", {}, part.title), made);
    return folded;
  }

  function paintTaken(story) {
    const step = model.get("training")?.step ?? story.step;
    const old = step !== story.step;
    taken.hidden = !old;
    if (!old) return;
    taken.replaceChildren(`Told at step ${story.step}; the network is at step ${step}.`,
      html("button", { type: "button", click: () => model.send({ do: "select", quantity: story.quantity }) }, "Tell it again"));
  }

  function update() {
    const story = model.get("story");
    invitation.hidden = Boolean(story);
    all.hidden = taken.hidden = !story;
    if (!story) {
      title.replaceChildren("Why");
      delete element.dataset.quantity;
      told = null;
      return;
    }
    if (told !== story) tell(story);
    extent.element.hidden = (model.get("net")?.rows ?? 1) < 2;
    extent.press([story.over]);
    paintTaken(story);
    paintWritten();
    check.update();
    linked.light(model.get("lit"));
  }
  return { element, keys: ["story", "written", "training", "lit", ...check.keys], update };
}

/** Find names and factors in the formulas again: what is pointed at lights the picture, and the other way round. */
function linkedParts(model, body) {
  let parts = [];
  let story = null;

  const lightOf = (part) => {
    const { name, source, target } = part.dataset;
    const routes = story.paths.listed.map((path) => path.nodes);
    const meant = name && (story.deltas[name] ?? name);
    if (meant) return { nodes: [meant], lines: [meant], edges: [] };
    return betweenLight(routes, source, target);
  };
  const pointed = (event) => {
    const row = event.target.closest?.("tr[tabindex]");
    const part = event.target.closest?.("[data-source]") ?? event.target.closest?.("[data-name]") ?? row?.querySelector("[data-source]");
    if (part && body.contains(part)) model.set("lit", lightOf(part));
    else if (!event.target.closest?.("[data-part=paths]")) model.set("lit");
  };
  for (const name of ["pointerover", "focusin"]) body.addEventListener(name, pointed);
  for (const name of ["pointerleave", "focusout"]) body.addEventListener(name, () => model.set("lit"));

  function find(told) {
    story = told;
    parts = [...body.querySelectorAll("[data-source], [data-name]")].map((part) => {
      const { name, source, target } = part.dataset;
      return { part, edge: source === undefined ? null : `${source}>${target}`, name: name && (story.deltas[name] ?? name) };
    });
  }

  function light(lit) {
    const [edges, names] = [new Set(lit.edges), new Set([...lit.nodes, ...lit.lines])];
    for (const { part, edge, name } of parts) part.classList.toggle("lit", edge === null ? !lit.edges.length && names.has(name) : edges.has(edge));
  }
  return { find, light };
}

/** Buttons of which those in force are pressed. */
export function choiceButtons(label, names, choose) {
  const made = Object.entries(names).map(([name, text]) =>
    html("button", { type: "button", "data-choice": name, "aria-pressed": "false", click: () => choose(name) }, text));
  const element = html("div", { class: "row choice", role: "group", "aria-label": label }, ...made);
  const press = (chosen) => made.forEach((button) => set(button, { "aria-pressed": String(chosen.includes(button.dataset.choice)) }));
  return { element, press };
}

function tabList(names, choose) {
  const made = Object.entries(names).map(([name, text], place) =>
    html("button", { type: "button", role: "tab", "data-tab": name, "aria-selected": String(place === 0), tabindex: place ? -1 : 0,
      click: () => select(place), keydown: (event) => move(event, place) }, text));
  function select(place) {
    made.forEach((tab, other) => set(tab, { "aria-selected": String(other === place), tabindex: other === place ? 0 : -1 }));
    choose(made[place].dataset.tab);
  }
  function move(event, place) {
    const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: made.length - 1 }[event.key];
    if (next === undefined || !made[next]) return;
    event.preventDefault();
    made[next].focus();
    select(next);
  }
  return { element: html("div", { role: "tablist", "aria-label": "Written as", class: "row tabs" }, ...made) };
}

/** Copy, or where a browser refuses, select the text for the person to copy. */
async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(button.parentElement.querySelector("pre"));
    button.textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
}
