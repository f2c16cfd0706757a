// Forms speak JSON to the services' own API, as the person who is signed in; the console's service never sees it.
import { localise } from "./times.js";

const READERS = { number: Number, json: JSON.parse, flag: (text) => text === "true" };

function body(form) {
  const fields = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || (field.type === "checkbox" && !field.checked)) continue;
    if (field.type === "radio" && !field.checked) continue;
    const read = READERS[field.dataset.type] ?? String;
    if (field.dataset.type === "list") (fields[field.name] ??= []).push(field.value);
    else if (field.dataset.type === "hours") fields[field.name] = new Date(Date.now() + 3.6e6 * field.value).toISOString();
    else put(fields, field.name, read(field.value));
  }
  return fields;
}

// `document.messages.0.content` goes into the document that came before it.
function put(fields, name, value) {
  const path = name.split(".");
  const last = path.pop();
  path.reduce((place, key) => place[key], fields)[last] = value;
}

async function post(path, content, method = "POST") {
  const answer = await fetch(path, {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(content),
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told(answer.status, said));
  return said;
}

function told(status, said) {
  if (status === 401) return "Your session has ended. Sign in again; nothing was changed.";
  if (!said.title) return `The server answered ${status}. Nothing was changed.`;
  return said.detail ? `${said.title}: ${said.detail}` : said.title;
}

async function attempt(form, work) {
  const problem = form.querySelector(".problem");
  const buttons = [...form.querySelectorAll("button:not([type=button])")];
  if (problem) problem.hidden = true;
  for (const button of buttons) button.disabled = true;
  try {
    await work();
  } catch (error) {
    const words = error instanceof TypeError ? "The server can't be reached. Nothing was changed." : error.message;
    if (problem) [problem.textContent, problem.hidden] = [words, false];
    else toast(words);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

export function submit(event) {
  event.preventDefault();
  const form = event.target;
  return attempt(form, async () => {
    const said = await post(form.dataset.api, body(form), form.dataset.method);
    form.closest("dialog")?.close();
    form.reset();
    const shown = form.dataset.shows ? document.getElementById(form.dataset.shows) : null;
    if (shown) return reveal(shown, said);
    if (form.dataset.done) toast(form.dataset.done);
    const then = (form.dataset.then ?? "").replace("{id}", encodeURIComponent(said.id ?? ""));
    if (then) location.assign(then);
    else window.htmx.trigger(document.getElementById("page"), "refresh");
  });
}

// What is shown once: each element with `data-part` takes that part of the answer. A dialog forgets it when it is closed.
function reveal(shown, said) {
  const places = [...shown.querySelectorAll("[data-part]")];
  for (const place of places) {
    const value = String(said[place.dataset.part] ?? "");
    place.textContent = place.dataset.part === "path" ? location.origin + value : value;
    if (place.matches("time")) place.dateTime = value;
  }
  localise(shown);
  shown.hidden = false;
  if (!shown.matches("dialog")) return shown.scrollIntoView({ block: "nearest" });
  shown.showModal();
  const forget = () => {
    for (const place of places) place.textContent = "";
    window.htmx.trigger(document.getElementById("page"), "refresh");
  };
  shown.addEventListener("close", forget, { once: true });
}

export function signIn(event) {
  event.preventDefault();
  const form = event.target;
  return attempt(form, async () => {
    const token = form.elements.token.value.trim().split("#").at(-1);
    await post("/v1/sessions", { token });
    location.replace("/");
  });
}

export function toast(words) {
  const place = document.getElementById("toast");
  place.textContent = words;
  place.hidden = false;
  setTimeout(() => (place.hidden = true), 5000);
}
