/**
 * A figure that lives on its own: a network, the story of one of its derivatives, and what happens when it is moved.
 * `render` is all a page calls; several figures fit one page.
 */
import { html } from "./dom.js";
import { linksOf } from "./figure_links.js";
import { moveView, nudgeView } from "./figure_move.js";
import { pictureView } from "./figure_picture.js";
import { stateOf } from "./figure_state.js";
import { storyView } from "./figure_story.js";
import { samplesView, tableView } from "./figure_table.js";

const HINT = "Choose a weight, a bias or a unit; drag a weight up or down. By keyboard: arrows, Enter, + and −.";
/** From this width on, in pixels, picture and story stand side by side; figure.css has the same. */
const TWO_HALVES = 800;

/**
 * Put a figure into an element.
 * @param {Element} element
 * @param {any} data src/backstory/studio/figure_data.py says what it holds
 */
export function render(element, data) {
  const links = linksOf(data);
  const state = stateOf(data, update);
  const room = element.clientWidth >= TWO_HALVES ? element.clientWidth / 2 - 20 : element.clientWidth || Infinity;
  const point = { part: pointAtPart, edges: pointAtEdges };
  const picture = pictureView(data, room, state, links, point);
  const story = storyView(data, point);
  const [move, nudge, table] = [moveView(data, state), nudgeView(), tableView(data, state)];
  const samples = samplesView(data, state);
  const views = [picture, story, move, nudge, table, samples];

  function update() {
    for (const view of views) view.update(state.look());
  }

  /** Light a part of the picture, and the factors that it stands for; null puts the light out. */
  function pointAtPart(part) {
    const edges = part === null ? [] : links.factorsOf(part, state.look().paths);
    light(edges, part === null ? [] : [part], []);
  }

  /** Light factors of the story, and what they stand for in the picture. */
  function pointAtEdges(edges) {
    light(edges, edges.flatMap(links.litBy), edges.flatMap(links.wiresOf));
  }

  function light(edges, parts, wires) {
    picture.light(new Set(parts), new Set(wires));
    story.light(new Set(edges), state.look());
  }

  const notes = data.notes.map((note) => html("p", { class: "quiet" }, note));
  const left = html("div", {}, picture.element, html("p", { class: "quiet" }, HINT), move.element);
  const right = html("div", {}, story.element, samples.together, ...notes, nudge.element);
  element.classList.add("backstory-figure");
  element.replaceChildren(samples.element, html("div", { class: "halves" }, left, right), table.element);
  state.update();
}
