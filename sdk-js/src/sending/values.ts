/** Conversion of an app's values to JSON types. A value with one obvious meaning is converted, any other throws. */
import type { Json } from "../prompt/canonical.js";

const MAX_DEPTH = 24;
const MAX_MEMBERS = 100_000;
const UNSENDABLE = /[\0\p{Surrogate}]/gu;
const EPOCH_UNITS: Readonly<Record<number, number>> = { 10: 1e3, 13: 1, 16: 1e-3, 19: 1e-6 };

/** A value that can't be converted for its field. */
export class InvalidValue extends Error {}

/** Return `text` with NUL and lone surrogates, which can't be stored, replaced by U+FFFD. */
export function clean(text: string): string {
  return text.replace(UNSENDABLE, "\ufffd");
}

/** Return `value` as a JSON type. Throws InvalidValue. */
export function plain(value: unknown, depth = 0): Json {
  if (depth > MAX_DEPTH) throw new InvalidValue("is nested too deeply");
  if (value === null || value === undefined) return null;
  switch (typeof value) {
    case "string":
      return clean(value);
    case "boolean":
      return value;
    case "number":
      return finite(value);
    case "bigint":
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case "object":
      return plainObject(value, depth);
    default:
      throw new InvalidValue(`is a ${typeof value}`);
  }
}

function plainObject(value: object, depth: number): Json {
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return plain(toJSON.call(value, ""), depth + 1);
  if (value instanceof Error) throw new InvalidValue("is an error");
  if (value instanceof Map) return plainMembers([...value], depth);
  const wrapped = value.valueOf(); // of a String, a Number, and objects that say so
  if (typeof wrapped !== "object") return plain(wrapped, depth + 1);
  if (Symbol.iterator in value) return bounded([...(value as Iterable<unknown>)]).map((item) => plain(item, depth + 1));
  return plainMembers(Object.entries(value), depth);
}

function plainMembers(entries: [unknown, unknown][], depth: number): Json {
  const kept = bounded(entries).filter(([, item]) => item !== undefined && typeof item !== "function");
  return Object.fromEntries(kept.map(([key, item]) => [clean(String(key)), plain(item, depth + 1)]));
}

function bounded<T>(members: T[]): T[] {
  if (members.length > MAX_MEMBERS) throw new InvalidValue("has too many members");
  return members;
}

/** Return an id, a user or a name as text; null where it is empty. Throws InvalidValue. */
export function identifier(value: unknown): string | null {
  const found = plain(value);
  if (found === null || found === "") return null;
  if (typeof found === "string" || Number.isInteger(found)) return String(found);
  throw new InvalidValue("must be a string or an integer");
}

/** Return a finite number, also from a numeric string; null for null. Throws InvalidValue. */
export function number(value: unknown): number | null {
  const found = plain(value);
  if (found === null || typeof found === "number") return found;
  if (typeof found === "boolean") return Number(found);
  if (typeof found === "string" && /^[\s\d.eE+-]+$/.test(found) && found.trim()) return finite(Number(found));
  throw new InvalidValue("must be a number");
}

/** Return a string as it is, any other value as JSON; null for null. Throws InvalidValue. */
export function text(value: unknown): string | null {
  const found = plain(value);
  return found === null || typeof found === "string" ? found : JSON.stringify(found);
}

/** Return a string, number or boolean as it is, a nested value as JSON. Throws InvalidValue. */
export function scalar(value: unknown): Json {
  const found = plain(value);
  return typeof found === "object" && found !== null ? JSON.stringify(found) : found;
}

/** Return a time as ISO 8601: of a Date, an ISO string, or an epoch time in s, ms, µs or ns. Throws otherwise. */
export function moment(value: unknown): string {
  if (typeof value === "number")
    return new Date(value * (EPOCH_UNITS[String(Math.trunc(value)).length] ?? NaN)).toISOString();
  if (value instanceof Date || /^\d{4}-\d\d-\d\d/.test(String(value))) return new Date(value as string).toISOString();
  throw new InvalidValue("must be a Date, or a time in ISO 8601");
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new InvalidValue("must be finite");
  return value;
}
