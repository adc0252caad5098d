/** Exercises: write a derivative, or find the mistake; hints one by one, the solution when it is asked for. */
import { fragment, html, set } from "./dom.js";
import { typing, verdictParts } from "./verdict.js";

const KINDS_OF_EXERCISE = {
  "gradient random": "Write a derivative: a network drawn at random",
  "gradient stage": "Write a derivative: the network on the stage",
  "spot random": "Find the mistake: a network drawn at random",
  "spot stage": "Find the mistake: the network on the stage",
  "spot catalogue": "Find the mistake: those that people make",
};

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function exerciseView(model) {
  const choice = html("select", { name: "exercise", "aria-label": "Which exercise", change: () => ask(0) },
    ...Object.entries(KINDS_OF_EXERCISE).map(([value, name]) => html("option", { value }, name)));
  const next = html("button", { type: "button", "data-do": "exercise", click: () => ask(set_ ? set_.seed + 1 : 0) }, "Set one");
  const network = html("pre", { class: "scroll", tabindex: 0, "aria-label": "The network" });
  const question = html("p", { class: "question" });
  const asked = html("div", { class: "scroll preview" });
  const input = html("textarea", { name: "answer", rows: 2, "aria-label": "Your answer", spellcheck: "false", autocapitalize: "off" });
  const parts = verdictParts(model, { label: "Your answer" });
  const hint = html("button", { type: "button", "data-do": "hint", click: () => model.send({ do: "hint" }) }, "A hint for the question");
  const solve = html("button", { type: "button", "data-do": "solve", click: () => model.send({ do: "solve" }) }, "Show the solution");
  const hints = html("ol", { class: "hints", "aria-live": "polite" });
  const solution = html("div", { class: "solution scroll", "data-part": "solution" });
  const all = html("div", { hidden: true }, network, question, asked, input, parts.element, html("div", { class: "row" }, hint, solve), hints, solution);
  const element = html("section", { "data-part": "exercise", "aria-label": "Exercises" }, html("h2", {}, "Exercises"),
    html("div", { class: "row" }, choice, next), all);
  const typed = typing(model, "answer", input);
  let set_ = null;

  function ask(seed) {
    const [kind, about] = choice.value.split(" ");
    model.send({ do: "exercise", kind, about, seed });
  }

  function begin(exercise) {
    if (set_ === null || set_.asked !== exercise.asked || set_.network !== exercise.network) {
      input.value = exercise.kind === "gradient" ? `${exercise.left} = ` : exercise.answer?.text ?? exercise.asked;
      if (exercise.kind === "gradient" && exercise.answer) input.value = exercise.answer.text;
      network.textContent = exercise.network.trim();
      question.textContent = exercise.question + (exercise.count ? ` (${(exercise.seed % exercise.count) + 1} of ${exercise.count})` : "");
      asked.replaceChildren(...(exercise.kind === "spot" ? [exercise.asked_html ? fragment(exercise.asked_html) : exercise.asked] : []));
      choice.value = `${exercise.kind} ${exercise.about}`;
    }
    set_ = exercise;
  }

  function update() {
    const exercise = model.get("exercise");
    all.hidden = !exercise;
    if (!exercise) return;
    begin(exercise);
    next.textContent = "Next";
    const answer = exercise.answer && (typed.isNew() || typed.isLatest(exercise.answer)) ? exercise.answer : null;
    if (answer || !exercise.answer) parts.show(answer, { hints: true, lit: exercise.about === "stage" });
    set(hint, { disabled: !exercise.more });
    hints.replaceChildren(...exercise.hints.map((text) => html("li", {}, html("pre", {}, text))));
    solution.replaceChildren(...solutionOf(exercise.solution));
  }
  return { element, keys: ["exercise"], update };
}

function solutionOf(found) {
  if (!found) return [];
  const said = found.message ? [html("p", {}, found.message)] : [];
  if (!found.text) return said;
  return [...said, html("p", {}, found.html ? fragment(found.html) : found.text), html("pre", { class: "scroll", tabindex: 0 }, found.text)];
}
