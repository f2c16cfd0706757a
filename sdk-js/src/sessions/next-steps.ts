/**
 * What a user did after an answer, derived from the next input of the session and the time between.
 *
 * The rules are those of `ratchet.client.next_steps` of the Python SDK, where they are described.
 */
import type { Consent, Id } from "../sending/items.js";
import { plain } from "../sending/values.js";

export type Step = "requery" | "regenerate" | "abandon" | "continue";

export const IDLE_S = 1_800;
const REQUERY_S = 300;
const SIMILAR = 0.5;
const FEWEST_WORDS = 3;
/** Of a text with fewer words, such as one in a script without spaces, pairs of letters are compared instead. */
const FEWEST_LETTERS = 8;
const MOST_COMPARED = 64;
const LONGEST_READ = 2_000;
const WORD = /[\p{L}\p{N}_]+/gu;
const SPACES = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/** What is remembered of an input: hashes of all of it and of its words. `whole`: it is a conversation. */
export type InputPrint = { readonly digest: string; readonly words: ReadonlySet<string>; readonly whole: boolean };

/** An answer whose next step is not known yet. `at` is a time in seconds; `retried`: it answers the input before again. */
export type Answer = {
  readonly executionId: string;
  readonly input: InputPrint | null;
  readonly at: number;
  readonly user: Id | undefined;
  readonly consent: Consent | undefined;
  readonly retried: boolean;
};

/** Return what is remembered of an input; null where there is none, or it can't be read. */
export function inputPrint(value: unknown): InputPrint | null {
  try {
    const found = plain(value);
    if (found === null) return null;
    const whole = Array.isArray(found);
    const text = whole ? lastMessage(found) : typeof found === "string" ? found : JSON.stringify(found);
    const normal = folded(text).split(SPACES).filter(Boolean).join(" ");
    const read = Array.from(normal).slice(0, LONGEST_READ).join("");
    return { digest: hashed(whole ? JSON.stringify(found) : normal), words: wordsOf(read), whole };
  } catch {
    return null; // an odd value: the app goes on
  }
}

/** Return the step of an answer whose session went on with an input; null where it is not known. */
export function nextStep(previous: Answer, following: InputPrint | null, now: number): Step | null {
  if (now - previous.at > IDLE_S) return lastStep(previous);
  const before = previous.input;
  if (!before || !following) return null;
  if (before.digest === following.digest && (following.whole || following.words.size)) return "regenerate";
  if (now - previous.at <= REQUERY_S && similarity(before.words, following.words) >= SIMILAR) return "requery";
  return "continue";
}

/** Return the step of the last answer of a session; null where it is not known. */
export function lastStep(previous: Answer): Step | null {
  return previous.retried ? "abandon" : null;
}

/** Return the text of the last message of the user, else of all of them. */
function lastMessage(messages: readonly unknown[]): string {
  for (const message of [...messages].reverse()) {
    const { role, content } = (message ?? {}) as { role?: unknown; content?: unknown };
    if (role === "user") return typeof content === "string" ? content : JSON.stringify(content ?? null);
  }
  return JSON.stringify(messages);
}

/** Fold the case, nearly as Unicode does: there and back, so that ß is ss and ς is σ. */
function folded(text: string): string {
  return text.toUpperCase().toLowerCase().replaceAll("ς", "σ");
}

function wordsOf(text: string): Set<string> {
  let words: string[] = text.match(WORD) ?? [];
  if (words.length < FEWEST_WORDS) {
    const letters = Array.from(words.join(""));
    words = letters.length < FEWEST_LETTERS ? [] : letters.slice(1).map((letter, at) => `${letters[at]}${letter}`);
  }
  return new Set(words.slice(0, MOST_COMPARED).map(hashed));
}

/** Return the share of common words among all of both. */
function similarity(first: ReadonlySet<string>, second: ReadonlySet<string>): number {
  const common = [...first].filter((word) => second.has(word)).length;
  const either = first.size + second.size - common;
  return either ? common / either : 0;
}

/** Return a hash of 106 bits (cyrb53 with two seeds): texts are compared, not kept. */
function hashed(text: string): string {
  return `${cyrb53(text, 1)}.${cyrb53(text, 2)}`;
}

function cyrb53(text: string, seed: number): number {
  let [high, low] = [0xdeadbeef ^ seed, 0x41c6ce57 ^ seed];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}
