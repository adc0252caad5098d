/** Hands on the picture: arrow keys that go along the graph, a pointer that drags a weight. */
import { set } from "./dom.js";

/** The value of a parameter, or of a number that is given and drawn like one. */
export const parameterValue = (values, address) => values.parameters[address] ?? values.nodes[address] ?? 0;

/** Let the arrow keys go along the graph; one element of the picture at a time is in the order of Tab. */
export function rove(root, net, plan, units, weights, order) {
  const columns = net.columns.map((column) => column.nodes);
  const names = [...columns, net.targets.map((target) => target.name)];
  const elementOf = (key) => units.get(key)?.node ?? weights.get(key)?.handle;
  const all = [...columns.flat().flatMap((name) =>
    order.filter((each) => each.target === name).map((each) => each.address))];
  let at = columns[0]?.[0];

  function move(key) {
    const next = elementOf(key);
    if (!next) return;
    elementOf(at)?.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    at = key;
  }

  function focus(key) {
    move(key);
    elementOf(key)?.focus({ preventScroll: false });
  }

  /** From a unit to a line and on to the next unit, back the same way, or to a neighbor. */
  function neighbor(key, way) {
    const weight = weights.get(key);
    if (weight) {
      if (way === "on") return weight.to;
      if (way === "back") return weight.from || weight.to;
      return all[all.indexOf(key) + (way === "next" ? 1 : -1)];
    }
    const out = net.lines.find((line) => line.source === key);
    const into = [...net.lines, ...net.biases].find((line) => line.target === key);
    if (way === "on") return out ? out.address || out.target : net.targets.find((each) => each.target === key)?.name;
    if (way === "back") return into ? into.address || into.source : net.targets.find((each) => each.name === key)?.target;
    const column = names.find((each) => each.includes(key)) ?? [];
    return column[column.indexOf(key) + (way === "next" ? 1 : -1)];
  }

  const ways = plan.down
    ? { ArrowDown: "on", ArrowUp: "back", ArrowRight: "next", ArrowLeft: "before" }
    : { ArrowRight: "on", ArrowLeft: "back", ArrowDown: "next", ArrowUp: "before" };
  root.addEventListener("keydown", (event) => {
    const key = event.target.dataset?.address ?? event.target.dataset?.node;
    if (key === undefined) return;
    if (event.key === "Enter" || event.key === " ") event.target.dispatchEvent(new MouseEvent("click"));
    else if (ways[event.key]) {
      const next = neighbor(key, ways[event.key]);
      if (next !== undefined) focus(next);
    } else return;
    event.preventDefault();
  });
  move(at);
  return { move, focus, current: () => at };
}

const PER_PIXEL = 0.01;
const DRAG_EVERY = 60;

/** Let a weight be dragged: up makes it larger. What came of it is sent at most every 60 ms, the last always. */
export function draggable(handle, address, model) {
  let start = null;
  let sent = 0;
  let later = 0;

  function send(value) {
    clearTimeout(later);
    const wait = sent + DRAG_EVERY - Date.now();
    if (wait > 0) later = window.setTimeout(() => send(value), wait);
    else {
      sent = Date.now();
      model.send({ do: "set", address, value });
    }
  }
  set(handle, {
    pointerdown: (event) => {
      if (event.button !== 0) return;
      start = { y: event.clientY, value: parameterValue(model.get("values"), address), moved: false };
      handle.setPointerCapture(event.pointerId);
    },
    pointermove: (event) => {
      if (!start || (!start.moved && Math.abs(event.clientY - start.y) < 4)) return;
      if (!start.moved) {
        model.send({ do: "select", quantity: address });
        model.send({ do: "unit", name: null });
      }
      start.moved = true;
      handle.classList.add("dragged");
      const step = PER_PIXEL * Math.max(1, Math.abs(start.value));
      send(Number((start.value + (start.y - event.clientY) * step).toPrecision(6)));
    },
    pointerup: () => end(),
    pointercancel: () => end(),
  });
  handle.addEventListener("click", (event) => {
    if (handle.classList.contains("dragged")) event.stopImmediatePropagation();
    handle.classList.remove("dragged");
  }, true);

  function end() {
    if (!start?.moved) handle.classList.remove("dragged");
    start = null;
  }
}
