/** Messages of a prompt document: validation, canonical JSON, and their texts. */
import { exactText, isObject, normal, normalText, type Json } from "./canonical.js";
import { at, PromptError } from "./errors.js";
import { members, nameOf, oneOf } from "./fields.js";
import { tidy } from "./placeholders.js";

export type Role = "system" | "user" | "assistant" | "developer" | "tool";

/** A message of a document: a turn, the position of a slot's examples, or that of a variable's messages. */
export type Entry =
  | { kind: "turn"; role: Role; content: Json; extras: Record<string, Json> }
  | { kind: "slot"; slot: string }
  | { kind: "placeholder"; name: string };

const ROLES: readonly Role[] = ["system", "user", "assistant", "developer", "tool"];
const FIRST_ROLES: readonly Role[] = ["system", "user", "assistant"];
const EXTRAS = ["name", "tool_calls", "tool_call_id"];

/** Return the messages of a document. Throws PromptError. */
export function parseMessages(value: unknown, field: string): Entry[] {
  if (!Array.isArray(value) || !value.length) throw new PromptError(field, "must be a list of at least one message");
  return Array.from(value, (item, index) => parseMessage(item, at(field, index)));
}

/** Return the canonical form of a message. */
export function messageJson(entry: Entry): { [key: string]: Json } {
  if (entry.kind === "slot") return { slot: entry.slot };
  if (entry.kind === "placeholder") return { type: "placeholder", name: entry.name };
  return { role: entry.role, content: entry.content, ...entry.extras };
}

/** Tell whether the message is valid in `ratchet.prompt/1`. */
export function isFirstSchema(entry: Entry): boolean {
  if (entry.kind !== "turn") return entry.kind === "slot";
  return typeof entry.content === "string" && !Object.keys(entry.extras).length && FIRST_ROLES.includes(entry.role);
}

/** Return the texts of the content, in which variables are filled in. */
export function texts(entry: Entry): string[] {
  const found: string[] = [];
  if (entry.kind === "turn") withTexts(entry.content, (text) => (found.push(text), text));
  return found;
}

/** Return a content with `change` applied to each of its texts, but not to keys and the `type` of parts. */
export function withTexts(value: Json, change: (text: string) => string): Json {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => withTexts(item, change));
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(([key, item]) => [key, key === "type" ? item : withTexts(item, change)]);
  return Object.fromEntries(entries) as Json;
}

function parseMessage(value: unknown, field: string): Entry {
  if (isObject(value) && Object.hasOwn(value, "slot")) {
    return { kind: "slot", slot: nameOf(members(value, field, ["slot"]).slot, at(field, "slot")) };
  }
  if (isObject(value) && value.type === "placeholder") {
    return { kind: "placeholder", name: nameOf(members(value, field, ["type", "name"]).name, at(field, "name")) };
  }
  const calls = isObject(value) && (value.tool_calls ?? null) !== null;
  const message = members(value, field, calls ? ["role"] : ["role", "content"], ["content", ...EXTRAS]);
  const role = oneOf(message.role, ROLES, at(field, "role"));
  const content = parseContent(message.content, at(field, "content"));
  return { kind: "turn", role, content, extras: parseExtras(message, field) };
}

function parseContent(value: unknown, field: string): Json {
  if (value === null || value === undefined) return null;
  if (!Array.isArray(value)) return tidy(normalText(value, field));
  value.forEach((part: unknown, index) => {
    if (isObject(part) && typeof part.type === "string") return;
    throw new PromptError(at(field, index), "must be an object with a type, such as text or image_url");
  });
  return withTexts(normal(value, field), (text) => tidy(normalText(text, field)));
}

function parseExtras(message: Record<string, unknown>, field: string): Record<string, Json> {
  const found: Record<string, Json> = {};
  for (const key of ["name", "tool_call_id"]) {
    if ((message[key] ?? null) !== null) found[key] = exactText(message[key], at(field, key));
  }
  if ((message.tool_calls ?? null) !== null) {
    const calls = normal(message.tool_calls, at(field, "tool_calls"));
    if (!Array.isArray(calls) || !calls.every(isObject)) {
      throw new PromptError(at(field, "tool_calls"), "must be a list of objects");
    }
    found.tool_calls = calls;
  }
  return found;
}
