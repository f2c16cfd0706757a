/** Items to send, and feedback as the server's JSON body. An optional field that can't be converted is left out. */
import type { Json } from "../prompt/canonical.js";
import { identifier, InvalidValue, moment, number, plain, text } from "./values.js";

export type Route = "executions" | "feedback";
export type Body = { [key: string]: Json };

/** What the user consented to; absent means unknown, which never permits learning. */
export type Consent = { quality?: boolean | null; learning?: boolean | null };
export type Id = string | number | bigint;

/** An item to send: its JSON, the fields that were left out, and in `uses` documents that the server may need. */
export type Item = {
  readonly route: Route;
  readonly id: string;
  readonly json: string;
  readonly dropped: readonly string[];
  readonly uses: readonly { readonly name: string; readonly digest: string; readonly document: string }[];
};

/** What a person said, and what a user did (from `click` on), which is implicit feedback. */
export type FeedbackKind =
  | "thumb"
  | "rating"
  | "label"
  | "score"
  | "comment"
  | "correction"
  | "preference"
  | "click"
  | "copy"
  | "dwell"
  | "requery"
  | "regenerate"
  | "abandon"
  | "continue";

/**
 * Feedback about an execution, a whole trace or a session. `name` distinguishes several scores or labels; `comment` is what
 * the user wrote beside a value.
 */
export type FeedbackFields = {
  kind: FeedbackKind;
  value?: unknown;
  comment?: string | undefined;
  id?: Id | undefined;
  traceId?: Id | undefined;
  session?: Id | undefined;
  name?: string | undefined;
  user?: Id | undefined;
  source?: "explicit" | "implicit" | undefined;
  consent?: Consent | undefined;
  occurredAt?: Date | string | number | undefined;
};

/** A converter of a field's value; it may add to the names of fields that were left out. */
export type Convert = (value: unknown, dropped: string[]) => Json;

/** Field of the API → the property of the app's object, and its converter. */
export type Fields = Readonly<Record<string, readonly [property: string, convert: Convert]>>;

const FORBIDDING: Body = { quality: false, learning: false };
const THUMBS = new Map<Json, boolean>([
  [1, true],
  [0, false],
  [-1, false],
]);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export const SHARED: Fields = {
  user: ["user", identifier],
  consent: ["consent", consentOf],
  occurred_at: ["occurredAt", moment],
};
const FEEDBACK: Fields = {
  comment: ["comment", text], // the server refuses one that does not fit, and the rest is sent again
  name: ["name", identifier],
  source: ["source", identifier],
  ...SHARED,
};
/** Kinds that may have no value: it happened. */
const ACTION = /^(click|copy|requery|regenerate|abandon|continue)$/;

/** Return a feedback. Throws InvalidValue where what it is about, its kind or its value can't be converted. */
export function feedbackItem(executionId: Id | null | undefined, fields: FeedbackFields, id: string, now: Date): Item {
  const body: Body = { id };
  for (const [name, given] of [
    ["execution_id", executionId],
    ["trace_id", fields.traceId],
    ["session", fields.session],
  ] as const) {
    const found = identifier(given);
    if (found !== null) body[name] = found;
  }
  const dropped = addFields(body, fields, FEEDBACK, ["kind", "value", "id", "traceId", "session"]);
  body.kind = plain(fields.kind);
  const value = valueOf(body.kind, fields.value);
  if (value !== null || !ACTION.test(String(body.kind))) body.value = value;
  body.occurred_at ??= now.toISOString();
  return { route: "feedback", id, json: JSON.stringify(body), dropped, uses: [] };
}

/** Add the converted fields to `body`; return the names of those that were left out, and of unknown ones. */
export function addFields(body: Body, given: object, fields: Fields, others: readonly string[]): string[] {
  const dropped: string[] = [];
  const known = new Set(others);
  for (const [name, [property, convert]] of Object.entries(fields)) {
    known.add(property);
    const value = (given as Record<string, unknown>)[property] ?? null;
    if (value === null) continue;
    try {
      const found = convert(value, dropped);
      if (found !== null) body[name] = found;
    } catch {
      dropped.push(property); // a value's own code may throw anything
    }
  }
  return [...dropped, ...Object.keys(given).filter((property) => !known.has(property))];
}

/** Return the app's own id as text, or a new one where it is absent or invalid. */
export function itemId(value: unknown): string {
  try {
    return identifier(value) ?? newId();
  } catch {
    return newId();
  }
}

/** Return a UUID: the app's own, or what `derive` returns for another id; a new one where there is none. */
export function feedbackId(value: unknown, derive: (name: string) => string): string {
  const given = itemId(value);
  return UUID.test(given) ? given.toLowerCase() : derive(`ratchet:feedback:${given}`);
}

/** Return a random UUID, also where a page is not in a secure context and has no `randomUUID`. */
export function newId(): string {
  if (globalThis.crypto?.randomUUID) return globalThis.crypto.randomUUID();
  return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
    (Number(digit) ^ (Math.floor(Math.random() * 16) >> (Number(digit) / 4))).toString(16),
  );
}

function consentOf(value: unknown, dropped: string[]): Json {
  const found = safely(() => plain(value));
  const valid =
    typeof found === "object" &&
    found !== null &&
    !Array.isArray(found) &&
    Object.entries(found).every(
      ([name, given]) => Object.hasOwn(FORBIDDING, name) && (given === null || typeof given === "boolean"),
    );
  if (valid) return found;
  dropped.push("consent");
  return FORBIDDING; // an invalid consent permits nothing
}

function safely(work: () => Json): Json {
  try {
    return work();
  } catch {
    return null;
  }
}

/** Return the value of feedback as its kind requires. Throws InvalidValue. */
function valueOf(kind: Json, value: unknown): Json {
  const found = plain(value);
  if (kind === "thumb") return THUMBS.get(found) ?? found;
  if (kind === "rating" || kind === "score" || kind === "dwell") return number(found);
  if (kind === "label" || kind === "comment" || kind === "correction") return text(found);
  if (typeof kind !== "string") throw new InvalidValue("kind must be a string");
  return found;
}
