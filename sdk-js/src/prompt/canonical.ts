/** Canonical JSON (RFC 8785): equal content has equal text. */
import { at, PromptError } from "./errors.js";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export const MAX_DEPTH = 16;
export const DIGEST = /^sha256:[0-9a-f]{64}$/;

const UNSTORABLE = /[\0\p{Surrogate}]/u;

/** Tell whether a value is an object with members, as JSON has them. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Return the RFC 8785 text of a value that `normal` returned: members in the order of their UTF-16 code units. */
export function canonicalText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonicalText(value[key] as Json)}`).join(",")}}`;
}

/** Return a text without NUL and lone surrogates, which not every store can hold. Throws PromptError. */
export function exactText(value: unknown, field: string): string {
  if (typeof value !== "string") throw new PromptError(field, "must be a text");
  if (UNSTORABLE.test(value)) throw new PromptError(field, "must not contain NUL or lone surrogates");
  return value;
}

/** Return a text in Unicode NFC with LF line ends, so that texts that look equal are equal. Throws PromptError. */
export function normalText(value: unknown, field: string): string {
  return exactText(value, field).replace(/\r\n?/g, "\n").normalize("NFC");
}

/** Return a deep copy of a JSON value. Throws PromptError for anything that JSON can't express exactly. */
export function normal(value: unknown, field: string, depth = 0): Json {
  if (depth > MAX_DEPTH) throw new PromptError(field, `is nested deeper than ${MAX_DEPTH}`);
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "number") return normalNumber(value, field);
  if (typeof value === "string") return exactText(value, field);
  if (Array.isArray(value)) return Array.from(value, (item, index) => normal(item, at(field, index), depth + 1));
  if (!isObject(value)) throw new PromptError(field, "must be a JSON value");
  const members = Object.entries(value).map(([key, item]) => [
    exactText(key, field),
    normal(item, at(field, key), depth + 1),
  ]);
  return Object.fromEntries(members) as Json; // own members, also one named __proto__
}

function normalNumber(value: number, field: string): number {
  if (!Number.isFinite(value)) throw new PromptError(field, "must be a finite number");
  return value === 0 ? 0 : value;
}
