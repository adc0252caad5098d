/** The page's host: a model over the server's events and posts, given to the same front end that notebooks show. */
import studio from "./studio.js";

const token = new URLSearchParams(location.search).get("token") ?? "";

/** The model that `studio.render` expects; see `Model` in dom.js. */
function pageModel() {
  const state = {};
  const listeners = {};
  /** @type {EventSource | null} */
  let source = null;

  function open() {
    if (source) return;
    source = new EventSource(`events?token=${encodeURIComponent(token)}`);
    source.onmessage = (event) => {
      const changed = JSON.parse(event.data);
      Object.assign(state, changed);
      for (const key of Object.keys(changed)) for (const call of listeners[`change:${key}`] ?? []) call();
    };
  }

  // A browser opens six connections to a host over all its tabs: a hidden tab gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") return open();
    source?.close();
    source = null;
  });
  open();

  return {
    get: (key) => state[key],
    on: (name, call) => (listeners[name] ??= []).push(call),
    off: (name, call) => (listeners[name] = (listeners[name] ?? []).filter((each) => each !== call)),
    send: (message) =>
      fetch("do", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Token": token },
        body: JSON.stringify(message),
      }),
  };
}

studio.render({ model: pageModel(), el: document.getElementById("studio") });
