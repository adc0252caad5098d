/** Your equation: judged as it is typed. */
import { html } from "./dom.js";

/** @param {import("./dom.js").Model} model @returns {import("./dom.js").View} */
export function equationView(model) {
  const input = html("textarea", { name: "equation", rows: 2, "aria-label": "Your equation", spellcheck: "false",
    input: () => model.send({ do: "check", text: input.value }) });
  const verdict = html("div", { "data-part": "verdict", "aria-live": "polite" });
  const element = html("section", { "data-part": "equation", "aria-label": "Your equation" },
    html("h2", {}, "Your equation"), input, verdict);

  function update() {
    const check = model.get("check");
    verdict.dataset.status = check?.status ?? "";
    verdict.replaceChildren(...(check ? [html("p", {}, check.status.replaceAll("_", " ")),
      ...check.findings.map((finding) => html("p", {}, finding.message))] : []));
  }
  return { element, keys: ["check"], update };
}
