/** From a response of the server to the outcome of a batch. */
import { isObject } from "../prompt/canonical.js";
import { without } from "./amendment.js";
import type { Item, Route } from "./items.js";

/** Items that are sent in one request, under one idempotency key. */
export type Batch = {
  readonly route: Route;
  readonly key: string;
  readonly items: readonly Item[];
  readonly body: string;
};

/** The server answered for each item; `repeat`: indexes of items to send again; `amended`: as others. */
export type Delivered = {
  readonly kind: "delivered";
  readonly duplicates: number;
  readonly refused: readonly (readonly [index: number, reason: string])[];
  readonly repeat: readonly number[];
  readonly amended: readonly (readonly [index: number, item: Item])[];
};

/** Send the same batch again after a pause, of at least `after` seconds. `misconfigured`: until somebody acts. */
export type Retry = {
  readonly kind: "retry";
  readonly reason: string;
  readonly status?: number | undefined;
  readonly after?: number | undefined;
  readonly misconfigured: boolean;
};

/** The batch was refused as a whole: send it in halves. */
export type Split = { readonly kind: "split" };
export type Outcome = Delivered | Retry | Split;

/** Statuses that refuse a batch for good. Others may pass: a key may be too new for a service, a proxy wrong. */
const REFUSALS = new Set([400, 409, 413, 415, 422]);
const MAX_PAUSE_S = 300;
const MAX_REASON = 1_000;

/** Return the outcome of a batch: item by item from a list of results; a batch refused as a whole is split. */
export function outcomeOf(batch: Batch, status: number, retryAfter: string | null, body: string): Outcome {
  const ok = status >= 200 && status < 300;
  if (!ok && !REFUSALS.has(status)) {
    return retry(`the server answered ${status}`, status, secondsOf(retryAfter), isMisconfigured(status));
  }
  const answer = jsonObject(body);
  if (Array.isArray(answer.results) && answer.results.length === batch.items.length)
    return delivered(batch, answer.results);
  if (ok) return retry("the response is not from a Ratchet server", status);
  return batch.items.length > 1 ? { kind: "split" } : delivered(batch, [{ status: "refused", problem: answer }]);
}

export function retry(reason: string, status?: number, after?: number, misconfigured = false): Retry {
  return { kind: "retry", reason, status, after, misconfigured };
}

/** Tell whether the status means a wrong key or a URL of another server, which somebody must correct. */
export function isMisconfigured(status: number): boolean {
  return [401, 403, 404].includes(status) || (status >= 300 && status < 400);
}

/** Return the seconds of `Retry-After`, at most 300; undefined where it is not a number of seconds. */
export function secondsOf(retryAfter: string | null): number | undefined {
  return retryAfter !== null && /^\d+$/.test(retryAfter) ? Math.min(Number(retryAfter), MAX_PAUSE_S) : undefined;
}

function delivered(batch: Batch, results: readonly unknown[]): Delivered {
  const [refused, repeat, amended]: [[number, string][], number[], [number, Item][]] = [[], [], []];
  let duplicates = 0;
  results.forEach((result, index) => {
    const entry = isObject(result) ? result : {};
    if (entry.status === "duplicate") duplicates += 1;
    if (["accepted", "duplicate", "erased"].includes(entry.status as string)) return;
    const problem = isObject(entry.problem) ? entry.problem : {};
    if (entry.status === "failed" || mayPass(problem.status)) return void repeat.push(index);
    const item = without(batch.items[index] as Item, fieldsOf(problem));
    if (item) amended.push([index, item]);
    else refused.push([index, String(problem.detail || problem.title || "refused").slice(0, MAX_REASON)]);
  });
  return { kind: "delivered", duplicates, refused, repeat, amended };
}

function mayPass(status: unknown): boolean {
  return typeof status === "number" && (status >= 500 || status === 429);
}

function fieldsOf(problem: Record<string, unknown>): string[] {
  const errors: unknown[] = Array.isArray(problem.errors) ? problem.errors : [];
  return errors.flatMap((error) => (isObject(error) && typeof error.field === "string" ? [error.field] : []));
}

function jsonObject(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
