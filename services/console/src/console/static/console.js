// Entry point: forms send JSON to the API, times are local, notifications refresh the page, keyboard shortcuts.
import { localise } from "./times.js";
import { draw } from "./charts.js";
import { listen } from "./live.js";
import { submit, signIn } from "./forms.js";
import { press } from "./keys.js";
import { renewReservation, showReservation } from "./annotate.js";

const page = () => document.getElementById("page");

function opens(id, picked) {
  const dialog = document.getElementById(id);
  if (document.querySelector(`[data-opens="${id}"]:disabled`)) return; // also by its key
  if (dialog && !dialog.open) dialog.showModal();
  if (picked) pick(dialog.querySelector("[data-picked]"), picked);
}

function pick(field, value) {
  field.value = value;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

function show(comparison, view) {
  comparison.dataset.view = view;
  for (const button of comparison.querySelectorAll("[data-shows]"))
    button.setAttribute("aria-pressed", String(button.dataset.shows === view));
}

async function copy(button) {
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), 1500);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button, [data-opens]");
  if (!button) return;
  if (button.dataset.opens) opens(button.dataset.opens, button.dataset.picks);
  if (button.dataset.closes !== undefined) button.closest("dialog").close();
  if (button.dataset.shows) show(button.closest(".comparison"), button.dataset.shows);
  if (button.dataset.copies) copy(button);
});

// The menu closes on Escape and on any click.
document.addEventListener("click", (event) => {
  const menu = document.querySelector(".who[open]");
  if (menu && !event.target.closest(".who summary")) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  const menu = document.querySelector(".who[open]");
  if (menu && event.key === "Escape") {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("submit", (event) => {
  if (event.target.closest("[data-sign-in]")) signIn(event);
  else if (event.target.dataset.api) submit(event);
});

document.addEventListener("keydown", (event) => press(event, opens));
document.addEventListener("input", renewReservation);

document.addEventListener("htmx:after:swap", () => ready());

function ready() {
  for (const element of document.querySelectorAll("[data-origin]")) element.textContent = location.origin;
  localise(document);
  draw(document);
}

const current = document.querySelector(".bar nav [aria-current]");
if (current) current.parentElement.scrollLeft = current.offsetLeft - current.parentElement.offsetLeft - 40;

ready();
listen(page);
setInterval(() => localise(document), 5_000);
setInterval(showReservation, 1_000);

const signInForm = document.querySelector("[data-sign-in]");
if (signInForm) {
  signInFromHash();
  // A link that is pasted into this page changes only the hash and loads nothing.
  window.addEventListener("hashchange", signInFromHash);
}

async function signInFromHash() {
  if (location.hash.length < 2) return;
  signInForm.querySelector("input").value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  const { known } = await (await fetch("/sign-in/known")).json();
  if (known) document.getElementById("known").hidden = false;
  else signInForm.querySelector("form").requestSubmit();
}
