/** A verdict on an equation: how it is read, its terms as chips, what is wrong and where, the numbers, a mended form. */
import { fragment, html, short } from "./dom.js";
import { lights, pathLight, pathText } from "./paths.js";

const MOST_MISSING = 6;
const STEPS = ["What about it?", "Where?", "What?", "Mend it"];

/**
 * @param {any} model
 * @param {{mend?: (text: string) => void, label: string}} options  mend: put another equation in
 */
export function verdictParts(model, options) {
  const preview = html("div", { class: "preview scroll", "data-part": "preview", tabindex: 0, role: "group", "aria-label": `${options.label}, as it is read` });
  const verdict = html("div", { "data-part": "verdict", "data-status": "", "aria-live": "polite" });
  const where = html("pre", { class: "where scroll", "aria-hidden": "true" });
  const chips = html("ul", { class: "chips", "aria-label": "Terms" });
  const numbers = html("details", { class: "side-by-side" });
  const element = html("div", { class: "judged" }, preview, where, verdict, chips, numbers);
  let revealed = 0;
  let shown = null;

  /** @param {any} check @param {{hints: boolean, lit: boolean}} how  hints: one step at a time; lit: paths light the picture */
  function show(check, how) {
    if (check?.text !== shown?.text) revealed = 0;
    shown = check;
    const status = check?.status ?? "";
    verdict.dataset.text = check?.text ?? "";
    verdict.dataset.status = status;
    const whole = !how.hints || !check?.findings?.length;
    const place = whole || revealed >= 2;
    paintPreview(check, place);
    paintWhere(check, place);
    chips.replaceChildren(...(check && place ? chipsOf(check, how.lit) : []));
    chips.hidden = !chips.childElementCount;
    paintNumbers(check && (whole || revealed >= 3) ? check.numbers : null);
    verdict.replaceChildren(...(check ? [html("p", { class: "headline" }, headlineOf(check)), ...(whole ? findingsOf(check) : stepsOf(check, how))] : []));
  }

  function paintPreview(check, place) {
    if (!check?.preview) return preview.classList.toggle("old", Boolean(check)), void (check || preview.replaceChildren());
    preview.classList.remove("old");
    preview.replaceChildren(fragment(check.preview));
    const finding = place && faultOf(check);
    if (!finding) return;
    for (const part of preview.querySelectorAll("[data-span]")) {
      const [start, end] = part.dataset.span.split(" ").map(Number);
      part.classList.toggle("at-fault", start >= finding.span[0] && end <= finding.span[1]);
    }
  }

  function paintWhere(check, place) {
    const finding = place && check && faultOf(check);
    where.hidden = !finding;
    if (!finding) return;
    const [start, end] = [finding.span[0], Math.max(finding.span[1], finding.span[0] + 1)];
    where.replaceChildren(check.text.slice(0, start), html("mark", {}, check.text.slice(start, end) || "\u00a0"), check.text.slice(end));
  }

  function findingsOf(check) {
    return check.findings.map((finding) => {
      const line = html("p", { class: "finding" }, finding.message);
      if (finding.nearest) line.append(" ", mendButton(`Use ${finding.nearest}`,
        check.text.slice(0, finding.span[0]) + finding.nearest + check.text.slice(finding.span[1])));
      return finding.fix ? html("div", {}, line, mended(finding)) : line;
    });
  }

  function mended(finding) {
    const shownAs = finding.mended ? fragment(finding.mended) : finding.fix;
    return html("div", { class: "mended scroll" }, mendButton("Mend it", finding.fix), html("span", {}, shownAs));
  }

  function mendButton(name, text) {
    return options.mend ? html("button", { type: "button", "data-do": "mend", "data-fix": text, click: () => options.mend(text) }, name) : "";
  }

  /** One step at a time: a hint, where, what, and the mended equation. */
  function stepsOf(check, how) {
    const [hint, , what] = check.steps;
    const said = [html("p", {}, hint), html("p", {}, faultOf(check) ? "Look at what is marked." : "Look at the right side as a whole."), html("p", { class: "finding" }, what)].slice(0, revealed);
    const finding = check.findings[0];
    if (revealed >= 4 && finding.fix) said.push(mended(finding));
    const last = finding.fix ? 4 : 3;
    if (revealed < last) said.push(html("button", { type: "button", "data-do": "reveal", click: () => { revealed += 1; show(check, how); } }, STEPS[revealed]));
    return said;
  }

  function chipsOf(check, lit) {
    const chip = (status, text, paths, said) => {
      const made = html("button", { type: "button", class: "chip", "data-status": status, "aria-label": `${said}: ${text}` }, text);
      const light = () => paths.map(pathLight).reduce((one, other) => ({
        nodes: [...one.nodes, ...other.nodes], lines: [...one.lines, ...other.lines], edges: [...one.edges, ...other.edges] }));
      return html("li", {}, lit && paths.length ? lights(model, made, light) : made);
    };
    return [...check.terms.map((term) => chip(term.status, term.text, term.paths, term.status === "right" ? "right" : "wrong")),
      ...check.missing.slice(0, MOST_MISSING).map((path) => chip("missing", pathText(path), [path], "missing path")),
      ...(check.missing.length > MOST_MISSING ? [html("li", {}, `and ${check.missing.length - MOST_MISSING} more paths`)] : [])];
  }

  function paintNumbers(found) {
    numbers.hidden = !found;
    if (!found) return;
    const row = (name, yours, wanted) => html("tr", {}, html("th", { scope: "row" }, name), html("td", { "data-value": yours }, short(yours, 6)),
      html("td", { "data-value": wanted }, wanted === null ? "" : short(wanted, 6)));
    const terms = found.terms.length > 1 ? found.terms.map((term) => row(term.term, term.yours, term.true)) : [];
    const head = html("tr", {}, html("td", {}), html("th", { scope: "col" }, "yours"), html("th", { scope: "col" }, "should be"));
    const at = Object.entries(found.at).map(([name, value]) => `${name} = ${short(value, 3)}`).join(", ");
    numbers.replaceChildren(html("summary", {}, "The numbers side by side"), html("div", { class: "scroll" },
      html("table", {}, html("thead", {}, head), html("tbody", {}, row("the right side", found.right, found.left), ...terms))), html("p", { class: "at" }, `With ${at}.`));
  }
  return { element, show };
}

/** The first finding, if it is about a part of the right side rather than about the whole of it. */
function faultOf(check) {
  const finding = check.findings[0];
  if (!finding) return null;
  const [before, after] = [check.text.slice(0, finding.span[0]), check.text.slice(finding.span[1])];
  return /[=←]\s*$/.test(before) && !after.trim() ? null : finding;
}

function headlineOf(check) {
  const mark = check.ok ? "✓ " : check.status === "unreadable" ? "" : check.status === "wrong" ? "✗ " : "≈ ";
  return mark + check.headline;
}

/** Send what is typed soon after the last key, one at a time; replies are told apart by their id. */
export function typing(model, action, input) {
  const tab = Math.random().toString(36).slice(2);
  let [number, timer, waiting, dirty] = [0, 0, false, false];

  async function ask() {
    if (waiting) return void (dirty = true);
    waiting = true;
    do {
      dirty = false;
      number += 1;
      await Promise.race([model.send({ do: action, text: input.value, id: `${tab}.${number}` }), new Promise((done) => setTimeout(done, 1000))]);
    } while (dirty);
    waiting = false;
  }
  const typed = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 15);
  };
  input.addEventListener("input", typed);
  return {
    ask: typed,
    /** Whether a verdict is on what stands there now. */
    isLatest: (check) => check.id === `${tab}.${number}`,
    /** Whether nothing has been asked from here yet. */
    isNew: () => number === 0,
  };
}
