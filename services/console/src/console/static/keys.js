// Keyboard shortcuts: j and k move through a list, a and r open the dialogs of a decision, ? shows help.
// A dialog that was closed just now keeps the focus for a moment.
import { pressInTask } from "./annotate.js";

const WRITING = ":is(input, textarea, select, [contenteditable]):not(dialog:not([open]) *)";

export function press(event, opens) {
  if (pressInTask(event)) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(WRITING)) return;
  if (document.querySelector("dialog[open]")) return;
  const does = { j: () => step(1), k: () => step(-1), a: () => opens("approve"), r: () => opens("reject"), "?": () => opens("keys") };
  if (!does[event.key]) return;
  event.preventDefault();
  does[event.key]();
}

function step(by) {
  const items = [...document.querySelectorAll("#page [data-item]")];
  const at = items.findIndex((item) => item.contains(document.activeElement));
  const next = items[Math.min(items.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  const link = next?.matches("a") ? next : next?.querySelector("a");
  link?.focus();
}
