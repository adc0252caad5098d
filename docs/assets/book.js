/** A story in a frame says how tall it is (src/backstory/studio/standalone.py); its frame takes that height. */
addEventListener("message", (event) => {
  const height = event.data?.["backstory-height"];
  if (!Number.isFinite(height)) return;
  for (const frame of document.querySelectorAll("iframe.story")) {
    if (frame.contentWindow === event.source) frame.style.height = `${Math.min(Math.max(height, 100), 5000)}px`;
  }
});

/** A table that is wider than its place is scrolled by keyboard too; Material puts it into a box of its own. */
function reachable() {
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap")) {
    const wide = box.scrollWidth > box.clientWidth;
    if (wide === box.hasAttribute("tabindex")) continue;
    if (wide) for (const [name, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", "Table"]]) box.setAttribute(name, value);
    else for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
  }
}
new MutationObserver(reachable).observe(document.body, { childList: true, subtree: true });
addEventListener("resize", reachable);
addEventListener("load", reachable);
