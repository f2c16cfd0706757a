// What pages do: forms go to the API, times are the viewer's, news refreshes the page, keys move through it.
import { localise } from "./times.js";
import { draw } from "./charts.js";
import { listen } from "./live.js";
import { submit, signIn } from "./forms.js";
import { press } from "./keys.js";

const page = () => document.getElementById("page");

function opens(id, picked) {
  const dialog = document.getElementById(id);
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
  const said = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = said), 1500);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button, [data-opens]");
  if (!button) return;
  if (button.dataset.opens) opens(button.dataset.opens, button.dataset.picks);
  if (button.dataset.closes !== undefined) button.closest("dialog").close();
  if (button.dataset.shows) show(button.closest(".comparison"), button.dataset.shows);
  if (button.dataset.copies) copy(button);
});

// The menu closes as menus do: by Escape, and by a press on anything.
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

document.addEventListener("htmx:after:swap", () => ready());

function ready() {
  for (const place of document.querySelectorAll("[data-origin]")) place.textContent = location.origin;
  localise(document);
  draw(document);
}

const here = document.querySelector(".bar nav [aria-current]");
if (here) here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.offsetLeft - 40;

ready();
listen(page);
setInterval(() => localise(document), 5_000);

const door = document.querySelector("[data-sign-in]");
if (door) {
  enter();
  // A link that is pasted where this page is open already loads nothing: only its hash changes.
  window.addEventListener("hashchange", enter);
}

async function enter() {
  if (location.hash.length < 2) return;
  door.querySelector("input").value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  const { known } = await (await fetch("/sign-in/known")).json();
  if (known) document.getElementById("known").hidden = false;
  else door.querySelector("form").requestSubmit();
}
