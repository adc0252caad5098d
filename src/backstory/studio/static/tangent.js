/** Check it: the nudge test with a chosen h, and the loss along the chosen quantity against the tangent's promise. */
import { html, set, short, svg } from "./dom.js";

const ROOM = { width: 420, height: 220, left: 58, right: 14, top: 12, bottom: 34 };

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function tangentView(model) {
  const h = html("input", { type: "number", step: "any", name: "h", "aria-label": "h, how far to move it" });
  const nudge = html("button", { type: "button", "data-do": "nudge", click: () => model.send({ do: "nudge", h: Number.isFinite(h.valueAsNumber) ? h.valueAsNumber : null }) }, "Nudge it");
  const result = html("div", { "data-part": "nudge", "aria-live": "polite" });
  const draw = html("button", { type: "button", "data-do": "tangent", "aria-pressed": "false",
    click: () => model.send({ do: "tangent", on: !model.get("tangent") }) }, "Draw the loss along it");
  const range = html("input", { type: "range", step: "any", input: () => send(range.valueAsNumber) });
  const again = html("button", { type: "button", click: () => model.send({ do: "tangent" }) }, "Take the tangent here");
  const said = html("p", { class: "said" });
  const picture = svg("svg", { role: "img", class: "tangent", viewBox: `0 0 ${ROOM.width} ${ROOM.height}`, "aria-label": "The loss along the quantity" });
  const numbers = html("tbody", {});
  const twin = html("details", {}, html("summary", {}, "The same as a table"), html("div", { class: "scroll tall", tabindex: 0 },
    html("table", {}, html("thead", {}, html("tr", {}, ...["value", "true loss", "tangent"].map((name) => html("th", { scope: "col" }, name)))), numbers)));
  const move = html("div", { class: "row" }, range, again);
  const drawn = html("div", { "data-part": "tangent", hidden: true }, said, picture, move, twin);
  const element = html("section", { class: "check-it", "aria-label": "Check it" }, html("h3", {}, "Check it"),
    html("div", { class: "row" }, html("label", {}, "h ", h), nudge, draw), result, drawn);
  let waiting = false;
  let next = null;

  /** One value at a time; of those that come meanwhile only the last. */
  async function send(value) {
    next = { do: "set", address: model.get("tangent").by, value };
    if (waiting) return;
    waiting = true;
    while (next) {
      const message = next;
      next = null;
      await Promise.all([model.send(message), new Promise((done) => setTimeout(done, 40))]);
    }
    waiting = false;
  }

  function showNudge() {
    const test = model.get("nudge");
    if (!test) return result.replaceChildren();
    const head = html("tr", {}, ...["h", "true change", "h·gradient", "error"].map((name) => html("th", { scope: "col" }, name)));
    const rows = test.trials.map((trial) => html("tr", {}, html("th", { scope: "row" }, short(trial.h, 3)),
      ...["change", "promised", "error"].map((key) => html("td", { "data-value": trial[key] }, short(trial[key], key === "error" ? 3 : 6)))));
    result.replaceChildren(html("div", { class: "scroll" }, html("table", {}, html("thead", {}, head), html("tbody", {}, ...rows))), html("p", {}, test.sentence));
  }

  function showTangent() {
    const found = model.get("tangent");
    drawn.hidden = !found;
    set(draw, { "aria-pressed": String(Boolean(found)) });
    if (!found) return;
    const { anchor, points, value, loss, by, of } = found;
    const promise = (at) => anchor.loss + anchor.gradient * (at - anchor.value);
    const moved = value - anchor.value;
    said.textContent = moved
      ? `${by} moved by ${short(moved, 3)}: the tangent promises ${of} = ${short(promise(value), 5)}, truly it is ${short(loss, 5)}.`
      : `The tangent touches at ${by} = ${short(value, 5)}, where ${of} = ${short(loss, 5)}; its slope is the gradient, ${short(anchor.gradient, 5)}. Move the slider to see how far its promise holds.`;
    const [low, high] = [points[0][0], points[points.length - 1][0]];
    move.hidden = !model.get("story")?.movable;
    again.hidden = !moved;
    set(range, { min: low, max: high, "aria-label": `Value of ${by}` });
    if (!waiting) range.value = String(value);
    paintCurve(picture, found, promise);
    numbers.replaceChildren(...points.map(([at, true_]) =>
      html("tr", {}, html("th", { scope: "row" }, short(at, 4)), html("td", {}, short(true_ ?? "none", 6)), html("td", {}, short(promise(at), 6)))));
  }

  function update() {
    showNudge();
    showTangent();
  }
  return { element, keys: ["nudge", "tangent"], update };
}

/** Draw the curve, its tangent, where it touches, and where the quantity stands with the gap between the two. */
function paintCurve(picture, { anchor, points, value, loss, by, of }, promise) {
  const known = points.filter(([, height]) => height !== null);
  const heights = [...known.map(([, height]) => height), loss, anchor.loss].filter((each) => each !== null);
  const [lowest, highest] = [Math.min(...heights), Math.max(...heights)];
  const margin = 0.08 * (highest - lowest || Math.abs(highest) || 1);
  const [low, high] = [points[0][0], points[points.length - 1][0]];
  const x = (at) => ROOM.left + ((at - low) / (high - low)) * (ROOM.width - ROOM.left - ROOM.right);
  const y = (at) => ROOM.height - ROOM.bottom - ((at - lowest + margin) / (highest - lowest + 2 * margin)) * (ROOM.height - ROOM.top - ROOM.bottom);
  const [top, bottom] = [ROOM.top, ROOM.height - ROOM.bottom];
  const clip = (from, to) => {
    const [y1, y2] = [y(promise(from)), y(promise(to))];
    const at = (edge) => from + ((edge - y1) / (y2 - y1)) * (to - from);
    const cut = (end, height) => (height < top ? at(top) : height > bottom ? at(bottom) : end);
    return [cut(from, y1), cut(to, y2)];
  };
  const [from, to] = clip(low, high);
  const text = (at, height, content, anchored) => svg("text", { x: at, y: height, "text-anchor": anchored }, content);
  picture.replaceChildren(
    svg("path", { class: "axis", d: `M${ROOM.left} ${top}V${bottom}H${ROOM.width - ROOM.right}` }),
    text(ROOM.left - 6, top + 10, short(highest, 3), "end"), text(ROOM.left - 6, bottom, short(lowest, 3), "end"),
    text(ROOM.left, bottom + 16, short(low, 3), "start"), text(ROOM.width - ROOM.right, bottom + 16, short(high, 3), "end"),
    text((ROOM.left + ROOM.width) / 2, bottom + 28, by, "middle"), text(ROOM.left + 6, top + 10, of, "start"),
    svg("path", { class: "curve", d: known.map(([at, height], place) => `${place ? "L" : "M"}${x(at).toFixed(1)} ${y(height).toFixed(1)}`).join("") }),
    svg("line", { class: "promise", x1: x(from), y1: y(promise(from)), x2: x(to), y2: y(promise(to)) }),
    ...(loss === null ? [] : [
      svg("line", { class: "gap", x1: x(value), x2: x(value), y1: y(loss), y2: Math.min(bottom, Math.max(top, y(promise(value)))) }),
      svg("circle", { class: "now", cx: x(value), cy: y(loss), r: 5 })]),
    svg("circle", { class: "touch", cx: x(anchor.value), cy: y(anchor.loss), r: 4 }));
  set(picture, { "aria-label": `${of} along ${by} from ${short(low, 3)} to ${short(high, 3)}, with the tangent at ${short(anchor.value, 4)}` });
}
