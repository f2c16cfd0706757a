// Hears of news by server-sent events; a page whose topics have news asks for itself again. Says when the line is dead.
const AT_MOST_EVERY = 1000;

export function listen(page) {
  if (page().querySelector("[data-again]")) setInterval(() => location.reload(), 3000);
  if (!document.querySelector(".bar")) return;
  let last = 0;
  let waiting = null;
  const refresh = () => {
    waiting = null;
    if (document.querySelector("dialog[open]") || page().querySelector("form[data-draft]")) {
      waiting = setTimeout(refresh, AT_MOST_EVERY);
      return;
    }
    last = Date.now();
    window.htmx.trigger(page(), "refresh");
  };
  const soon = () => {
    if (waiting === null) waiting = setTimeout(refresh, Math.max(0, last + AT_MOST_EVERY - Date.now()));
  };
  const wanted = () => ["loop.", ...(page().dataset.live || "").split(" ").filter(Boolean)];
  connect((topics) => topics.some((topic) => wanted().some((want) => topic.startsWith(want))) && soon(), soon);
  if (wanted().includes("clock")) setInterval(soon, 5000);
}

function connect(heard, back) {
  const line = document.getElementById("connection");
  let lost = null;
  const source = new EventSource("/events");
  source.onmessage = (event) => heard(event.data.split(" "));
  source.onopen = () => {
    if (lost !== null) back();
    lost = null;
    line.hidden = true;
  };
  source.onerror = () => {
    lost ??= new Date();
    line.textContent = `Connection lost. This is what was known at ${lost.toLocaleTimeString()}; trying again.`;
    line.hidden = false;
    if (source.readyState === EventSource.CLOSED) {
      source.close();
      setTimeout(() => again(heard, back), 2000);
    }
  };
}

// A closed source tries no more by itself: the answer was no stream. Signed out, the page leads to the door.
async function again(heard, back) {
  try {
    const answer = await fetch("/health/live", { cache: "no-store" });
    if (answer.ok) {
      const session = await fetch(location.pathname, { method: "HEAD", redirect: "manual", cache: "no-store" });
      if (session.type === "opaqueredirect") return location.assign("/sign-in");
      back();
    }
  } catch {}
  connect(heard, back);
}
