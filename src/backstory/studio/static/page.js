/** The page's host: a model over the server's events and posts, given to the same front end that notebooks show. */
import studio from "./studio.js";

const token = new URLSearchParams(location.search).get("token") ?? "";

const SILENT = "The studio does not answer. Is 'backstory studio' still running? Trying again …";
const ANOTHER = "This address is of an earlier start of the studio. Open the one that 'backstory studio' has printed since.";

/** Say above the studio why it has no connection, or nothing. */
function sayLost(why) {
  const line = document.getElementById("connection");
  line.textContent = why;
  line.hidden = !why;
}

/** The model that `studio.render` expects; see `Model` in dom.js. */
function pageModel() {
  const state = {};
  const listeners = {};
  /** @type {EventSource | null} */
  let source = null;
  let sent = Promise.resolve();

  function take(changed) {
    Object.assign(state, changed);
    for (const key of Object.keys(changed)) for (const call of listeners[`change:${key}`] ?? []) call();
  }

  function open() {
    if (source) return;
    source = new EventSource(`events?token=${encodeURIComponent(token)}`);
    source.onmessage = (event) => { // the first of a connection holds the whole state
      sayLost("");
      take(JSON.parse(event.data));
    };
    source.onerror = async () => {
      if (source?.readyState === EventSource.CLOSED) { // else the browser tries again by itself
        close();
        setTimeout(open, 2000);
      }
      const answer = await fetch("state", { headers: { "X-Token": token } }).catch(() => null);
      if (source?.readyState !== EventSource.OPEN) sayLost(answer?.status === 403 ? ANOTHER : SILENT);
    };
  }

  function close() {
    source?.close();
    source = null;
  }

  // A browser opens six connections to a host over all its tabs: a hidden tab gives its own back.
  document.addEventListener("visibilitychange", () => (document.visibilityState === "visible" ? open() : close()));
  open();

  const post = (message) =>
    fetch("do", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Token": token },
      body: JSON.stringify(message),
    })
      .then(async (answer) => answer.ok || take({ notice: await answer.text() }))
      .catch(() => sayLost(SILENT));

  const send = (message) => (sent = sent.then(() => post(message))); // one after the other, as they were meant

  // A link's state is opened once; from then on the session goes its own way, and a reload shows where it has come to.
  function openLink() {
    if (location.hash.length > 1) send({ do: "open", link: location.hash });
    history.replaceState(null, "", location.pathname + location.search);
  }
  addEventListener("hashchange", openLink);
  openLink();

  return {
    get: (key) => state[key],
    on: (name, call) => (listeners[name] ??= []).push(call),
    off: (name, call) => (listeners[name] = (listeners[name] ?? []).filter((each) => each !== call)),
    send,
  };
}

studio.render({ model: pageModel(), el: document.getElementById("studio") });
