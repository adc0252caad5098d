/** The studio: its views in their places. `render` is what page and notebooks call. */
import { barView } from "./bar.js";
import { dataView } from "./data.js";
import { html } from "./dom.js";
import { equationView } from "./equation.js";
import { exerciseView } from "./exercise.js";
import { loadMathFont } from "./fonts.js";
import { withLit } from "./lit.js";
import { networkView } from "./network.js";
import { numbersView } from "./numbers.js";
import { scrollKeeper } from "./scrolling.js";
import { setupView } from "./setup.js";
import { storyView } from "./story.js";
import { trainingView } from "./training.js";

/** Where each view stands: in two or three columns where there is room, else one after the other. */
const PLACES = {
  top: [barView, setupView],
  seen: [networkView],
  told: [equationView, storyView, exerciseView],
  trained: [dataView, trainingView],
  below: [numbersView],
};

/** @param {{model: import("./dom.js").Model, el: Element}} host @returns {() => void} what takes it down again */
function render({ model: host, el }) {
  const model = withLit(host);
  loadMathFont(host.get("font"));
  const placed = Object.entries(PLACES).map(([place, views]) => [place, views.map((view) => view(model))]);
  const views = placed.flatMap(([, made]) => made);
  const columns = placed.map(([place, made]) => html("div", { class: place }, ...made.map((view) => view.element)));
  const root = html("div", { class: "studio" }, html("div", { class: "places" }, ...columns));
  el.replaceChildren(root);
  const keeper = scrollKeeper(root);
  const due = oncePerFrame((view) => (view.update(), keeper.soon()));
  const calls = views.flatMap((view) => view.keys.map((key) => [`change:${key}`, () => due.add(view)]));
  for (const [name, call] of calls) model.on(name, call);
  for (const view of views) view.update();
  keeper.soon();
  return () => {
    calls.forEach(([name, call]) => model.off(name, call));
    due.stop();
    keeper.stop();
  };
}

/** Gather what is to be done and do each once before the next picture: one message changes many keys, and several may come. */
function oncePerFrame(act) {
  const waiting = new Set();
  let asked = 0;

  function all() {
    asked = 0;
    const found = [...waiting];
    waiting.clear();
    found.forEach(act);
  }
  const add = (item) => (waiting.add(item), (asked ||= requestAnimationFrame(all)));
  return { add, stop: () => cancelAnimationFrame(asked) };
}

export default { render };
