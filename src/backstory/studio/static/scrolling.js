/** What is wider than its place scrolls, and the keyboard must reach it: such elements take their turn at Tab. */

const EVERY_SO_OFTEN = 400;

/** Return what looks over an element's parts again, soon but not too often: call it after every change. */
export function scrollKeeper(root) {
  let waiting = 0;

  function look() {
    waiting = 0;
    for (const element of root.querySelectorAll("div, figure, pre")) {
      const scrolls = element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1;
      if (!scrolls && element.dataset.scrolls === undefined) continue;
      const style = scrolls ? getComputedStyle(element) : null;
      const shut = !style || ![style.overflowX, style.overflowY].some((each) => each === "auto" || each === "scroll");
      if (!shut && !element.hasAttribute("tabindex")) {
        element.tabIndex = 0;
        element.dataset.scrolls = "";
      } else if (shut && element.dataset.scrolls !== undefined) {
        element.removeAttribute("tabindex");
        delete element.dataset.scrolls;
      }
    }
  }
  const soon = () => (waiting ||= window.setTimeout(look, EVERY_SO_OFTEN));
  const sizes = new ResizeObserver(soon);
  sizes.observe(root);
  return { soon, stop: () => (sizes.disconnect(), clearTimeout(waiting)) };
}
