/** The samples and what the network makes of them: the plane, a curve, images, or targets beside outputs. */
import { chart } from "./chart.js";
import { html, set, short, svg } from "./dom.js";

const PLANE = 320;

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function dataView(model) {
  const picker = html("input", { type: "number", name: "row", min: 0, step: 1, "aria-label": "Sample",
    change: () => model.send({ do: "row", row: Number(picker.value) }) });
  const move = (by) => () => model.send({ do: "row", row: (model.get("setup").row + by + model.get("data").rows) % model.get("data").rows });
  const which = html("span");
  const pick = html("div", { class: "row picker" }, html("label", {}, "Sample ", picker),
    html("button", { type: "button", "aria-label": "Previous sample", click: move(-1) }, "‹"),
    html("button", { type: "button", "aria-label": "Next sample", click: move(1) }, "›"), which);
  const picture = html("div", { class: "outputs" });
  const answer = html("div", { class: "answer" });
  const twin = html("details", { class: "twin", toggle: () => update() });
  const element = html("section", { "data-part": "data", "aria-label": "Data" }, html("h2", {}, "Data"), pick, picture, answer, twin);
  let of = null;
  let view = null;

  function update() {
    const data = model.get("data");
    const outputs = model.get("outputs");
    if (!data || outputs?.data !== data.id) return; // one of the two is still on its way
    const changed = of !== data;
    if (changed) {
      of = data;
      view = { plane: planeOf, curve: curveOf, images: imageOf, rows: rowsOf, formulas: formulasOf }[data.kind](data, model);
      picture.replaceChildren(view.element);
      twin.replaceChildren(html("summary", {}, view.told ?? "As a table"), ...(view.twin ? [view.twin] : []));
    }
    const setup = model.get("setup");
    element.hidden = data.kind === "formulas" && data.rows < 2;
    pick.hidden = data.rows < 2;
    twin.hidden = !view.twin;
    set(picker, { max: data.rows - 1 });
    if (document.activeElement !== picker) picker.value = String(setup.row);
    const learned = data.rows - data.held_out;
    which.textContent = data.held_out ? `of ${data.rows}, ${setup.row < learned ? "learned from" : "held out"}` : `of ${data.rows}`;
    view.draw(outputs, setup, twin.open);
    answer.replaceChildren(...(outputs.outputs ? [answerOf(data, outputs)] : []));
  }
  return { element, keys: ["data", "outputs", "setup"], update };
}

function called(data, y) {
  return data.classes?.length ? data.classes[y] : short(y);
}

/** What the network answers for the chosen sample: a bar for each class, or the number. */
function answerOf(data, outputs) {
  if (outputs.raw) {
    const [target, output] = outputs.raw;
    return html("p", { "data-part": "answer" }, `${data.target}: output ${short(output)}, target ${short(target)}`);
  }
  const truth = called(data, outputs.y);
  if (!data.classes.length || outputs.outputs.length !== data.classes.length) {
    const says = outputs.outputs.map((value) => short(value)).join(", ");
    const given = data.kind === "plane" || data.kind === "curve" ? `${data.inputs.map((name, place) => `${name} = ${short(outputs.x[place])}`).join(", ")}: ` : "";
    return html("p", { "data-part": "answer" }, `${given}output ${says}, target ${truth}`);
  }
  return html("ul", { class: "answers", "data-part": "answer" }, ...data.classes.map((name, place) => {
    const value = outputs.outputs[place] ?? 0;
    const bar = html("span", { class: "answer-bar" });
    bar.style.width = `${(100 * Math.max(0, Math.min(value, 1))).toFixed(1)}%`;
    return html("li", { class: place === outputs.y ? "truth" : false },
      html("span", { class: "answer-name" }, name), html("span", { class: "answer-track", "aria-hidden": "true" }, bar),
      html("span", { class: "answer-value" }, value.toFixed(3)), place === outputs.y ? html("span", { class: "answer-note" }, "target") : "");
  }));
}

/** The plane: what the network answers at every point, and the samples. */
function planeOf(data, model) {
  const canvas = html("canvas", { "aria-hidden": "true" });
  const drawing = svg("svg", { viewBox: `0 0 ${PLANE} ${PLANE}`, role: "img", class: "plane pickable",
    "aria-label": `The samples in the plane of ${data.inputs.join(" and ")}, over the network's output` });
  const scale = html("p", { class: "legend" });
  const place = ([x, y]) => [((x - data.low[0]) / (data.high[0] - data.low[0])) * PLANE, (1 - (y - data.low[1]) / (data.high[1] - data.low[1])) * PLANE];
  const learned = data.rows - data.held_out;
  const points = data.X.map((x, number) => {
    const [cx, cy] = place(x);
    const look = `point class-${data.classes.length ? data.y[number] % 6 : 0}${data.shown[number] < learned ? "" : " held-out"}`;
    return data.classes.length && data.y[number] % 2
      ? svg("rect", { x: cx - 3.5, y: cy - 3.5, width: 7, height: 7, class: look })
      : svg("circle", { cx, cy, r: 4, class: look });
  });
  const ring = svg("circle", { r: 9, class: "ring" });
  drawing.append(...points, ring);
  drawing.addEventListener("click", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
    model.send({ do: "row", row: data.shown[nearest(data.X.map(place), at)] });
  });
  const frame = html("div", { class: "plane-frame" }, canvas, drawing);
  const edge = (text, cls) => html("span", { class: cls }, text);
  const names = html("p", { class: "legend" }, edge(`→ ${data.inputs[0]}: ${short(data.low[0])} to ${short(data.high[0])}`),
    edge(`↑ ${data.inputs[1]}: ${short(data.low[1])} to ${short(data.high[1])}`));
  const keys = data.classes.map((name, number) => html("span", { class: `key swatch-${number % 6} ${number % 2 ? "square" : "round"}` }, name));
  if (data.held_out) keys.push(html("span", { class: "key hollow" }, "held out"));
  scale.append(...keys);
  const body = html("table");
  const twin = html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The output over the plane" }, body);

  function draw(outputs, setup, open) {
    paint(canvas, outputs, data);
    const number = data.shown.indexOf(setup.row);
    ring.setAttribute("visibility", number < 0 ? "hidden" : "visible");
    const [cx, cy] = place(outputs.x);
    set(ring, { cx, cy, visibility: "visible" });
    if (open) planeTable(body, outputs, data);
  }
  return { element: html("div", { class: "plane-view" }, frame, names, scale), twin, draw };
}

function nearest(places, at) {
  const distances = places.map(([x, y]) => (x - at.x) ** 2 + (y - at.y) ** 2);
  return distances.indexOf(Math.min(...distances));
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function colorsOf(element) {
  const style = getComputedStyle(element);
  const read = (name) => (style.getPropertyValue(name).match(/[0-9a-f]{2}/gi) ?? ["80", "80", "80"]).map((pair) => parseInt(pair, 16));
  return { paper: read("--paper"), classes: [0, 1, 2, 3, 4, 5].map((number) => read(`--class-${number}`)) };
}

/** Paint the bytes of the map: of one output from one color through paper to the other, of several the likeliest's color. */
function paint(canvas, outputs, data) {
  if (!outputs.map) return;
  const size = outputs.size;
  const values = bytes(outputs.map);
  const likeliest = outputs.of ? bytes(outputs.of) : null;
  const { paper, classes } = colorsOf(canvas);
  const image = new ImageData(size, size);
  for (let point = 0; point < size * size; point++) {
    const share = values[point] / 255;
    const color = likeliest ? classes[likeliest[point] % 6] : classes[share < 0.5 ? 0 : 1];
    const strength = 0.62 * (likeliest ? Math.max(0, (share - 1 / data.classes.length) / (1 - 1 / data.classes.length)) : Math.abs(2 * share - 1));
    for (let part = 0; part < 3; part++) image.data[4 * point + part] = paper[part] + (color[part] - paper[part]) * strength;
    image.data[4 * point + 3] = 255;
  }
  if (canvas.width !== size) Object.assign(canvas, { width: size, height: size });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The map in words: seven by seven of its points. */
function planeTable(table, outputs, data) {
  const size = outputs.size;
  const values = bytes(outputs.map);
  const likeliest = outputs.of ? bytes(outputs.of) : null;
  const chosen = [0, 1, 2, 3, 4, 5, 6].map((number) => Math.round((number * (size - 1)) / 6));
  const at = (axis, place) => short(data.low[axis] + (place / (size - 1)) * (data.high[axis] - data.low[axis]), 2);
  const told = (point) => likeliest ? `${data.classes[likeliest[point]]} ${(values[point] / 255).toFixed(2)}`
    : short(outputs.from + (values[point] / 255) * (outputs.to - outputs.from), 2);
  table.replaceChildren(html("caption", {}, `The output by ${data.inputs[0]} (across) and ${data.inputs[1]} (down)`),
    html("tr", {}, html("td"), ...chosen.map((column) => html("th", { scope: "col" }, at(0, column)))),
    ...chosen.map((row) => html("tr", {}, html("th", { scope: "row" }, at(1, size - 1 - row)),
      ...chosen.map((column) => html("td", {}, told(row * size + column))))));
}

/** One input: the samples and the fitted curve. */
function curveOf(data, model) {
  const learned = data.rows - data.held_out;
  const xs = data.X.map(([x]) => x);
  const drawn = chart({ label: `The fitted curve of ${data.target} by ${data.inputs[0]}, and the samples`, x: data.inputs[0], y: data.target,
    pick: (x, y, scales) => model.send({ do: "row", row: data.shown[nearest(xs.map((value, number) => [scales.x(value), scales.y(data.y[number])]), { x: scales.x(x), y: scales.y(y) })] }) });
  const part = (name, look, keep) => {
    const kept = xs.map((_, number) => number).filter((number) => keep(data.shown[number]));
    return { name, look, dots: true, x: kept.map((number) => xs[number]), y: kept.map((number) => data.y[number]) };
  };
  const samples = [part("learned from", "point class-0", (row) => row < learned), ...(data.held_out ? [part("held out", "point class-0 held-out", (row) => row >= learned)] : [])];
  const body = html("table");

  function draw(outputs, setup, open) {
    drawn.draw([...samples, { name: "the network", look: "fitted", x: outputs.curve[0], y: outputs.curve[1] },
      { name: "", look: "chosen", dots: true, size: 8, x: [outputs.x[0]], y: [outputs.y] }], { bounds: { x: [data.low[0], data.high[0]] } });
    if (open) body.replaceChildren(html("tr", {}, html("th", { scope: "col" }, data.inputs[0]), html("th", { scope: "col" }, "output")),
      ...outputs.curve[0].map((x, place) => [x, outputs.curve[1][place]]).filter((_, place) => place % 8 === 0)
        .map(([x, y]) => html("tr", {}, html("td", {}, short(x)), html("td", {}, short(y)))));
  }
  const twin = html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The curve as a table" }, body);
  return { element: drawn.element, twin, draw };
}

/** An image of the chosen row. */
function imageOf(data) {
  const [height, width] = data.image;
  const canvas = html("canvas", { class: "image", width, height, role: "img", "aria-label": "The chosen image" });
  const body = html("table", { class: "confusion" });
  const twin = html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Answers by class" }, body);

  function draw(outputs, setup, open) {
    const image = new ImageData(width, height);
    outputs.x.forEach((value, point) => {
      const shade = Math.round(255 * (1 - value));
      image.data.set([shade, shade, shade, 255], 4 * point);
    });
    canvas.getContext("2d").putImageData(image, 0, 0);
    set(canvas, { "aria-label": `The chosen image, a ${data.classes[outputs.y]}` });
    if (open) confusionTable(body, outputs, data);
  }
  return { element: canvas, twin, told: "Answers by class", draw };
}

function confusionTable(table, outputs, data) {
  table.replaceChildren(html("caption", {}, `How often ${data.held_out ? "held-out samples" : "samples"} of each class (down) are taken for each (across)`),
    html("tr", {}, html("td"), ...data.classes.map((name) => html("th", { scope: "col" }, name))),
    ...outputs.confusion.map((counts, truth) => html("tr", {}, html("th", { scope: "row" }, data.classes[truth]),
      ...counts.map((count, answer) => html("td", { class: count && answer === truth ? "right" : count ? "wrong" : false }, String(count))))));
}

/** Rows of many inputs: targets beside outputs, or answers by class; the row's values as a table. */
function rowsOf(data) {
  const values = html("table");
  const twin = html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The sample's inputs" }, values);
  const table = html("table", { class: "confusion" });
  const drawn = chart({ label: `Outputs by target ${data.target}, of ${data.held_out ? "held-out" : "all"} samples`, x: `target: ${data.target}`, y: "output" });
  const element = html("div", {}, data.classes.length ? html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Answers by class" }, table) : drawn.element);

  function draw(outputs, setup, open) {
    if (outputs.confusion) confusionTable(table, outputs, data);
    if (outputs.pairs) {
      const [x, y] = outputs.pairs;
      const ends = [Math.min(...x), Math.max(...x)];
      drawn.draw([{ name: "held-out samples", look: "point class-0", dots: true, x, y }, { name: "output = target", look: "dashed", x: ends, y: ends }]);
    }
    if (open) values.replaceChildren(html("caption", {}, "The sample's inputs, as the network gets them"),
      ...outputs.x.map((value, place) => html("tr", {}, html("th", { scope: "row" }, data.inputs[place] ?? `x[${place}]`), html("td", {}, short(value)))));
  }
  return { element, twin, told: "The sample's inputs", draw };
}

/** Formulas with samples: the samples themselves. */
function formulasOf(data, model) {
  const rows = data.X.map((values, row) => html("tr", { "data-row": row, click: () => model.send({ do: "row", row }) },
    html("th", { scope: "row" }, String(row)), ...values.map((value) => html("td", {}, short(value)))));
  const table = html("table", { class: "samples" }, html("tr", {}, html("th", { scope: "col" }, "sample"), ...data.inputs.map((name) => html("th", { scope: "col" }, name))), ...rows);
  const draw = (outputs, setup) => rows.forEach((line, row) => set(line, { "aria-current": row === setup.row ? "true" : null }));
  return { element: html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The samples" }, table), twin: null, draw };
}
