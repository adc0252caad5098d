/** A small chart of lines and points: axes with ticks, a logarithmic scale where asked, a cursor, a click gives x. */
import { html, set, short, svg } from "./dom.js";

const CHART = { height: 210, left: 56, right: 12, top: 10, bottom: 36 };

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {string} look  its class: color and dash
 * @property {(number | null)[]} x
 * @property {(number | null)[]} y  null where there is no value
 * @property {boolean} [dots]  points rather than a line
 *
 * @param {{label: string, x: string, y: string, log?: boolean, pick?: (x: number, y: number) => void}} options
 */
export function chart(options) {
  const drawing = svg("svg", { role: "img", "aria-label": options.label, class: "chart" });
  const legend = html("p", { class: "legend", "aria-hidden": "true" });
  const element = html("figure", { class: "chart-figure" }, drawing, legend);
  let shown = { series: [], cursor: null, bounds: {} };
  let scales = null;

  function draw(series, { cursor = null, bounds = {} } = {}) {
    shown = { series, cursor, bounds };
    const width = Math.max(260, Math.min(drawing.clientWidth || 520, 900));
    set(drawing, { viewBox: `0 0 ${width} ${CHART.height}`, height: CHART.height });
    scales = scalesOf(series, width, options.log, bounds);
    const { x, y } = scales;
    const parts = [...axisParts(x, y, width, options)];
    for (const each of series) {
      parts.push(each.dots ? dotsOf(each, x, y) : svg("path", { d: pathOf(each, x, y), class: `curve ${each.look}` }));
    }
    if (cursor !== null && cursor >= x.low && cursor <= x.high)
      parts.push(svg("line", { x1: x(cursor), x2: x(cursor), y1: CHART.top, y2: CHART.height - CHART.bottom, class: "cursor" }));
    drawing.replaceChildren(...parts);
    const names = series.filter((each) => each.name).map((each) => html("span", { class: `key ${each.look}` }, each.name));
    if (legend.childElementCount !== names.length) legend.replaceChildren(...names);
  }

  if (options.pick) {
    drawing.classList.add("pickable");
    drawing.addEventListener("click", (event) => {
      if (!scales) return;
      const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
      options.pick(scales.x.back(place.x), scales.y.back(place.y), scales);
    });
  }
  let width = 0;
  new ResizeObserver(() => {
    if (drawing.clientWidth !== width) {
      width = drawing.clientWidth;
      draw(shown.series, shown);
    }
  }).observe(drawing);
  return { element, draw };
}

function scalesOf(series, width, log, bounds) {
  const xs = series.flatMap((each) => each.x);
  const ys = series.flatMap((each) => each.y).filter((value) => value !== null && (!log || value > 0));
  const x = linearScale(bounds.x ?? spread(xs), CHART.left, width - CHART.right);
  const range = [CHART.height - CHART.bottom, CHART.top];
  return { x, y: log ? logScale(spread(ys), ...range) : linearScale(bounds.y ?? spread(ys, 0.05), ...range) };
}

function spread(values, margin = 0) {
  const known = values.filter((value) => value !== null);
  if (!known.length) return [0, 1];
  const low = Math.min(...known);
  const high = Math.max(...known);
  const more = margin * (high - low);
  return high > low ? [low - more, high + more] : [low, low + 1];
}

function linearScale([low, high], from, to) {
  const scale = (value) => from + ((value - low) / (high - low)) * (to - from);
  return Object.assign(scale, { low, high, ticks: linearTicks(low, high), back: (at) => low + ((at - from) / (to - from)) * (high - low) });
}

function logScale([lowest, highest], from, to) {
  let low = Math.floor(Math.log10(lowest > 0 ? lowest : 1e-3));
  let high = Math.ceil(Math.log10(highest > 0 ? highest : 1));
  if (high <= low) high = low + 1;
  const scale = (value) => from + ((Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)) * (to - from);
  const every = Math.ceil((high - low) / 5);
  const ticks = [];
  for (let power = low; power <= high; power += every) ticks.push(10 ** power);
  if (high - low === 1) ticks.push(2 * 10 ** low, 5 * 10 ** low);
  return Object.assign(scale, { low: 10 ** low, high: 10 ** high, ticks, log: true, back: (at) => 10 ** (low + ((at - from) / (to - from)) * (high - low)) });
}

function linearTicks(low, high) {
  const rough = (high - low) / 4;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * unit).find((each) => each >= rough);
  const ticks = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) ticks.push(Number(value.toPrecision(12)));
  return ticks;
}

/** A tick's number: powers of ten are set as such. */
function tickParts(value, log) {
  const size = Math.abs(value);
  if (!log) return [size >= 1e6 ? `${short(value / 1e6)}M` : size >= 1e4 ? `${short(value / 1000)}k` : short(value)];
  const power = Math.log10(value);
  if (!Number.isInteger(power) || (power > -3 && power < 4)) return [short(value)];
  return ["10", svg("tspan", { dy: -5, "font-size": "0.8em" }, short(power))];
}

function* axisParts(x, y, width, options) {
  const bottom = CHART.height - CHART.bottom;
  for (const value of y.ticks) {
    const at = y(value);
    yield svg("line", { x1: CHART.left, x2: width - CHART.right, y1: at, y2: at, class: "grid" });
    yield svg("text", { x: CHART.left - 6, y: at + 4, "text-anchor": "end" }, ...tickParts(value, y.log));
  }
  for (const value of x.ticks) {
    yield svg("line", { x1: x(value), x2: x(value), y1: bottom, y2: bottom + 4, class: "axis" });
    yield svg("text", { x: x(value), y: bottom + 16, "text-anchor": x(value) > width - CHART.right - 16 ? "end" : "middle" }, ...tickParts(value));
  }
  yield svg("line", { x1: CHART.left, x2: width - CHART.right, y1: bottom, y2: bottom, class: "axis" });
  yield svg("text", { x: width - CHART.right, y: CHART.height - 4, "text-anchor": "end", class: "axis-name" }, options.x);
  yield svg("text", { x: 4, y: CHART.height - 4, class: "axis-name" }, options.y);
}

function pathOf(series, x, y) {
  let d = "";
  let pen = "M";
  series.x.forEach((value, place) => {
    const height = series.y[place];
    if (height === null || value === null) return void (pen = "M");
    d += `${pen}${x(value).toFixed(1)} ${y(height).toFixed(1)}`;
    pen = "L";
  });
  return d;
}

function dotsOf(series, x, y) {
  const group = svg("g", { class: series.look });
  series.x.forEach((value, place) => {
    if (value !== null && series.y[place] !== null)
      group.append(svg("circle", { cx: x(value).toFixed(1), cy: y(series.y[place]).toFixed(1), r: series.size ?? 3 }));
  });
  return group;
}
