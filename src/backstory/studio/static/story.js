/** Why a gradient is what it is: the story of the chosen weight, from the server's own printer. */
import { html } from "./dom.js";

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function storyView(model) {
  const element = html("section", { "data-part": "story", "aria-label": "Story", tabindex: 0 });
  const invitation = html("p", {}, "Choose a weight in the picture: its gradient is told here.");
  element.append(invitation);

  function update() {
    const story = model.get("story");
    if (!story) return element.replaceChildren(invitation);
    const parser = new DOMParser();
    element.replaceChildren(html("h2", {}, `d${story.of}/d${story.by}`), ...story.sections.map((part) =>
      document.importNode(parser.parseFromString(part.html, "text/html").body.firstElementChild, true)));
    element.dataset.quantity = story.quantity;
  }
  return { element, keys: ["story"], update };
}
