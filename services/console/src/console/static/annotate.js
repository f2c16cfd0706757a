// Annotation of a task by keyboard, and its reservation: renewed while the person works, and shown when it has ended.
const RENEW_AFTER_MS = 60_000;
const PRESSED = ":is(a, button, summary):not(dialog:not([open]) *)";
const CONTROLS = "input:not([type=hidden]), textarea";

const form = () => document.querySelector("form[data-annotate]");

// Return whether the key was one of a task.
export function pressInTask(event) {
  const task = form();
  if (!task || document.querySelector("dialog[open]")) return false;
  const writing = event.target.closest("textarea, input:not([type=radio]):not([type=hidden])");
  if (event.key === "Escape" && writing) return does(event, () => writing.blur());
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return does(event, () => task.requestSubmit());
  if (writing || event.ctrlKey || event.metaKey || event.altKey || event.target.closest(PRESSED)) return false;
  if (/^[1-9]$/.test(event.key)) return does(event, () => choose(task, Number(event.key) - 1));
  const actions = {
    Enter: () => task.requestSubmit(),
    s: () => document.querySelector("form[data-skip]")?.requestSubmit(),
    c: () => focusText(task),
    j: () => move(task, 1),
    k: () => move(task, -1),
  };
  return actions[event.key] ? does(event, actions[event.key]) : false;
}

function does(event, action) {
  event.preventDefault();
  action();
  return true;
}

const questions = (task) => [...task.querySelectorAll("[data-question]")];
const isAnswered = (question) => [...question.querySelectorAll(CONTROLS)].some((it) => (it.type === "radio" ? it.checked : it.value));

// The question with choices in which the focus is, or the first one without an answer.
function asked(all) {
  const choices = all.filter((it) => it.querySelector("input[type=radio]"));
  return choices.find((it) => it.contains(document.activeElement)) ?? choices.find((it) => !isAnswered(it)) ?? choices[0];
}

function choose(task, index) {
  const all = questions(task);
  const question = asked(all);
  const choice = question?.querySelectorAll("input[type=radio]")[index];
  if (!choice) return;
  choice.checked = true;
  choice.focus();
  choice.dispatchEvent(new Event("input", { bubbles: true }));
  const next = all.slice(all.indexOf(question) + 1).find((it) => !isAnswered(it) && !it.querySelector("textarea"));
  if (next) focusIn(next);
}

function move(task, by) {
  const all = questions(task);
  const at = all.findIndex((it) => it.contains(document.activeElement));
  focusIn(all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))]);
}

function focusIn(question) {
  const controls = [...question.querySelectorAll(CONTROLS)];
  (controls.find((it) => it.checked) ?? controls[0])?.focus();
}

function focusText(task) {
  const texts = [...task.querySelectorAll("textarea")];
  texts[(texts.indexOf(document.activeElement) + 1) % texts.length]?.focus();
}

// Renew the reservation while the person works, at most once a minute.
let renewed = Date.now();

export async function renewReservation(event) {
  const task = event.target.closest?.("form[data-annotate]");
  if (!task?.dataset.next || Date.now() - renewed < RENEW_AFTER_MS || hasEnded(task)) return;
  renewed = Date.now();
  const answer = await fetch(task.dataset.next, { method: "POST" }).catch(() => null);
  const held = answer?.ok ? (await answer.json()).task : null;
  if (held && task.dataset.api.includes(held.id)) reservation().dateTime = held.expires_at;
}

const reservation = () => document.querySelector("time[data-reservation]");
const hasEnded = () => new Date(reservation().dateTime) <= Date.now();

export function showReservation() {
  const ended = document.getElementById("reservation-ended");
  if (!ended || !hasEnded() || !ended.hidden) return;
  ended.hidden = false;
  for (const button of form().querySelectorAll("button")) button.disabled = true;
}
