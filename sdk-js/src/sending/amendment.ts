/** Removal of optional fields that the server refuses, so that the rest of an item is kept. */
import { isObject, type Json } from "../prompt/canonical.js";
import type { Body, Item } from "./items.js";

const REQUIRED = {
  executions: ["id", "target"],
  feedback: ["id", "execution_id", "trace_id", "session", "kind", "value"],
};
const PATH = /^(?:\[0\]\.)?([a-z_]+)(?:\[(\d+)\]|\.([^]+))?/;

/**
 * Return `item` without these fields, given as paths such as `cost`, `attributes.tenant`, `prompts[0].digest`.
 *
 * Undefined where one of them is required, unknown, or can't be removed.
 */
export function without(item: Item, fields: readonly string[]): Item | undefined {
  const names = [...new Set(fields)];
  const body = JSON.parse(item.json) as Body;
  const removed = new Map<string, Set<number>>();
  const removable = names.every((name) => {
    const [, field, index, member] = PATH.exec(name) ?? [];
    return field !== undefined && !REQUIRED[item.route].includes(field) && remove(body, field, index, member, removed);
  });
  if (!names.length || !removable) return undefined;
  for (const [name, indexes] of removed) {
    const list = body[name];
    if (Array.isArray(list)) body[name] = list.filter((_, index) => !indexes.has(index));
  }
  const prompts = Array.isArray(body.prompts) ? body.prompts : [];
  const digests = new Set(prompts.map((prompt) => (isObject(prompt) ? prompt.digest : undefined)));
  const uses = item.uses.filter((use) => digests.has(use.digest));
  return { ...item, json: JSON.stringify(body), uses, dropped: [...item.dropped, ...names] };
}

/** Remove a field from `body`; return whether that is possible. Adds elements of lists to `removed`. */
function remove(
  body: Body,
  field: string,
  index: string | undefined,
  member: string | undefined,
  removed: Map<string, Set<number>>,
): boolean {
  const value = Object.hasOwn(body, field) ? (body[field] as Json) : null;
  if (value === null) return false;
  if (field === "consent") {
    const permits = isObject(value) && (value.quality !== false || value.learning !== false);
    body.consent = { quality: false, learning: false }; // an invalid consent permits nothing
    return permits;
  }
  if (index !== undefined && Array.isArray(value))
    removed.set(field, (removed.get(field) ?? new Set()).add(Number(index)));
  else if (member !== undefined && isObject(value) && Object.hasOwn(value, member)) delete value[member];
  else delete body[field];
  return true;
}
