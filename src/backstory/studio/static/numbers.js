/** All parameters as a table, the picture's twin: value, gradient, the same slope by finite differences. */
import { html, set, short } from "./dom.js";

const NUMBER_COLUMNS = [
  ["address", "weight or bias"], ["value", "value"], ["gradient", "gradient"], ["difference", "finite difference"],
  ["error", "relative error"],
];

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function numbersView(model) {
  const open = html("button", { type: "button", "data-do": "numbers", "aria-expanded": "false",
    click: () => model.send({ do: "numbers", on: !model.get("numbers") }) }, "Show the table");
  const save = html("button", { type: "button", "data-do": "csv", hidden: true, click: download }, "Download as CSV");
  const caption = html("p", { class: "about", hidden: true });
  const heads = NUMBER_COLUMNS.map(([key, title]) => html("th", { scope: "col" },
    html("button", { type: "button", "data-sort": key, click: () => sort(key) }, title)));
  const body = html("tbody", {});
  const table = html("div", { class: "scroll", hidden: true, tabindex: 0, role: "region", "aria-label": "Table of the parameters" },
    html("table", { class: "numbers" }, html("thead", {}, html("tr", {}, ...heads)), body));
  const element = html("section", { "data-part": "numbers", "aria-label": "Numbers" },
    html("h2", {}, "Numbers"), html("div", { class: "row" }, open, save), caption, table);
  /** @type {Map<string, HTMLElement>} */
  const rows = new Map();
  let by = "";
  let falling = false;

  function sort(key) {
    falling = by === key ? !falling : key !== "address";
    by = key;
    update();
  }

  function sorted(found) {
    if (!by) return found;
    const size = (row) => (by === "address" ? row.address : by === "value" ? row.value : Math.abs(row[by]));
    const compare = (a, b) => (by === "address" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
    return [...found].sort((a, b) => (falling ? -1 : 1) * compare(size(a), size(b)));
  }

  function line(address) {
    const known = rows.get(address);
    if (known) return known;
    const choose = html("button", { type: "button", click: () => model.send({ do: "select", quantity: address }) }, address);
    const made = html("tr", {}, html("th", { scope: "row" }, choose), ...NUMBER_COLUMNS.slice(1).map(() => html("td", {})));
    made.addEventListener("pointerenter", () => model.set("lit", { lines: [address] }));
    made.addEventListener("pointerleave", () => model.set("lit"));
    rows.set(address, made);
    return made;
  }

  function update() {
    const numbers = model.get("numbers");
    set(open, { "aria-expanded": String(Boolean(numbers)) });
    open.textContent = numbers ? "Hide the table" : "Show the table";
    table.hidden = save.hidden = caption.hidden = !numbers;
    if (!numbers) return;
    const { rows: found, total, step } = numbers;
    const which = found.length < total
      ? `the ${found.length} of ${total.toLocaleString("en")} parameters with the largest gradients`
      : `all ${total} parameters`;
    caption.textContent = `Derivatives of ${numbers.of} by ${which}, at step ${step}. ` +
      "The finite difference moves one parameter a little each way and uses no derivative.";
    heads.forEach((head, place) => set(head, { "aria-sort": NUMBER_COLUMNS[place][0] !== by ? false : falling ? "descending" : "ascending" }));
    const made = sorted(found).map((row) => {
      const element = line(row.address);
      const cells = [...element.querySelectorAll("td")];
      [row.value, row.gradient, row.difference].forEach((value, place) => (cells[place].textContent = short(value, 6)));
      cells[3].textContent = row.rounding ? `${short(row.error, 2)} (rounding)` : short(row.error, 2);
      element.classList.toggle("selected", model.get("story")?.by === row.address);
      return element;
    });
    if (made.length !== body.children.length || made.some((each, place) => body.children[place] !== each)) body.replaceChildren(...made);
  }

  /** Numbers to their last digit, as a file. */
  function download() {
    const keys = NUMBER_COLUMNS.map(([key]) => key);
    const quoted = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
    const text = [keys, ...sorted(model.get("numbers").rows).map((row) => keys.map((key) => row[key]))]
      .map((each) => each.map(quoted).join(",")).join("\r\n");
    const url = URL.createObjectURL(new Blob([`${text}\r\n`], { type: "text/csv" }));
    html("a", { href: url, download: "backstory-numbers.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
  return { element, keys: ["numbers", "story"], update };
}
