/** Why a gradient is what it is: its story, every factor linked with the picture, and ways to check it. */
import { afterwards, fragment, html, set, short } from "./dom.js";
import { betweenLight, pathsTable } from "./paths.js";
import { tangentView } from "./tangent.js";

const FACES = { symbols: "Symbols", formulas: "Formulas", numbers: "Numbers" };
const FORMS = { story: "Story", text: "Text", latex: "LaTeX", mathml: "MathML", python: "Python" };
/** Parts that are opened when they are wanted, and written only then. */
const FOLDED = new Set(["deltas", "batch", "softmax", "update", "stale", "cost"]);

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function storyView(model) {
  const title = html("h2", {}, "Why");
  const invitation = html("p", {}, "Choose a weight, a bias or a unit in the picture: where its gradient comes from is told here.");
  const when = html("span");
  const taken = html("p", { class: "row taken" }, when,
    html("button", { type: "button", click: () => model.send({ do: "select", quantity: model.get("story").quantity }) }, "Tell it again"));
  const extent = choiceButtons("Story of", { row: "this row", batch: "all rows" },
    (over) => model.send({ do: "select", quantity: model.get("story").quantity, over }));
  const faces = choiceButtons("Show", FACES, toggleFace);
  const tabs = tabList(FORMS, showForm);
  const first = html("div");
  const rest = html("div");
  const body = html("div", { class: "told-story" }, first, rest);
  const written = html("div", { class: "written", hidden: true });
  const check = tangentView(model);
  const all = html("div", {}, html("div", { class: "row" }, extent.element, faces.element), tabs.element, body, written, check.element);
  const element = html("section", { "data-part": "story", "aria-label": "Why" }, title, invitation, taken, all);
  const linked = linkedParts(model, body);
  const shownFaces = new Set(Object.keys(FACES));
  /** @type {Map<string, {html: string | null, element: Element}>} what stands in `rest` */
  let parts = new Map();
  let [told, seen, followed] = [null, false, null];
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
    first.replaceChildren(...story.sections.map((part) => section(part, story)));
    linked.find(story);
    paintFaces();
  }

  /** Put in what follows the story, once the story is seen; what has not changed stays. */
  function follow(found) {
    followed = found;
    const before = parts;
    parts = new Map(found.sections.map((part) => {
      const known = before.get(part.key);
      if (known?.html === part.html) return [part.key, known];
      if (!FOLDED.has(part.key)) return [part.key, { html: part.html, element: section(part, told) }];
      const element = known?.element ?? folded(part);
      element.lastElementChild.replaceChildren(...(part.html === null ? [] : section(part, told).childNodes));
      return [part.key, { html: part.html, element }];
    }));
    const wanted = [...parts.values()].map((part) => part.element);
    if (wanted.length !== rest.childElementCount || wanted.some((part, place) => part !== rest.children[place])) rest.replaceChildren(...wanted);
    rest.classList.remove("awaited");
    linked.find(told, found.deltas);
    for (const [part, { html, element }] of parts) if (html === null && element.open) model.send({ do: "unfold", part });
  }

  function section(part, story) {
    if (part.key === "paths") return html("section", { "data-section": part.key }, html("h3", {}, part.title), pathsTable(model, story));
    const made = fragment(part.html).firstElementChild;
    made.querySelector("h2")?.remove();
    if (part.key === "question") made.querySelector(".equation")?.remove();
    for (const table of made.querySelectorAll("table")) table.parentElement.classList.add("scroll");
    if (part.key === "factors") for (const row of made.querySelectorAll("tr:has(td)")) set(row, { tabindex: 0 });
    if (part.title && !FOLDED.has(part.key)) made.prepend(html("h3", {}, part.title));
    return made;
  }

  /** A part that is asked for when it is opened. */
  function folded(part) {
    const details = html("details", { "data-section": part.key, open: part.html !== null, toggle: () => {
      if (!details.open || parts.get(part.key)?.html === null) model.send({ do: "unfold", part: part.key, on: details.open });
    } }, html("summary", {}, part.title), html("section", { "data-section": part.key }));
    return details;
  }

  function paintTaken(story) {
    const step = model.get("training")?.step ?? story.step;
    const old = step !== story.step;
    taken.hidden = !old;
    if (old) when.textContent = `Told at step ${story.step}; the network is at step ${step}.`;
  }

  function update() {
    const story = model.get("story");
    invitation.hidden = Boolean(story);
    all.hidden = taken.hidden = !story;
    if (!story) {
      title.replaceChildren("Why");
      delete element.dataset.quantity;
      rest.replaceChildren();
      parts = new Map();
      told = null;
      return;
    }
    if (told !== story) {
      rest.classList.toggle("awaited", told?.quantity !== story.quantity || told.over !== story.over);
      tell(story);
      seen = false;
      afterwards(() => (seen = true, update()));
    }
    const others = model.get("rest");
    if (seen && others?.id === story.id && followed !== others) follow(others);
    extent.element.hidden = (model.get("net")?.rows ?? 1) < 2;
    extent.press([story.over]);
    paintTaken(story);
    paintWritten();
    check.update();
    linked.light(model.get("lit"));
  }
  return { element, keys: ["story", "rest", "written", "training", "lit", ...check.keys], update };
}

/** Find names and factors in the formulas again: what is pointed at lights the picture, and the other way round. */
function linkedParts(model, body) {
  let parts = [];
  let [story, deltas] = [null, {}];

  const lightOf = (part) => {
    const { name, source, target } = part.dataset;
    const routes = story.paths.listed.map((path) => path.nodes);
    const meant = name && (deltas[name] ?? name);
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

  function find(told, known = {}) {
    [story, deltas] = [told, known];
    parts = [...body.querySelectorAll("[data-source], [data-name]")].map((part) => {
      const { name, source, target } = part.dataset;
      return { part, edge: source === undefined ? null : `${source}>${target}`, name: name && (deltas[name] ?? name) };
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
