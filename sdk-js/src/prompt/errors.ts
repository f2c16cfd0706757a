/** The error of prompt documents, and paths of fields in them. */
import { RatchetError } from "../errors.js";

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/**
 * A document, a variable or an example is invalid. `field` is its path, such as `messages[0].content`; `reason` says
 * what is wrong. Neither contains the invalid text, so both may be logged.
 */
export class PromptError extends RatchetError {
  constructor(
    readonly field: string,
    readonly reason: string,
  ) {
    super("prompt-invalid", `${field}: ${reason}`);
  }
}

/** Return the path of `key` in `field`: `a.b`, `a[0]`, or `a["x.y"]` where the key has other characters. */
export function at(field: string, key: string | number): string {
  if (typeof key === "number") return `${field}[${key}]`;
  if (!PLAIN_KEY.test(key)) return `${field}[${quoted(key)}]`;
  return field ? `${field}.${key}` : key;
}

/** Return `text` as a short printable ASCII word, safe in a log line. */
export function quoted(text: string): string {
  const points = [...text];
  const shown = points.length <= 64 ? points : [...points.slice(0, 64), "…"];
  return `"${shown.map(escaped).join("")}"`;
}

function escaped(character: string): string {
  const code = character.codePointAt(0) as number;
  if (character === '"') return '\\"';
  if (code >= 0x20 && code < 0x7f) return character;
  const digits = code.toString(16);
  return code < 0x100
    ? `\\x${digits.padStart(2, "0")}`
    : code < 0x10000
      ? `\\u${digits.padStart(4, "0")}`
      : `\\U${digits.padStart(8, "0")}`;
}
