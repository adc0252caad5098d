/** Moving a quantity: a slider, what the tangent promises beside what really happens; and the nudge test. */
import { html, set, svg } from "./dom.js";
import { digits, formula, sign } from "./figure_math.js";

const WIDTH = 360;
const HEIGHT = 210;
const LEFT = 14;
const BOTTOM = 26;
const POINTS = 60;

/**
 * @param {any} data of the figure
 * @param {any} state of `stateOf`
 */
export function moveView(data, state) {
  const symbol = (place) => data.trees[data.symbols[place]];
  const title = html("h2", {});
  const slider = html("input", { type: "range", class: "slider" });
  const value = html("output", { class: "number" });
  const back = html("button", { type: "button" }, "Back");
  const here = html("button", { type: "button" }, "Tangent here");
  const rows = ["promised", "true", "missed"].map(() => html("td", { class: "number" }));
  const curve = svg("path", { class: "curve" });
  const tangent = svg("line", { class: "tangent" });
  const gap = svg("line", { class: "gap" });
  const [start, promised, now] = ["start", "promised", "now"].map((name) =>
    svg("circle", { r: name === "now" ? 6 : 4.5, class: name }),
  );
  const axis = svg("g", { class: "axis", "aria-hidden": true });
  const chart = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": "" },
    axis,
    curve,
    tangent,
    gap,
    start,
    promised,
    now,
  );

  slider.addEventListener("input", () => state.move(Number(slider.value)));
  back.addEventListener("click", () => state.reset());
  here.addEventListener("click", () => state.anchor());

  /** @param {import("./figure_state.js").Look} look */
  function update(look) {
    const [by, of] = [data.names[look.by], data.names[look.of]];
    const { low, high } = look.anchor;
    if (title.dataset.name !== by) {
      title.replaceChildren(look.isLeaf ? "Move " : "Hold ", formula(symbol(look.by)));
      title.dataset.name = by;
    }
    set(slider, {
      min: low,
      max: high,
      step: (high - low) / 200,
      "aria-label": `${by}`,
      "aria-valuetext": `${by} = ${digits(look.here, 4)}`,
    });
    slider.value = String(look.here);
    value.textContent = digits(look.here);
    value.setAttribute("data-value", String(look.here));
    const moved = look.here - look.anchor.at;
    const [promise, change] = [moved * look.anchor.slope, look.loss - look.anchor.loss];
    [promise, change, change - promise].forEach((each, place) => {
      rows[place].textContent = digits(each);
      rows[place].setAttribute("data-value", String(each));
    });
    back.disabled = here.disabled = moved === 0;
    draw(look, of, by, promise);
  }

  function draw(look, of, by, promise) {
    const { low, high } = look.anchor;
    const points = Array.from({ length: POINTS + 1 }, (_, place) => low + ((high - low) * place) / POINTS);
    const heights = points.map((each) => look.lossAt(each));
    const finite = [...heights, look.loss, look.anchor.loss].filter(Number.isFinite);
    const line = (each) => look.anchor.loss + look.anchor.slope * (each - look.anchor.at);
    let [bottom, top] = [Math.min(...finite), Math.max(...finite)];
    const room = Math.max(top - bottom, 1e-12 * Math.abs(top), 1e-300);
    [bottom, top] = [bottom - 0.12 * room, top + 0.12 * room];
    const x = (each) => LEFT + ((WIDTH - 2 * LEFT) * (each - low)) / (high - low);
    const y = (each) =>
      HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - 8) * (Math.min(Math.max(each, bottom), top) - bottom)) / (top - bottom);
    const drawn = points.flatMap((each, place) =>
      Number.isFinite(heights[place]) ? [`${x(each).toFixed(1)} ${y(heights[place]).toFixed(1)}`] : [],
    );
    set(curve, { d: drawn.length ? `M${drawn.join("L")}` : "" });
    const [from, to] = clipped(line, low, high, bottom, top);
    set(tangent, { x1: x(from), y1: y(line(from)), x2: x(to), y2: y(line(to)) });
    set(start, { cx: x(look.anchor.at), cy: y(look.anchor.loss) });
    set(now, { cx: x(look.here), cy: y(look.loss) });
    set(promised, { cx: x(look.here), cy: y(look.anchor.loss + promise) });
    set(gap, { x1: x(look.here), x2: x(look.here), y1: y(look.loss), y2: y(look.anchor.loss + promise) });
    axis.replaceChildren(
      svg("line", { x1: LEFT, x2: WIDTH - LEFT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM }),
      svg("text", { x: LEFT, y: HEIGHT - 8 }, digits(low, 3)),
      svg("text", { x: WIDTH - LEFT, y: HEIGHT - 8, class: "end" }, digits(high, 3)),
      svg("text", { x: WIDTH / 2, y: HEIGHT - 8, class: "middle" }, by),
      svg("text", { x: LEFT, y: 14 }, of),
    );
    set(chart, {
      "aria-label":
        `${of} by ${by}: at ${digits(look.here, 4)} it is ${digits(look.loss, 4)}, the tangent says ` +
        `${digits(look.anchor.loss + promise, 4)}.`,
    });
  }

  const labels = ["the tangent promises", "true change", "missed by"];
  const balance = html(
    "table",
    { class: "balance" },
    html(
      "tbody",
      {},
      ...labels.map((label, place) => html("tr", {}, html("th", { scope: "row" }, label), rows[place])),
    ),
  );
  const element = html(
    "section",
    { "data-part": "move", "aria-label": "Move it and compare" },
    title,
    html("div", { class: "controls" }, slider, value, back, here),
    html("div", { class: "both" }, chart, balance),
  );
  return { element, update };
}

/** The nudge test of the chosen quantity where it stands. */
export function nudgeView() {
  const parts = [1, 2, 4];
  const cells = parts.map(() =>
    [0, 1, 2, 3, 4].map((place) => html(place ? "td" : "th", { class: "number", scope: place ? null : "row" })),
  );
  const heads = ["h", "true change", "h · derivative", "error", "falls"];
  const table = html(
    "table",
    { class: "nudges" },
    html("thead", {}, html("tr", {}, ...heads.map((head) => html("th", { scope: "col" }, head)))),
    html("tbody", {}, ...cells.map((row) => html("tr", {}, ...row))),
  );

  /** @param {import("./figure_state.js").Look} look */
  function update(look) {
    const size = 0.1 * Math.max(Math.abs(look.here), 1);
    let before = NaN;
    parts.forEach((part, place) => {
      const h = look.here + size / part - look.here; // as it really arrives there
      const change = look.lossAt(look.here + h) - look.loss;
      const error = change - h * look.derivative;
      const ratio = Number.isFinite(before / error) ? `÷ ${digits(before / error, 3)}` : "";
      const texts = [digits(h, 4), digits(change), digits(h * look.derivative), digits(error, 3), ratio];
      texts.forEach((text, column) => (cells[place][column].textContent = text));
      [h, change, h * look.derivative, error].forEach((each, column) =>
        cells[place][column].setAttribute("data-value", String(each)),
      );
      before = error;
    });
  }

  const element = html(
    "section",
    { "data-part": "nudge", "aria-label": "Nudge test" },
    html("h2", {}, "Nudge test"),
    html("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Three nudges" }, table),
    html("p", { class: "quiet" }, NUDGED),
  );
  return { element, update };
}

const NUDGED =
  "Where h is halved, the error of a right derivative falls to about a quarter (÷ 4), unless the curve is straight " +
  "or floats hold no more digits.";

/** The part of a line that stays between bottom and top. */
function clipped(line, low, high, bottom, top) {
  const slope = (line(high) - line(low)) / (high - low);
  if (!(Math.abs(slope) > 0)) return [low, high];
  const ends = [bottom, top].map((each) => low + (each - line(low)) / slope).sort((left, right) => left - right);
  return [Math.max(low, ends[0]), Math.min(high, ends[1])];
}
