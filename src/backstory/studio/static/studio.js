/** The studio: its views in their places. `render` is what page and notebooks call. */
import { barView } from "./bar.js";
import { html } from "./dom.js";
import { equationView } from "./equation.js";
import { withLit } from "./lit.js";
import { networkView } from "./network.js";
import { storyView } from "./story.js";

/** @param {{model: import("./dom.js").Model, el: Element}} host @returns {() => void} what takes it down again */
function render({ model: host, el }) {
  const model = withLit(host);
  const views = [barView, networkView, storyView, equationView].map((view) => view(model));
  el.replaceChildren(html("div", { class: "studio" }, ...views.map((view) => view.element)));
  const calls = views.flatMap((view) => view.keys.map((key) => [`change:${key}`, view.update]));
  for (const [name, call] of calls) model.on(name, call);
  for (const view of views) view.update();
  return () => calls.forEach(([name, call]) => model.off(name, call));
}

export default { render };
