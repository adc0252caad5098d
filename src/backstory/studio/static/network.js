/** The network as a picture: units with their values, weights as lines; a click asks for the story of what it hits. */
import { cardView } from "./card.js";
import { html, newId } from "./dom.js";
import { layout } from "./layout.js";
import { drawnNetwork } from "./picture.js";
import { scrubView } from "./scrub.js";

const KEYS_HINT = "Arrow keys move along the network, Enter chooses.";

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function networkView(model) {
  const keys = newId("keys");
  const hint = html("p", { class: "hidden", id: keys }, KEYS_HINT);
  const stage = html("div", { class: "stage" });
  const more = html("form", { class: "address", submit: chooseTyped });
  const typed = html("input", { name: "address", spellcheck: "false", autocomplete: "off", size: 12 });
  more.append(html("label", {}, "Any weight, bias or unit: ", typed), html("button", { type: "submit" }, "Show"));
  const scrub = scrubView(model, () => paint());
  const card = cardView(model);
  const element = html("section", { "data-part": "network", "aria-label": "Network" },
    html("h2", {}, "Network"), hint, stage, more, card.element, scrub.element);
  /** @type {ReturnType<typeof drawnNetwork> | null} */
  let picture = null;
  let room = 0;

  new ResizeObserver(() => {
    if (Math.abs(stage.clientWidth - room) > 1) rebuild();
  }).observe(stage);

  function chooseTyped(event) {
    event.preventDefault();
    if (typed.value.trim()) model.send({ do: "select", quantity: typed.value.trim() });
  }

  function rebuild() {
    const net = model.get("net");
    if (!net) return;
    const held = stage.contains(document.activeElement) ? picture?.current() : null;
    room = stage.clientWidth;
    picture = drawnNetwork(net, layout(net, room || 640), model);
    picture.svg.setAttribute("aria-describedby", keys);
    const scale = Math.max(room > 600 ? 0.6 : 0.72, Math.min(picture.down ? 1.15 : 1.7, (room || 640) / picture.width));
    picture.svg.style.width = `${picture.width * scale}px`;
    stage.replaceChildren(picture.svg);
    more.hidden = net.whole;
    if (!net.whole) typed.placeholder = net.lines[0]?.address ?? "";
    if (held) picture.focus(held);
    paint();
  }

  function paint() {
    const values = model.get("values");
    if (picture && values?.net === picture.id) picture.paint(values, model.get("story"), scrub.moment());
  }

  function update() {
    const net = model.get("net");
    if (net && picture?.id !== net.id) rebuild();
    else paint();
    picture?.light(model.get("lit"));
    card.update();
    scrub.update();
  }
  return { element, keys: ["net", "values", "story", "lit", ...card.keys, ...scrub.keys], update };
}

