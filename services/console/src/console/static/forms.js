// Forms send JSON to the services' API as the signed-in person; the console itself never receives it.
import { localise } from "./times.js";

const READERS = {
  number: Number,
  json: JSON.parse,
  flag: (text) => text === "true",
  lines: (text) => text.split(/\s+/).filter(Boolean),
};

function requestBody(form) {
  const fields = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || (field.type === "checkbox" && !field.checked)) continue;
    if (field.type === "radio" && !field.checked) continue;
    if (field.dataset.type === "path" || (field.dataset.optional !== undefined && !field.value)) continue;
    const read = READERS[field.dataset.type] ?? String;
    if (field.dataset.type === "list") (fields[field.name] ??= []).push(field.value);
    else if (field.dataset.type === "json-list") (fields[field.name] ??= []).push(JSON.parse(field.value));
    else if (field.dataset.type === "hours") fields[field.name] = new Date(Date.now() + 3.6e6 * field.value).toISOString();
    else put(fields, field.name, read(field.value));
  }
  return fields;
}

// Return the address of a form; `{name}` in it is the value of its field of the type `path`.
function address(form) {
  return form.dataset.api.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(form.elements[name].value));
}

// Set a nested value, such as `document.messages.0.content`, in a document that is set already.
function put(fields, name, value) {
  const path = name.split(".");
  const last = path.pop();
  path.reduce((parent, key) => parent[key], fields)[last] = value;
}

async function post(path, content, method = "POST") {
  const response = await fetch(path, {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(content),
  });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(errorMessage(response.status, body));
  return body;
}

function errorMessage(status, problem) {
  if (status === 401) return "Your session has ended. Sign in again; nothing was changed.";
  if (!problem.title) return `The server answered ${status}. Nothing was changed.`;
  return problem.detail ? `${problem.title}: ${problem.detail}` : problem.title;
}

async function attempt(form, work) {
  const problem = form.querySelector(".problem");
  const buttons = [...form.querySelectorAll("button:not([type=button])")];
  if (problem) problem.hidden = true;
  for (const button of buttons) button.disabled = true;
  try {
    await work();
  } catch (error) {
    const message = error instanceof TypeError ? "The server can't be reached. Nothing was changed." : error.message;
    if (problem) [problem.textContent, problem.hidden] = [message, false];
    else toast(message);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

export function submit(event) {
  event.preventDefault();
  const form = event.target;
  return attempt(form, async () => {
    const created = await post(address(form), requestBody(form), form.dataset.method);
    if (form.dataset.next) await post(form.dataset.next, {}).catch(() => {}); // the page shows what is held, or none
    form.closest("dialog")?.close();
    form.reset();
    const shown = form.dataset.shows ? document.getElementById(form.dataset.shows) : null;
    if (shown) return reveal(shown, created);
    if (form.dataset.done) toast(form.dataset.done);
    const then = (form.dataset.then ?? "").replace("{id}", encodeURIComponent(created.id ?? ""));
    if (then) location.assign(then);
    else window.htmx.trigger(document.getElementById("page"), "refresh");
  });
}

// Show a secret once: each element with `data-part` shows that field of the response. A dialog clears it when closed.
function reveal(shown, created) {
  const elements = [...shown.querySelectorAll("[data-part]")];
  for (const element of elements) {
    const value = String(created[element.dataset.part] ?? "");
    element.textContent = element.dataset.part === "path" ? location.origin + value : value;
    if (element.matches("time")) element.dateTime = value;
  }
  localise(shown);
  shown.hidden = false;
  if (!shown.matches("dialog")) return shown.scrollIntoView({ block: "nearest" });
  shown.showModal();
  const forget = () => {
    for (const element of elements) element.textContent = "";
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

export function toast(message) {
  const element = document.getElementById("toast");
  element.textContent = message;
  element.hidden = false;
  setTimeout(() => (element.hidden = true), 5000);
}
