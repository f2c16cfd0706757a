/** Validation of untrusted JSON objects; each error is a PromptError that names the field. */
import { isObject } from "./canonical.js";
import { at, PromptError } from "./errors.js";
import { NAME } from "./placeholders.js";

/** Return an object that has all `required` members and no others than these and `optional` ones. */
export function members(
  value: unknown,
  field: string,
  required: readonly string[],
  optional: readonly string[] = [],
): Record<string, unknown> {
  if (!isObject(value)) throw new PromptError(field || "document", "must be an object");
  for (const key of required) if (!Object.hasOwn(value, key)) throw new PromptError(at(field, key), "is missing");
  for (const key of Object.keys(value)) {
    if (!required.includes(key) && !optional.includes(key))
      throw new PromptError(at(field, key), "is not a known field");
  }
  return value;
}

/** Return the entries of an object whose keys are names; none for null. */
export function named(value: unknown, field: string): [string, unknown][] {
  if (value === null || value === undefined) return [];
  if (!isObject(value)) throw new PromptError(field, "must be an object");
  return Object.entries(value).map(([key, entry]) => [nameOf(key, at(field, key)), entry]);
}

/** Return the name of a variable or slot: a letter or `_`, then up to 63 ASCII letters, digits or `_`. */
export function nameOf(value: unknown, field: string): string {
  if (typeof value === "string" && NAME.test(value)) return value;
  throw new PromptError(field, "must be a name: ASCII letters, digits and _, at most 64");
}

/** Return a value that is one of `allowed`. */
export function oneOf<T extends string>(value: unknown, allowed: readonly T[], field: string): T {
  const found = allowed.find((word) => word === value);
  if (found === undefined) throw new PromptError(field, `must be one of: ${allowed.join(", ")}`);
  return found;
}
