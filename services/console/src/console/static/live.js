// Receives notifications by server-sent events and refreshes the page if one of its topics changed. Shows a lost connection.
const MIN_INTERVAL_MS = 1000;

export function listen(page) {
  if (page().querySelector("[data-again]")) setInterval(() => location.reload(), 3000);
  if (!document.querySelector(".bar")) return;
  let last = 0;
  let waiting = null;
  const busy = () => document.querySelector("dialog[open]") || page().querySelector("form[data-draft]");
  const refresh = () => {
    waiting = null;
    if (busy()) {
      waiting = setTimeout(refresh, MIN_INTERVAL_MS);
      return;
    }
    last = Date.now();
    window.htmx.trigger(page(), "refresh");
  };
  const soon = () => {
    if (waiting === null) waiting = setTimeout(refresh, Math.max(0, last + MIN_INTERVAL_MS - Date.now()));
  };
  // A response that arrives after a dialog was opened would close it.
  document.addEventListener("htmx:before:swap", (event) => {
    if (event.target !== page() || !busy()) return;
    event.preventDefault();
    soon();
  });
  const wanted = () => ["loop.", ...(page().dataset.live || "").split(" ").filter(Boolean)];
  connect((topics) => topics.some((topic) => wanted().some((want) => topic.startsWith(want))) && soon(), soon);
  setInterval(() => wanted().includes("clock") && soon(), 5000);
}

function connect(onTopics, onReconnect) {
  const line = document.getElementById("connection");
  let lost = null;
  const source = new EventSource("/events");
  source.onmessage = (event) => onTopics(event.data.split(" "));
  source.onopen = () => {
    if (lost !== null) onReconnect();
    lost = null;
    line.hidden = true;
  };
  source.onerror = () => {
    lost ??= new Date();
    line.textContent = `Connection lost. This page is as of ${lost.toLocaleTimeString()}; reconnecting.`;
    line.hidden = false;
    if (source.readyState === EventSource.CLOSED) {
      source.close();
      setTimeout(() => reconnect(onTopics, onReconnect), 2000);
    }
  };
}

// A closed source does not reconnect itself: the response was no stream. If signed out, go to the sign-in page.
async function reconnect(onTopics, onReconnect) {
  try {
    const answer = await fetch("/health/live", { cache: "no-store" });
    if (answer.ok) {
      const session = await fetch(location.pathname, { method: "HEAD", redirect: "manual", cache: "no-store" });
      if (session.type === "opaqueredirect") return location.assign("/sign-in");
      onReconnect();
    }
  } catch {}
  connect(onTopics, onReconnect);
}
